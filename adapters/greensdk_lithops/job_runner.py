"""
What the stack tells of the Lithops call that this process belongs to.

A worker's handler forks a ``JobRunner`` for each call; the fork inherits the handler's stack, so the frames
below the user's function lead to the job runner, and further down to the handler's own notes on the call.
Lithops 3.0 to 3.8 are built like this. A process that the user's function has forked finds the same frames,
but with one more process start between itself and the job runner.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

WriteStat = Callable[[str, Any], None]


class Context:
    """
    The call of this process.

    Attributes:
        pid: The process that was asked.
        runner: The call's ``JobRunner``; None when there is none in the stack.
        cold: The worker was new; None when nothing tells.
        forked: The user's function has forked this process.
    """

    __slots__ = ("cold", "forked", "pid", "runner")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.runner: Any = None
        self.cold: bool | None = None
        self.forked = False


_context = Context(0)


def context() -> Context:
    """
    Return what the stack tells; looked at once per process.
    """
    global _context
    if _context.pid != os.getpid():
        _context = _look()
    return _context


def _look() -> Context:
    found, started = Context(os.getpid()), False
    for frame in _frames():
        name, file = frame.f_code.co_name, os.path.basename(frame.f_code.co_filename)
        if found.runner is not None:
            if name == "run_task":
                status = getattr(frame.f_locals.get("call_status"), "status", None) or {}
                found.cold = status.get("worker_cold_start")
                break
        elif (name, file) == ("run", "jobrunner.py"):
            found.runner, found.forked = frame.f_locals.get("self"), started
        elif (name, file) == ("_bootstrap", "process.py"):
            started = True
    return found


def _frames() -> Iterator[FrameType]:
    # The job runner is on the main thread, whichever thread asks.
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_call_process() -> bool:
    """
    Say whether this process is the one that Lithops made for the call, and not one that the call started.
    """
    return stats_writer() is not None


def stats_writer() -> WriteStat | None:
    """
    Return what adds a line to the call's statistics; None in a process that isn't the call's own.
    """
    here = context()
    if here.forked:
        return None
    stats = getattr(here.runner, "stats", None)
    if stats is None:
        return _by_descriptor()
    if not stats.stats_fid.closed:
        return stats.write  # type: ignore[no-any-return]
    # The job runner is through, and its parent reads the file when this process has ended.
    return _appending(stats.stats_filename)


def _appending(path: str) -> WriteStat:
    def write(key: str, value: Any) -> None:
        with open(path, "a", encoding="utf-8") as stats:
            stats.write(f"{key} {value}\n")

    return write


def _by_descriptor() -> WriteStat | None:
    """Find the statistics file among the open descriptors (Linux), should a later Lithops name things otherwise."""
    try:
        numbers = os.listdir("/proc/self/fd")
    except OSError:
        return None
    for number in numbers:
        try:
            path = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if path.endswith("/job_stats.txt"):
            fd = int(number)
            return lambda key, value: _write(fd, f"{key} {value}\n".encode())
    return None


def _write(fd: int, line: bytes) -> None:
    os.write(fd, line)
