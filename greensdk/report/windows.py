"""
Windows of shared meters as rows of numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from math import inf
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import numpy as np

from greensdk.monitor import ESTIMATED, MACHINE
from greensdk.report.batch import Growing, columns_of
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
COUNTERS = ("starts_j", "counted_j")
GIVEN = ("monotonic_s", "duration_s", *WINDOW[2:], "energy_j", "scale")
_OF_CALL = (
    "monotonic_s", "duration_s", "energy_j", "energy_parts_j", "host_cpu_s", "host_cpu_start_s", "host_cpu_source",
    "phases", "host", "readings",
)  # fmt: skip
_METHOD = ("energy_quality", "energy_source", "energy_boundary")
_KIND = attrgetter("monitor", "boundary", "scope", "attributes.basis")
_HOST = attrgetter("boot_id", "host_id", "cpus_logical")
_names = itemgetter(0, 1)


class Plan(NamedTuple):
    """
    What is taken of many records that have the same monitors.

    Attributes:
        basis: The place of what the number rests on; -1 where it is no estimate.
        readings: Which of the record's readings may be windows, and whether each is one of several in the number.
    """

    basis: int
    readings: tuple[tuple[int, bool], ...]


class Setting(NamedTuple):
    """
    What many windows have in common.

    Attributes:
        keys: The counters.
        places: Where the meter, the kind and the clock stand in the tables.
        values: Returns what an object has under these keys.
    """

    keys: tuple[str, ...]
    places: tuple[int, int, int]
    values: Callable[[Any], Sequence[Any]]


class Windows:
    """
    Columns of windows as they grow.
    """

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._tables = tables
        self._plans: dict[Any, Plan] = {}
        self._settings: dict[Any, Setting] = {}
        self._whole = Growing(dict.fromkeys(("row", *PLACES, "size"), np.int32))
        self._numbers = Growing(dict.fromkeys((*GIVEN, *COUNTERS), float))

    def take(self, first: int, values: Mapping[str, Sequence[Any]]) -> list[int]:
        """
        Add the windows of some records: where a primary reading is a meter's that other calls may have read, too,
        and comes with counters that add up to it.

        Args:
            first: The first record's row.
            values: The records, as :func:`greensdk.report.batch.columns_of` returns them.

        Returns:
            For each record the place of what its number rests on; -1 where it is no estimate.
        """
        plans = self._planned(values)
        picked = [
            (row, readings[place], is_part)
            for row, (readings, plan) in enumerate(zip(values["readings"], plans, strict=True))
            for place, is_part in plan.readings
            if readings[place].meter_id
        ]
        if picked:
            self._take(first, values, *zip(*picked, strict=True))
        return [plan.basis for plan in plans]

    def _planned(self, values: Mapping[str, Sequence[Any]]) -> list[Any]:
        """
        Return what is taken of each record. Records of the same method and monitors have one plan.
        """
        kinds = [tuple(map(_KIND, readings)) for readings in values["readings"]]
        sums = [parts is not None for parts in values["energy_parts_j"]]
        keys = list(zip(*map(values.__getitem__, _METHOD), sums, kinds, strict=True))
        found = list(map(self._plans.get, keys))
        if None in found:
            self._plans |= {key: self._plan(*key) for key in dict.fromkeys(keys) if key not in self._plans}
            found = list(map(self._plans.__getitem__, keys))
        return found

    def _plan(self, quality: Any, source: Any, boundary: Any, is_sum: bool, kinds: Sequence[tuple[Any, ...]]) -> Plan:
        readings = [(*kind, number) for number, kind in enumerate(kinds)]
        found = chosen(readings, source, boundary, _names, is_sum=is_sum)
        basis = -1
        if quality == ESTIMATED and found:
            monitor, _, _, why, _ = next((each for each in found if each[3]), found[0])
            basis = self._tables["basis"][monitor, why or ""]
        return Plan(basis, tuple((each[-1], len(found) > 1) for each in found if each[2] == MACHINE))

    def _take(self, first: int, values: Mapping[str, Sequence[Any]], rows: Any, readings: Any, is_part: Any) -> None:
        columns, about = columns_of(readings), columns_of([each.attributes for each in readings])
        pick = _getter(rows)
        calls = {name: pick(values[name]) for name in _OF_CALL}
        if any(map(has_gpu, set(columns["boundary"]))):  # one that could not be counted is in no sum
            is_gpu = list(map(has_gpu, columns["boundary"]))
            columns["domains"] = tuple(map(_counted, columns["domains"], is_gpu))
            busy_s = zip(is_gpu, calls["host_cpu_s"], strict=True)
            calls["host_cpu_s"] = [inf if gpu and busy is None else busy for gpu, busy in busy_s]
        settings = self._settled(calls, columns, about)
        own_j = calls["energy_j"]
        if any(is_part):
            parts = zip(is_part, calls["energy_parts_j"], columns["boundary"], own_j, strict=True)
            own_j = [part_j(joules, boundary) if part else all_j for part, joules, boundary, all_j in parts]
        try:
            starts = [setting.values(each) for setting, each in zip(settings, about["start_uj"], strict=True)]
        except (TypeError, KeyError):  # none, or not all
            starts = list(map(_starts, settings, about["start_uj"], about["start_counts"], about["scale_j"]))
        counted = [setting.values(each) for setting, each in zip(settings, columns["domains"], strict=True)]
        phases = calls["phases"]
        given = (
            *(calls[name] for name in ("monotonic_s", "duration_s", "host_cpu_s", "host_cpu_start_s")),
            [(each and each.start_s) or 0.0 for each in phases],
            [(each and each.stop_s) or 0.0 for each in phases],
            own_j,
            *_cycles(calls["host_cpu_source"], calls["readings"]),
            columns["energy_j"],
            [1.0 if each is None else MICRO for each in about["start_uj"]],
            list(chain.from_iterable(starts)),
            list(chain.from_iterable(counted)),
        )
        self._numbers.take(dict(zip((*GIVEN, *COUNTERS), given, strict=True)))
        places = zip(*[setting.places for setting in settings], strict=True)
        whole = [first + row for row in rows], *places, [len(setting.keys) for setting in settings]
        self._whole.take(dict(zip(("row", *PLACES, "size"), whole, strict=True)))

    def _settled(self, calls: Mapping[str, Any], columns: Mapping[str, Any], about: Mapping[str, Any]) -> list[Setting]:
        """
        Return what each window has in common with others.
        """
        ranges = [each or {} for each in about["range_uj"]]
        keys = zip(
            map(_HOST, calls["host"]),
            columns["meter_id"],
            columns["monitor"],
            columns["boundary"],
            about["counts_since_ns"],
            calls["host_cpu_source"],
            map(tuple, columns["domains"]),
            map(tuple, ranges),
            map(tuple, map(dict.values, ranges)),
            strict=True,
        )
        return [self._settings.get(key) or self._new(key) for key in keys]

    def _new(self, key: Any) -> Setting:
        (boot, host, cpus), name, monitor, boundary, since_ns, clock, domains, names, ends = key
        parts = boundary.split("+")
        keys = tuple(each for each in domains if each.partition("-")[0] in parts)
        ranges = dict(zip(names, ends, strict=True))
        meter = boot or host or "unknown", name.partition(":")[2] or name, monitor
        kind = keys, tuple(map(ranges.get, keys)), since_ns, cpus
        texts = (*meter, boundary), kind, clock
        meter_place, kind_place, clock_place = (
            self._tables[name][text] for name, text in zip(PLACES, texts, strict=True)
        )
        self._settings[key] = made = Setting(keys, (meter_place, kind_place, clock_place), _getter(keys))
        return made

    def columns(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """
        Return the columns of windows, and those of counters.
        """
        row, *places, size = self._whole.columns().values()
        start_s, long_s, *between, energy_j, scale, starts, counted = self._numbers.columns().values()
        busy_s, *others = between
        own_j = others[WINDOW.index("own_j") - 3]
        window = np.repeat(np.arange(len(row)), size)
        starts = starts * scale[window]
        # NaN, for what is unknown, makes a sum that is close to nothing.
        sums_j = np.bincount(window, counted + 0.0 * starts, len(row))
        kept = (np.abs(sums_j - energy_j) <= MICRO * np.maximum(1.0, energy_j)) & (size > 0)
        kept &= ~np.isnan(start_s + long_s + own_j + busy_s)
        busy_s = np.where(np.isinf(busy_s), np.nan, busy_s)
        numbers = start_s, start_s + long_s, busy_s, *others
        windows = dict(zip(("row", *PLACES, *WINDOW), (row, *places, *numbers), strict=True))
        counters = dict(zip(COUNTERS, (starts, counted), strict=True))
        return (
            {name: column[kept] for name, column in windows.items()},
            {name: column[kept[window]] for name, column in counters.items()},
        )


def _counted(domains: Mapping[str, float | None], is_gpu: bool) -> Mapping[str, float | None]:
    return {name: joules for name, joules in domains.items() if joules is not None} if is_gpu else domains


def _cycles(clocks: Sequence[str | None], readings: Sequence[Sequence[Any]]) -> Iterator[Sequence[float | None]]:
    """
    Return the CPU cycles of some calls, and those of their machines.
    """
    if COUNTS_CYCLES not in clocks:
        return iter([[None] * len(clocks)] * 2)
    return zip(*map(_cycles_of, clocks, readings), strict=True)


def _cycles_of(clock: str | None, readings: Sequence[Any]) -> tuple[float | None, float | None]:
    for reading in readings if clock == COUNTS_CYCLES else ():
        if reading.attributes.cpu_cycles is not None and reading.attributes.host_cycles is not None:
            return reading.attributes.cpu_cycles, reading.attributes.host_cycles
    return None, None


def _getter(keys: tuple[str, ...]) -> Callable[[Any], Sequence[Any]]:
    """
    Return a function that looks keys up; of one alone :class:`operator.itemgetter` returns no sequence.
    """
    if len(keys) > 1:
        return itemgetter(*keys)
    return lambda values: [values[key] for key in keys]


def _starts(setting: Setting, micro: Any, counts: Any, scales: Any) -> Sequence[Any]:
    """
    Return each counter at the window's beginning, in microjoules or, where these are not known, in joules; None for one
    that is unknown.
    """
    keys = setting.keys
    try:
        return setting.values(micro)
    except (TypeError, KeyError):  # none, or not all
        if micro is not None:
            return [None] * len(keys)
    counts, scales = counts or {}, scales or {}
    return [counts[key] * scales[key] if counts.get(key) is not None and key in scales else None for key in keys]
