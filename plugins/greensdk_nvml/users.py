"""
Who uses the GPUs: this process and its descendants, or others as well.

The driver lists the processes on each GPU, and keeps samples of how busy each of them had it
(``nvmlDeviceGetProcessUtilization``, NVML API reference). Both speak of pids as the machine's first namespace has them,
so that a process in a container can't find itself in them
(https://github.com/NVIDIA/nvidia-docker/issues/1483; some drivers translate the one and not the other,
https://github.com/Project-HAMi/HAMi-core/issues/112).
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from greensdk.machine.signals import is_from_signal
from greensdk.measure.state import ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greensdk_nvml.gpus import Gpu

INITIAL_PID_NAMESPACE = "pid:[4026531836]"
"""PROC_PID_INIT_INO, include/linux/proc_ns.h."""

CONTAINER = (
    "the driver gives pids of the machine, and this process has one of a container: whose joules these are is unknown"
)
UNKNOWN = "other processes use the GPU too, and the driver does not say how much each did"
ENDED = "a process that used the GPU has ended: whose it was is unknown"
BESIDE = "other calls of this process ran meanwhile, and the driver distinguishes processes, not calls"

DIVIDED = "the GPU is divided into instances (MIG), whose joules the driver counts together: whose they are is unknown"

NOT_FOUND = 6
"""NVML_ERROR_NOT_FOUND, nvml.h: there are no samples since then, which is an answer."""


def calls() -> tuple[int, int]:
    """
    Return how many calls of this process are under way on threads of their own, and how many ever began.
    """
    return ledger.open, ledger.born


def is_alone(before: tuple[int, int]) -> bool:
    """
    Say whether a window, before whose beginning :func:`calls` gave this, had the process to itself.

    A call on its own thread counts itself among those that began since; one inside another on the same thread does
    not, and leaves the other's GPU to it as well.
    """
    under_way, born = before
    began = ledger.born - born
    return began <= 1 if under_way == 0 else under_way == 1 and began == 0


def is_unused(shares: Mapping[str, float | None]) -> bool:
    """
    Say whether our part of every GPU is known to be none.
    """
    return all(share == 0 for share in shares.values())


class Users:
    """
    Tells the part of each GPU that is ours.
    """

    def __init__(self, nvml: Any, gpus: Sequence[Gpu], namespace: str = "/proc/self/ns/pid") -> None:
        self.nvml = nvml
        self.gpus = gpus
        self.namespace = namespace

    def shares(self, began_us: int) -> tuple[dict[str, float | None], str]:
        """
        Return our part of each GPU since `began_us` (microseconds since 1970), and why one of them is unknown.
        """
        if self._is_inside():
            return dict.fromkeys(gpu.key for gpu in self.gpus), CONTAINER
        ours = Family()
        shares: dict[str, float | None] = {}
        reasons: list[str] = []
        for gpu in self.gpus:
            shares[gpu.key], reason = self._share(gpu, ours, began_us)
            reasons.append(reason)
        return shares, "; ".join(dict.fromkeys(filter(None, reasons)))

    def _is_inside(self) -> bool:
        try:
            return os.readlink(self.namespace) != INITIAL_PID_NAMESPACE
        except OSError as error:
            if is_from_signal(error):
                raise
            return True

    def _share(self, gpu: Gpu, family: Family, began_us: int) -> tuple[float | None, str]:
        users, use = self._users(gpu.handle), self._use(gpu.handle, began_us)
        if users is None:
            return None, UNKNOWN
        ours = family.pids if users or use else set()
        if use and not use.keys() <= users | ours:
            return None, ENDED  # a child of ours, perhaps: it is on no list any more
        mine = users & ours
        if not mine and not (use and use.keys() & ours):
            return 0.0, ""  # others', or unused: a GPU at rest is not this call's doing
        if gpu.is_divided:
            return None, DIVIDED
        if users <= ours and not (use and use.keys() - ours):
            return 1.0, ""
        whole = sum(use.values()) if use else 0
        return (sum(use[pid] for pid in use.keys() & ours) / whole, "") if use and whole else (None, UNKNOWN)

    def _users(self, handle: Any) -> set[int] | None:
        found: set[int] = set()
        try:
            for ask in (
                self.nvml.nvmlDeviceGetComputeRunningProcesses,
                self.nvml.nvmlDeviceGetGraphicsRunningProcesses,
            ):
                found |= {process.pid for process in ask(handle)}
        except Exception as error:
            if is_from_signal(error):
                raise
            return None
        return found

    def _use(self, handle: Any, began_us: int) -> dict[int, int] | None:
        """Return how busy each process had the GPU, summed over the samples; None where the driver takes none."""
        try:
            samples = self.nvml.nvmlDeviceGetProcessUtilization(handle, began_us)
        except Exception as error:
            if is_from_signal(error):
                raise
            return {} if getattr(error, "value", None) == NOT_FOUND else None
        found: dict[int, int] = {}
        for sample in samples:
            if sample.smUtil:
                found[sample.pid] = found.get(sample.pid, 0) + sample.smUtil
        return found


class Family:
    """
    This process and those that descend from it, looked up when somebody uses a GPU at all.
    """

    @cached_property
    def pids(self) -> set[int]:
        """
        Their process ids.
        """
        from greensdk.machine.processes import tree

        return {os.getpid(), *(process.pid for process in tree())}
