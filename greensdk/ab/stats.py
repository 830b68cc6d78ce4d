"""
What pairs of measurements say of the ratio b/a.

Each pair gives ln(b/a). Values beyond `CLIP` robust deviations are pulled in, not dropped. The effect of the order
within a pair is fitted out, and an interval is drawn at each of ten looks, each at such a level that all ten together
hold the truth with 95% (or 90%): one may stop at any look, for any reason. ``benchmarks/compare.py`` finds the level
and counts the errors of the whole method.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, sqrt
from statistics import NormalDist, fmean, median, stdev
from typing import Literal, NamedTuple

REACH = {
    6: (4.998, 3.903),
    9: (3.716, 3.093),
    13: (3.267, 2.793),
    20: (3.011, 2.616),
    30: (2.882, 2.525),
    45: (2.806, 2.471),
    68: (2.759, 2.437),
    100: (2.730, 2.417),
    150: (2.711, 2.403),
    225: (2.698, 2.394),
}
"""
Pairs at a look, and half of the interval in standard errors for 95% and 90% over all looks: Student's t with two
degrees of freedom less than pairs (mean and order) at the levels 1 - 0.0075 and 1 - 0.0175.
"""
LOOKS = tuple(REACH)
FEWEST = LOOKS[0]
CLIP = 3.0
"""Robust deviations (1.4826 times the median absolute deviation, Hampel 1974) at which a value is pulled in."""
POWER = NormalDist().inv_cdf(0.8)
"""A difference counts as one that n pairs would show if they show it in 80% of cases."""

Word = Literal["differs", "same", "open"]


class Interval(NamedTuple):
    """
    The ratio b/a.

    Attributes:
        low: Lower end.
        ratio: The estimate.
        high: Upper end.
    """

    low: float
    ratio: float
    high: float

    @property
    def visible(self) -> float:
        """
        The smallest difference that would have been seen: 0.02 is 2%.
        """
        return max(self.high - 1, 1 / self.low - 1) if self.low <= 1 <= self.high else sqrt(self.high / self.low) - 1


def clipped(values: Sequence[float]) -> list[float]:
    """
    Return the values, those far from the median pulled in.

    Example:
        >>> clipped([1.0, 1.1, 0.9, 1.0, 50.0])[-1] < 2
        True
    """
    middle = median(values)
    distances = [abs(value - middle) for value in values]
    # Where most values are equal the median of the distances is 0, and their mean has to stand in.
    deviation = max(1.4826 * median(distances), 0.1 * fmean(distances))
    low, high = middle - CLIP * deviation, middle + CLIP * deviation
    return [min(max(value, low), high) for value in values]


def fit(logs: Sequence[float], order: Sequence[int]) -> tuple[float, float]:
    """
    Return the mean of ln(b/a) and its standard error, without the effect of the order.

    Args:
        logs: ln(b/a) of each pair.
        order: For each, +1 where a ran first, -1 where b did.
    """
    values, n = clipped(logs), len(logs)
    # Least squares on a constant and the order: with unequal numbers of both orders, the two are not orthogonal.
    mean, mean_order = fmean(values), fmean(order)
    spread = sum((each - mean_order) ** 2 for each in order)
    shift = (
        sum((each - mean_order) * value for each, value in zip(order, values, strict=True)) / spread if spread else 0
    )
    centre = mean - shift * mean_order
    residual = sum((value - centre - shift * each) ** 2 for each, value in zip(order, values, strict=True)) / (n - 2)
    return centre, sqrt(residual * (1 / n + (mean_order**2 / spread if spread else 0)))


def reach(pairs: int, level: float = 0.95) -> float:
    """
    Return half of the interval in standard errors: that of the last look that so many pairs have passed.
    """
    if pairs < FEWEST:
        return inf
    return REACH[max(look for look in LOOKS if look <= pairs)][level < 0.95]


def interval(logs: Sequence[float], order: Sequence[int], level: float = 0.95) -> Interval:
    """
    Return the interval of the ratio b/a.
    """
    mean, error = fit(logs, order)
    half = reach(len(logs), level) * error
    return Interval(exp(mean - half), exp(mean), exp(mean + half))


def verdict(found: Interval, least: float) -> Word:
    """
    Return what an interval says: it leaves 1 out, it lies within 1 ± `least`, or neither.
    """
    if found.low > 1 / (1 + least) and found.high < 1 + least:
        return "same"
    return "open" if found.low <= 1 <= found.high else "differs"


def is_enough(found: Interval, least: float, precise: float) -> bool:
    """
    Say whether no more pairs are needed: "same"; or "differs", known to `precise` or to half of the difference.
    """
    word = verdict(found, least)
    width = sqrt(found.high / found.low) - 1
    return word == "same" or (word == "differs" and width <= max(precise, abs(log(found.ratio)) / 2))


def pairs_needed(logs: Sequence[float], order: Sequence[int], effect: float) -> int | None:
    """
    Return at which look a ratio of 1 + `effect` would be seen in 80% of cases with the spread seen here.

    Returns:
        A number of pairs; None if at no look.
    """
    deviation = fit(logs, order)[1] * sqrt(len(logs))
    return next((n for n in LOOKS if log(1 + effect) * sqrt(n) >= (REACH[n][0] + POWER) * deviation), None)


def heavy(a: Sequence[float], b: Sequence[float], found: Interval) -> float | None:
    """
    Return sum(b)/sum(a) if it is outside of the interval: then a few runs weigh more than the many. Else None.
    """
    total = sum(b) / sum(a)
    return None if found.low <= total <= found.high else total


def student(level: float, degrees: float) -> float:
    """
    Return the quantile of Student's t.

    The expansion of Abramowitz and Stegun, 26.7.5, which is good to 1% from four degrees of freedom on; below, tables.

    Example:
        >>> round(student(0.95, 10), 2), round(student(0.95, 2), 2)
        (1.81, 2.92)
    """
    if degrees < 4 and level == 0.95:
        return {1: 6.314, 2: 2.920, 3: 2.353}[max(int(degrees), 1)]
    z = NormalDist().inv_cdf(level)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / degrees + second / degrees**2 + third / degrees**3


def spread(values: Sequence[float]) -> tuple[float, float]:
    """
    Return the mean of some logarithms and its standard error, values far out pulled in. At least two values.
    """
    kept = clipped(values)
    return fmean(kept), stdev(kept) / sqrt(len(kept))
