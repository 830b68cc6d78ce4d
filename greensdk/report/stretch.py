"""
Windows that overlap, cut into stretches of time in which the same calls ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

IDLE = 1e-6
"""Busy seconds a second that a machine at rest is given, so that its joules in a stretch can be shared out."""


class Seen(NamedTuple):
    """
    One window, as the meter and the CPU clock saw it.

    Attributes:
        call: What the call is known by.
        start_s: When it began, on the host's monotonic clock.
        stop_s: When it ended.
        start_j: The meter's counter at its beginning, in joules, without wraps.
        stop_j: At its end.
        cpu_s: CPU seconds of the call.
        busy_start_s: The machine's CPU clock at its beginning; None where the record does not tell.
        busy_stop_s: At its end, or, without a beginning, what the clock counted in the window.
        start_blur_s: How long before `start_s` the counter may have been read.
        stop_blur_s: How long after `stop_s`.
        cpus: How many CPUs the machine has.
    """

    call: str
    start_s: float
    stop_s: float
    start_j: float
    stop_j: float
    cpu_s: float
    busy_start_s: float | None
    busy_stop_s: float
    start_blur_s: float = 0.0
    stop_blur_s: float = 0.0
    cpus: float = inf

    def without_clock(self) -> Seen:
        """
        Return the same without what the CPU clock showed, but for what it counted.
        """
        return self._replace(busy_start_s=None, busy_stop_s=self.busy_stop_s - (self.busy_start_s or 0.0))


class Stretch(NamedTuple):
    """
    A stretch of time in which the same calls ran.

    Attributes:
        length_s: How long it is.
        energy_j: What the meter counted in it.
        busy_s: What the machine's CPU clock counted in it.
        members: Places of the calls in their list.
    """

    length_s: float
    energy_j: float
    busy_s: float
    members: tuple[int, ...]


def overlapping(windows: Sequence[Seen]) -> Iterator[list[Seen]]:
    """
    Yield the windows in groups between which nobody looked at the meter.
    """
    group: list[Seen] = []
    end_s = 0.0
    for window in sorted(windows, key=lambda each: each.start_s):
        if group and window.start_s >= end_s:
            yield group
            group = []
        end_s = max(end_s, window.stop_s) if group else window.stop_s
        group.append(window)
    if group:
        yield group


def stretches(group: Sequence[Seen]) -> list[Stretch]:
    """
    Cut the time from the first beginning to the last end wherever a window begins or ends.

    Counters only go up; a reading that is a hair older than its neighbour's, because reading takes time, is lifted.
    """
    has_clock = all(window.busy_start_s is not None for window in group)
    marks = sorted(
        [(w.start_s, 1, place, w.start_j, w.busy_start_s or 0.0) for place, w in enumerate(group)]
        + [(w.stop_s, _rank(w), place, w.stop_j, w.busy_stop_s if has_clock else 0.0) for place, w in enumerate(group)]
    )
    # All begins at one instant come after all ends, and an empty group in between can't be: see overlapping().
    open_now: dict[int, None] = {}
    found: list[Stretch] = []
    (at_s, _, place, energy_j, busy_s), *others = marks
    open_now[place] = None
    for mark_s, begins, place, mark_j, mark_busy_s in others:
        next_j, next_busy_s = max(energy_j, mark_j), max(busy_s, mark_busy_s)
        length_s = mark_s - at_s
        if length_s > 0.0 or next_j > energy_j or next_busy_s > busy_s:
            counted_s = next_busy_s - busy_s if has_clock else _even(group, open_now, length_s)
            found.append(Stretch(length_s, next_j - energy_j, counted_s, tuple(open_now)))
        at_s, energy_j, busy_s = mark_s, next_j, next_busy_s
        if begins == 1:
            open_now[place] = None
        else:
            del open_now[place]
    return _possible(found, max(window.cpus for window in group))


def _rank(window: Seen) -> int:
    """
    Return 0 for an end that goes before the beginnings (1) of its instant, 2 for one that goes after its own.
    """
    return 0 if window.stop_s > window.start_s else 2


def _possible(cut: Sequence[Stretch], cpus: float) -> list[Stretch]:
    """
    Return the stretches with no more busy seconds in any than its CPUs had.

    The kernel books a running task at the scheduler's tick, so a stretch of microseconds can show the milliseconds
    before it. What is too much goes to the stretches before, and what finds no room there to those after.
    """
    busy_s = [stretch.busy_s for stretch in cut]
    most_s = [cpus * stretch.length_s if stretch.length_s else 0.0 for stretch in cut]
    over_s = 0.0
    for place in [*reversed(range(len(cut))), *range(len(cut))]:
        here_s = busy_s[place] + over_s
        busy_s[place] = min(here_s, most_s[place])
        over_s = here_s - busy_s[place]
    if cut:
        busy_s[-1] += over_s  # more than all of them had: the clocks' skew
    return [
        stretch._replace(busy_s=seconds + IDLE * stretch.length_s) for stretch, seconds in zip(cut, busy_s, strict=True)
    ]


def _even(group: Sequence[Seen], members: dict[int, None], length_s: float) -> float:
    """
    Return the machine's busy seconds in a stretch where the records don't tell the clock's readings: the windows' mean.
    """
    rates = [group[place].busy_stop_s / ((group[place].stop_s - group[place].start_s) or 1.0) for place in members]
    return length_s * sum(rates) / len(rates) if rates else 0.0
