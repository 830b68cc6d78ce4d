"""
Logs of Intel Power Gadget, which measured Windows and macOS machines with Intel CPUs until Intel withdrew it in 2023.

A log is CSV with a row a sample and a summary at the end. ``Cumulative Processor Energy_0(Joules)`` is what package 0
took since the log began, by the CPU's own RAPL counters; ``IA`` are the cores, ``GT`` the graphics, ``DRAM`` the
memory; there is such a column for each package, ``_1`` for the second (Intel Power Gadget's manual, "Log to file").
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

from greensdk.errors import RecordError
from greensdk.logs.read import Problem, lines
from greensdk.measure.record import blank, rfc3339
from greensdk.monitor import MEASURED

NAME = "power-gadget"
ELAPSED = "Elapsed Time (sec)"
MOST = 1e9
"""Seconds, joules, percent and MHz of a log stay below it: 30 years, or a week at the power of a thousand servers."""
SUMMARY = re.compile(r"^[^,;=]*=")
"""A line of the summary: ``Total Elapsed Time (sec) = 60.2``."""

_ENERGY = re.compile(r"^Cumulative (Processor|IA|GT|DRAM) Energy_?([0-9]*) ?\(Joules\)$")
_KINDS = {"Processor": "package", "IA": "core", "GT": "uncore", "DRAM": "dram"}
_MEANS = {"CPU Utilization(%)": "host_cpu_percent", "CPU Frequency_0(MHz)": "cpu_freq_mhz"}
_COUNTED = ("package", "dram")
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
"""Byte order mark to codec."""

Row = dict[str, float]


def import_(path: str, skip: Callable[[Problem], Any]) -> Iterator[dict[str, Any]]:
    """
    Yield one record: what the machine took while the log was written.

    The log has no date. The file was last written at its end, which is where the record's time comes from.

    Raises:
        RecordError: It is no such log, or holds no sample.
    """
    rows = list(_rows(path, skip))
    if not rows:
        raise RecordError(f"{path}: no sample of Power Gadget in it")
    duration_s = rows[-1][ELAPSED]
    joules_of = {_domain(name): joules for name, joules in rows[-1].items() if _domain(name)}
    counted = [name for name in joules_of if name.partition("-")[0] in _COUNTED]
    joules = sum(joules_of[name] for name in counted)
    boundary = "+".join(kind for kind in _COUNTED if any(name.startswith(kind) for name in counted))
    ended_s = os.stat(path).st_mtime if os.path.exists(path) else time.time()
    name = os.path.basename(path)
    yield {
        **blank(),
        "record_id": sha256(f"{NAME}/{name}/{ended_s!r}/{joules_of}".encode()).hexdigest()[:32],
        "label": name,
        "started_at": rfc3339(ended_s - duration_s),
        "duration_s": duration_s,
        "energy_j": joules,
        "energy_self_j": joules,
        "energy_per_run_j": joules,
        "energy_source": NAME,
        "energy_quality": MEASURED,
        "energy_boundary": boundary,
        "resources": _means(rows),
        "readings": [
            {
                "monitor": NAME,
                "scope": "machine",
                "quality": MEASURED,
                "boundary": boundary,
                "energy_j": joules,
                "call_j": joules,
                "low_j": None,
                "high_j": None,
                "domains": joules_of,
                "meter_id": None,
                "reason": None,
                "attributes": {"samples": len(rows), "time_source": "the file's time of change"},
            }
        ],
    }


def _rows(path: str, skip: Callable[[Problem], Any]) -> Iterator[Row]:
    header: list[str] = []
    before_s = 0.0
    separator = ","
    for file, number, text in _texts(path):
        if not header:
            # Where the decimal sign is a comma, Windows separates lists by semicolons.
            separator = ";" if text.count(";") > text.count(",") else ","
            header = _cells(text, separator)
            _check(path, header)
        elif SUMMARY.match(text):
            continue
        else:
            row = _row(header, _cells(text, separator), "," if separator == ";" else ".")
            if isinstance(row, str) or row[ELAPSED] < before_s:
                skip(Problem(file, number, row if isinstance(row, str) else f"{ELAPSED}: goes backwards"))
                continue
            before_s = row[ELAPSED]
            yield row


def _texts(path: str) -> Iterator[tuple[str, int, str]]:
    """Yield file, number and text of each line: UTF-8, or the UTF-16 that editors and shells of Windows write."""
    codec = ""
    for file, number, line in lines(path):
        if not codec:
            codec = next((name for mark, name in _MARKS.items() if line.startswith(mark)), "utf-8-sig")
        # In UTF-16 a newline has two bytes, and lines are cut behind the byte 0A: before its 00, or after it.
        le = codec == "utf-16-le"
        whole = line.removeprefix(b"\0").removesuffix(b"\n") if le else line.removesuffix(b"\0\n")
        if text := whole.decode(codec, "replace").strip().removeprefix("\ufeff"):
            yield file, number, text


def _check(path: str, header: list[str]) -> None:
    for what, there in ((ELAPSED, ELAPSED in header), ("Cumulative Processor Energy_0(Joules)", _has_package(header))):
        if not there:
            raise RecordError(f"{path}:1: no log of Power Gadget: there is no column {what!r}")


def _has_package(header: list[str]) -> bool:
    return any(_domain(name).startswith("package") for name in header)


def _row(header: list[str], found: list[str], point: str) -> Row | str:
    """Return the numbers of a row that we use, or what is wrong with one."""
    cells = dict(zip(header, found, strict=False))
    row: Row = {}
    for name in (name for name in header if name == ELAPSED or name in _MEANS or _domain(name)):
        try:
            row[name] = float(cells.get(name, "").replace(point, "."))
        except ValueError:
            return f"{name}: expected a number, found {cells.get(name, '')!r:.60}"
        if not 0 <= row[name] < MOST:
            return f"{name}: expected at least 0, and less than {MOST:g}, found {cells[name]!r:.60}"
    return row


def _cells(text: str, separator: str) -> list[str]:
    return [cell.strip(' "') for cell in text.split(separator)]


def _domain(name: str) -> str:
    """Return the domain that a column is about, as our meters name it; empty when it is about no energy."""
    found = _ENERGY.match(name)
    return f"{_KINDS[found[1]]}-{found[2] or 0}" if found else ""


def _means(rows: list[Row]) -> dict[str, float]:
    return {key: sum(row[name] for row in rows) / len(rows) for name, key in _MEANS.items() if name in rows[0]}
