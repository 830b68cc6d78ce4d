"""
What the sections of a page share: the calls, in order, with their joules and their instants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from heapq import nlargest
from typing import Any, NamedTuple

import attrs
import numpy as np

from greensdk.report.compare import Side, sides
from greensdk.report.energy import EnergyReport
from greensdk.report.groups import Facts, Group, Sums
from greensdk.report.text import display_name

KINDS = 5
"""Functions that have a colour of their own; the others share one."""
OTHERS = "other functions"


class Call(NamedTuple):
    """
    One call, as the pictures need it.

    Attributes:
        row: Its row in the report's columns.
        energy_j: Its joules after shared meters were split; None where it has no number.
        start_s: Seconds since 1970 when it began; None where the record does not tell.
        duration_s: Its wall seconds; None where the record does not tell.
        kind: Place of its function among the colours, from 0; `KINDS` for all others.
        facts: What it has in common with other calls, by dotted name.
        source: All records.
    """

    row: int
    energy_j: float | None
    start_s: float | None
    duration_s: float | None
    kind: int
    facts: Mapping[str, Any]
    source: Sequence[dict[str, Any]] = ()

    @property
    def record(self) -> dict[str, Any]:
        """
        Its record, which is read from its log.
        """
        return self.source[self.row]


def _detailed(report: EnergyReport) -> EnergyReport:
    return report.detailed()


@attrs.define(slots=False)
class View:
    """
    A report about to become a page.

    Attributes:
        report: The records added up.
        made: When the page is made.
        sources: Where the records came from.
        unreadable: Lines that could not be read, as texts.
    """

    report: EnergyReport = attrs.field(converter=_detailed)
    made: datetime
    sources: Sequence[str] = ()
    unreadable: Sequence[str] = ()

    @cached_property
    def calls(self) -> list[Call]:
        """
        The counted calls in the order of time.
        """
        kinds = {name: number for number, name in enumerate(self.kinds)}
        facts = self.facts
        kind_of = [kinds.get(title(each), KINDS) for each in facts]
        source, log, rows = self.report.source, self.report.log, self.report.rows.rows
        columns = self.report.shares.calls_j, log.rows["started_s"], log.rows["duration_s"]
        order = np.argsort(np.nan_to_num(log.rows["started_s"][rows]), kind="stable")
        place_of = self._facts.places[order].tolist()
        values = (_known(column[rows[order]]) for column in columns)
        return [
            Call(row, energy_j, start_s, duration_s, kind_of[place], facts[place], source)
            for row, place, energy_j, start_s, duration_s in zip(rows[order].tolist(), place_of, *values, strict=True)
        ]

    @cached_property
    def _facts(self) -> Facts:
        return self.report.facts()

    @cached_property
    def facts(self) -> list[dict[str, Any]]:
        """
        What calls have in common, by dotted name.
        """
        return [dict(zip(self._facts.keys, each, strict=True)) for each in self._facts.table]

    @cached_property
    def grouped(self) -> list[tuple[dict[str, Any], Group]]:
        """
        The counted calls that have the same facts, added up, in the order in which these are first seen.
        """
        keys, sums = self._facts.keys, self.sums
        each = (dict(zip(keys, facts, strict=True)) for facts in sums.facts)
        return [(facts, sums.group([number])) for number, facts in enumerate(each)]

    @property
    def sums(self) -> Sums:
        """
        The same in numbers.
        """
        return self.report.sums

    @cached_property
    def total(self) -> Group:
        """
        The sum of everything.
        """
        return self.report.total

    def amounts(self, key: str) -> Any:
        """
        Return a number for each row, such as ``cost.usd``; NaN where there is none.
        """
        return self.report.log.rows[key]

    @cached_property
    def kinds(self) -> list[str]:
        """
        The functions with the most joules, or, without joules, the most seconds.
        """
        sums: dict[str, list[float]] = {}
        for facts, group in self.grouped:
            row = sums.setdefault(title(facts), [0.0, 0.0])
            row[0] -= group.energy_j or 0.0
            row[1] -= group.duration_s
        return sorted(sums, key=lambda name: (sums[name], name))[:KINDS]

    @cached_property
    def others(self) -> bool:
        """
        Whether there are more functions than colours.
        """
        return len({title(facts) for facts, _ in self.grouped}) > KINDS

    @cached_property
    def sides(self) -> list[Side]:
        """
        All methods that were asked about the calls, by primary.
        """
        return sides(self.report)

    @cached_property
    def boundaries(self) -> list[str]:
        """
        What is inside the joules: one boundary, or several that are only roughly a sum.
        """
        known = (facts for facts, group in self.grouped if group.energy_j is not None)
        return sorted({str(facts["energy_boundary"]) for facts in known})


def _known(values: Any) -> list[float | None]:
    """Return numbers, None for NaN."""
    found: list[float | None] = values.tolist()
    for place in np.flatnonzero(np.isnan(values)).tolist():
        found[place] = None
    return found


def title(record: Mapping[str, Any]) -> str:
    """
    Return what a call goes by.
    """
    return str(display_name(record.get("function"), record.get("label")) or "unnamed")


def sampled(calls: Sequence[Call], most: int) -> list[Call]:
    """
    Return at most so many calls, evenly from the list, among them the twentieth part of `most` with the most joules.
    """
    if len(calls) <= most:
        return list(calls)
    top = nlargest(most // 20, range(len(calls)), key=lambda place: calls[place].energy_j or 0.0)
    even = most - len(top)
    places = {*top, *(place * len(calls) // even for place in range(even))}
    return [calls[place] for place in sorted(places)]
