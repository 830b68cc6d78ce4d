"""
Numbers of records as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def digits(value: float) -> str:
    """
    Return a number with three significant digits, without an exponent.

    Example:
        >>> digits(12.3456), digits(12345.6), digits(0.0000123456), digits(2.0)
        ('12.3', '12300', '0.0000123', '2')
    """
    from decimal import Decimal

    return format(Decimal(f"{value:.3g}"), "f")


def joules(energy_j: float | None, low_j: float | None, high_j: float | None) -> str:
    """
    Return joules with their 90% interval.

    Example:
        >>> joules(12.3456, 8.0, 20.0), joules(0.5, None, None), joules(None, None, None)
        ('12.3 J [8, 20]', '0.5 J', '-')
    """
    if energy_j is None:
        return "-"
    interval = "" if low_j is None or high_j is None else f" [{digits(low_j)}, {digits(high_j)}]"
    return f"{digits(energy_j)} J{interval}"


def summary(record: Mapping[str, Any]) -> str:
    """
    Return energy with its interval, source, quality, seconds and CPU seconds on one line.
    """
    energy = joules(record["energy_j"], record["energy_low_j"], record["energy_high_j"])
    how = f"{record['energy_source']}, {record['energy_quality']}, {record['energy_boundary']}"
    if record["energy_j"] is None:
        energy, how = "energy unknown", record["reason"]
    elif record["reason"]:
        how = f"{how}, {record['reason']}"
    duration = "" if record["duration_s"] is None else f"; {record['duration_s']:.3f} s"
    cpu_s = "unknown" if record["cpu_s"] is None else f"{record['cpu_s']:.3f} s"
    return f"{energy} ({how}){duration}, CPU {cpu_s}"
