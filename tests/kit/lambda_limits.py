"""
What Lambda allots by the memory of a function, by control groups of this machine.

1/1769 of a CPU for each MB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html), and the memory.
"""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from pathlib import Path

PERIOD_US = 20_000
MB_PER_VCPU = 1769

QUOTA, PERIOD, STATE = "cpu.cfs_quota_us", "cpu.cfs_period_us", "freezer.state"


def make_groups(memory_mb: int) -> list[Path]:
    """
    Make a cgroup below our own for CPU, memory and freezing; none on a machine where that can't be done (cgroup v2).
    """
    groups = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, own = line.split(":", 2)
        for controller in {"cpu", "memory", "freezer"}.intersection(names.split(",")):
            group = Path(f"/sys/fs/cgroup/{controller}{own}") / f"greensdk-{uuid.uuid4().hex}"
            with suppress(OSError):
                group.mkdir()
                groups.append(group)
                if controller == "memory":
                    (group / "memory.limit_in_bytes").write_text(str(memory_mb << 20))
    return groups


def limit_cpu(groups: list[Path], memory_mb: int) -> None:
    """
    Let the groups have no more CPU than the memory buys. Lambda does so once the function has been loaded.
    """
    for group in groups:
        if (group / QUOTA).exists():
            (group / PERIOD).write_text(str(PERIOD_US))
            (group / QUOTA).write_text(str(PERIOD_US * memory_mb // MB_PER_VCPU))


def throttled(groups: list[Path]) -> int | None:
    """
    Return how often the quota has stopped the groups; None where this machine can't limit the CPU.
    """
    for group in groups:
        if (group / QUOTA).exists():
            counts = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
            return int(counts["nr_throttled"])
    return None


def freeze(groups: list[Path], still: bool) -> None:
    """
    Stop everything in the groups, or let it go on. Lambda stops a sandbox between two invocations.
    """
    for group in groups:
        if (group / STATE).exists():
            (group / STATE).write_text("FROZEN" if still else "THAWED")


def remove(groups: list[Path]) -> None:
    """
    Remove the groups. The kernel takes a moment to notice that the last process has gone.
    """
    left = list(groups)
    for _ in range(200):
        for group in list(left):
            with suppress(OSError):
                group.rmdir()
                left.remove(group)
        if not left:
            return
        time.sleep(0.05)
    raise AssertionError(f"{left} are still in use")
