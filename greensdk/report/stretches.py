"""
Windows that overlap, cut into stretches of time in which the same calls ran.

Many groups of one size are looked at at once: axis 0 is the group, axis 1 the window or the stretch in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

IDLE = 1e-6
"""Busy seconds a second that a machine at rest is given, so that its joules in a stretch can be shared out."""


class Seen(NamedTuple):
    """
    Windows, as the meter and the CPU clock saw them, in arrays of one shape.

    Attributes:
        start_s: When each began, on the host's monotonic clock.
        stop_s: When it ended.
        start_j: The meter's counters at its beginning, in joules, without wraps.
        stop_j: At its end.
        cpu_s: CPU seconds of the call.
        began_s: The machine's CPU clock at its beginning; NaN where the record does not have it.
        busy_s: What that clock counted in the window.
        cpus: How many CPUs the machine has; infinite where the record does not have it.
    """

    start_s: Any
    stop_s: Any
    start_j: Any
    stop_j: Any
    cpu_s: Any
    began_s: Any
    busy_s: Any
    cpus: Any


class Cut(NamedTuple):
    """
    Stretches of time, each group's one after the other.

    Attributes:
        energy_j: What the meter counted in each.
        busy_s: What the machine's CPU clock counted in it.
        first: The first stretch of each window.
        behind: The one behind its last.
    """

    energy_j: Any
    busy_s: Any
    first: Any
    behind: Any

    def members(self) -> tuple[Any, Any]:
        """
        Return each window with each of its stretches, as places among all windows and among all stretches.
        """
        size = self.energy_j.shape[1]
        first = (self.first + size * np.arange(len(self.first))[:, None]).ravel()
        lengths = (self.behind - self.first).ravel()
        windows = np.repeat(np.arange(len(lengths)), lengths)
        return windows, np.arange(len(windows)) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths)


def overlapping(start_s: Any, stop_s: Any) -> Any:
    """
    Return the first window of each group: between two groups nothing read the meter.
    """
    begins = np.ones(len(start_s), bool)
    begins[1:] = start_s[1:] >= np.maximum.accumulate(stop_s)[:-1]
    return np.flatnonzero(begins)


def cut(seen: Seen) -> Cut:
    """
    Cut the time from the first beginning to the last end of each group wherever a window begins or ends.

    Counters only go up; a reading that is a hair older than its neighbour's, because reading takes time, is lifted.
    """
    size = seen.start_s.shape[1]
    at_s = np.hstack([seen.start_s, seen.stop_s])
    # An end goes before the beginnings of its instant, and after its own.
    rank = np.hstack([np.ones_like(seen.start_s), np.where(seen.stop_s > seen.start_s, 0, 2)])
    windows = np.broadcast_to(np.tile(np.arange(size), 2), at_s.shape)
    order = np.lexsort((windows, rank, at_s), axis=-1)
    where = np.empty_like(order)
    np.put_along_axis(where, order, np.broadcast_to(np.arange(2 * size), order.shape), axis=1)
    first, behind = where[:, :size], where[:, size:]

    def steps(starts: Any, stops: Any) -> Any:
        values = np.take_along_axis(np.hstack([starts, stops]), order, axis=1)
        return np.diff(np.maximum.accumulate(values, axis=1), axis=1)

    length_s, energy_j = steps(seen.start_s, seen.stop_s), steps(seen.start_j, seen.stop_j)
    has_clock = ~np.isnan(seen.began_s).any(axis=1)
    began_s = np.where(has_clock[:, None], seen.began_s, 0.0)
    found = Cut(energy_j, steps(began_s, began_s + seen.busy_s), first, behind)
    busy_s = np.where(has_clock[:, None], found.busy_s, 0.0)
    if not has_clock.all():
        busy_s[~has_clock] = (length_s * _mean_rate(seen, found))[~has_clock]
    return found._replace(busy_s=_possible(busy_s, length_s, energy_j, seen.cpus.max(axis=1)))


def _mean_rate(seen: Seen, found: Cut) -> Any:
    """
    Return the machine's busy seconds a second in each stretch where the clock's readings are unknown: the mean of the
    windows'.
    """
    long_s = seen.stop_s - seen.start_s
    rates = seen.busy_s / np.where(long_s > 0.0, long_s, 1.0)
    windows, stretches = found.members()
    total = np.bincount(stretches, rates.ravel()[windows], found.energy_j.size)
    number = np.bincount(stretches, minlength=found.energy_j.size)
    return (total / np.maximum(number, 1)).reshape(found.energy_j.shape)


def _possible(busy_s: Any, length_s: Any, energy_j: Any, cpus: Any) -> Any:
    """
    Return no more busy seconds in any stretch than its CPUs had.

    The kernel books a running task at the scheduler's tick, so a stretch of microseconds can show the milliseconds
    before it. What is too much goes to the stretches before, and what finds no room there to those after; what finds
    none at all, the clocks' skew, stays in the last.
    """
    most_s = np.zeros_like(length_s)
    np.multiply(length_s, cpus[:, None], out=most_s, where=length_s > 0.0)
    most_s = np.minimum(most_s, busy_s.sum(axis=1, keepdims=True))  # no more than there is: CPUs may be without number
    back_s, over_s = _pushed(busy_s[:, ::-1], most_s[:, ::-1], np.zeros(len(busy_s)))
    found_s, over_s = _pushed(back_s[:, ::-1], most_s, over_s)
    kept = (length_s > 0.0) | (energy_j > 0.0) | (busy_s > 0.0)
    last = kept.shape[1] - 1 - np.argmax(kept[:, ::-1], axis=1)
    found_s[np.arange(len(found_s)), last] += over_s
    return found_s + IDLE * length_s


def _pushed(busy_s: Any, most_s: Any, over_s: Any) -> tuple[Any, Any]:
    """
    Return the busy seconds of stretches that hand on what is more than they can hold, and what is left at the end.

    What is handed on is a queue's length: D. V. Lindley, "The theory of queues with a single server", Mathematical
    Proceedings of the Cambridge Philosophical Society 48, 1952.
    """
    total_s = np.cumsum(busy_s - most_s, axis=1)
    handed_s = np.maximum(total_s + over_s[:, None], total_s - np.minimum.accumulate(total_s, axis=1))
    came_s = np.hstack([over_s[:, None], handed_s[:, :-1]])
    return np.maximum(busy_s + came_s - handed_s, 0.0), handed_s[:, -1]
