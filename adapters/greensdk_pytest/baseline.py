"""
What tests took before, in a file that is kept with the code.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from greensdk.ab.diff import SAME_MACHINE, SAME_MODEL, logarithms

SCHEMA = "greensdk.baseline/1"
JOBS = 20
"""Of so many jobs the numbers are kept, the newest."""
KEYS = ("cpu_s", "energy_j")


class Before(NamedTuple):
    """
    What a baseline says of one test.

    Attributes:
        kept: What each job's runs took, with the method.
        unlike: What makes this machine another one; None if nothing.
        between: Deviation between two jobs.
    """

    kept: Sequence[Mapping[str, Any]]
    unlike: str | None
    between: float

    def by_joules(self, runs: Sequence[Mapping[str, Any]]) -> bool:
        """
        Say whether joules are compared: one meter in all jobs and now. A model sees CPU seconds only.
        """
        from greensdk.ab.comparison import MODELS

        sources = {job["source"] for job in self.kept} | {run["energy_source"] for run in runs}
        return len(sources) == 1 and not sources & {None, *MODELS}

    def jobs(self, key: str) -> dict[object, list[float]]:
        """
        Return the logarithms of each job's numbers.
        """
        return {place: logarithms(job[key]) for place, job in enumerate(self.kept)}


class Baseline:
    """
    A baseline's file.

    Args:
        path: It need not exist yet.

    Attributes:
        seen: What the tests of this session took.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.seen: dict[str, list[Mapping[str, Any]]] = {}
        self.kept: dict[str, Any] = {"schema": SCHEMA, "machine": machine(), "tests": {}}
        self.is_new = not self.path.exists()
        if not self.is_new:
            self.kept = _read(self.path)

    def of(self, name: str) -> Before | None:
        """
        Return what is known of a test.
        """
        jobs = self.kept["tests"].get(name)
        if not jobs:
            return None
        here, there = machine(), self.kept["machine"]
        unlike = next(
            (f"{key} was {there.get(key)}, is {here[key]}" for key in here if there.get(key) != here[key]), None
        )
        if unlike is not None and unlike.startswith("host"):
            return Before(jobs, None, SAME_MODEL)
        return Before(jobs, unlike, SAME_MACHINE)

    def write(self, *, update: bool) -> str:
        """
        Add what is new; with `update`, this job's numbers of all tests. Return a line that says what was done.
        """
        added = 0
        for name, runs in self.seen.items():
            jobs = self.kept["tests"].setdefault(name, [])
            if not jobs or update:
                taken = {key: [run[key] for run in runs] for key in KEYS}
                jobs.append({"source": runs[0]["energy_source"], **taken})
                del jobs[:-JOBS]
                added += 1
        if not added:
            return f"baseline {self.path}: unchanged"
        unfinished = self.path.with_name(self.path.name + ".tmp")
        unfinished.write_text(json.dumps(self.kept, indent=1) + "\n")
        os.replace(unfinished, self.path)
        return f"baseline {self.path}: {added} added"


def machine() -> dict[str, Any]:
    """
    Return what has to be the same for numbers to be compared; the host comes last.
    """
    from greensdk.machine.hardware import describe

    found = describe()
    python = ".".join(platform.python_version_tuple()[:2])
    return {"cpu_model": found.get("cpu_model"), "cpus": os.cpu_count(), "python": python, "host": found.get("host_id")}


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"--energy-baseline {path}: {error}; remove it to begin a new one") from error
    shape = isinstance(found, dict) and isinstance(found.get("tests"), dict) and isinstance(found.get("machine"), dict)
    jobs = [job for each in found["tests"].values() if isinstance(each, list) for job in each] if shape else []
    fine = all(
        isinstance(job, dict) and all(isinstance(job.get(key), list) for key in KEYS) and "source" in job
        for job in jobs
    )
    if not shape or found.get("schema") != SCHEMA or not fine:
        raise pytest.UsageError(f"--energy-baseline {path}: no {SCHEMA}; remove it to begin a new one")
    return found
