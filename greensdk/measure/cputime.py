"""
CPU seconds: of a call, of its children, of the whole machine.

A call's CPU time has to be told apart from what else its process does, or two overlapping calls would
both claim it. Three clocks and two ledgers do that, without a lock:

- While a call is the only one in its process, it owns the process clock (helper threads included).
- Otherwise it owns its thread's clock, minus what other calls claimed on that thread meanwhile.
- A coroutine or generator owns the thread's clock only while it is being stepped.
- Reaped child processes belong to the first call that ends after them (and to the calls around it).

Sources: getrusage(2), clock_gettime(2) CLOCK_THREAD_CPUTIME_ID; the kernel's
Documentation/admin-guide/cgroup-v1/cpuacct.rst (``cpuacct.usage``, nanoseconds), cgroup-v2.rst
(``cpu.stat``, ``usage_usec``) and filesystems/proc.rst (``/proc/stat``, ticks of 1/USER_HZ).
"""

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple


class Lane:
    """
    One thread, as far as calls share it.

    Attributes:
        claimed_ns: What calls have claimed of the thread's CPU time so far.
    """

    __slots__ = ("claimed_ns",)

    def __init__(self) -> None:
        self.claimed_ns = 0


class _Lanes(threading.local):
    def __init__(self) -> None:
        self.here = Lane()


class Ledger:
    """
    What calls of this process have claimed, and how many run beside each other.

    Attributes:
        children_s: CPU seconds of reaped children that some call has claimed.
        open: Calls under way that no other call on the same thread contains.
        born: How many such calls have ever begun; a call that sees it unchanged has been alone.
    """

    __slots__ = ("born", "children_s", "open")

    def __init__(self) -> None:
        self.children_s = 0.0
        self.open = 0
        self.born = 0


lanes = _Lanes()
"""``lanes.here`` is the running thread's :class:`Lane`."""

ledger = Ledger()


class HostClock(NamedTuple):
    """
    A clock of the CPU seconds that all processes of the machine have used.

    Attributes:
        name: ``cpuacct``, ``cgroup2`` or ``proc-stat``.
        resolution_s: Its smallest step.
        read: Returns seconds since boot.
        close: Gives the descriptor back.
    """

    name: str
    resolution_s: float
    read: Callable[[], float]
    close: Callable[[], None]


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
