"""
Who uses the GPUs: this process and its descendants, or others as well.

The driver lists the processes on each GPU, and keeps samples of how busy each of them had it
(``nvmlDeviceGetProcessUtilization``, NVML API reference). Both speak of pids as the machine's first namespace has them,
so that a process in a container can't find itself in them.
"""

from __future__ import annotations

import os
from typing import Any

INITIAL_PID_NAMESPACE = "pid:[4026531836]"
"""PROC_PID_INIT_INO, include/linux/proc_ns.h."""

CONTAINER = (
    "the driver tells pids of the machine, and this process has one of a container: whose joules these are is unknown"
)
UNTOLD = "other processes use the GPU too, and the driver has not told how much each did"


class Users:
    """
    Tells the part of each GPU that is ours.

    Args:
        nvml: The module ``pynvml``.
        handles: The GPUs.
        namespace: The link that names our PID namespace.
    """

    def __init__(self, nvml: Any, handles: list[Any], namespace: str = "/proc/self/ns/pid") -> None:
        self.nvml = nvml
        self.handles = handles
        self.namespace = namespace

    def shares(self, began_us: int) -> tuple[list[float | None], str]:
        """
        Return our part of each GPU since `began_us` (microseconds since 1970), and why one of them is unknown.
        """
        if self._is_inside():
            return [None] * len(self.handles), CONTAINER
        ours = _family()
        shares = [self._share(handle, ours, began_us) for handle in self.handles]
        return shares, UNTOLD if None in shares else ""

    def _is_inside(self) -> bool:
        try:
            return os.readlink(self.namespace) != INITIAL_PID_NAMESPACE
        except OSError:
            return True

    def _share(self, handle: Any, ours: set[int], began_us: int) -> float | None:
        users = self._users(handle)
        if users is None:
            return None
        mine = users & ours
        if not mine:
            return 0.0  # somebody else's, or nobody's: a GPU at rest is not this call's doing
        return 1.0 if mine == users else self._by_use(handle, ours, began_us)

    def _users(self, handle: Any) -> set[int] | None:
        found: set[int] = set()
        try:
            for ask in (
                self.nvml.nvmlDeviceGetComputeRunningProcesses,
                self.nvml.nvmlDeviceGetGraphicsRunningProcesses,
            ):
                found |= {process.pid for process in ask(handle)}
        except Exception:
            return None
        return found

    def _by_use(self, handle: Any, ours: set[int], began_us: int) -> float | None:
        try:
            samples = self.nvml.nvmlDeviceGetProcessUtilization(handle, began_us)
        except Exception:
            return None
        whole = sum(sample.smUtil for sample in samples)
        return sum(sample.smUtil for sample in samples if sample.pid in ours) / whole if whole else None


def _family() -> set[int]:
    from greensdk.processes import tree

    return {os.getpid(), *(process.pid for process in tree())}
