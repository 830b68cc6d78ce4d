"""
Windows by name, for what shares a meter out among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, nan
from typing import NamedTuple

import numpy as np

from greensdk.report import split as engine
from greensdk.report.stretches import Seen, overlapping


class Window(NamedTuple):
    """
    One call on one meter; without a CPU clock, `busy_start_s` is None and `busy_stop_s` is what it counted.
    """

    call: str
    start_s: float
    stop_s: float
    start_j: float
    stop_j: float
    cpu_s: float
    busy_start_s: float | None
    busy_stop_s: float
    cpus: float = inf

    def without_clock(self) -> Window:
        """
        Return the same without what the CPU clock showed, but for what it counted.
        """
        return self._replace(busy_start_s=None, busy_stop_s=self.busy_stop_s - (self.busy_start_s or 0.0))


class Found(NamedTuple):
    """
    What became of a meter's joules, by call.
    """

    meter_j: float
    calls: dict[str, float]
    rest_j: float


def split(windows: Sequence[Window], rule: str = "cpu") -> Found:
    """
    Share a meter out among windows in any order.
    """
    ordered = sorted(windows, key=lambda each: each.start_s)
    found = engine.split(seen(ordered), rule)
    calls = dict(zip((each.call for each in ordered), found.calls_j.tolist(), strict=True))
    return Found(found.meter_j, calls, found.rest_j)


def seen(windows: Sequence[Window]) -> Seen:
    """
    Return windows as arrays.
    """
    columns = [np.array(each, float) for each in zip(*(each[1:6] for each in windows), strict=True)]
    began_s = [nan if each.busy_start_s is None else each.busy_start_s for each in windows]
    busy_s = [each.busy_stop_s - (each.busy_start_s or 0.0) for each in windows]
    return Seen(*columns, *map(np.array, (began_s, busy_s)), np.array([each.cpus for each in windows], float))


def groups(windows: Sequence[Window]) -> Iterator[list[Window]]:
    """
    Yield the windows that overlap.
    """
    ordered = sorted(windows, key=lambda each: each.start_s)
    times = (np.array(each, float) for each in zip(*(each[1:3] for each in ordered), strict=True))
    heads = overlapping(*times).tolist()
    for first, behind in zip(heads, [*heads[1:], len(ordered)], strict=True):
        yield ordered[first:behind]


def counted(windows: Sequence[Window]) -> float:
    """
    Return what the meter counted while at least one window was open.
    """
    return sum(max(w.stop_j for w in group) - min(w.start_j for w in group) for group in groups(windows))
