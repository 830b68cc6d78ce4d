"""
Counters that only go up, all from one zero: wraps taken out, and those of several processes put on one scale.

Perf events count from 0 in every process that opens them, so two processes show two numbers for one meter, with a
difference that is unknown. Each has read its own when its windows began and ended; between two such readings the
other's is taken to have gone evenly. If its power changed by P in between, `a` seconds after the one and `b` before the
other, that is wrong by at most P a b / (a + b); and a reading is late or early by as long as it took. The reading for
which all of that is least gives the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Counted(NamedTuple):
    """
    Windows of one meter, in the order of their beginnings. Axis 0 is the window, axis 1 the counter; NaN stands for a
    counter that a window has not read.

    Attributes:
        start_s: When each began, on the host's monotonic clock.
        stop_s: When it ended.
        raw_j: What the counters showed at its beginning.
        counted_j: What they counted in it.
        ranges_j: Where they wrap around; infinite if they do not.
    """

    start_s: Any
    stop_s: Any
    raw_j: Any
    counted_j: Any
    ranges_j: Any


def unwrapped(windows: Counted, starts: Any) -> Any:
    """
    Return what each counter showed at each window's beginning, going on over wraps.

    Each reading goes on from the one before it, be it a window's beginning or an end. Two neighbours are never more
    than one wrap apart: whoever has a window open polls its meter. Half a range is a wrap. A smaller step back is a
    counter that was read before the other window's: windows are in the order of the calls' first instructions, and a
    thread that waits for its turn has its counters read long before.
    """
    start_s, stop_s, raw_j, counted_j, ranges_j = windows
    number = len(start_s)
    places = np.arange(number)
    # At one instant: what ended before, then the beginning of a window before its own end.
    order = np.lexsort((np.repeat([0, 1], number), np.tile(places, 2), np.concatenate([start_s, stop_s])))
    where = np.empty(2 * number, np.int64)
    where[order] = np.arange(2 * number)
    mark = order[where[:number] - 1]
    before, is_end = mark % number, mark >= number
    has_range = np.isfinite(ranges_j)
    ends_j = raw_j + counted_j
    ends_j = np.where(has_range, np.mod(ends_j, np.where(has_range, ranges_j, 1.0)), ends_j)
    step_j = raw_j - np.where(is_end[:, None], ends_j[before], raw_j[before])
    wrap_j = np.where(np.abs(step_j) > ranges_j / 2, ranges_j, 0.0)
    step_j += np.where(step_j < 0, wrap_j, -wrap_j) + np.where(is_end[:, None], counted_j[before], 0.0)
    starts_here = starts[:, None] | np.isnan(step_j)
    return np.column_stack(
        [
            _chained(np.where(root, raw, step), np.where(root, -1, before))
            for root, raw, step in zip(starts_here.T, raw_j.T, step_j.T, strict=True)
        ]
    )


def _chained(values: Any, before: Any) -> Any:
    """
    Return each value plus those of all before it; -1 stands before the first. Each round doubles how far back it goes.
    """
    going = np.flatnonzero(before >= 0)
    while len(going):
        back = before[going]
        values[going] += values[back]
        before[going] = before[back]
        going = going[before[going] >= 0]
    return values


class Marks(NamedTuple):
    """
    Readings of a counter, in the order of time.

    Attributes:
        at_s: When.
        energy_j: What it showed.
        blur_s: By how many seconds `at_s` may be off.
    """

    at_s: Any
    energy_j: Any
    blur_s: Any


def marks(*columns: tuple[Any, Any, Any]) -> Marks:
    """
    Return readings in the order of time.
    """
    joined = [np.concatenate(each) for each in zip(*columns, strict=True)]
    order = np.lexsort(joined[::-1])
    return Marks(*(each[order] for each in joined))


def shifts(counters: Sequence[Marks]) -> list[float]:
    """
    Return what has to be added to each of several counters to have them on the scale of the first.
    """
    known = counters[0]
    found = [0.0]
    for each in counters[1:]:
        found.append(_difference(known, each))
        known = marks(known, each._replace(energy_j=each.energy_j + found[-1]))
    return found


def _difference(known: Marks, other: Marks) -> float:
    """Return what has to be added to `other` to go on from `known`."""
    blur_s, ours_j, theirs_j = _beside(known, other)
    more_s, theirs_too_j, ours_too_j = _beside(other, known)
    blurs_s = np.concatenate([blur_s, more_s])
    if not len(blurs_s):  # without a moment that both have seen, nothing read the meter in between
        return float(known.energy_j[-1] - other.energy_j[0])
    differences_j = np.concatenate([ours_j - theirs_j, ours_too_j - theirs_too_j])
    return float(differences_j[blurs_s == blurs_s.min()].min())


def _beside(line: Marks, other: Marks) -> tuple[Any, Any, Any]:
    """
    Return, for each reading of `other` beside the line: what makes both uncertain, where the line is then, and it.
    """
    last = len(line.at_s) - 1
    after = np.searchsorted(line.at_s, other.at_s)
    same = (after <= last) & (line.at_s[np.minimum(after, last)] == other.at_s)
    kept = same | ((after > 0) & (after <= last))
    at_s, blur_s, after, same = other.at_s[kept], other.blur_s[kept], after[kept], same[kept]
    before = np.where(same, after, after - 1)
    long_s = line.at_s[after] - line.at_s[before]
    part = np.divide(at_s - line.at_s[before], long_s, out=np.zeros(len(at_s)), where=long_s > 0.0)

    def between(values: Any) -> Any:
        return values[before] + part * (values[after] - values[before])

    blurs_s = blur_s + between(line.blur_s) + part * (line.at_s[after] - at_s)
    return blurs_s, between(line.energy_j), other.energy_j[kept]
