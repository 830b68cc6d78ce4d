"""
Windows of shared meters as rows of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from greensdk.monitor import ESTIMATED, MACHINE
from greensdk.schema.primary import chosen, has_gpu, part_j

MICRO = 1e-6

WINDOW = ("start_s", "stop_s", "busy_s", "began_s", "before_s", "after_s", "own_j", "cycles", "busy_cycles")
"""
Its ends, the machine's CPU clock in it and at its beginning, how much longer it may have been, what of the meter is
the call's by its own record, and the CPU cycles of the call and the machine; NaN where nothing has counted these.
"""
COUNTS_CYCLES = "ebpf"
"""The only CPU clock that counts cycles of both."""
PLACES = ("meter", "kind", "clock")
_names = attrgetter("monitor", "boundary")


class Setting(NamedTuple):
    """
    What many windows have in common.

    Attributes:
        keys: The counters.
        places: Where the meter, the kind and the clock stand in the tables.
    """

    keys: tuple[str, ...]
    places: tuple[int, int, int]


class Windows:
    """
    Columns of windows as they grow.
    """

    def __init__(self, tables: Mapping[str, dict[Any, int]]) -> None:
        self._tables = tables
        self._settings: dict[Any, Setting] = {}
        self._found: list[tuple[Any, ...]] = []
        self._starts_j: list[float] = []
        self._counted_j: list[float] = []
        self._done: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def take(self, first: int, records: list[Any]) -> list[int]:
        """
        Add the windows of some records: where a primary reading is a meter's that other calls may have read, too,
        and comes with counters that add up to it.

        Args:
            first: The first record's row.
            records: Them.

        Returns:
            For each record the place of what its number rests on; -1 where it is no estimate.
        """
        bases, table = [-1] * len(records), self._tables["basis"]
        for row, record in enumerate(records):
            found = chosen(
                record.readings,
                record.energy_source,
                record.energy_boundary,
                _names,
                is_sum=record.energy_parts_j is not None,
            )
            if record.energy_quality == ESTIMATED and found:
                reading = next((each for each in found if each.attributes.basis), found[0])
                bases[row] = table.setdefault((reading.monitor, reading.attributes.basis or ""), len(table))
            for reading in found:
                if not reading.meter_id or reading.scope != MACHINE or record.monotonic_s is None:
                    continue
                if record.host_cpu_s is not None or has_gpu(reading.boundary):
                    own_j = record.energy_j if len(found) == 1 else part_j(record.energy_parts_j, reading.boundary)
                    if own_j is not None:
                        self._add(first + row, record, reading, own_j)
        self._done.append(self._columns())
        return bases

    def _add(self, row: int, record: Any, reading: Any, own_j: float) -> None:
        attributes, domains, host = reading.attributes, reading.domains, record.host
        if has_gpu(reading.boundary):  # one that could not be counted is in no sum
            domains = {name: joules for name, joules in domains.items() if joules is not None}
        ranges = attributes.range_uj or {}
        about = (
            host.boot_id,
            host.host_id,
            host.cpus_logical,
            reading.meter_id,
            reading.monitor,
            reading.boundary,
            attributes.counts_since_ns,
            record.host_cpu_source,
            len(domains),
            *domains,
            *ranges,
            *ranges.values(),
        )
        keys, places = self._settings.get(about) or self._new(about, record, reading, domains)
        try:
            counted = [domains[key] for key in keys]
            starts = [attributes.start_uj[key] * MICRO for key in keys]
        except (TypeError, KeyError):  # none, or null
            starts = _scaled(attributes, keys)
        if not counted or None in counted or None in starts:
            return
        if reading.energy_j is None or record.duration_s is None:
            return
        if abs(sum(counted) - reading.energy_j) > MICRO * max(1.0, reading.energy_j):
            return
        self._starts_j += starts
        self._counted_j += counted
        start_s, phases = record.monotonic_s, record.phases
        before_s, after_s = (phases.start_s or 0.0, phases.stop_s or 0.0) if phases else (0.0, 0.0)
        self._found.append(
            (
                row,
                places,
                start_s,
                start_s + record.duration_s,
                record.host_cpu_s,
                record.host_cpu_start_s,
                before_s,
                after_s,
                own_j,
                *(_cycles(record) if record.host_cpu_source == COUNTS_CYCLES else (nan, nan)),
            )
        )

    def _new(self, about: Any, record: Any, reading: Any, domains: Mapping[str, Any]) -> Setting:
        host, name = record.host, reading.meter_id
        parts = reading.boundary.split("+")
        keys = tuple(key for key in domains if key.partition("-")[0] in parts)
        ranges = reading.attributes.range_uj or {}
        meter = host.boot_id or host.host_id or "unknown", name.partition(":")[2] or name, reading.monitor
        kind = keys, tuple(map(ranges.get, keys)), reading.attributes.counts_since_ns, host.cpus_logical
        texts = (*meter, reading.boundary), kind, record.host_cpu_source
        tables = [self._tables[name] for name in PLACES]
        meter_place, kind_place, clock_place = (
            table.setdefault(text, len(table)) for table, text in zip(tables, texts, strict=True)
        )
        self._settings[about] = made = Setting(keys, (meter_place, kind_place, clock_place))
        return made

    def columns(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """
        Return the columns of windows, and those of counters.
        """
        windows, counters = zip(*(self._done or [self._columns()]), strict=True)
        return _joined(windows), _joined(counters)

    def _columns(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """
        Return those of the last records, as arrays: what Python keeps numbers in would fill the CPU's cache.
        """
        rows, places, *values = list(zip(*self._found, strict=True)) or [()] * (2 + len(WINDOW))
        placed = np.array(places, np.int32).reshape(-1, len(PLACES))
        columns = {"row": np.array(rows, np.int32)}
        columns |= {name: placed[:, place].copy() for place, name in enumerate(PLACES)}
        columns |= {name: np.array(each, float) for name, each in zip(WINDOW, values, strict=True)}
        counters = {"starts_j": np.array(self._starts_j, float), "counted_j": np.array(self._counted_j, float)}
        self._found, self._starts_j, self._counted_j = [], [], []
        return columns, counters


def _joined(columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: np.concatenate([each[name] for each in columns]) for name in columns[0]}


def _cycles(record: Any) -> tuple[float, float]:
    for reading in record.readings:
        if reading.attributes.cpu_cycles is not None and reading.attributes.host_cycles is not None:
            return reading.attributes.cpu_cycles, reading.attributes.host_cycles
    return nan, nan


def _scaled(attributes: Any, keys: tuple[str, ...]) -> list[Any]:
    """
    Return each counter at the window's beginning, in joules; None for one that is unknown.
    """
    if attributes.start_uj is not None:
        return [None]
    counts, scales = attributes.start_counts or {}, attributes.scale_j or {}
    return [counts[key] * scales[key] if counts.get(key) is not None and key in scales else None for key in keys]
