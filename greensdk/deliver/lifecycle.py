"""
When this process hands records over: at intervals while it runs, and whatever is left when it ends.

All that is about to be delivered is registered here, once for each destination, so that one place knows

- the end of a program, and of a process that was spawned: :mod:`atexit`,
- the end of a process that :mod:`multiprocessing` has forked, which runs multiprocessing's finalizers and no atexit,
- a fork: what the parent is about to deliver is the parent's, and the child begins with nothing,
- a process that ends or freezes with its call (a Lithops worker, an AWS Lambda): there records are delivered before the
  call returns.

Imported in each Lithops call, so it imports little.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any

from greensdk.configure import builtin
from greensdk.errors import keep_threads_silent

BEFORE_OTHERS = 10
"""The exit priority in multiprocessing: before the finalizers of the user's own managers and pools (0 to 5)."""

WORKER_INTERVAL_S = 1.0
"""How often a process that ends with its call delivers: a thousand calls in it don't make a thousand objects."""

_open: dict[Hashable, Any] = {}
_finalized_pid = 0
_call_processes: list[Callable[[], bool]] = []


def shared(key: Hashable, make: Callable[[], Any]) -> Any:
    """
    Return what this process has for one destination, made if there is none; all specifications share it.

    Args:
        key: What tells destinations from each other.
        make: Makes an object with ``request()`` (begin to hand over, without waiting), ``finish(request)`` (wait for
            that, and leave the rest to a later process) and ``forget()`` (in a forked child: let go of what is its
            parent's, and return whether the child needs one of its own).
    """
    found = _open.get(key)
    if found is None:
        found = _open[key] = make()
    _finalize_child()
    return found


def existing(key: Hashable) -> Any:
    """
    Return what this process has for one destination; None where nothing was handed over yet.
    """
    return _open.get(key)


def discard(key: Hashable) -> None:
    """
    Forget one destination, to which everything is handed over.
    """
    _open.pop(key, None)


def finish_all() -> None:
    """
    Hand everything over, as the end of the process does. Never raises.

    All destinations are asked before any is waited for: it takes as long as the slowest of them, not their sum.
    """
    requests = [(each, each.request()) for each in list(_open.values())]
    for each, request in requests:
        try:
            each.finish(request)
        except Exception as error:  # the others may do better
            from greensdk.errors import warn_once

            warn_once(f"greensdk could not hand over records: {type(error).__name__}: {error}")


def waits_for_delivery() -> bool:
    """
    Return whether this process ends or freezes with its call, so that a call returns when its records are delivered.
    """
    return is_lithops_worker() or builtin.LAMBDA in os.environ


def is_lithops_worker() -> bool:
    """
    Return whether this process is a Lithops worker, or was started by one.
    """
    return builtin.ADAPTERS["lithops"][1] in os.environ


def register_call_process(check: Callable[[], bool]) -> None:
    """
    Have :func:`is_call_process` ask an adapter.

    Args:
        check: Returns whether this process is the one that the worker made for the call.
    """
    _call_processes[:] = [check]


def is_call_process() -> bool:
    """
    Return whether this process is a call's own; false in processes that the call has started, and outside of workers.
    """
    return any(check() for check in _call_processes)


class Interval:
    """
    Something that may happen once in so many seconds.

    Args:
        every_s: The seconds; 0 for always.
    """

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self._due_s = 0.0

    def is_due(self) -> bool:
        """
        Return whether it is time; if so, the next time is an interval from now.
        """
        now_s = monotonic()
        if now_s < self._due_s:
            return False
        self._due_s = now_s + self.every_s
        return True


def _finalize_child() -> None:
    """
    Have a child of multiprocessing hand over what is left when it ends, which runs no atexit.
    """
    global _finalized_pid
    if _finalized_pid == os.getpid():
        return
    _finalized_pid = os.getpid()
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _at_exit, exitpriority=BEFORE_OTHERS)


def _at_exit() -> None:
    finish_all()
    _open.clear()  # while the libraries that they hold objects of still work


def _after_fork() -> None:
    for key, each in list(_open.items()):
        if each.forget():
            del _open[key]


atexit.register(keep_threads_silent)  # runs after the next line's
atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
