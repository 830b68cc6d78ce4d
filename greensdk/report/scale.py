"""
Counters that each process has for itself, put on one scale.

Perf events count from 0 in every process that opens them, so two processes show two numbers for one meter, with a
difference that nobody has read. Each has read its own when its windows began and ended; between two such readings the
other's is taken to have gone evenly. If its power changed by P in between, `a` seconds after the one and `b` before the
other, that is wrong by at most P a b / (a + b); and a reading is late or early by as long as it took. The reading for
which all of that is least gives the difference.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from greensdk.report.stretch import Seen


class Mark(NamedTuple):
    """
    A reading of a counter.

    Attributes:
        at_s: When.
        energy_j: What it showed.
        blur_s: By how many seconds `at_s` may be off.
    """

    at_s: float
    energy_j: float
    blur_s: float


def aligned(groups: Sequence[Sequence[Seen]]) -> list[Seen]:
    """
    Return the windows of all counters on the scale of the first.

    Args:
        groups: The windows of each counter, the counters in the order of their first windows.
    """
    found: list[Seen] = []
    known: list[Mark] = []
    for group in groups:
        marks = _marks(group)
        shift_j = _difference(known, marks) if known else 0.0
        found += [seen._replace(start_j=seen.start_j + shift_j, stop_j=seen.stop_j + shift_j) for seen in group]
        known = sorted([*known, *(mark._replace(energy_j=mark.energy_j + shift_j) for mark in marks)])
    return found


def _marks(group: Sequence[Seen]) -> list[Mark]:
    starts = [Mark(seen.start_s, seen.start_j, seen.start_blur_s) for seen in group]
    return sorted([*starts, *(Mark(seen.stop_s, seen.stop_j, seen.stop_blur_s) for seen in group)])


def _difference(known: Sequence[Mark], marks: Sequence[Mark]) -> float:
    """
    Return what has to be added to `marks` to go on from `known`.
    """
    found = [(beside.blur_s, beside.energy_j - mark.energy_j) for beside, mark in _pairs(known, marks)]
    found += [(beside.blur_s, mark.energy_j - beside.energy_j) for beside, mark in _pairs(marks, known)]
    # Without a moment that both have seen, nobody looked at the meter in between.
    return min(found)[1] if found else known[-1].energy_j - marks[0].energy_j


def _pairs(line: Sequence[Mark], marks: Sequence[Mark]) -> Iterator[tuple[Mark, Mark]]:
    """
    Yield, for each mark beside the line, where the line is then, with what makes both uncertain; and the mark.
    """
    times = [mark.at_s for mark in line]
    for mark in marks:
        place = bisect_left(times, mark.at_s)
        if place < len(line) and times[place] == mark.at_s:
            yield line[place]._replace(blur_s=line[place].blur_s + mark.blur_s), mark
        elif 0 < place < len(line):
            before, after = line[place - 1], line[place]
            part = (mark.at_s - before.at_s) / (after.at_s - before.at_s)
            energy_j = before.energy_j + part * (after.energy_j - before.energy_j)
            blur_s = mark.blur_s + before.blur_s + part * (after.blur_s - before.blur_s)
            yield Mark(mark.at_s, energy_j, blur_s + part * (after.at_s - mark.at_s)), mark
