"""
CPU seconds of the whole machine.

Sources: the kernel's Documentation/admin-guide/cgroup-v1/cpuacct.rst (``cpuacct.usage``, nanoseconds), cgroup-v2.rst
(``cpu.stat``, ``usage_usec``) and filesystems/proc.rst (``/proc/stat``, ticks of 1/USER_HZ).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial


class HostClock:
    """
    A clock of the CPU seconds that all processes of the machine have used.

    Attributes:
        name: ``cpuacct``, ``cgroup2`` or ``proc-stat``.
        resolution_s: Its smallest step.
        read: Returns seconds since boot.
        close: Gives the descriptor back.
    """

    __slots__ = ("close", "name", "read", "resolution_s")

    def __init__(self, name: str, resolution_s: float, read: Callable[[], float], close: Callable[[], None]) -> None:
        self.name = name
        self.resolution_s = resolution_s
        self.read = read
        self.close = close


def host_clock(root: str = "/") -> HostClock | None:
    """
    Return the finest clock of the machine's busy CPU time that can be read here.

    Inside a container the cgroup files show the container alone. They are taken only where the file that
    the kernel makes in the root group alone (v1: ``release_agent``), or in every other group (v2:
    ``cgroup.events``), says that this is the root.

    Args:
        root: Where ``proc`` and ``sys`` are.

    Returns:
        The clock, or None where none exists (macOS, a sandbox without /proc).
    """
    return _cpuacct(root) or _cgroup2(root) or _proc_stat(root)


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _cpuacct(root: str) -> HostClock | None:
    group = os.path.join(root, "sys/fs/cgroup/cpuacct")
    fd = _open(os.path.join(group, "cpuacct.usage")) if os.path.exists(os.path.join(group, "release_agent")) else None
    if fd is None:
        return None

    def read(fd: int = fd, pread: Callable[[int, int, int], bytes] = os.pread) -> float:
        return int(pread(fd, 32, 0)) * 1e-9

    # Nanoseconds, but what runs on each CPU now is booked at the next tick or switch.
    return HostClock("cpuacct", 0.01 * (os.cpu_count() or 1), read, partial(os.close, fd))


def _cgroup2(root: str) -> HostClock | None:
    group = os.path.join(root, "sys/fs/cgroup")
    fd = None if os.path.exists(os.path.join(group, "cgroup.events")) else _open(os.path.join(group, "cpu.stat"))
    if fd is None:
        return None
    read, close = partial(os.pread, fd, 64, 0), partial(os.close, fd)
    if not read().startswith(b"usage_usec "):
        close()
        return None
    # The root group's usage moves with the scheduler's tick, unlike a child group's.
    return HostClock("cgroup2", 0.01, lambda: int(read().split(None, 2)[1]) * 1e-6, close)


def _proc_stat(root: str) -> HostClock | None:
    fd = _open(os.path.join(root, "proc/stat"))
    if fd is None:
        return None
    tick = 1.0 / os.sysconf("SC_CLK_TCK")
    first_line = partial(os.pread, fd, 192, 0)

    def read() -> float:
        user, nice, system, _idle, _iowait, irq, softirq = first_line().split(None, 8)[1:8]
        return (int(user) + int(nice) + int(system) + int(irq) + int(softirq)) * tick

    # Each CPU may be up to one tick behind.
    return HostClock("proc-stat", tick * (os.cpu_count() or 1), read, partial(os.close, fd))
