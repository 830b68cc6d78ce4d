"""
Records in an SQLite file with two tables: ``energy_consumption`` (a row a call) and ``cpu_usage`` (a row a CPU).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from greensdk.schema.flat import energy

TABLES = """
CREATE TABLE energy_consumption (
    job_key TEXT NOT NULL,          -- executor and job; the machine where there is no job
    call_id TEXT NOT NULL,          -- the call's number in the job; the record's id where it has none
    record_id TEXT NOT NULL,
    function_name TEXT,
    timestamp TEXT,                 -- when it began, UTC
    duration REAL,                  -- seconds
    energy_pkg REAL,                -- joules of the call in the packages
    energy_cores REAL,              -- joules of the call in the cores
    core_percentage REAL,           -- 100 * energy_cores / energy_pkg
    energy_efficiency REAL,         -- watts: energy_pkg / duration
    energy_per_cpu REAL,            -- energy_pkg / active_cpus
    active_cpus INTEGER,            -- CPUs that were busy at all, of the whole machine
    max_cpu_usage REAL,             -- percent of the busiest of them
    avg_cpu_usage REAL,             -- percent, mean over all of them
    energy REAL,                    -- joules by the best method, whatever is inside them
    energy_source TEXT,
    energy_quality TEXT,
    energy_boundary TEXT,
    PRIMARY KEY (job_key, call_id)
);
CREATE TABLE cpu_usage (
    job_key TEXT NOT NULL,
    call_id TEXT NOT NULL,
    cpu_id INTEGER NOT NULL,
    cpu_percent REAL,
    PRIMARY KEY (job_key, call_id, cpu_id)
);
"""

_INSERT = """
INSERT OR IGNORE INTO energy_consumption VALUES (
    :job_key, :call_id, :record_id, :function_name, :timestamp, :duration, :energy_pkg, :energy_cores,
    :core_percentage, :energy_efficiency, :energy_per_cpu, :active_cpus, :max_cpu_usage, :avg_cpu_usage, :energy,
    :energy_source, :energy_quality, :energy_boundary
)
"""

PACKAGE = "package"
"""Where no domain tells, what is measured as a whole package is one."""


def export(records: Iterable[Mapping[str, Any]], path: str) -> int:
    """
    Write records to an SQLite file that has no tables yet.

    Calls inside other calls are left out: their joules are in the outer ones. A second record of the same call of a
    job (another attempt, another function in it) has its ``record_id`` behind the ``call_id``, so that the two tables
    can be joined on job and call without counting one twice.

    Returns:
        How many calls were written.
    """
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(TABLES)
        return sum(_add(database, record) for record in records if record.get("parent_id") is None)


def _add(database: sqlite3.Connection, record: Mapping[str, Any]) -> int:
    row = _row(record)
    added = _insert(database, row)
    if not added:
        row["call_id"] = f"{row['call_id']}/{row['record_id']}"
        added = _insert(database, row)
    if added:
        per_core = _per_core(record)
        rows = [(row["job_key"], row["call_id"], number, percent) for number, percent in enumerate(per_core)]
        database.executemany("INSERT INTO cpu_usage VALUES (?, ?, ?, ?)", rows)
    return added


def _insert(database: sqlite3.Connection, row: Mapping[str, Any]) -> int:
    return database.execute(_INSERT, row).rowcount


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    worker, host = record.get("worker") or {}, record.get("host") or {}
    job = [str(worker[key]) for key in ("executor_id", "job_id") if worker.get(key) is not None]
    flat = energy(record)
    package_j, cores_j = flat.get("worker_func_energy_pkg"), flat.get("worker_func_energy_cores")
    if package_j is None and record.get("energy_boundary") == PACKAGE:
        package_j = record.get("energy_j")
    per_core = [percent for percent in _per_core(record) if percent is not None]
    active = sum(percent > 0 for percent in per_core) if per_core else None
    cores_share = _over(cores_j, package_j)
    return {
        "job_key": "-".join(job) or host.get("host_id") or "",
        "call_id": worker.get("call_id") or record["record_id"],
        "record_id": record["record_id"],
        "function_name": record.get("function") or record.get("label"),
        "timestamp": record.get("started_at"),
        "duration": record.get("duration_s"),
        "energy_pkg": package_j,
        "energy_cores": cores_j,
        "core_percentage": None if cores_share is None else 100 * cores_share,
        "energy_efficiency": _over(package_j, record.get("duration_s")),
        "energy_per_cpu": _over(package_j, active),
        "active_cpus": active,
        "max_cpu_usage": max(per_core, default=None),
        "avg_cpu_usage": sum(per_core) / len(per_core) if per_core else None,
        "energy": record.get("energy_j"),
        "energy_source": record.get("energy_source"),
        "energy_quality": record.get("energy_quality"),
        "energy_boundary": record.get("energy_boundary"),
    }


def _per_core(record: Mapping[str, Any]) -> list[Any]:
    return (record.get("resources") or {}).get("cpu_percent_per_core") or []


def _over(value: Any, count: Any) -> float | None:
    return value / count if value is not None and count else None
