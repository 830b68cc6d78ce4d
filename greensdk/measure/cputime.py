"""
CPU seconds of the whole machine.

Sources: the kernel's Documentation/admin-guide/cgroup-v1/cpuacct.rst (``cpuacct.usage``, nanoseconds), cgroup-v2.rst
(``cpu.stat``, ``usage_usec``) and filesystems/proc.rst (``/proc/stat``, ticks of 1/USER_HZ).
"""

from __future__ import annotations

import os
import stat
import time
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

    Args:
        root: Where ``proc`` and ``sys`` are.

    Returns:
        The clock, or None where none exists (macOS, a sandbox without /proc); :func:`find_host_clock` says why.
    """
    return find_host_clock(root)[0]


def find_host_clock(root: str = "/") -> tuple[HostClock | None, str]:
    """
    Return the clock of :func:`host_clock`, and where there is none, the reasons.

    Inside a container the cgroup files show the container alone. They are taken only where the file that
    the kernel makes in the root group alone (v1: ``release_agent``), or in every other group (v2:
    ``cgroup.events``), says that this is the root. What is mounted over a file of the kernel's (lxcfs over
    ``/proc/stat``, or a mask) is not the machine's, and neither is a clock that shows less than this process has used.

    Args:
        root: Where ``proc`` and ``sys`` are.
    """
    reasons = []
    for make in (_cpuacct, _cgroup2, _proc_stat):
        try:
            return make(root), ""
        except OSError as error:
            reasons.append(f"{error.filename}: {error.strerror}")
        except ValueError as error:
            reasons.append(str(error))
    return None, "; ".join(reasons)


def _opened(root: str, *names: str) -> tuple[str, int]:
    """
    Return path and descriptor of one of the kernel's files.

    Raises:
        OSError: It can't be opened.
        ValueError: Something else is in its place.
    """
    path = os.path.join(root, *names)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) and found.st_dev == os.stat(os.path.dirname(path)).st_dev:
        return path, fd
    os.close(fd)
    raise ValueError(
        f"{path}: something is mounted over it (lxcfs, or a container's mask), so it may not be the machine's"
    )


def _checked(path: str, clock: HostClock) -> HostClock:
    """
    Return the clock.

    Raises:
        ValueError: It can't be read, or can't be the machine's.
    """
    try:
        busy_s = clock.read()
    except (OSError, ValueError, IndexError):
        clock.close()
        raise ValueError(f"{path}: it holds no CPU time") from None
    # Tick by tick, the kernel may have missed some of what this process has used, but never half of it.
    if 2 * busy_s + clock.resolution_s < (used_s := time.process_time()):
        clock.close()
        raise ValueError(f"{path}: it shows {busy_s:.3g} s, and this process alone has used {used_s:.3g} s")
    return clock


def _cpuacct(root: str) -> HostClock:
    group = os.path.join(root, "sys/fs/cgroup/cpuacct")
    path, fd = _opened(group, "cpuacct.usage")
    if not os.path.exists(os.path.join(group, "release_agent")):
        os.close(fd)
        raise ValueError(f"{path}: it is that of one control group (a container's), not the machine's")

    def read(fd: int = fd, pread: Callable[[int, int, int], bytes] = os.pread) -> float:
        return int(pread(fd, 32, 0)) * 1e-9

    # Nanoseconds, but what runs on each CPU now is booked at the next tick or switch.
    return _checked(path, HostClock("cpuacct", 0.01 * (os.cpu_count() or 1), read, partial(os.close, fd)))


def _cgroup2(root: str) -> HostClock:
    path, fd = _opened(root, "sys/fs/cgroup", "cpu.stat")
    first_line, close = partial(os.pread, fd, 64, 0), partial(os.close, fd)
    if os.path.exists(os.path.join(root, "sys/fs/cgroup/cgroup.events")):
        close()
        raise ValueError(f"{path}: it is that of one control group (a container's), not the machine's")

    def read() -> float:
        name, usec = first_line().split(None, 2)[:2]
        if name != b"usage_usec":
            raise ValueError(name)
        return int(usec) * 1e-6

    # The root group's usage moves with the scheduler's tick, unlike a child group's.
    return _checked(path, HostClock("cgroup2", 0.01, read, close))


def _proc_stat(root: str) -> HostClock:
    path, fd = _opened(root, "proc", "stat")
    tick = 1.0 / os.sysconf("SC_CLK_TCK")
    first_line = partial(os.pread, fd, 192, 0)

    def read() -> float:
        user, nice, system, _idle, _iowait, irq, softirq = first_line().split(None, 8)[1:8]
        return (int(user) + int(nice) + int(system) + int(irq) + int(softirq)) * tick

    # Each CPU may be up to one tick behind.
    return _checked(path, HostClock("proc-stat", tick * (os.cpu_count() or 1), read, partial(os.close, fd)))
