"""
AWS Lambda's share of a CPU for a memory size, enforced on this machine.

"At 1,769 MB, a function has the equivalent of one vCPU", and CPU is in proportion to memory
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). The kernel enforces the quota (Linux,
Documentation/scheduler/sched-bwc.rst, admin-guide/cgroup-v2.rst), which needs root or a delegated cgroup.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from greensdk.errors import GreensdkError

MB_PER_VCPU = 1769
PERIOD_US = 20_000
"""Lambda's period."""

ENFORCED = "quota of a cgroup"
GROUPS = Path("/sys/fs/cgroup")


class Sandbox:
    """
    A mapper that makes the calls of a stage one after the other within a CPU quota, each measured.

    Libraries are imported at full speed before, as Lambda does when a function starts.

    Args:
        memory_mb: Memory of the function.
        folder: Folder for temporary files.
        group: The cgroup with the quota.

    Attributes:
        stages: The records of each stage, in order of execution.
    """

    def __init__(self, memory_mb: int, folder: Path, group: Path) -> None:
        self._memory_mb = memory_mb
        self._folder = folder
        self._group = group
        self.stages: list[tuple[str, list[dict[str, Any]]]] = []

    def __call__(
        self,
        fn: Callable[..., Any],
        items: Sequence[tuple[Any, ...]],
        stage: str,
        after: Sequence[str] = (),  # noqa: ARG002 - part of the protocol
    ) -> list[Any]:
        """
        Make the calls in a child process.

        Raises:
            GreensdkError: The process died, for example for lack of memory.
        """
        name = uuid.uuid4().hex
        task, answer, log = (self._folder / f"{name}.{kind}" for kind in ("task", "answer", "jsonl"))
        task.write_bytes(pickle.dumps((fn.__module__, fn.__qualname__, list(items), stage)))
        command = [sys.executable, "-m", "greensdk_workloads.studies.inside", str(task), str(answer), str(self._group)]
        done = subprocess.run(
            command, env=self._environment(log), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise GreensdkError(f"{stage} died in {self._memory_mb} MB: {last}")
        self.stages.append((stage, [orjson.loads(line) for line in log.read_bytes().splitlines()]))
        results: list[Any] = pickle.loads(answer.read_bytes())  # noqa: S301 - written by the child process
        return results

    def _environment(self, log: Path) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GREENSDK_", "AWS_"))}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "AWS_LAMBDA_FUNCTION_NAME": "study",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._memory_mb),
            "AWS_REGION": "us-east-1",
            "GREENSDK_SINK": str(log),
            # One thread, as with less than a vCPU: libraries would start one for each CPU of this machine.
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        }


@contextmanager
def sandbox(memory_mb: int) -> Iterator[Sandbox]:
    """
    Yield a sandbox with a memory size's CPU quota, and remove its cgroup afterwards.

    Raises:
        GreensdkError: CPU quotas are not available on this machine.
    """
    group = _make(memory_mb)
    try:
        with tempfile.TemporaryDirectory(prefix="greensdk-study-") as folder:
            yield Sandbox(memory_mb, Path(folder), group)
    finally:
        _remove(group)


def _make(memory_mb: int) -> Path:
    try:
        if (GROUPS / "cgroup.controllers").exists():
            return _make_v2(memory_mb)
        return _make_v1(memory_mb)
    except OSError as error:
        raise GreensdkError(
            f"study dte needs a CPU quota: {error.filename or GROUPS}: {error.strerror}; "
            "run it as root, or in a container with a delegated cgroup"
        ) from error


def _make_v1(memory_mb: int) -> Path:
    group = GROUPS / "cpu" / f"greensdk-study-{uuid.uuid4().hex[:12]}"
    group.mkdir()
    (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
    (group / "cpu.cfs_quota_us").write_text(str(PERIOD_US * memory_mb // MB_PER_VCPU))
    return group


def _make_v2(memory_mb: int) -> Path:
    with suppress(OSError):  # it may be enabled already, and only its owner may enable it
        (GROUPS / "cgroup.subtree_control").write_text("+cpu")
    group = GROUPS / f"greensdk-study-{uuid.uuid4().hex[:12]}"
    group.mkdir()
    (group / "cpu.max").write_text(f"{PERIOD_US * memory_mb // MB_PER_VCPU} {PERIOD_US}")
    return group


def _remove(group: Path) -> None:
    # The cgroup stays busy for a moment after its last process has exited.
    for _ in range(100):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
