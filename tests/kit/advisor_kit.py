"""
Sweeps whose truth is known, as runs and as records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from greensdk.advisor import Point, Price, Profile
from greensdk.advisor.advice import advise_on
from greensdk.advisor.page.advice import sections
from greensdk.measure.record import blank
from greensdk.report.page.html import joined

COUNTS = (1, 2, 4, 8, 16, 32)
PRICE = Price(1.66667e-5, 2e-7, "of a test")


def seconds(workers: float) -> float:
    """
    Return the true seconds: work that divides, work that doesn't, and a little for each worker.
    """
    return 120 / workers + 4 + 0.25 * workers


def joules(workers: float) -> float:
    """
    Return the true joules of a machine that takes 20 W at rest and 6 W for each worker. They are least with 7.
    """
    return (20 + 6 * workers) * seconds(workers)


def shares(memory_mb: float) -> float:
    """
    Return the vCPUs of a Lambda function that can use two.
    """
    return min(memory_mb / 1769, 2.0)


def sweep(
    counts: Iterable[int] = COUNTS, repetitions: int = 5, noise: float = 0.05, seed: int = 0, **changes: Any
) -> Profile:
    """
    Return a profile of one machine with one meter.
    """
    rng = np.random.default_rng(seed)
    points = []
    for count in counts:
        for _ in range(repetitions):
            time_s = seconds(count) * float(np.exp(rng.normal(0, noise)))
            energy_j = joules(count) * float(np.exp(rng.normal(0, noise)))
            points.append(Point(count, None, time_s, count * time_s, energy_j))
    return Profile(**{"stage": "work", "points": tuple(points), "shared_meter": True, **changes})


def function_sweep(
    stage: str = "work",
    counts: Iterable[int] = COUNTS,
    sizes: Iterable[float] = (512, 1024, 1769, 3538, 7076),
    noise: float = 0.02,
    seed: int = 0,
    work_s: float = 120.0,
    **changes: Any,
) -> Profile:
    """
    Return a profile of a function as a service, with an estimator that may be off by a factor of two.
    """
    rng = np.random.default_rng(seed)
    points = []
    for size in sizes:
        for count in counts:
            time_s = (work_s / (count * shares(size)) + 1 + 0.05 * count) * float(np.exp(rng.normal(0, noise)))
            energy_j = count * time_s * (4 * shares(size) + 0.4 * size / 1024)
            points.append(Point(count, size, time_s, count * time_s, energy_j, energy_j / 2, energy_j * 2))
    seen = {"stage": stage, "points": tuple(points), "backend": "aws_lambda", "arch": "x86_64", "price": PRICE}
    return Profile(**{**seen, **changes})


def record(number: int, **changes: Any) -> dict[str, Any]:
    """
    Return a record of one call, with an estimate of its own.
    """
    worker = {"backend": "localhost", "executor_id": "e", "job_id": "j", "call_id": f"{number:05d}", "memory_mb": None}
    return {
        "schema": "greensdk.record/1",
        "record_id": f"{number:032x}",
        "parent_id": None,
        "function": "module.work",
        "label": None,
        "tags": {},
        "status": "ok",
        "reason": None,
        "started_at": "2026-01-01T00:00:00Z",
        "monotonic_s": 0.0,
        "duration_s": 1.0,
        "cpu_s": 1.0,
        "host_cpu_s": 2.0,
        "energy_j": 10.0,
        "energy_low_j": 5.0,
        "energy_high_j": 20.0,
        "energy_source": "estimator",
        "energy_boundary": "vcpu+memory",
        "energy_quality": "estimated",
        "readings": [],
        "host": {"host_id": "h", "boot_id": "b", "arch": "x86_64", "cpu_model": "a CPU"},
        "cost": {},
        **changes,
        "worker": None if changes.get("worker", worker) is None else {**worker, **changes.get("worker", {})},
    }


def metered(
    number: int, start_s: float, stop_s: float, start_j: float, stop_j: float, **changes: Any
) -> dict[str, Any]:
    """
    Return a record of a call that read the machine's package at both ends, and took half of two busy CPUs' seconds.
    """
    reading = {
        "monitor": "rapl",
        "boundary": "package",
        "scope": "machine",
        "meter_id": "h:rapl",
        "energy_j": stop_j - start_j,
        "domains": {"package-0": stop_j - start_j},
        "attributes": {"start_uj": {"package-0": start_j * 1e6}, "range_uj": {}},
    }
    own = {
        "monotonic_s": start_s,
        "duration_s": stop_s - start_s,
        "host_cpu_start_s": start_s,
        "host_cpu_s": stop_s - start_s,
        "host_cpu_source": "cpuacct",
        "cpu_s": stop_s - start_s,
        "energy_j": stop_j - start_j,
        "energy_source": "rapl",
        "energy_boundary": "package",
        "energy_quality": "attributed",
        "readings": [reading],
    }
    return record(number, **{**own, **changes})


def job(
    name: str,
    workers: int,
    time_s: float,
    energy_j: float,
    first: int = 0,
    worker: Mapping[str, Any] | None = None,
    **changes: Any,
) -> list[dict[str, Any]]:
    """
    Return the records of one job, with the joules evenly on its calls.
    """
    each = energy_j / workers
    seen = {"duration_s": time_s, "energy_j": each, "energy_low_j": each / 2, "energy_high_j": each * 2, **changes}
    return [
        record(first + call, worker={"job_id": name, "call_id": f"{call:05d}", **(worker or {})}, **seen)
        for call in range(workers)
    ]


def jobs(
    counts: Iterable[int] = COUNTS,
    repetitions: int = 2,
    seed: int = 0,
    name: str = "J",
    scale: float = 1.0,
    noise: float = 0.03,
    taken: Callable[[float], float] = seconds,
    **changes: Any,
) -> list[dict[str, Any]]:
    """
    Return the records of a sweep.
    """
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    first = int.from_bytes(name.encode(), "big") << 64
    for count in counts:
        for repetition in range(repetitions):
            time_s = scale * taken(count) * float(np.exp(rng.normal(0, noise)))
            energy_j = (20 + 6 * count) * time_s
            found += job(f"{name}{count}-{repetition}", count, time_s, energy_j, first + len(found), **changes)
    return found


def write(path: Any, records: Iterable[Mapping[str, Any]]) -> str:
    """
    Write a log, and return its name.
    """
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return str(path)


def swept(counts=(1, 2, 4, 8), sizes=(1024.0,), name="app.split", reps=2, **changes):
    """
    Return the records of some runs with each number of workers and each memory size, that follow the model exactly.
    """
    found = []
    for rep in range(reps):
        for size in sizes:
            for count in counts:
                job = f"{name[:40]}-{rep}-{size}-{count}"
                seconds = 10.0 * 1024.0 / size / count + 0.3 * count + 0.5
                for call in range(count):
                    worker = {"executor_id": "e", "job_id": job, "call_id": f"{call:05}", "memory_mb": size}
                    record = {**blank(), "record_id": f"{job}-{call}".ljust(32, "0"), "function": name}
                    record |= {"started_at": "2026-01-01T00:00:00Z", "duration_s": seconds, "cpu_s": seconds}
                    record |= {"energy_j": 4.0 * seconds, "energy_low_j": 3.0 * seconds, "energy_high_j": 5.0 * seconds}
                    record |= {"energy_source": "psutil-tdp", "energy_quality": "estimated", "energy_boundary": "wall"}
                    record |= {"host": {"host_id": "h"}, "worker": {**worker, "backend": "aws_lambda"}}
                    found.append({**record, **changes})
    return found


def words(markup: object) -> str:
    """
    Return the text of some markup, but for the pictures.
    """
    text = re.sub(r"<svg.*?</svg>|</?(?:bdi|wbr|strong|span)[^>]*>", "", str(markup), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", text).replace("&#x27;", "'").split())


def of(*profiles: Profile, **wanted: Any) -> str:
    """
    Return the sections about some profiles.
    """
    return str(joined(sections(advise_on(profiles, **wanted))))
