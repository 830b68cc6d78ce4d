"""
Numbers that can be set side by side: the methods that measured the same calls, the machines that ran the same function.

Numbers of different boundaries are no rivals: a wall's joules hold a package's. Methods say when theirs is another
than the primary's, and machines are ranked within one function and one boundary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from greensdk.report.groups import BOUNDARY, SOURCE, by_first
from greensdk.report.shape import GROUPS
from greensdk.schema.primary import parts_in

if TYPE_CHECKING:
    from greensdk.report.energy import EnergyReport
    from greensdk.report.groups import Sums

RUNS = GROUPS.index("runs")


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
        methods: Every method that was asked, the primary first, or those that it is the sum of.
    """

    source: str | None
    boundary: str | None
    calls: int = 0
    methods: list[Method] = attrs.field(factory=list)

    def stands(self, method: Method) -> bool:
        """
        Say whether the calls' joules are a method's, or a sum that has them in it.
        """
        if self.source is None or method.monitor not in self.source.split("+") or not method.calls:
            return False
        parts = parts_in(method.boundary)
        return method.boundary == self.boundary or bool(parts and parts <= parts_in(self.boundary))


def sides(report: EnergyReport) -> list[Side]:
    """
    Set all methods side by side, apart for each primary, the one with the most calls first.

    Joules are those that the records say: a meter that several calls read at once is not split once more.
    """
    report = report.detailed()
    log, rows = report.log, report.rows.rows
    # One number for each primary, one for each method; the two together tell sums apart.
    primaries = _Numbered([(each[SOURCE], each[BOUNDARY]) for each in log.tables["facts"]])
    methods = _Numbered([name[:2] for name in log.tables["method"]])
    primary = primaries.numbers[log.rows["facts"][rows]]
    found = {place: Side(*primaries.names[place], calls) for place, calls in by_first(primary)}
    counts = np.zeros(len(log.rows["facts"]), bool)
    counts[rows] = True
    mine = np.flatnonzero(counts[log.readings["row"]])
    readings = {name: values[mine] for name, values in log.readings.items()}
    readings["primary_j"] = np.nan_to_num(log.rows["energy_j"][readings["row"]])
    sides_of = primaries.numbers[log.rows["facts"][readings["row"]]]
    together = sides_of * len(methods.names) + methods.numbers[readings["method"]]
    for place, _ in by_first(together):
        here = {name: values[together == place] for name, values in readings.items()}
        quality = log.tables["method"][here["method"][0]][2]
        which, method = divmod(place, len(methods.names))
        found[which].methods.append(_method(methods.names[method], quality, here, log.tables["reason"]))
    for side in found.values():
        side.methods.sort(key=lambda each: (not side.stands(each), not each.calls, each.monitor, each.boundary))
    return sorted(found.values(), key=lambda side: (-side.calls, str(side.source), str(side.boundary)))


class _Numbered:
    """Names, each with a number."""

    def __init__(self, names: Sequence[tuple[Any, Any]]) -> None:
        found: dict[tuple[Any, Any], int] = {}
        self.numbers = np.array([found.setdefault(name, len(found)) for name in names], np.int64)
        self.names = list(found)


def _method(name: tuple[str, str], quality: str, readings: Mapping[str, Any], reasons: Sequence[str]) -> Method:
    known = ~np.isnan(readings["call_j"])
    low_j, high_j = (
        None if np.isnan(ends_j).any() else float(ends_j.sum())
        for ends_j in (readings["low_j"][known], readings["high_j"][known])
    )
    return Method(
        *name,
        quality,
        int(known.sum()),
        float(readings["call_j"][known].sum()),
        low_j,
        high_j,
        float(readings["primary_j"][known].sum()),
        {reasons[reason]: count for reason, count in by_first(readings["reason"][~known])},
    )


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
        low_j: Lower end of its 90% interval.
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
    """
    facts = report.facts("label", "host.cpu_model", key)
    sums = report.sums_of(facts)
    function, label, boundary, name = map(facts.keys.index, ("function", "label", "energy_boundary", key))
    groups: dict[tuple[str, str], dict[Any, list[int]]] = {}
    for number, each in enumerate(sums.facts):
        if sums.known[number] and each[boundary]:
            contest = str(each[function] or each[label]), each[boundary]
            groups.setdefault(contest, {}).setdefault(each[name], []).append(number)
    found = []
    for contest, members in sorted(groups.items()):
        machines = [_machine(contest, name, sums, numbers, facts.keys) for name, numbers in members.items()]
        found += _ranked([machine for machine in machines if machine is not None])
    return found


def _machine(
    contest: tuple[str, str], name: Any, sums: Sums, numbers: Sequence[int], keys: Sequence[str]
) -> Machine | None:
    of_model, of_runs = keys.index("host.cpu_model"), keys.index("runs")
    runs = sum((sums.facts[number][of_runs] or 0) * sums.known[number] for number in numbers)
    if not runs:
        return None
    group = sums.group(numbers)
    models = {sums.facts[number][of_model] for number in numbers}
    low_j, high_j = (None if end is None else end / runs for end in (group.energy_low_j, group.energy_high_j))
    sources = tuple(sorted({sums.facts[number][SOURCE] for number in numbers}))
    model = models.pop() if len(models) == 1 else None
    return Machine(*contest, name, model, runs, (group.energy_j or 0.0) / runs, low_j, high_j, sources)


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
    return sum((runs or 0) * (group.calls - group.unknown) for runs, group in found.sums.by(RUNS).items())
