"""
CPU time of the processes that `multiprocessing` has started and that still run: those of pools and executors, joblib's
too, wherever they were made. One system call for each, and nothing at all where the module is not loaded.

Processes that a fork server has started are its children, so their CPU time never comes to this process by waiting for
them; what the server has waited for is in its ``/proc/PID/stat`` (proc_pid_stat(5)), in hundredths of a second.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from greensdk.machine.identity import cpu_clock_s, stat_of

MODULE = "multiprocessing.process"
SERVER = "multiprocessing.forkserver"


def has_pools() -> bool:
    """
    Say whether there may be such processes.
    """
    module: Any = sys.modules.get(MODULE)
    return module is not None and bool(getattr(module, "_children", ()) or SERVER in sys.modules)


def pool_cpu_s() -> Mapping[int, float]:
    """
    Return the CPU seconds of each such process since it began, by its pid; empty where that can't be seen.
    """
    module: Any = sys.modules.get(MODULE)
    if module is None or sys.platform != "linux":
        return {}
    return dict(_running(module))


def grown_s(start: Mapping[int, float] | None, now: Mapping[int, float]) -> float:
    """
    Return the CPU seconds between two looks. Those of a process that has ended meanwhile are negative: its whole life
    has come to who waited for it.
    """
    start = start or {}
    gone_s = sum(cpu_s for pid, cpu_s in start.items() if pid not in now)
    return sum(cpu_s - start.get(pid, 0.0) for pid, cpu_s in now.items()) - gone_s


def _running(module: Any) -> Iterator[tuple[int, float]]:
    me = os.getpid()
    for process in tuple(getattr(module, "_children", ())):
        started = getattr(process, "_popen", None)
        if started is not None and getattr(process, "_parent_pid", me) == me:
            yield from _clock(started.pid)
    server: Any = sys.modules.get(SERVER)
    pid = server and getattr(server._forkserver, "_forkserver_pid", None)
    if pid:
        yield from _clock(pid)
        yield from _waited(pid)


def _clock(pid: int) -> Iterator[tuple[int, float]]:
    try:
        yield pid, cpu_clock_s(pid)
    except OSError:  # it has ended
        return


def _waited(pid: int) -> Iterator[tuple[int, float]]:
    if (fields := stat_of(pid)) is not None:
        yield -pid, (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
