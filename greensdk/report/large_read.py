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
from multiprocessing import get_context
from typing import Any, NamedTuple

import msgspec
import numpy as np

from greensdk.logs.decoder import BEYOND_MSGSPEC
from greensdk.logs.read import Problem, parse
from greensdk.monitor import ESTIMATED, MACHINE
from greensdk.report.drift import LONG_S
from greensdk.report.meters import MICRO
from greensdk.schema import SCHEMA

PIECE_BYTES = 8_000_000
NUMBER = "number"
WINDOW = ("start_s", "stop_s", "busy_s", "began_s", "before_s", "after_s")
KEYS = ("function", "status", "runs", "energy_quality", "energy_source", "energy_boundary", "reason")
ALSO = ("worker.backend", "host.host_id")
"""Keys that sums are often asked for by; any other takes a reading of its own."""


class UnusualError(Exception):
    """
    A record that only the plain way reads, because its types are not those of the schema.
    """


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
            ``clock`` as places, and those of :data:`WINDOW`.
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
    number, text = float | None, str | None
    maybe = {"": None}  # may be missing
    counters = dict[str, number] | None
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
        "domains": dict[str, number],
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
        "host": {**maybe, "host_id": text, "boot_id": text, "cpus_logical": number},
        "worker": {**maybe, "backend": text, "executor_id": Any, "job_id": Any, "call_id": Any},
        "?runs": int | None,
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
        if not isinstance(spec, Mapping) or not part.isidentifier():
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
            made = made if key == "host" or key == "attributes" else made | None
        else:
            made = kind
        optional = "" in spec or key.startswith("?")
        fields.append((key.lstrip("?"), made | None, None) if optional else (key, made))
    return msgspec.defstruct(name, fields, kw_only=True, gc=False)
