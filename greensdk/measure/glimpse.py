"""
The record of a call that is still under way, made by another thread.

Everything is read as at the end, into a copy of the window, so that the call itself, its parent and the ledgers see
nothing of it. A monitor's token is used once more at the call's end, which tokens allow: they hold all state.
"""

from __future__ import annotations

import time
from threading import get_ident
from typing import Any, NamedTuple

from greensdk.measure.cputime import Lane, lanes, ledger
from greensdk.measure.window import Window


class Thread(NamedTuple):
    """
    The thread on which a call was opened, as others can see it.

    Attributes:
        lane: What calls share of it.
        clock: The id of its CPU clock, which outlives the thread: clock_getcpuclockid(3); None on macOS.
    """

    lane: Lane
    clock: int | None

    @classmethod
    def here(cls) -> Thread:
        """
        Return the running one.
        """
        clock_of = getattr(time, "pthread_getcpuclockid", None)
        return cls(lanes.here, clock_of(get_ident()) if clock_of else None)

    def ran_ns(self, window: Window) -> int:
        """
        Return how long a call has been running since it last began to, as :meth:`Window.pause` would find it; 0 where
        that can't be seen from outside.
        """
        lane = window.lane
        if lane is not self.lane or self.clock is None:
            return 0
        try:
            now_ns = time.clock_gettime_ns(self.clock)
        except OSError:  # the thread has ended
            return 0
        return max(0, now_ns - window.thread0 - lane.claimed_ns + window.lane_claimed0) + window.nested_ns


class _Mute:
    """
    Stands for a window's runtime, or its place with the sampler, and lets nothing out.
    """

    def __init__(self, real: Any, taken: list[dict[str, Any]]) -> None:
        self._real, self._taken = real, taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def emit(self, record: dict[str, Any]) -> None:
        """
        Keep the record.
        """
        self._taken.append(record)

    def leave(self, window: Window) -> None:
        """
        Stay with the sampler.
        """


class _Copy(Window):
    """
    A window whose end changes nothing but itself.
    """

    __slots__ = ()

    def _cpu(self, own: Any, kids: Any, alone: bool) -> tuple[float, str]:
        claimed_s = ledger.children_s
        found = super()._cpu(own, kids, alone)
        ledger.children_s = claimed_s
        return found


def glimpse(window: Window, thread: Thread, status: str) -> dict[str, Any] | None:
    """
    Return a record of what a call has taken so far.

    Args:
        window: The call.
        thread: Where it was opened.
        status: What the record is to say of it.

    Returns:
        The record, which has the id of the one that the call will leave; None where the call has not begun to run, or
        is about to end.
    """
    parent, copy = window.parent, _copy(window, thread)
    taken: list[dict[str, Any]] = []
    if not copy.started_ns or window.record is not None:
        return None
    copy.runtime = _Mute(window.runtime, taken)  # type: ignore[assignment]
    if window.sampling is not None:
        copy.sampling = _Mute(window.sampling, taken)  # type: ignore[assignment]
    copy.end(None)
    for record in taken:
        record.update(status=status, depth=window.depth, parent_id=None if parent is None else parent.record_id)
        return record
    return None


def _copy(window: Window, thread: Thread) -> Window:
    copy = object.__new__(_Copy)
    for name in Window.__slots__:
        if hasattr(window, name):
            setattr(copy, name, getattr(window, name))
    copy.cpu_ns += thread.ran_ns(window)
    copy.stopped_ns = time.perf_counter_ns()
    copy.errors = dict(window.errors)
    if window.runtime.counts:
        copy.tokens = list(window.tokens)
    # Nobody's child and not among those under way: its end is told to nobody.
    copy.parent, copy.is_lane = None, False
    return copy
