"""
What some calls used together.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs

from greensdk.deliver.lines import encode
from greensdk.monitor import ESTIMATED
from greensdk.report.drift import Drift, compare
from greensdk.report.meters import Account, Metered, account, primary
from greensdk.report.split import CPU, RULES


@attrs.frozen
class Group:
    """
    Calls added up.

    Attributes:
        calls: How many.
        unknown: How many of them have no number; they are not in the sum.
        energy_j: Joules of the others; None when there are none.
        energy_low_j: Sum of the lower ends of their intervals.
        energy_high_j: Sum of the upper ends.
        duration_s: Wall seconds, added up.
        cpu_s: CPU seconds, added up.
        sources: The monitors and boundaries the joules come from; numbers of different ones are only roughly a sum.
    """

    calls: int
    unknown: int
    energy_j: float | None
    energy_low_j: float | None
    energy_high_j: float | None
    duration_s: float
    cpu_s: float
    sources: tuple[str, ...]


def _once(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({record["record_id"]: record for record in records}.values())


@attrs.define(slots=False)
class EnergyReport:
    """
    Records, and what they add up to. ``str()`` of it is a table.

    Attributes:
        records: All of them, each once.
        attribution: How the joules of a meter that several calls read are shared out among them, one of
            :data:`greensdk.report.split.RULES`.

    Raises:
        ValueError: There is no such attribution.
    """

    records: list[dict[str, Any]] = attrs.field(converter=_once)
    attribution: str = attrs.field(default=CPU, validator=attrs.validators.in_(RULES))

    @cached_property
    def counted(self) -> list[dict[str, Any]]:
        """
        The records that go into sums: a call's joules hold those of the calls inside it.

        A call of an executor made inside a worker is inside only if it ran on the same machine.
        """
        ids = {record["record_id"] for record in self.records}
        callers = {_address(record): _machine(record) for record in self.records if record["energy_j"] is not None}
        return [
            record
            for record in self.records
            if record["parent_id"] not in ids
            and not any(callers.get(address) == _machine(record) for address in _addresses_around(record))
        ]

    @cached_property
    def account(self) -> Account:
        """
        Joules of each of these, each meter shared out once.
        """
        return account(self.counted, self.attribution)

    @property
    def meters(self) -> list[Metered]:
        """
        The meters that several calls may have read, and what became of their joules.
        """
        return self.account.meters

    @cached_property
    def hosts(self) -> dict[str, str]:
        """
        The ``host_id`` of each boot: meters are told apart by the boot, people know the machine. Boots that several
        containers with ids of their own have shared are not in it.
        """
        return sole_hosts({(record["host"].get("host_id"), record["host"].get("boot_id")) for record in self.records})

    @property
    def unattributed_j(self) -> float | None:
        """
        What the shared meters counted beyond the calls, while these ran; None where no call read one.
        """
        return sum(metered.split.unattributed_j for metered in self.meters) if self.meters else None

    @property
    def total(self) -> Group:
        """
        Everything.
        """
        return self._added(self.counted)

    @property
    def energy_j(self) -> float | None:
        """
        Joules of all calls; None when no call has a number.
        """
        return self.total.energy_j

    @property
    def energy_low_j(self) -> float | None:
        """
        Lower end: the sum of the lower ends.
        """
        return self.total.energy_low_j

    @property
    def energy_high_j(self) -> float | None:
        """
        Upper end: the sum of the upper ends.
        """
        return self.total.energy_high_j

    def by(self, key: str) -> dict[Any, Group]:
        """
        Return a sum for each value of a key, the most joules first.

        Args:
            key: ``function``, ``label``, ``status``, or a dotted name such as ``worker.job_id`` and ``host.host_id``.
        """
        groups: dict[Any, list[dict[str, Any]]] = {}
        for record in self.counted:
            value: Any = record
            for part in key.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            groups.setdefault(value, []).append(record)
        sums = {value: self._added(records) for value, records in groups.items()}
        return dict(sorted(sums.items(), key=lambda item: -(item[1].energy_j or 0.0)))

    def _added(self, records: list[dict[str, Any]]) -> Group:
        calls = self.account.calls
        known = [record for record in records if record["record_id"] in calls]
        return Group(
            calls=len(records),
            unknown=len(records) - len(known),
            energy_j=sum(calls[record["record_id"]] for record in known) if known else None,
            energy_low_j=self._end("energy_low_j", known),
            energy_high_j=self._end("energy_high_j", known),
            duration_s=sum(record["duration_s"] or 0.0 for record in records),
            cpu_s=sum(record["cpu_s"] or 0.0 for record in records),
            sources=tuple(sorted({f"{record['energy_source']} ({record['energy_boundary']})" for record in known})),
        )

    def _end(self, key: str, records: list[dict[str, Any]]) -> float | None:
        """
        Return the sum of one end of the intervals, each as far from its call's joules as the record has it.
        """
        if not records or any(record[key] is None for record in records):
            return None
        calls = self.account.calls
        return math.fsum(
            record[key] * (calls[record["record_id"]] / record["energy_j"] if record["energy_j"] else 1.0)
            for record in records
        )

    def to_jsonl(self, path: str | os.PathLike[str]) -> None:
        """
        Write all records, one line each; a file that is there is replaced.
        """
        with open(path, "wb") as lines:
            lines.writelines(map(encode, self.records))

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("function", "calls", "J", "90 % interval", "s", "CPU s", "from")]
        rows += [_row(str(name), group) for name, group in self.by("function").items()]
        rows.append(_row("total", self.total))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if place in range(1, 6) else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *self.remarks(), *self._meter_lines()])

    def remarks(self) -> Iterable[str]:
        """
        Return why calls have no number, and what is mixed in the sums.
        """
        unknown = [record for record in self.counted if record["energy_j"] is None]
        reasons: dict[tuple[str, str], int] = {}
        for record in unknown:
            why = record["status"], str(record["reason"])
            reasons[why] = reasons.get(why, 0) + 1
        return told(reasons, self.total.sources, _bases(self.counted), compare(self.records))

    def _meter_lines(self) -> Iterable[str]:
        for machine, meter, _, _, (meter_j, calls, unattributed_j) in self.meters:
            name = self.hosts.get(machine, machine)[:8]
            yield (
                f"meter {meter} of machine {name} counted {meter_j:.4g} J: {sum(calls.values()):.4g} J of these calls, "
                f"{unattributed_j:.4g} J unattributed"
            )


def sole_hosts(hosts: Iterable[tuple[str | None, str | None]]) -> dict[str, str]:
    """
    Return the one ``host_id`` of each boot that has one.

    Args:
        hosts: Each pair of ``host_id`` and ``boot_id`` once.
    """
    found: dict[str, list[str]] = {}
    for host, boot in hosts:
        if host and boot:
            found.setdefault(boot, []).append(host)
    return {boot: names[0] for boot, names in found.items() if len(names) == 1}


def _row(name: str, group: Group) -> tuple[str, ...]:
    low, high = group.energy_low_j, group.energy_high_j
    return (
        name,
        str(group.calls),
        "-" if group.energy_j is None else f"{group.energy_j:.4g}",
        "-" if low is None or high is None else f"{low:.4g} .. {high:.4g}",
        f"{group.duration_s:.3f}",
        f"{group.cpu_s:.3f}",
        ", ".join(group.sources) or "-",
    )


def told(
    reasons: Mapping[tuple[str, str], int],
    sources: Sequence[str],
    bases: Mapping[tuple[str, str], int],
    drifts: Iterable[Drift],
) -> Iterator[str]:
    """
    Yield remarks in words.

    Args:
        reasons: Status and reason of calls without a number, with how many.
        sources: Where the joules come from.
        bases: Monitor and what a model rests on, with how many calls.
        drifts: Monitors of one meter.
    """
    for (status, reason), number in reasons.items():
        yield f"{number} {'lost' if status == 'lost' else 'without a number'}: {reason}"
    if len(sources) > 1:
        yield "the sum mixes numbers of different meters or boundaries"
    for (monitor, basis), number in bases.items():
        yield f"{number} call{'s' if number > 1 else ''} estimated by {monitor}" + (f": {basis}" if basis else "")
    yield from (str(drift) for drift in drifts if drift.disagree)


def _bases(records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """
    Return, for the calls whose number is a model's, what the model rests on.
    """
    found: dict[tuple[str, str], int] = {}
    for record in records:
        if record.get("energy_quality") == ESTIMATED and (reading := primary(record)):
            key = reading["monitor"], str(reading["attributes"].get("basis") or "")
            found[key] = found.get(key, 0) + 1
    return found


def _address(record: Mapping[str, Any]) -> str | None:
    worker = record["worker"]
    if not worker or worker.get("executor_id") is None:
        return None
    return "-".join(str(worker.get(key)) for key in ("executor_id", "job_id", "call_id"))


def _machine(record: Mapping[str, Any]) -> tuple[Any, Any]:
    return record["host"].get("host_id"), record["host"].get("boot_id")


def _addresses_around(record: Mapping[str, Any]) -> list[str]:
    """
    Return the addresses of the calls whose workers made the executors that made this call.

    An executor made in a worker is called ``<executor>-<job>-<call>-<number>`` after it.
    """
    parts = str((record["worker"] or {}).get("executor_id") or "").split("-")
    return ["-".join(parts[:end]) for end in range(4, len(parts))]
