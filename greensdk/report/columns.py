"""
Records as columns of numbers: the one form in which they are added up.

A line takes 2 us as a record of the few keys that sums need, and some 100 bytes as a row of numbers; as a dictionary
it takes 20 us with everything that is made of it, and 10 kB. Texts stand in tables, and rows hold their places there.
Of record ids and the like rows hold the 64 bits of Python's ``hash``, so of a million records two are taken for one
with a probability of 3e-8 (birthdays, n^2 / 2^65).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from itertools import accumulate
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np

from greensdk.errors import RecordError
from greensdk.logs.read import Problem, parse
from greensdk.report import drift
from greensdk.report.batch import Growing, columns_of, places, some
from greensdk.report.shape import AMOUNTS, DETAILS, GROUPS, MAY_LACK, PROCESS, fault, shape, tidied
from greensdk.report.windows import Windows
from greensdk.schema.fields import FORMAT, MAJOR
from greensdk.schema.primary import call_quality

SCHEMA = f"{FORMAT}/{MAJOR}"
SURROGATE = b"\\ud"
"""Perhaps half of a surrogate pair, which msgspec passes over in keys that it does not read."""
TABLES = ("facts", "host", "process", "basis", "meter", "kind", "clock", "method", "reason", "part")
NUMBERS = ("monotonic_s", "duration_s", "cpu_s", "children_cpu_s", "energy_j", "energy_low_j", "energy_high_j")
PLACES = ("id", "parent", "address", "line", "process", "facts", "basis")
READING = ("call_j", "low_j", "high_j")
_SCHEMA = attrgetter("schema")
_BOOT = attrgetter("host_id", "boot_id")
_COMPARED = attrgetter(*drift.OF_READING)


class Columns(NamedTuple):
    """
    Rows of one piece of a log, or of all.

    Attributes:
        keys: The dotted keys whose values each text in the table ``facts`` holds, in this order.
        lines: How many lines there are.
        problems: Lines that can't be read.
        rows: Columns with a number for each record: ``id``, ``parent`` (0: none), ``address`` (0: none), ``line`` (the
            byte where it begins, or the place in a list), ``host``, ``process``, ``facts`` and ``basis`` (-1: none) as
            places in the tables, and :data:`NUMBERS` (NaN: null).
        windows: Columns with a number for each record that has read a shared meter: ``row``, ``meter``, ``kind``,
            ``clock`` as places, and those of :data:`greensdk.report.windows.WINDOW`.
        counters: ``starts_j``, the counters at the windows' beginnings, one after the other, as many as the window's
            kind has, and ``counted_j``, what each counted.
        readings: Columns with a number for each reading, where details were asked for: ``row``, ``method`` and
            ``reason`` as places, and :data:`READING`.
        parts: Columns with a number for each part of the records whose joules are a sum of several: ``row``, ``part``
            as a place, and ``part_j``.
        tables: Texts by name.
        around: Row, and addresses of the calls around it, of records whose executor was made in a worker.
        pairs: Row, names and joules of two monitors of one meter.
        units: Row, unit and amount of work that was counted.
        ids: Each row's record id, where ids were asked for.
    """

    keys: tuple[str, ...]
    lines: int
    problems: list[Problem]
    rows: dict[str, Any]
    windows: dict[str, Any]
    counters: dict[str, Any]
    readings: dict[str, Any]
    parts: dict[str, Any]
    tables: dict[str, list[Any]]
    around: list[tuple[int, list[int]]]
    pairs: list[tuple[int, drift.Pair]]
    units: list[tuple[int, str, float]]
    ids: list[str]


class Builder:
    """
    Columns as they grow, some records at a time.

    Args:
        keys: Dotted keys that groups will be asked for by, besides :data:`greensdk.report.shape.GROUPS`.
        details: What a page shows is taken too.
        ids: The records' ids are kept.
    """

    def __init__(self, keys: Iterable[str], details: bool, ids: bool) -> None:
        more = dict.fromkeys([*(DETAILS if details else ()), *keys])
        self.keys = (*GROUPS, *(key for key in more if key not in GROUPS))
        self.kind = shape(self.keys[len(GROUPS) :], details=details)
        self.decoder = msgspec.json.Decoder(self.kind)
        self.details = details
        self.ids: list[str] | None = [] if ids else None
        self.lines = self.taken = 0
        self.problems: list[Problem] = []
        self.tables = {name: places() for name in TABLES}
        names = (*PLACES, *NUMBERS, *_detailed(details))
        self.rows = Growing({name: TYPES.get(name, float) for name in names})
        self.windows = Windows(self.tables)
        self.readings: list[tuple[Any, ...]] = []
        self.parts: list[tuple[int, int, float]] = []
        self.around: list[tuple[int, list[int]]] = []
        self.pairs: list[tuple[int, drift.Pair]] = []
        self.units: list[tuple[int, str, float]] = []

    def take_lines(self, path: str, text: bytes, first_byte: int) -> None:
        """
        Add the records in some lines of a file.

        Args:
            path: What the file is called in words.
            text: Whole lines.
            first_byte: Where they begin in it.
        """
        starts = [0]
        while behind := text.find(b"\n", starts[-1]) + 1:
            starts.append(behind)
        lines = len(starts) - text.endswith(b"\n")
        records = _at_once(text, lines, self.decoder)
        if records is None:
            found = list(self._one_by_one(path, text))
            records = [record for _, record in found]
            starts = [place for place, _ in found]
        self.lines += lines
        self._take(records, [first_byte + start for start in starts[: len(records)]])

    def take(self, records: Sequence[dict[str, Any]]) -> None:
        """
        Add records that are dictionaries.

        Raises:
            RecordError: No sum can be made of one.
        """
        self._take([self._of(record) for record in records], range(self.taken, self.taken + len(records)))

    def _of(self, record: dict[str, Any]) -> Any:
        process = record.get(PROCESS)
        record = {**record, PROCESS: msgspec.Raw(b"" if process is None else msgspec.json.encode(process))}
        try:
            return msgspec.convert(record, self.kind)
        except (msgspec.MsgspecError, RecursionError):
            record = {key: value for key, value in record.items() if value is not None or key not in MAY_LACK}
        if wrong := fault(record):
            raise RecordError(f"record {record.get('record_id')}: {wrong}")
        try:
            return msgspec.convert(tidied(record), self.kind)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise RecordError(f"record {record['record_id']}: {error}") from error

    def _one_by_one(self, path: str, text: bytes) -> Iterator[tuple[int, Any]]:
        # bytes.splitlines() would end lines at a carriage return too.
        lines = list(BytesIO(text))
        for number, (place, line) in enumerate(zip(accumulate(map(len, lines), initial=0), lines, strict=False), 1):
            if line.isspace():
                continue
            found = parse(line)
            try:
                wrong = found if isinstance(found, str) else fault(found)
                record = None if wrong else self._of(found)  # type: ignore[arg-type]
            except RecordError as error:
                wrong = str(error)
            if wrong:
                self.problems.append(Problem(path, self.lines + number, wrong))
            else:
                yield place, record

    def _take(self, records: list[Any], lines: Sequence[int]) -> None:
        if not records:
            return
        first, self.taken = self.taken, self.taken + len(records)
        values = columns_of(records)
        facts = self._facts(values)
        # Not looked at when the line was read, for old records have none.
        found: dict[str, Any] = {**values, "children_cpu_s": _amounts(values["children_cpu_s"])}
        found |= self._places(values) | {"line": lines, "facts": facts}
        found["basis"] = self.windows.take(first, values)
        if self.details:
            found["started_s"] = [instant(text) for text in values["started_at"]]
            found |= {name: _amounts(values_of(records, name)) for name in AMOUNTS}
            self.readings += self._readings(first, records)
        if self.ids is not None:
            self.ids += values["record_id"]
        self.rows.take(found)
        self._take_rare(first, values)

    def _places(self, values: Mapping[str, Sequence[Any]]) -> dict[str, list[int]]:
        """
        Return what tells the records, their processes and machines from others.
        """
        processes = self.tables["process"]
        texts = [b"" if process is None else bytes(process) for process in values["process"]]
        return {
            "id": list(map(hash, values["record_id"])),
            "parent": [0 if parent is None else hash(parent) for parent in values["parent_id"]],
            "process": list(map(processes.__getitem__, zip(map(_BOOT, values["host"]), texts, strict=True))),
            "address": [0 if worker is None else _address(worker) for worker in values["worker"]],
        }

    def _take_rare(self, first: int, values: Mapping[str, Sequence[Any]]) -> None:
        """
        Add what few records have.
        """
        self.parts += [
            (first + row, self.tables["part"][name], part_j)
            for row, joules in some(values["energy_parts_j"])
            for name, part_j in joules.items()
            if part_j is not None
        ]
        self.units += [(first + row, *each) for row, units in some(values["units"]) for each in amounts(units)]
        executors = {str(worker.executor_id) for worker in values["worker"] if worker is not None}
        if any(name.count("-") > 3 for name in executors):
            for row, worker in some(values["worker"]):
                if above := addresses_around(str(worker.executor_id)):
                    self.around.append((first + row, above))
        for row, readings in enumerate(values["readings"], first):
            if len(readings) > 1:
                found = drift.pairs(values["duration_s"][row - first], map(_COMPARED, readings))
                self.pairs += [(row, pair) for pair in found]

    def _facts(self, values: Mapping[str, Sequence[Any]]) -> list[int]:
        """
        Return the places of what records are grouped by.
        """
        columns = [values_of(values[top], below) for top, _, below in (key.partition(".") for key in self.keys)]
        table = self.tables["facts"]
        try:
            return list(map(table.__getitem__, zip(*columns, strict=True)))
        except TypeError:  # a list or an object: nothing that calls can be grouped by
            columns[7:] = [list(map(hashable, column)) for column in columns[7:]]
            return list(map(table.__getitem__, zip(*columns, strict=True)))

    def _readings(self, first: int, records: list[Any]) -> Iterator[tuple[Any, ...]]:
        methods, reasons = self.tables["method"], self.tables["reason"]
        for row, record in enumerate(records, first):
            for each in record.readings:
                method = methods[each.monitor, each.boundary, call_quality(each.scope, str(each.quality))]
                reason = -1 if each.call_j is not None else reasons[str(each.reason or "it does not say why")]
                yield row, method, reason, *map(_amount, (each.call_j, each.low_j, each.high_j))

    def columns(self) -> Columns:
        """
        Return what has been taken.
        """
        rows, hosts = self.rows.columns(), self.tables["host"]
        rows["host"] = np.array([hosts[machine] for machine, _ in self.tables["process"]], np.int32)[rows["process"]]
        tables = {name: list(table) for name, table in self.tables.items()}
        windows, counters = self.windows.columns()
        names = ("row", "method", "reason", *READING)
        values = list(zip(*self.readings, strict=True)) or [()] * len(names)
        readings = {name: np.array(each, TYPES.get(name, float)) for name, each in zip(names, values, strict=True)}
        values = list(zip(*self.parts, strict=True)) or [()] * 3
        parts = {
            name: np.array(each, TYPES.get(name, float))
            for name, each in zip(("row", "part", "part_j"), values, strict=True)
        }
        return Columns(
            self.keys,
            self.lines,
            self.problems,
            rows,
            windows,
            counters,
            readings,
            parts,
            tables,
            self.around,
            self.pairs,
            self.units,
            self.ids or [],
        )


TYPES: dict[str, Any] = {
    **dict.fromkeys(("id", "parent", "address", "line"), np.int64),
    **dict.fromkeys(("host", "process", "facts", "basis", "row", "method", "reason", "part"), np.int32),
}
"""The types of columns that are no floats."""


def _detailed(details: bool) -> tuple[str, ...]:
    return ("started_s", *AMOUNTS) if details else ()


def _at_once(text: bytes, lines: int, decoder: msgspec.json.Decoder[Any]) -> list[Any] | None:
    """
    Return the records in some lines; None where they have to be looked at one by one.
    """
    # Half of a surrogate pair, or what is no UTF-8, msgspec passes over in keys that it does not read.
    if not text.isascii() or b"\\" in text:
        try:
            text.decode()
        except UnicodeDecodeError:
            return None
        if SURROGATE in text:
            return None
    try:
        records = decoder.decode_lines(text)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return records if lines == len(records) and set(map(_SCHEMA, records)) <= {SCHEMA} else None


def values_of(records: Sequence[Any], key: str) -> Sequence[Any]:
    """
    Return what stands under a dotted key of some records, as dictionaries or in columns' own form; None where nothing
    does. Under no key they stand themselves.
    """
    found = records
    for part in key.split(".") if key else ():
        found = [each.get(part) if each.__class__ is dict else getattr(each, part, None) for each in found]
    return found


def hashable(value: Any) -> Any:
    """
    Return a value that can be a key; lists and objects as tuples, which no value of JSON is.
    """
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), hashable(each)) for key, each in value.items()))
    if isinstance(value, list):
        return tuple(map(hashable, value))
    return () if isinstance(value, msgspec.Struct) else value


def amounts(units: Any) -> Iterator[tuple[str, float]]:
    """
    Yield the units of a record that are numbers.
    """
    for unit, value in units.items() if isinstance(units, dict) else ():
        if (amount := _amount(value)) is not None:
            yield unit, amount


def _amounts(values: Sequence[Any]) -> Sequence[float | None]:
    return values if all(value is None for value in values) else [_amount(value) for value in values]


def _amount(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


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


def _address(worker: Any) -> int:
    return 0 if worker.executor_id is None else hash(f"{worker.executor_id}-{worker.job_id}-{worker.call_id}")


def addresses_around(executor: str) -> list[int]:
    """
    Return the addresses of the calls whose workers made the executors that made this one.

    An executor made in a worker is called ``<executor>-<job>-<call>-<number>`` after it.
    """
    parts = executor.split("-")
    return [hash("-".join(parts[:end])) for end in range(4, len(parts))]
