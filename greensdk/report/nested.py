"""
Joules of calls inside calls: what is in a call's number with all that is inside it, and what is its own.

A call that the one around it does not hold (:mod:`greensdk.report.inclusion`) has joules beside it, of a meter its own
part. One that is held has a part of the outer call's: as many joules as its record has, in the same proportion in which
the outer call's came out otherwise than in its record, where a meter is shared. If its record has none, or those of
another monitor or boundary, its part is the one that it has in the outer call's CPU seconds, as in ``energy_self_j``.
Parts that come to more than the whole, since every window has its own reading error, are scaled down to it. So

    own joules are never negative, and those of all calls add up to the joules of the outermost ones
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from greensdk.report.columns import Columns
from greensdk.report.groups import BOUNDARY, SOURCE, ends
from greensdk.report.inclusion import Counted

ENERGY = ("energy_j", "energy_low_j", "energy_high_j")


class Nested(NamedTuple):
    """
    Numbers of each record, in the order of :attr:`greensdk.report.inclusion.Counted.once`; NaN where one is unknown.

    Attributes:
        energy_j: Joules with those of all calls inside.
        low_j: Their lower end.
        high_j: Their upper end.
        own_j: Joules without those of the calls inside.
        cpu_s: CPU seconds with those of all calls inside.
    """

    energy_j: Any
    low_j: Any
    high_j: Any
    own_j: Any
    cpu_s: Any


def nested(log: Columns, counted: Counted, calls_j: Any) -> Nested:
    """
    Return what each call used, with and without the calls inside it.
    """
    once, around, is_held = counted[1:]
    found_j = calls_j[once]
    low_j, high_j = ends(log, once, calls_j)
    cpu_s = log.rows["cpu_s"][once]
    if not (around >= 0).any():
        return Nested(found_j, low_j, high_j, found_j, np.nan_to_num(cpu_s))
    ordered = levels(around)
    parts = _Parts(log, counted, found_j, cpu_s)
    own_j = found_j.copy()
    for inner in ordered[1:]:
        held = inner[is_held[inner]]
        outer = around[held]
        parts.share_out(held, [low_j, high_j])
        own_j[held] = found_j[held]
        np.subtract.at(own_j, outer, np.nan_to_num(found_j[held]))
    del parts
    has_number = ~np.isnan(found_j)
    known = has_number.copy()
    for inner in ordered[:0:-1]:
        known[around[inner[known[inner]]]] = True

    def inclusive(values: Any) -> Any:
        # One after the other: of a million calls, each of these arrays has 8 MB.
        beside = np.zeros(len(once))
        for inner in ordered[:0:-1]:
            np.add.at(beside, around[inner], beside[inner] + np.where(is_held[inner], 0.0, values[inner]))
        return values + beside

    def joules(values: Any) -> Any:
        return np.where(known, inclusive(values), np.nan)

    # Where a call has a number, an end that it lacks is missed in sums.
    low_j, high_j = (joules(np.where(has_number, end_j, 0.0)) for end_j in (low_j, high_j))
    return Nested(
        joules(np.nan_to_num(found_j)), low_j, high_j, np.maximum(own_j, 0.0), inclusive(np.nan_to_num(cpu_s))
    )


def depths(around: Any) -> Any:
    """
    Return how many calls are around each one.
    """
    found = np.zeros(len(around), np.int64)
    ahead, going = around.copy(), np.flatnonzero(around >= 0)
    while len(going):
        found[going] += 1
        ahead[going] = around[ahead[going]]
        going = going[ahead[going] >= 0]
    return found


def levels(around: Any) -> list[Any]:
    """
    Return the outermost calls, those directly inside them, and so on.
    """
    depth = depths(around)
    order = np.argsort(depth, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(depth[order])) + 1)


class _Parts:
    """Fills in the joules of calls that are held by others, level by level."""

    def __init__(self, log: Columns, counted: Counted, found_j: Any, cpu_s: Any) -> None:
        self.around, self.found_j, self.cpu_s = counted.around, found_j, cpu_s
        self.record_j, *self.ends_j = (log.rows[name][counted.once] for name in ENERGY)
        kinds: dict[Any, int] = {}
        table = [kinds.setdefault((facts[SOURCE], facts[BOUNDARY]), len(kinds)) for facts in log.tables["facts"]]
        self.kind = np.array(table or [0])[log.rows["facts"][counted.once]]
        self.scale = over(found_j, self.record_j, 1.0)

    def share_out(self, held: Any, ends_j: Sequence[Any]) -> None:
        """Give each of some calls its part of the one around it, and the interval of that."""
        outer = self.around[held]
        whole_j = self.found_j[outer]
        is_like = (self.kind[held] == self.kind[outer]) & ~np.isnan(self.record_j[held])
        by_cpu_j = whole_j * np.minimum(1.0, over(self.cpu_s[held], self.cpu_s[outer], 0.0))
        parts_j = np.where(is_like, self.record_j[held] * self.scale[outer], by_cpu_j)
        sum_j = np.bincount(outer, np.nan_to_num(parts_j), len(self.found_j))[outer]
        fit = np.minimum(1.0, over(whole_j, sum_j, 1.0))
        self.found_j[held] = parts_j = parts_j * fit
        self.scale[held] = self.scale[outer] * fit
        self.kind[held] = self.kind[outer]
        for found_j, record_j in zip(ends_j, self.ends_j, strict=True):
            own = np.where(is_like, over(record_j[held], self.record_j[held], np.nan), np.nan)
            found_j[held] = parts_j * np.where(np.isnan(own), over(found_j[outer], whole_j, 1.0), own)


def over(above: Any, below: Any, otherwise: float) -> Any:
    """
    Return a quotient, and something else where there is none.
    """
    return np.divide(above, below, out=np.full(np.shape(below), otherwise), where=below > 0.0)
