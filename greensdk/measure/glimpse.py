"""
The record of a call that is still under way, made by another thread.

Everything is read as at the end, into a copy of the window, so that the call itself, its parent and the ledgers see
nothing of it. A monitor's token is used once more at the call's end, which tokens allow: they hold all state.
"""

from __future__ import annotations

import time
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk.measure.state import Lane, lanes, ledger
from greensdk.measure.window import Window

if TYPE_CHECKING:
    from greensdk.sample.sampler import Subscription
    from greensdk.schema.types import Status


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


class _Silent:
    """
    Stands for a call's place with the sampler, and leaves the call there.
    """

    def __init__(self, subscription: Subscription) -> None:
        self.spent_ns = subscription.spent_ns

    def leave(self, _: Window) -> None:
        """
        Stay.
        """


class Glimpse(Window):
    """
    A copy of a window, whose end changes nothing but itself.
    """

    __slots__ = ()

    def cpu_time(self, *counted: Any) -> tuple[float, str]:
        """
        Count as the window would, and leave to it what it will claim.
        """
        claimed_s = ledger.children_s
        found = super().cpu_time(*counted)
        ledger.children_s = claimed_s
        return found

    def hand_over(self) -> None:
        """
        Give its record to the captures and sinks of the call.
        """
        self.lane, self.on_loop, self.adds = None, False, False
        self.close(None)


def glimpse(window: Window, thread: Thread, status: Status) -> Glimpse | None:
    """
    Return a window with the record of what a call has taken so far.

    Args:
        window: The call.
        thread: Where it was opened.
        status: What the record is to say of it.

    Returns:
        A window whose record has the id of the one that the call will leave; None where the call has not begun to run,
        or is about to end.
    """
    parent, copy = window.parent, _copy(window, thread)
    # What runs in one stretch has a stop only once it is about to end, and an earlier one than the copy's.
    is_ending = window.record is not None or (window.cpu_source == "thread" and window.stopped_ns)
    if not copy.started_ns or is_ending:
        return None
    record = copy.measure(None)
    record["status"] = status
    if parent is not None:
        record["parent_id"], record["depth"] = parent.record_id, window.depth
    return copy


def _copy(window: Window, thread: Thread) -> Glimpse:
    copy = object.__new__(Glimpse)
    for owner in Window.__mro__:
        for name in getattr(owner, "__slots__", ()):
            if hasattr(window, name):
                setattr(copy, name, getattr(window, name))
    copy.cpu_ns += thread.ran_ns(window)
    copy.stopped_ns = time.perf_counter_ns()
    copy.errors = dict(window.errors)
    if window.sampling is not None:
        silent: Any = _Silent(window.sampling)
        copy.sampling = silent
    # No call's child and not among those under way: nothing waits for its end.
    copy.parent, copy.is_lane = None, False
    return copy
