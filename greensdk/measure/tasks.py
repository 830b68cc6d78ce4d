"""
Calls in an event loop: which of them runs in which of its callbacks.

An asyncio loop runs one callback after the other, a step of a task being one, each in the context in which it was
scheduled. The innermost call in that context is the one for which it runs: the block that the task is in, the
coroutine that started the task by ``gather`` or a ``TaskGroup``, the request whose response a child task streams. So
before a callback the clocks of those calls go on that rest, and after it they halt.

Callbacks are watched from the first call in a loop on: ``asyncio.Handle._run``, through which every loop written in
Python runs them, is wrapped, once for the process. Loops that run them otherwise (uvloop, trio) are not watched: there,
blocks that overlap can't be separated, and none of them gets a number.
"""

from __future__ import annotations

import sys
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

from greensdk.measure.state import DEEPEST, current, lanes, ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from greensdk.measure.state import Frame, Lane

    Run = Callable[[Any], None]

_watched: set[type] = set()


def running_loop() -> Any:
    """
    Return asyncio's event loop that runs on this thread; None where there is none.
    """
    asyncio: Any = sys.modules.get("asyncio.events")
    return None if asyncio is None else asyncio._get_running_loop()


def watch(loop: Any) -> bool:
    """
    Watch the callbacks of an event loop from now on, and return whether that is possible.
    """
    base: Any = sys.modules.get("asyncio.base_events")
    if base is None or not isinstance(loop, base.BaseEventLoop):
        return False
    handle = base.events.Handle
    if handle not in _watched:
        _watched.add(handle)
        handle._run = _watching(handle._run)
    return True


def join(window: Frame) -> None:
    """
    Note in a coroutine or block that begins whether it is in an event loop, and in one that can be watched.
    """
    loop, sniffio = running_loop(), sys.modules.get("sniffio")
    if loop is not None and watch(loop):
        window.on_loop = True
        lanes.here.unwatched = not lanes.here.callbacks
    elif loop is not None or getattr(getattr(sniffio, "thread_local", None), "name", None):
        window.is_foreign = True  # sniffio is where other libraries (trio) say that a loop of theirs runs here


def _watching(run: Run) -> Run:
    def _run(handle: Any) -> None:
        lane = lanes.here
        if lane.unwatched:
            _leave_behind(lane)
        window = handle._context.get(current)
        while window is not None and window.closed:
            window = window.parent
        if window is None or window.lane is None or window.lane is lane:
            _run_in(window, lane, run, handle)
        else:
            _run_beside(window, lane, run, handle)

    return _run


def _run_in(window: Frame | None, lane: Lane, run: Run, handle: Any) -> None:
    """
    Run a callback in a call, and in those around it.
    """
    below, resting = lane.top, []
    while window is not None and window.lane is None and not window.closed:
        resting.append(window)
        window = window.parent
    lane.callbacks += 1
    try:
        while resting:
            resting.pop().go_on(lane)
        run(handle)
    finally:
        lane.callbacks -= 1
        _halt(lane, below)


def _halt(lane: Lane, below: Frame | None) -> None:
    """
    Halt the calls that have gone on in a callback, or begun in it and not ended.
    """
    for _ in range(DEEPEST):
        top = lane.top
        if top is None or top is below or not top.on_loop:
            return
        top.halt()
        if lane.top is top:  # it runs on another thread by now
            lane.top = None if top.below is top else top.below


def _run_beside(window: Frame, lane: Lane, run: Run, handle: Any) -> None:
    """
    Run a callback for a call that runs on another thread at the same time.
    """
    claimed_ns, start_ns = lane.claimed_ns, thread_time_ns()
    try:
        run(handle)
    finally:
        fresh_ns = max(0, thread_time_ns() - start_ns - lane.claimed_ns + claimed_ns)
        lane.claimed_ns += fresh_ns
        ledger.claimed_ns += fresh_ns
        window.elsewhere_ns += fresh_ns


def _leave_behind(lane: Lane) -> None:
    """
    Halt the blocks that have begun in a callback before callbacks were watched.
    """
    lane.unwatched = False
    _halt(lane, None)
