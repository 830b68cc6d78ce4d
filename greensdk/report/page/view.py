"""
What the sections of a page share: the calls, in order, with their joules and their instants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

import attrs

from greensdk.report.compare import Side, sides
from greensdk.report.energy import EnergyReport, Group

KINDS = 5
"""Functions that have a colour of their own; the others share one."""
OTHERS = "others"


class Call(NamedTuple):
    """
    One call, as the pictures need it.

    Attributes:
        record: Its record.
        energy_j: Its joules after shared meters were split; None where it has no number.
        start_s: Seconds since 1970 when it began; None where the record does not tell.
        kind: Place of its function among the colours, from 0; `KINDS` for all others.
    """

    record: Mapping[str, Any]
    energy_j: float | None
    start_s: float | None
    kind: int


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

    report: EnergyReport
    made: datetime
    sources: Sequence[str] = ()
    unreadable: Sequence[str] = ()

    @cached_property
    def calls(self) -> list[Call]:
        """
        The counted calls in the order of time.
        """
        known = self.report.account.calls
        place = {name: number for number, name in enumerate(self.kinds)}
        found = [
            Call(
                record,
                known.get(record["record_id"]),
                instant(record["started_at"]),
                place.get(title(record), KINDS),
            )
            for record in self.report.counted
        ]
        return sorted(found, key=lambda call: (call.start_s or 0.0, call.record["record_id"]))

    @cached_property
    def total(self) -> Group:
        """
        The sum of everything.
        """
        return self.report.total

    @cached_property
    def kinds(self) -> list[str]:
        """
        The functions with the most joules, or, without joules, the most seconds.
        """
        known = self.report.account.calls
        sums: dict[str, list[float]] = {}
        for record in self.report.counted:
            row = sums.setdefault(title(record), [0.0, 0.0])
            row[0] -= known.get(record["record_id"], 0.0)
            row[1] -= record["duration_s"] or 0.0
        return sorted(sums, key=lambda name: (sums[name], name))[:KINDS]

    @cached_property
    def others(self) -> bool:
        """
        Whether there are more functions than colours.
        """
        return any(call.kind == KINDS for call in self.calls)

    @cached_property
    def sides(self) -> list[Side]:
        """
        All methods that were asked about the calls, by primary.
        """
        return sides(self.report.counted)

    @cached_property
    def boundaries(self) -> list[str]:
        """
        What is inside the joules: one boundary, or several that are only roughly a sum.
        """
        return sorted({str(call.record["energy_boundary"]) for call in self.calls if call.energy_j is not None})


def title(record: Mapping[str, Any]) -> str:
    """
    Return what a call goes by: its function, or the label of a block.
    """
    return str(record.get("function") or record.get("label") or "(no name)")


def instant(text: Any) -> float | None:
    """
    Return the seconds since 1970 of an RFC 3339 time; None where it is none.

    Example:
        >>> instant("2026-11-21T09:55:12.5Z"), instant(None)
        (1795254912.5, None)
    """
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def sampled(calls: Sequence[Call], most: int) -> list[Call]:
    """
    Return at most so many calls, evenly from the list, among them the twentieth part of `most` with the most joules.
    """
    if len(calls) <= most:
        return list(calls)
    top = sorted(range(len(calls)), key=lambda place: -(calls[place].energy_j or 0.0))[: most // 20]
    even = most - len(top)
    places = {*top, *(place * len(calls) // even for place in range(even))}
    return [calls[place] for place in sorted(places)]
