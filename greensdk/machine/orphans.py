"""
Descendants that lose their parent: daemons, double forks, what a shell leaves in the background.

The kernel gives an orphan to the nearest ancestor that asked for orphans, else to init, which takes its CPU time away
from everybody who could count it (prctl(2), PR_SET_CHILD_SUBREAPER; Linux only). Whoever asks also has to wait for
them, or they stay zombies; their CPU time is then in RUSAGE_CHILDREN (getrusage(2)).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PR_SET_CHILD_SUBREAPER = 36
"""The kernel's include/uapi/linux/prctl.h."""


@contextmanager
def adopting() -> Iterator[bool]:
    """
    Be the parent of every orphan among the descendants while the block runs.

    Yields:
        Whether it works here. It does on Linux, except in a sandbox that forbids prctl(2).
    """
    adopted = _ask_for_orphans(True)
    try:
        yield adopted
    finally:
        if adopted:
            _ask_for_orphans(False)


def _ask_for_orphans(wanted: bool) -> bool:
    if sys.platform != "linux":
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):  # a Python without libffi, a libc without prctl
        return False


def reap(spared: int) -> None:
    """
    Wait for every child that has ended, except for one whose exit code somebody else wants.
    """
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == spared:
            return
        os.waitpid(ended.si_pid, 0)
