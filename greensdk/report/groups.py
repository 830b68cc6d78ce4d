"""
Calls added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple

import attrs
import numpy as np

from greensdk.report.columns import Columns
from greensdk.report.shape import GROUPS

SOURCE, BOUNDARY = map(GROUPS.index, ("energy_source", "energy_boundary"))


@attrs.frozen
class Work:
    """
    Work that some calls counted.

    Attributes:
        amount: How much in all.
        j_per_unit: Joules for one, of the calls that have both; None when there are none.
    """

    amount: float
    j_per_unit: float | None


@attrs.frozen
class Group:
    """
    Calls added up.

    Attributes:
        calls: How many.
        unknown: How many of them have no number; they are not in the sum.
        energy_j: Joules of the others with all calls inside them, those of the same group once; None when there are
            none.
        energy_low_j: Sum of the lower ends of their intervals.
        energy_high_j: Sum of the upper ends.
        duration_s: Wall seconds, added up likewise.
        cpu_s: CPU seconds, added up likewise.
        sources: The monitors and boundaries the joules come from; numbers of different ones are only roughly a sum.
        own_j: Joules without those of the calls inside, of which each group has its own: these add up to all. None
            where there are none, or where only calls that are in no others were added up.
        parts_j: Joules by part: package, dram, gpu, or another boundary. They add up to energy_j; empty where no call
            is a sum of parts.
        units: What work they did, by unit.
    """

    calls: int
    unknown: int
    energy_j: float | None
    energy_low_j: float | None
    energy_high_j: float | None
    duration_s: float
    cpu_s: float
    sources: tuple[str, ...]
    own_j: float | None = None
    parts_j: dict[str, float] = attrs.field(factory=dict)
    units: dict[str, Work] = attrs.field(factory=dict)


class Facts(NamedTuple):
    """
    What records can be grouped by.

    Attributes:
        keys: Dotted keys.
        places: For each record that counts, the place of its values in the table.
        table: Their values.
    """

    keys: tuple[str, ...]
    places: Any
    table: list[tuple[Any, ...]]

    def with_key(self, key: str, values: Sequence[Any]) -> Facts:
        """
        Return facts with one key more, whose value each record has here.
        """
        found: dict[Any, int] = {}
        pairs = zip(self.places.tolist(), values, strict=True)
        places = np.array([found.setdefault(pair, len(found)) for pair in pairs], np.int64)
        return Facts((*self.keys, key), places, [(*self.table[place], value) for place, value in found])


class Sums(NamedTuple):
    """
    Sums of the rows that have the same facts, in the order of their first rows.

    Attributes:
        facts: What the rows have in common, such as their function.
        calls: How many rows.
        known: How many of them have joules.
        energy_j: Joules of these.
        ends_j: Their lower ends, and their upper ends.
        missing: How many of either they do not have.
        duration_s: Wall seconds.
        cpu_s: CPU seconds.
    """

    facts: list[Any]
    calls: list[int]
    known: list[int]
    energy_j: list[float]
    ends_j: list[list[float]]
    missing: list[list[int]]
    duration_s: list[float]
    cpu_s: list[float]

    def by(self, key: int) -> dict[Any, Group]:
        """
        Return a sum for each value among the facts at one place, the most joules first.
        """
        groups: dict[Any, list[int]] = {}
        for number, facts in enumerate(self.facts):
            groups.setdefault(facts[key], []).append(number)
        sums = {value: self.group(numbers) for value, numbers in groups.items()}
        return dict(sorted(sums.items(), key=lambda item: -(item[1].energy_j or 0.0)))

    def group(self, numbers: Sequence[int]) -> Group:
        """
        Return the sum of the rows with some of the facts.
        """
        known = [number for number in numbers if self.known[number]]
        low_j, high_j = (
            None if any(missing[number] for number in known) or not known else fsum(end_j[number] for number in known)
            for end_j, missing in zip(self.ends_j, self.missing, strict=True)
        )
        calls = sum(self.calls[number] for number in numbers)
        return Group(
            calls,
            calls - sum(self.known[number] for number in known),
            fsum(self.energy_j[number] for number in known) if known else None,
            low_j,
            high_j,
            fsum(self.duration_s[number] for number in numbers),
            fsum(self.cpu_s[number] for number in numbers),
            tuple(sorted({f"{self.facts[each][SOURCE]} ({self.facts[each][BOUNDARY]})" for each in known})),
        )


def sums(log: Columns, rows: Any, calls_j: Any, facts: Facts) -> Sums:
    """
    Add up the rows that count.
    """
    _, facts_of, table = facts
    order = [number for number, _ in by_first(facts_of)]
    known = ~np.isnan(calls_j[rows])
    rows_known, facts_known = rows[known], facts_of[known]

    def added(places: Any, values: Any = None) -> Any:
        return np.bincount(places, values, len(table))[order].tolist()

    ends_j = ends(log, rows_known, calls_j)
    return Sums(
        [table[number] for number in order],
        added(facts_of),
        added(facts_known),
        added(facts_known, calls_j[rows_known]),
        [added(facts_known, np.nan_to_num(end_j)) for end_j in ends_j],
        [added(facts_known, np.isnan(end_j)) for end_j in ends_j],
        added(facts_of, np.nan_to_num(log.rows["duration_s"][rows])),
        added(facts_of, np.nan_to_num(log.rows["cpu_s"][rows])),
    )


def ends(log: Columns, rows: Any, calls_j: Any) -> list[Any]:
    """
    Return both ends of the intervals of some rows, each as far from the call's joules as the record has it.
    """
    whole_j = log.rows["energy_j"][rows]
    scale = np.divide(calls_j[rows], whole_j, out=np.ones(len(rows)), where=np.abs(whole_j) > 0.0)
    return [log.rows[name][rows] * scale for name in ("energy_low_j", "energy_high_j")]


def by_first(numbers: Any) -> list[tuple[int, int]]:
    """
    Return each number and how often it stands there, in the order of first appearance.
    """
    found, first, times = np.unique(numbers, return_index=True, return_counts=True)
    order = np.argsort(first)
    return list(zip(found[order].tolist(), times[order].tolist(), strict=True))


def sole_hosts(hosts: Sequence[tuple[str | None, str | None]]) -> Mapping[str, str]:
    """
    Return the one ``host_id`` of each boot that has one.
    """
    found: dict[str, list[str]] = {}
    for host, boot in hosts:
        if host and boot:
            found.setdefault(boot, []).append(host)
    return {boot: names[0] for boot, names in found.items() if len(names) == 1}
