"""
Two ways to read one meter have to agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

LONG_S = 0.1
"""A window so long has a reading good to 1 % (one update of 1 ms at either end)."""
TOLERANCE = 0.02
"""
Powercap files and perf events read the same register through different scales: what is beyond twice the error of
the shortest window compared is no reading error.
"""


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
            f"{self.first} and {self.second} read one meter and differ by {100 * (self.ratio - 1.0):+.1f} % over "
            f"{self.windows} windows: one of them is wrong"
        )


def compare(records: Iterable[Mapping[str, Any]]) -> list[Drift]:
    """
    Compare all pairs of monitors that read the same meter at the same boundary in the same calls.
    """
    sums: dict[tuple[str, str, str], list[float]] = {}
    for record in records:
        if (record["duration_s"] or 0.0) < LONG_S:
            continue
        shared = [each for each in record["readings"] if each["meter_id"] and each["energy_j"] and _whole(each)]
        for place, one in enumerate(shared):
            for two in shared[place + 1 :]:
                if (one["meter_id"], one["boundary"]) == (two["meter_id"], two["boundary"]):
                    row = sums.setdefault((one["meter_id"], one["monitor"], two["monitor"]), [0.0, 0.0, 0.0])
                    row[0] += 1
                    row[1] += one["energy_j"]
                    row[2] += two["energy_j"]
    return [Drift(*names, int(count), second / first) for names, (count, first, second) in sums.items()]


def _whole(reading: Mapping[str, Any]) -> bool:
    return bool(reading["scope"] == "machine")
