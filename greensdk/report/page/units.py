"""
Numbers as people read them: three digits, and a unit that keeps them near 1.
"""

from __future__ import annotations

from math import floor, isfinite, log10

PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
NONE = "–"


def digits(value: float, count: int = 3) -> str:
    """
    Return a number with so many significant digits, never as a power of ten.

    Example:
        >>> digits(1234.5), digits(0.01234), digits(9.996), digits(0)
        ('1,234', '0.0123', '10.0', '0')
    """
    if not value or not isfinite(value):
        return f"{value:g}"
    places = count - 1 - floor(log10(abs(value)))
    rounded = round(value, places)
    decimals = max(0, count - 1 - floor(log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}" if decimals else f"{value:,.0f}"


def amount(value: float | None, unit: str, count: int = 3) -> str:
    """
    Return a number with its unit and so many significant digits.

    Example:
        >>> amount(0.0123, "J"), amount(45_600.0, "J"), amount(None, "J")
        ('12.3 mJ', '45.6 kJ', '–')
    """
    if value is None:
        return NONE
    factor, prefix = _prefix(value)
    return f"{digits(value / factor, count)} {prefix}{unit}"


def span(low: float | None, high: float | None, unit: str) -> str:
    """
    Return an interval, both ends in the unit of the upper one, unless the lower one is much smaller.

    It has as many digits as it takes to see that the ends differ, up to six.

    Example:
        >>> span(500.0, 2300.0, "J"), span(0.5, 2300.0, "J"), span(137.51, 137.64, "J")
        ('0.500 – 2.30 kJ', '500 mJ – 2.30 kJ', '137.5 – 137.6 J')
        >>> span(1.0, 1.0, "J"), span(None, 1.0, "J")
        ('1.00 – 1.00 J', '–')
    """
    if low is None or high is None:
        return NONE
    factor, prefix = _prefix(high)
    if 0.0 < low < 0.01 * factor:
        return f"{amount(low, unit)} – {amount(high, unit)}"
    ends = low / factor, high / factor
    count = next((each for each in range(3, 6) if digits(ends[0], each) != digits(ends[1], each)), 6)
    first, last = (digits(end, 3 if low == high else count) for end in ends)
    return f"{first} – {last} {prefix}{unit}"


def _prefix(value: float) -> tuple[float, str]:
    if not value:
        return 1.0, ""
    return next((row for row in PREFIXES if abs(value) >= row[0] * 0.9995), PREFIXES[-1])


def seconds(value: float | None) -> str:
    """
    Return a duration.

    Example:
        >>> seconds(0.00123), seconds(75.0), seconds(7300.0), seconds(200_000.0)
        ('1.23 ms', '1 min 15 s', '2 h 1 min', '2 d 7 h')
    """
    if value is None or value < 60.0:
        return amount(value, "s")
    whole = round(value)
    for big, small, name, lesser in ((86_400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= big:
            return f"{whole // big} {name} {whole % big // small} {lesser}"
    raise AssertionError(value)


def percent(part: float, whole: float) -> str:
    """
    Return a share; all and nothing only where it is exactly so.

    Example:
        >>> percent(1, 3), percent(9999, 10000), percent(0, 5), percent(1, 0)
        ('33.3%', '>99.9%', '0%', '–')
    """
    if not whole:
        return NONE
    share = 100.0 * part / whole
    if share in (0.0, 100.0):
        return f"{share:.0f}%"
    if 0.0 < share < 0.1:
        return "<0.1%"
    return ">99.9%" if 99.9 < share < 100.0 else f"{share:.1f}%"


def ratio(value: float | None) -> str:
    """
    Return how many times one number is the other.

    Example:
        >>> ratio(3.8351), ratio(None)
        ('×3.84', '–')
    """
    return NONE if value is None else f"×{digits(value)}"


def several(count: int, noun: str) -> str:
    """
    Return how many of something there are.

    Example:
        >>> several(1, "call"), several(1200, "call")
        ('1 call', '1,200 calls')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"
