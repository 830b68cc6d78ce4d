"""
What some calls used together.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from math import isnan
from typing import Any, Self

import numpy as np

from greensdk.deliver.lines import encode
from greensdk.logs.read import Problem
from greensdk.report import groups
from greensdk.report.columns import hashable, values_of
from greensdk.report.groups import Facts, Group, Sums
from greensdk.report.inclusion import Counted, counted
from greensdk.report.meters import Meter, Shares, shared_out
from greensdk.report.nested import nested
from greensdk.report.remarks import remarks
from greensdk.report.shape import can_take
from greensdk.report.source import Log, Want, from_records, from_sources
from greensdk.report.split import CPU, CYCLES, RULES
from greensdk.report.tree import Calls, Node, names

NAME = "name"
"""The key for a call's function, or a block's label."""
NOTHING = Group(0, 0, None, None, None, 0.0, 0.0, (), None)


class EnergyReport:
    """
    Records, and what they add up to. ``str()`` of it is a table.

    Attributes:
        attribution: As below.
        source: The record of each row.
        log: Columns, with a row for each record, copies too.
        rows: The rows that count, and which call is inside which.
        shares: Joules of each row that counts, each meter shared out once.

    Args:
        records: Dictionaries, as :func:`greensdk.capture` and :func:`greensdk.logs.read` give them.
        attribution: How the joules of a meter that several calls read are shared out among them, one of
            :data:`greensdk.report.split.RULES`.

    Raises:
        ValueError: There is no such attribution.
        RecordError: No sum can be made of a record.
    """

    def __init__(self, records: Iterable[dict[str, Any]], attribution: str = CPU) -> None:
        self._open(from_records(list(records), Want()), attribution)

    @classmethod
    def load(
        cls,
        sources: Iterable[str | os.PathLike[str]],
        attribution: str = CPU,
        *,
        keys: Iterable[str] = (),
        details: bool = False,
        ids: bool = False,
        skip: Callable[[Problem], Any] | None = None,
    ) -> Self:
        """
        Read logs, each once, and add them up.

        Args:
            sources: Each as for :func:`greensdk.logs.read`.
            attribution: As for the class.
            keys: Keys that sums will be asked for by. With any other, the records are read once more.
            details: A page will be made.
            ids: The columns will be asked for the records' ids.
            skip: Called with each line that can't be read or lacks what sums are made of; None raises instead.

        Raises:
            RecordError: A source is missing, or `skip` is None and a line is not a record.
        """
        _insist(attribution)
        found = cls.__new__(cls)
        found._open(from_sources(sources, Want(tuple(filter(can_take, keys)), details, ids), skip), attribution)
        return found

    def detailed(self) -> EnergyReport:
        """
        Return the same report with all that a page shows.
        """
        if "started_s" in self.log.rows:
            return self
        found = EnergyReport.__new__(EnergyReport)
        found._open(from_records(self.records, Want(details=True)), self.attribution)
        return found

    def _open(self, log: Log, attribution: str) -> None:
        self.attribution = _insist(attribution)
        self.source, self.log = log
        self.rows: Counted = counted(self.log)
        for name in (
            "id",
            "parent",
            "address",
            "process",
            "monotonic_s",
            "children_cpu_s",
        ):  # of no use any more, and large
            del self.log.rows[name]
        self.shares: Shares = shared_out(self.log, self.rows.rows, attribution)
        self._without_cycles = int(np.isnan(self.log.windows["cycles"]).sum()) if attribution == CYCLES else 0
        self.log.windows.clear()
        self.log.counters.clear()
        self.calls = Calls(self.log, self.rows, nested(self.log, self.rows, self.shares.calls_j), self.shares.parts_j)

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """
        All records, each once.
        """
        return [self.source[row] for row in self.rows.once.tolist()]

    @cached_property
    def counted(self) -> list[dict[str, Any]]:
        """
        The records whose joules add up to all: a call's hold those of the calls inside it.
        """
        return [self.source[row] for row in self.rows.rows.tolist()]

    @cached_property
    def calls_j(self) -> dict[str, float]:
        """
        Joules of each call that counts and has a number, by ``record_id``: its part of a shared meter, or what the
        record itself says.
        """
        joules = self.shares.calls_j[self.rows.rows].tolist()
        pairs = zip(self.counted, joules, strict=True)
        return {record["record_id"]: energy_j for record, energy_j in pairs if not isnan(energy_j)}

    @property
    def meters(self) -> list[Meter]:
        """
        The meters that several calls may have read, and what became of their joules.
        """
        return self.shares.meters

    @cached_property
    def hosts(self) -> Mapping[str, str]:
        """
        The ``host_id`` of each boot: meters are distinguished by the boot, people know the machine. Boots that several
        containers with ids of their own have shared are not in it.
        """
        return groups.sole_hosts(self.log.tables["host"])

    @property
    def unattributed_j(self) -> float | None:
        """
        What the shared meters counted beyond the calls, while these ran; None where no call read one.
        """
        return sum(meter.unattributed_j for meter in self.meters) if self.meters else None

    @cached_property
    def total(self) -> Group:
        """
        Everything.
        """
        return self.calls.grouped(np.zeros(len(self.rows.once), np.int64), [None]).get(None, NOTHING)

    @cached_property
    def outermost(self) -> Group:
        """
        The same joules, of the calls alone that hold them.
        """
        return self.sums.group(range(len(self.sums.facts)))

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

    def by(self, key: str = NAME) -> dict[Any, Group]:
        """
        Return a sum for each value of a key, the most joules first. Calls inside others have theirs, too; what each
        group alone has is ``own_j``.

        Args:
            key: ``name`` (the function, or a block's label), ``function``, ``label``, ``status``, or a dotted name such
                as ``worker.job_id`` and ``host.host_id``.

        Raises:
            TypeError: A list or an object stands there.
        """
        return self.calls.grouped(*self.named(key))

    def tree(self, key: str = NAME) -> list[Node]:
        """
        Return the calls as a tree: those with one value of a key, inside the same ones, together.

        Args:
            key: As for :meth:`by`.

        Raises:
            TypeError: A list or an object stands there.
        """
        return self.calls.tree(*self.named(key))

    def named(self, key: str) -> tuple[Any, list[Any]]:
        """
        Return the place of each call's value of a key among the values, and these.

        Raises:
            TypeError: A list or an object stands there.
        """
        facts = self.facts(*[key] * (key != NAME), rows=self.rows.once)
        values = names(facts) if key == NAME else [each[facts.keys.index(key)] for each in facts.table]
        if any(isinstance(value, tuple) for value in values):
            raise TypeError(f"{key}: holds several values")
        found: dict[Any, int] = {}
        places = np.array([found.setdefault(value, len(found)) for value in values] or [0], np.int64)
        return places[facts.places], list(found)

    def facts(self, *keys: str, rows: Any = None) -> Facts:
        """
        Return what records can be grouped by.

        Args:
            keys: Dotted keys that have to be among it.
            rows: Those of the records; of those that count, if it is None.
        """
        rows = self.rows.rows if rows is None else rows
        found = Facts(self.log.keys, self.log.rows["facts"][rows], self.log.tables["facts"])
        for key in keys:
            if key not in found.keys:
                records = [self.source[row] for row in rows.tolist()]
                found = found.with_key(key, [hashable(value) for value in values_of(records, key)])
        return found

    @cached_property
    def sums(self) -> Sums:
        """
        The sums of the records that have the same facts.
        """
        return self.sums_of(self.facts())

    def sums_of(self, facts: Facts) -> Sums:
        """
        Return the sums of the records that have the same facts.
        """
        return groups.sums(self.log, self.rows.rows, self.shares.calls_j, facts)

    def to_jsonl(self, path: str | os.PathLike[str]) -> None:
        """
        Write all records, one line each; a file that is there is replaced.
        """
        with open(path, "wb") as lines:
            lines.writelines(map(encode, self.records))

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("name", "calls", "J", "90% interval", "own J", "s", "CPU s", "method")]
        rows += [_row(str(name), group) for name, group in self.by().items()]
        rows.append(_row("total", self.total))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if place in range(1, 7) else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *self.remarks(), *self._meter_lines()])

    def remarks(self) -> Iterable[str]:
        """
        Yield why calls have no number, and what is mixed in the sums.
        """
        yield from remarks(self.log, self.rows, self.total.sources)
        if self._without_cycles:
            yield (
                f"{self._without_cycles} readings come without CPU cycles, which the monitor ebpf counts: their meters "
                "are shared out by CPU seconds"
            )

    def _meter_lines(self) -> Iterable[str]:
        for machine, meter, _, _, meter_j, calls_j, unattributed_j in self.meters:
            name = self.hosts.get(machine, machine)[:8]
            yield (
                f"meter {meter} of machine {name} counted {meter_j:.4g} J: {calls_j:.4g} J of these calls, "
                f"{unattributed_j:.4g} J unattributed"
            )


def _insist(attribution: str) -> str:
    if attribution not in RULES:
        raise ValueError(f"attribution = {attribution!r}: expected one of {', '.join(RULES)}")
    return attribution


def _row(name: str, group: Group) -> tuple[str, ...]:
    low, high = group.energy_low_j, group.energy_high_j
    return (
        name,
        str(group.calls),
        "-" if group.energy_j is None else f"{group.energy_j:.4g}",
        "-" if low is None or high is None else f"{low:.4g} .. {high:.4g}",
        "-" if group.own_j is None else f"{group.own_j:.4g}",
        f"{group.duration_s:.3f}",
        f"{group.cpu_s:.3f}",
        ", ".join(group.sources) or "-",
    )
