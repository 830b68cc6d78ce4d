"""
Two ways to read one meter have to agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from greensdk.monitor import MACHINE

LONG_S = 0.1
"""A window so long has a reading good to 1% (one update of 1 ms at either end)."""
TOLERANCE = 0.02
"""
Powercap files and perf events read the same register through different scales: what is beyond twice the error of
the shortest window compared is no reading error.
"""
OF_READING = ("meter_id", "boundary", "scope", "monitor", "energy_j")
"""What is compared, and by what."""

Pair = tuple[tuple[str, str, str], float, float]
"""Meter and two monitors, and the joules of these."""


class Drift(NamedTuple):
    """
    Two monitors of one meter over the same windows.

    Attributes:
        meter_id: The meter.
        first: One monitor.
        second: The other.
        windows: How many windows both read.
        ratio: Joules of the second over joules of the first.
    """

    meter_id: str
    first: str
    second: str
    windows: int
    ratio: float

    @property
    def disagree(self) -> bool:
        """
        More apart than the reading error explains.
        """
        return abs(self.ratio - 1.0) > TOLERANCE

    def __str__(self) -> str:
        return (
            f"{self.first} and {self.second} read one meter and differ by {100 * (self.ratio - 1.0):+.1f}% over "
            f"{self.windows} windows: one of them is wrong"
        )


def compare(records: Iterable[Mapping[str, Any]]) -> list[Drift]:
    """
    Compare all pairs of monitors that read the same meter at the same boundary in the same calls.
    """
    values = itemgetter(*OF_READING)
    return drifts(pair for each in records for pair in pairs(each["duration_s"], map(values, each["readings"])))


def pairs(duration_s: float | None, readings: Iterable[tuple[Any, ...]]) -> Iterator[Pair]:
    """
    Yield the pairs of a call's readings that can be compared.
    """
    if (duration_s or 0.0) < LONG_S:
        return
    shared = [each for each in readings if each[0] and each[2] == MACHINE and each[4]]
    for place, (*one, first, first_j) in enumerate(shared):
        for *two, second, second_j in shared[place + 1 :]:
            if one == two:
                yield (one[0], first, second), first_j, second_j


def drifts(found: Iterable[Pair]) -> list[Drift]:
    """
    Add pairs up.
    """
    sums: dict[tuple[str, str, str], list[float]] = {}
    for names, first_j, second_j in found:
        row = sums.setdefault(names, [0.0, 0.0, 0.0])
        row[0] += 1
        row[1] += first_j
        row[2] += second_j
    return [Drift(*names, int(count), second / first) for names, (count, first, second) in sums.items()]
