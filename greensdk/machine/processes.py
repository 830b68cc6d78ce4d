"""
This process and all that descend from it, as they are at one moment.

On Linux the kernel's own lists are read: ``/proc/PID/task/TID/children``, ``/proc/PID/stat``, ``/proc/PID/io``
(proc_pid_stat(5), proc_pid_io(5)). With three children that takes 80 us where psutil, which looks at every process of
the machine, takes 1,200. Where those lists are missing (macOS, a kernel without ``CONFIG_PROC_CHILDREN``) it is
psutil's turn.

When a process ends and its parent waits for it, the kernel adds its CPU time and its I/O to the parent's, so a sum over
the tree loses nothing. A process that is never waited for, or detaches from the tree, takes its numbers away.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from functools import cache
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import NamedTuple

from greensdk.machine.identity import cpu_clock_s, stat_of
from greensdk.machine.resources import has_children

BLOCK_BYTES = 512
"""
Unit of ``ru_inblock`` and ``ru_oublock`` on Linux, which are the counters of ``/proc/self/io`` in other words (the
kernel's include/linux/task_io_accounting_ops.h). They take no file to be read.
"""


class Process(NamedTuple):
    """
    One process at one moment. What it counts, it counts from its birth on.

    Attributes:
        pid: Its id.
        birth: When it began, on a clock of its own; with the pid it names the process for good.
        ppid: Its parent's id.
        cpu_s: CPU seconds of its own.
        waited_s: CPU seconds of the children that it has waited for.
        rss_bytes: Resident memory.
        read_bytes: Bytes it had the storage read, children it waited for included; None where unknown.
        write_bytes: The same for what it had written.
    """

    pid: int
    birth: float
    ppid: int
    cpu_s: float
    waited_s: float
    rss_bytes: int
    read_bytes: int | None
    write_bytes: int | None


def tree(ours_s: float = 0.0) -> list[Process]:
    """
    Return this process and its live descendants, zombies included. One that ends meanwhile is left out.

    Args:
        ours_s: CPU seconds of this process that are to be left out.

    Raises:
        OSError: The system doesn't tell.
        ImportError: It would take psutil, and there is none.
    """
    root = _own(ours_s)
    if not has_children():
        return [root]
    descendants = _listed(root.pid) if _are_listed() else _known_to_psutil()
    return [root, *descendants]


def _own(ours_s: float) -> Process:
    cpu_s = time.process_time() - ours_s
    own, waited = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    read_bytes = write_bytes = None
    if sys.platform == "linux":
        rss_bytes = int(_contents("/proc/self/statm").split(None, 2)[1]) * os.sysconf("SC_PAGE_SIZE")
        read_bytes = (own.ru_inblock + waited.ru_inblock) * BLOCK_BYTES
        write_bytes = (own.ru_oublock + waited.ru_oublock) * BLOCK_BYTES
    else:
        import psutil

        rss_bytes = psutil.Process().memory_info().rss
    waited_s = waited.ru_utime + waited.ru_stime
    return Process(os.getpid(), 0.0, os.getppid(), cpu_s, waited_s, rss_bytes, read_bytes, write_bytes)


@cache
def _are_listed() -> bool:
    me = os.getpid()
    return os.path.exists(f"/proc/{me}/task/{me}/children")


def _listed(root: int) -> list[Process]:
    found: dict[int, Process] = {}
    parents = [root]
    for parent in parents:
        for pid in _children(parent):
            process = None if pid in found else _look(pid)
            # The pid may have gone to another process between the list and the look.
            if process is not None and process.ppid == parent:
                found[pid] = process
                parents.append(pid)
    return list(found.values())


def _children(pid: int) -> Iterator[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        try:
            yield from map(int, _contents(f"/proc/{pid}/task/{thread}/children").split())
        except OSError:  # the thread has ended
            continue


def _look(pid: int) -> Process | None:
    stat = stat_of(pid)
    if stat is None:
        return None
    ticks, tick_s = [int(number) for number in stat[11:15]], 1.0 / os.sysconf("SC_CLK_TCK")
    return Process(
        pid,
        int(stat[19]),
        int(stat[1]),
        _cpu_s(pid, (ticks[0] + ticks[1]) * tick_s),
        (ticks[2] + ticks[3]) * tick_s,
        int(stat[21]) * os.sysconf("SC_PAGE_SIZE"),
        *_io(pid),
    )


def _cpu_s(pid: int, coarse_s: float) -> float:
    try:
        return cpu_clock_s(pid)
    except OSError:
        return coarse_s


def _io(pid: int) -> tuple[int | None, int | None]:
    try:
        lines = dict(line.split(b": ") for line in _contents(f"/proc/{pid}/io").splitlines())
        return int(lines[b"read_bytes"]), int(lines[b"write_bytes"])
    except (OSError, KeyError, ValueError):  # another user's, or a kernel that does not count
        return None, None


def _contents(path: str) -> bytes:
    # Each call gives the interpreter away, and beside busy code gets it back 5 ms later: three calls, not open()'s six.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = os.read(fd, 65536)
        while len(text) % 4096 == 0 and (more := os.read(fd, 65536)):  # the kernel gives a page at a time
            text += more
        return text
    finally:
        os.close(fd)


def _known_to_psutil() -> list[Process]:
    import psutil

    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            with process.oneshot():
                times, io = process.cpu_times(), getattr(process, "io_counters", lambda: None)()
                found.append(
                    Process(
                        process.pid,
                        process.create_time(),
                        process.ppid(),
                        times.user + times.system,
                        times.children_user + times.children_system,
                        process.memory_info().rss,
                        getattr(io, "read_bytes", None),
                        getattr(io, "write_bytes", None),
                    )
                )
        except psutil.NoSuchProcess:
            continue
    return found
