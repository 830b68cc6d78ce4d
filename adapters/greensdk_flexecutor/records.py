"""
Converting profiles to records, and records to profiles.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from greensdk.errors import RecordError
from greensdk.measure.record import blank, rfc3339
from greensdk.monitor import ESTIMATED
from greensdk_flexecutor.profile import ENERGY, SOURCE, Configuration, Profile, seconds

NAME_BYTES = 200
"""File systems take 255 bytes for a name; stages whose names begin with the same 200 share a profile."""
UNKNOWN_ENERGY = "the profile has no energy"


def import_(path: str | os.PathLike[str], workflow: str | None = None) -> Iterator[dict[str, Any]]:
    """
    Yield a record for each worker of each repetition in a profile.

    Args:
        path: ``<workflow>/<stage>.json``, which names the workflow and the stage.
        workflow: Name of the workflow, if not that of the folder.

    Raises:
        RecordError: The file is not such a profile.
    """
    profile, file = Profile(path), Path(path)
    name = workflow or file.resolve().parent.name
    # Profiles have no times; the file was written after the last call.
    written_at = rfc3339(file.stat().st_mtime)
    for configuration in profile.configurations():
        reps = profile.reps(configuration)
        for rep in range(max(map(len, reps.values()), default=0)):
            for worker, duration_s in enumerate(seconds(reps, rep)):
                record = _record(name, file.stem, configuration, rep, worker, duration_s, reps)
                yield {**record, "started_at": written_at}


def _record(
    workflow: str,
    stage: str,
    configuration: Configuration,
    rep: int,
    worker: int,
    duration_s: float | None,
    reps: Mapping[str, list[list[Any]]],
) -> dict[str, Any]:
    cpu, memory_mb, workers = configuration
    job = f"{cpu}-{memory_mb}-{workers}-{rep}"
    joules, source = _cell(reps, ENERGY, rep, worker), _cell(reps, SOURCE, rep, worker)
    return {
        **blank(),
        "record_id": sha256(f"{workflow}/{stage}/{job}/{worker}".encode()).hexdigest()[:32],
        "function": stage,
        "label": stage,
        "duration_s": duration_s,
        "energy_j": joules,
        "energy_self_j": joules,
        "energy_source": source or ("flexecutor" if joules is not None else None),
        # A profile has no energy quality; this is the weakest.
        "energy_quality": ESTIMATED if joules is not None else None,
        "energy_boundary": "unknown" if joules is not None else None,
        "reason": UNKNOWN_ENERGY if joules is None else None,
        "tags": {"cpu": cpu},
        "worker": {
            "adapter": "flexecutor",
            "executor_id": workflow,
            "job_id": f"{stage}-{job}",
            "call_id": str(worker),
            "memory_mb": float(memory_mb) or None,
            "calls": int(workers),
            "stage": stage,
            "workflow": workflow,
        },
    }


def _cell(reps: Mapping[str, list[list[Any]]], metric: str, rep: int, worker: int) -> Any:
    try:
        return reps[metric][rep][worker]
    except (KeyError, IndexError):
        return None


def export(records: Iterable[Mapping[str, Any]], out: str | os.PathLike[str]) -> list[Path]:
    """
    Write a profile for each stage: ``OUT/<workflow>/<stage>.json``.

    A job of a stage is one repetition, its calls are the workers. FlexExecutor separates reading, computing and
    writing, a record does not: the whole call is ``compute``, and the other two are null.

    Args:
        records: Records with ``worker.job_id``; others are left out.
        out: A folder, created if it does not exist.

    Returns:
        The files.

    Raises:
        RecordError: No record belongs to a job.
    """
    stages: dict[tuple[str, str], dict[str, list[Mapping[str, Any]]]] = {}
    for record in records:
        worker = record["worker"] or {}
        if worker.get("job_id") is not None and record["depth"] == 0:
            jobs = stages.setdefault((_workflow(record), _stage(record)), {})
            jobs.setdefault(f"{worker.get('executor_id')}-{worker['job_id']}", []).append(record)
    if not stages:
        raise RecordError("no record belongs to a job with workers: run the calls through Lithops")
    return [_write(Path(out), *names, jobs.values()) for names, jobs in stages.items()]


def _workflow(record: Mapping[str, Any]) -> str:
    return _safe(record["worker"].get("workflow") or "workflow")


def _stage(record: Mapping[str, Any]) -> str:
    return _safe(record["worker"].get("stage") or record["label"] or record["function"] or "stage")


def _safe(name: str) -> str:
    """Return a name that is valid for a file."""
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in str(name)).strip(".") or "_"
    return safe.encode()[:NAME_BYTES].decode(errors="ignore")


def _write(out: Path, workflow: str, stage: str, jobs: Iterable[list[Mapping[str, Any]]]) -> Path:
    profile = Profile()
    for calls in jobs:
        calls.sort(key=lambda record: str(record["worker"].get("call_id")))
        first = calls[0]["worker"]
        cpu = (calls[0].get("tags") or {}).get("cpu", 1)
        profile.add(
            (cpu, _plain(first.get("memory_mb") or 0), len(calls)),
            read=[None] * len(calls),
            compute=[record["duration_s"] for record in calls],
            write=[None] * len(calls),
            cold_start=[None] * len(calls),
            energy=[record["energy_j"] for record in calls],
            energy_source=[record["energy_source"] for record in calls],
        )
    path = out / workflow / f"{stage}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    profile.write(path)
    return path


def _plain(number: float) -> float:
    """Return a whole number as FlexExecutor writes it, without a point."""
    return int(number) if float(number).is_integer() else number
