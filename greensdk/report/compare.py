"""
Numbers that can be set side by side: the methods that measured the same calls, the machines that ran the same function.

Numbers of different boundaries are no rivals: a wall's joules hold a package's. Methods say when theirs is another
than the primary's, and machines are ranked within one function and one boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from greensdk.monitor import ATTRIBUTED, MACHINE, MEASURED

if TYPE_CHECKING:
    from greensdk.report.energy import EnergyReport

Record = Mapping[str, Any]


@attrs.define
class Method:
    """
    What one monitor says about some calls, at one boundary.

    Attributes:
        monitor: Its name.
        boundary: What is inside its joules.
        quality: How they are known.
        calls: How many calls it has a number for.
        energy_j: Joules of these.
        low_j: Sum of the lower ends; None where one is missing.
        high_j: Sum of the upper ends.
        primary_j: What the primary says of the same calls.
        reasons: Why numbers are missing, with how often.
    """

    monitor: str
    boundary: str
    quality: str
    calls: int = 0
    energy_j: float = 0.0
    low_j: float | None = 0.0
    high_j: float | None = 0.0
    primary_j: float = 0.0
    reasons: dict[str, int] = attrs.field(factory=dict)

    @property
    def missing(self) -> int:
        """
        How many calls it was asked about and has no number for.
        """
        return sum(self.reasons.values())

    @property
    def ratio(self) -> float | None:
        """
        Its joules over the primary's, of the same calls; None where nothing can be compared.
        """
        return self.energy_j / self.primary_j if self.primary_j else None


@attrs.define
class Side:
    """
    Calls that have one primary in common, and what every method says about them.

    Attributes:
        source: The monitor that the calls' joules come from; None for calls without a number.
        boundary: What is inside them.
        calls: How many calls these are.
        methods: Every method that was asked, the primary first.
    """

    source: str | None
    boundary: str | None
    calls: int = 0
    methods: list[Method] = attrs.field(factory=list)


def sides(records: Iterable[Record]) -> list[Side]:
    """
    Set all methods side by side, apart for each primary, the one with the most calls first.

    Joules are those that the records say: a meter that several calls read at once is not split once more.
    """
    found: dict[tuple[Any, Any], Side] = {}
    rows: dict[tuple[Any, Any], dict[tuple[str, str], Method]] = {}
    for record in records:
        key = record["energy_source"], record["energy_boundary"]
        side = found.get(key) or found.setdefault(key, Side(*key))
        side.calls += 1
        for reading in record["readings"]:
            method = reading["monitor"], reading["boundary"]
            row = rows.setdefault(key, {})
            _take(row.get(method) or row.setdefault(method, Method(*method, quality_of(reading))), reading, record)
    for key, side in found.items():
        side.methods = sorted(
            rows.get(key, {}).values(),
            key=lambda each: ((each.monitor, each.boundary) != key, not each.calls, each.monitor, each.boundary),
        )
    return sorted(found.values(), key=lambda side: (-side.calls, str(side.source), str(side.boundary)))


def quality_of(reading: Mapping[str, Any]) -> str:
    """
    Return how a reading's joules of the call are known: what a meter counted for the machine is only attributed to it.
    """
    shared = reading["scope"] == MACHINE and reading["quality"] == MEASURED
    return ATTRIBUTED if shared else str(reading["quality"])


def _take(method: Method, reading: Mapping[str, Any], record: Record) -> None:
    if reading["call_j"] is None:
        reason = str(reading["reason"] or "it does not say why")
        method.reasons[reason] = method.reasons.get(reason, 0) + 1
        return
    method.calls += 1
    method.energy_j += reading["call_j"]
    method.low_j = _plus(method.low_j, reading["low_j"])
    method.high_j = _plus(method.high_j, reading["high_j"])
    method.primary_j += record["energy_j"] or 0.0


def _plus(total: float | None, value: float | None) -> float | None:
    return None if total is None or value is None else total + value


@attrs.define
class Machine:
    """
    What one machine, or any other group of calls, took for one run of one function.

    Attributes:
        function: The function, or the block's label.
        boundary: What is inside the joules.
        name: The group's name.
        cpu_model: The CPU's name, where all its calls agree.
        runs: How many runs have a number.
        energy_j: Joules of one run.
        low_j: Lower end of its 90 % interval.
        high_j: Upper end.
        sources: The monitors that the numbers come from.
        rank: Its place, from 1, among those of the same function and boundary.
        ratio: Its joules over the best one's.
        apart: Whether its interval lies above the best one's; the best has none to be apart from.
    """

    function: str
    boundary: str
    name: Any
    cpu_model: str | None
    runs: int
    energy_j: float
    low_j: float | None
    high_j: float | None
    sources: tuple[str, ...]
    rank: int = 1
    ratio: float | None = 1.0
    apart: bool | None = None


def ranking(report: EnergyReport, key: str) -> list[Machine]:
    """
    Return groups of calls in the order of the joules that one run takes them, the fewest first.

    Args:
        report: The calls.
        key: What tells the groups apart, for example ``host.host_id``.
    """
    known = report.account.calls
    groups: dict[tuple[str, str], dict[Any, list[Record]]] = {}
    for record in report.counted:
        if record["record_id"] in known and record["energy_boundary"]:
            contest = str(record.get("function") or record.get("label")), record["energy_boundary"]
            groups.setdefault(contest, {}).setdefault(value_of(record, key), []).append(record)
    found = []
    for (function, boundary), members in sorted(groups.items()):
        machines = [_machine(function, boundary, name, records, known) for name, records in members.items()]
        found += _ranked([machine for machine in machines if machine is not None])
    return found


def value_of(record: Record, key: str) -> Any:
    """
    Return what stands under a dotted key; None where nothing does.
    """
    value: Any = record
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _machine(
    function: str, boundary: str, name: Any, records: list[Record], known: Mapping[str, float]
) -> Machine | None:
    runs = sum(record.get("runs") or 0 for record in records)
    if not runs:
        return None
    models = {record["host"].get("cpu_model") for record in records}
    ends: list[float | None] = []
    for end in ("energy_low_j", "energy_high_j"):
        total: float | None = 0.0
        for record in records:
            whole_j, own_j = record["energy_j"], known[record["record_id"]]
            total = _plus(total, None if record[end] is None else record[end] * (own_j / whole_j if whole_j else 1.0))
        ends.append(None if total is None else total / runs)
    return Machine(
        function,
        boundary,
        name,
        models.pop() if len(models) == 1 else None,
        runs,
        sum(known[record["record_id"]] for record in records) / runs,
        ends[0],
        ends[1],
        tuple(sorted({record["energy_source"] for record in records})),
    )


def _ranked(machines: list[Machine]) -> list[Machine]:
    machines = sorted(machines, key=lambda each: (each.energy_j, str(each.name)))
    for place, machine in enumerate(machines):
        best = machines[0]
        machine.rank = place + 1
        machine.ratio = machine.energy_j / best.energy_j if best.energy_j else None
        if place and machine.low_j is not None and best.high_j is not None:
            machine.apart = machine.low_j > best.high_j
    return machines


def runs_of(found: EnergyReport) -> int:
    """
    Return how many runs of their functions the calls with a number stand for.
    """
    return sum((runs or 0) * (group.calls - group.unknown) for runs, group in found.by("runs").items())
