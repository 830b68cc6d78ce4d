"""
A large log, read in pieces by all CPUs into columns of numbers.

A line takes 2 us as a record of the few keys that sums need, and some 100 bytes as a row of numbers; as a dictionary
it takes 20 us with everything that is made of it, and 10 kB. Texts stand in tables, and rows hold their places there.
Of record ids and the like rows hold the 64 bits of Python's ``hash``, so of a million records two are taken for one
with a probability of 3e-8 (birthdays, n^2 / 2^65).
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from io import BytesIO
from itertools import pairwise
from keyword import iskeyword
from multiprocessing import get_context
from operator import attrgetter
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

import msgspec
import numpy as np

from greensdk.logs.read import Problem, parse
from greensdk.monitor import MACHINE
from greensdk.report.drift import LONG_S
from greensdk.report.large_windows import UnusualError, Windows
from greensdk.report.needed import fault
from greensdk.schema import SCHEMA

PIECE_BYTES = 32_000_000
BATCH_BYTES = 250_000
"""So much is read at a time: what is made of it stays in a CPU's cache."""
NEWLINE = ord("\n")
TABLES = ("texts", "host", "basis", "meter", "kind", "clock")
NUMBERS = ("duration_s", "cpu_s", "energy_j", "energy_low_j", "energy_high_j")
WHOLE: dict[str, Any] = {
    "id": np.int64,
    "parent": np.int64,
    "address": np.int64,
    "host": np.int32,
    "texts": np.int32,
    "basis": np.int32,
}
SURROGATE = b"\\ud"
"""Perhaps half of a surrogate pair, which msgspec passes over in keys that it does not read."""
KEYS = ("function", "status", "runs", "energy_quality", "energy_source", "energy_boundary", "reason")
ALSO = ("worker.backend", "host.host_id")
"""Keys that sums are often asked for by; any other takes a reading of its own."""


class Piece(NamedTuple):
    """
    Rows of one piece of a log, or of all.

    Attributes:
        lines: How many lines it has.
        problems: Lines that can't be read.
        rows: Columns with a number for each record: ``id``, ``parent`` (0: none), ``address`` (0: none), ``host``,
            ``texts`` and ``basis`` (-1: none) as places in the tables, and ``duration_s``, ``cpu_s``, ``energy_j``,
            ``energy_low_j``, ``energy_high_j`` (NaN: null).
        windows: Columns with a number for each record that has read a shared meter: ``row``, ``meter``, ``kind``,
            ``clock`` as places, and those of :data:`greensdk.report.large_windows.WINDOW`.
        starts_j: Counters at the windows' beginnings, one after the other, as many as the window's kind has.
        counted_j: What each counted.
        tables: Texts by ``texts``, ``host``, ``basis``, ``meter``, ``kind``, ``clock``.
        around: Row, and addresses of the calls around it, of records whose executor was made in a worker.
        pairs: Row, names and joules of two monitors of one meter.
    """

    lines: int
    problems: list[Problem]
    rows: dict[str, Any]
    windows: dict[str, Any]
    starts_j: Any
    counted_j: Any
    tables: dict[str, list[Any]]
    around: list[tuple[int, list[int]]]
    pairs: list[tuple[int, tuple[str, str, str], float, float]]


def _spec() -> dict[str, Any]:
    """
    Return the keys that are read, with their types; a list's first item says what it holds.
    """
    number: Any = float | None
    text: Any = str | None
    maybe = {"": None}  # may be missing
    counters: Any = dict[str, float | None] | None
    attributes = {
        **maybe,
        "start_uj": counters,
        "range_uj": counters,
        "start_counts": counters,
        "scale_j": counters,
        "counts_since_ns": int | None,
        "basis": str,
    }
    reading = {
        "monitor": str,
        "scope": str,
        "boundary": str,
        "energy_j": number,
        "meter_id": text,
        "domains": dict[str, float | None],
        "attributes": attributes,
    }
    return {
        "schema": text,
        "record_id": str,
        "parent_id": text,
        **dict.fromkeys(("function", "energy_quality", "energy_source", "energy_boundary", "reason"), text),
        "status": str,
        **dict.fromkeys(("duration_s", "cpu_s", "energy_j", "energy_low_j", "energy_high_j"), number),
        "readings": [reading],
        "host": {**maybe, "host_id": text, "boot_id": text, "cpus_logical": int | None},
        "worker": {**maybe, "backend": text, "executor_id": Any, "job_id": Any, "call_id": Any},
        "?runs": int,
        "?monotonic_s": number,
        "?host_cpu_s": number,
        "?host_cpu_start_s": number,
        "?host_cpu_source": text,
        "?phases": {**maybe, "start_s": number, "stop_s": number},
    }


def can_take(key: str) -> bool:
    """
    Say whether groups by `key` can be read into columns.
    """
    spec: Any = _spec()
    for part in key.split("."):
        if not isinstance(spec, Mapping) or not part.isidentifier() or iskeyword(part) or part.startswith("_"):
            return False
        spec = spec.get(part, spec.get(f"?{part}", {}))
    return not spec or not isinstance(spec, Mapping | list)


@cache
def _decoder(key: str) -> msgspec.json.Decoder[Any]:
    spec = _spec()
    place: Any = spec
    *outer, last = key.split(".")
    for part in outer:
        place = place.setdefault(part if part in place else f"?{part}", {"": None})
    if last not in place and f"?{last}" not in place:
        place[f"?{last}"] = Any
    return msgspec.json.Decoder(_struct("Record", spec))


def _struct(name: str, spec: Mapping[str, Any]) -> Any:
    fields: list[Any] = []
    for key, kind in spec.items():
        if not key:
            continue
        if isinstance(kind, list):
            made: Any = list[_struct(key, kind[0])]  # type: ignore[misc]
        elif isinstance(kind, Mapping):
            made = _struct(key, kind)
            made = made if key in {"host", "attributes", "?phases"} else made | None
        else:
            made = kind
        optional = "" in spec or key.startswith("?")
        fields.append((key.lstrip("?"), made | None if "" in spec else made, None) if optional else (key, made))
    return msgspec.defstruct(name, fields, kw_only=True, gc=False)


def pieces(files: Sequence[str], key: str) -> Iterator[tuple[str, Piece]]:
    """
    Yield each file's name with each of its pieces, in their order; they are read side by side.

    Args:
        files: Plain files.
        key: A dotted key, whose values are read too.

    Raises:
        UnusualError: A record has to be read in the plain way.
    """
    _decoder(key)  # once, before the forks
    work = [(name, *ends, key) for name in files for ends in pairwise(_cuts(name))]
    with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        with catch_warnings():
            # Python 3.12 warns of threads: here they are numpy's for matrices, which are at rest and not used.
            simplefilter("ignore", DeprecationWarning)
            found = pool.map(_piece, work)
        for (name, *_), piece in zip(work, found, strict=True):
            yield name, piece


def _cuts(path: str) -> list[int]:
    size_bytes = os.path.getsize(path)
    found = [0]
    with open(path, "rb") as file:
        for place in range(PIECE_BYTES, size_bytes, PIECE_BYTES):
            file.seek(place)
            file.readline()
            if found[-1] < file.tell() < size_bytes:
                found.append(file.tell())
    return [*found, size_bytes]


def _piece(work: tuple[str, int, int, str]) -> Piece:
    path, first, behind, key = work
    gc.disable()  # nothing here holds itself
    columns = _Columns(key)
    with open(path, "rb") as file:
        file.seek(first)
        while file.tell() < behind:
            text = file.read(min(BATCH_BYTES, behind - file.tell()))
            if file.tell() < behind:
                text += file.readline()
            columns.take(path, text)
    return columns.piece()


class _Columns:
    """
    The columns of a piece as they grow, a batch of lines at a time.
    """

    def __init__(self, key: str) -> None:
        self.decoder = _decoder(key)
        self.parts = key.split(".")
        self.lines = 0
        self.taken = 0
        self.problems: list[Problem] = []
        self.tables: dict[str, dict[Any, int]] = {name: {} for name in TABLES}
        self.rows: dict[str, list[Any]] = {name: [] for name in (*WHOLE, *NUMBERS)}
        self.windows = Windows(self.tables)
        self.around: list[tuple[int, list[int]]] = []
        self.pairs: list[tuple[int, tuple[str, str, str], float, float]] = []

    def take(self, path: str, text: bytes) -> None:
        """
        Add the records in some lines.
        """
        # bytes.count() takes four times as long.
        lines = int(np.count_nonzero(np.frombuffer(text, np.uint8) == NEWLINE)) + (not text.endswith(b"\n"))
        records = _at_once(text, lines, self.decoder)
        if records is None:
            records = list(self._one_by_one(path, text))
        self.lines += lines
        rows, tables = self.rows, self.tables
        first, self.taken = self.taken, self.taken + len(records)
        found: dict[str, Iterable[Any]] = {name: map(attrgetter(name), records) for name in NUMBERS}
        found["id"] = [hash(record.record_id) for record in records]
        found["parent"] = [hash(record.parent_id or "") for record in records]
        try:
            found["texts"] = _places(tables["texts"], _texts(records, self.parts))
        except TypeError as error:
            raise UnusualError(f"{'.'.join(self.parts)}: {error}") from error
        found["host"] = _places(tables["host"], ((each.host.host_id, each.host.boot_id) for each in records))
        found["address"] = [_address(record.worker) for record in records]
        found["basis"] = self.windows.take(first, records)
        for name, values in found.items():
            rows[name].append(np.array(list(values), WHOLE.get(name, float)))
        self.around += [
            (row, _around(str(worker.executor_id)))
            for row, record in enumerate(records, first)
            if (worker := record.worker) is not None and str(worker.executor_id).count("-") > 3
        ]
        for row, record in enumerate(records, first):
            if len(record.readings) > 1:
                self.pairs += _pairs(row, record)

    def _one_by_one(self, path: str, text: bytes) -> Iterator[Any]:
        # bytes.splitlines() would end lines at a carriage return too.
        for number, line in enumerate(BytesIO(text), self.lines + 1):
            if line.isspace():
                continue
            found = parse(line)
            if isinstance(found, str):
                self.problems.append(Problem(path, number, found))
                continue
            try:
                yield self.decoder.decode(line)
            except (msgspec.MsgspecError, RecursionError) as error:
                if wrong := fault(found):
                    self.problems.append(Problem(path, number, wrong))
                    continue
                raise UnusualError(f"{path}:{number}: {error}") from error

    def piece(self) -> Piece:
        """
        Return what has been taken.
        """
        rows = {name: np.concatenate(values) for name, values in self.rows.items()}
        tables = {name: list(table) for name, table in self.tables.items()}
        windows, starts_j, counted_j = self.windows.columns()
        return Piece(self.lines, self.problems, rows, windows, starts_j, counted_j, tables, self.around, self.pairs)


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
    return records if lines == len(records) and all(each.schema == SCHEMA for each in records) else None


def _places(table: dict[Any, int], values: Iterable[Any]) -> list[int]:
    return [table.setdefault(value, len(table)) for value in values]


def _texts(records: list[Any], parts: list[str]) -> Iterator[tuple[Any, ...]]:
    """
    Yield what records are grouped by: :data:`KEYS`, :data:`ALSO`, and what is under the key of these parts.
    """
    for each in records:
        value = each
        for part in parts:
            value = getattr(value, part, None)
        yield (
            each.function,
            each.status,
            each.runs,
            each.energy_quality,
            each.energy_source,
            each.energy_boundary,
            each.reason,
            each.worker and each.worker.backend,
            each.host.host_id,
            value,
        )


def _address(worker: Any) -> int:
    if worker is None or worker.executor_id is None:
        return 0
    return hash(f"{worker.executor_id}-{worker.job_id}-{worker.call_id}")


def _around(executor: str) -> list[int]:
    parts = executor.split("-")
    return [hash("-".join(parts[:end])) for end in range(4, len(parts))]


def _pairs(row: int, record: Any) -> Iterator[tuple[int, tuple[str, str, str], float, float]]:
    """
    Yield what :func:`greensdk.report.drift.compare` adds up.
    """
    if (record.duration_s or 0.0) < LONG_S:
        return
    shared = [each for each in record.readings if each.meter_id and each.energy_j and each.scope == MACHINE]
    for place, one in enumerate(shared):
        for two in shared[place + 1 :]:
            if (one.meter_id, one.boundary) == (two.meter_id, two.boundary):
                yield row, (one.meter_id, one.monitor, two.monitor), one.energy_j, two.energy_j
