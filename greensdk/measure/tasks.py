"""
Calls in an event loop: which of them runs in which of its callbacks.

An asyncio loop runs one callback after the other, a step of a task being one, each in the context in which it was
scheduled. The innermost call in that context is the one for which it runs: the block that the task is in, the
coroutine that started the task by ``gather`` or a ``TaskGroup``, the request whose response a child task streams. So
before a callback the clocks of those calls go on that rest, and after it they halt.

Callbacks are watched from the first call in a loop on, in the way that the loop offers:

- ``asyncio.Handle._run``, through which every loop written in Python runs them, is wrapped, once for the process.
- Other loops of asyncio (uvloop) get a task factory: the steps of tasks that are made from then on are watched.
- trio gets an instrument (https://trio.readthedocs.io, "Instrument API"), which is called before and after each step.

In a loop that can't be watched, and in a task that was there before a factory was, blocks that overlap can't be
separated, and none of them gets a number.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from functools import partial
from time import thread_time_ns
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from greensdk.measure.state import DEEPEST, current, lanes, ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from greensdk.measure.state import Frame, Lane

    Run = Callable[[Any], Any]

_watched: WeakSet[Any] = WeakSet()
"""Classes of handles, and loops with a task factory of ours."""
_instruments: WeakKeyDictionary[Lane, Instrument] = WeakKeyDictionary()


def running_loop() -> Any:
    """
    Return asyncio's event loop that runs on this thread; None where there is none.
    """
    asyncio: Any = sys.modules.get("asyncio.events")
    return None if asyncio is None else asyncio._get_running_loop()


def watch(loop: Any, is_stepped: bool) -> bool:
    """
    Watch the callbacks of an event loop from now on.

    Args:
        loop: It runs on this thread.
        is_stepped: It is for a call that knows when it is stepped itself, whatever callback that is in.

    Returns:
        Whether the call can be kept apart from others.
    """
    base: Any = sys.modules.get("asyncio.base_events")
    if base is None or not isinstance(loop, base.BaseEventLoop):
        return _watch_tasks(loop) and (is_stepped or lanes.here.callbacks > 0)
    handle = base.events.Handle
    if handle not in _watched:
        _watched.add(handle)
        handle._run = _watching(handle._run)
    return True


def _watch_tasks(loop: Any) -> bool:
    """
    Watch the tasks that a loop makes from now on, and return whether that is possible.
    """
    try:
        if loop not in _watched:
            loop.set_task_factory(partial(_made, loop.get_task_factory()))
            _watched.add(loop)
    except (AttributeError, NotImplementedError, TypeError):  # it has no task factory
        return False
    return True


def _made(make: Callable[..., Any] | None, loop: Any, coro: Any, **options: Any) -> Any:
    """
    Make a task of watched steps, with the factory that the loop had, if any.
    """
    if make is not None:
        return make(loop, Steps(coro), **options)
    return sys.modules["asyncio.tasks"].Task(Steps(coro), loop=loop, **options)


def _watch_trio(lane: Lane) -> bool:
    """
    Watch trio's steps on this thread, the one that runs included.
    """
    lowlevel: Any = sys.modules.get("trio.lowlevel")
    if lowlevel is None:
        return False
    instrument = _instruments.setdefault(lane, Instrument(lane))
    if not lane.callbacks:
        lowlevel.add_instrument(instrument)
        instrument.enter()
    return True


def join(window: Frame, is_stepped: bool) -> None:
    """
    Note in a coroutine or block that begins whether it is in an event loop, and in one that can be watched.

    Args:
        window: It.
        is_stepped: As for :func:`watch`.
    """
    loop, sniffio, lane = running_loop(), sys.modules.get("sniffio"), lanes.here
    name = getattr(getattr(sniffio, "thread_local", None), "name", None)  # where trio says that it runs here
    if loop is None and name is None:
        return
    if watch(loop, is_stepped) if loop is not None else name == "trio" and _watch_trio(lane):
        window.on_loop = True
        lane.unwatched = not lane.callbacks
    else:
        window.is_foreign = True


class Steps(Coroutine[Any, Any, Any]):
    """
    A coroutine, each step of which is watched as a callback is. It looks like the one in it.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """
        Step on.
        """
        return _run_for(current.get(), self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        """
        Step on by raising `error`.
        """
        return _run_for(current.get(), lambda each: self._inner.throw(*each), error)

    def close(self) -> None:
        """
        End it where it stands.
        """
        self._inner.close()


class Instrument:
    """
    What trio calls before and after each step on one thread.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._below: Frame | None = None

    def enter(self) -> None:
        """
        Begin a step.
        """
        self._below = self._lane.top
        self._lane.callbacks += 1

    def before_task_step(self, task: Any) -> None:
        """
        Have the calls go on for which the task runs.
        """
        self.enter()
        window = task.context.get(current)
        while window is not None and window.closed:
            window = window.parent
        _go_on(window, self._lane)

    def after_task_step(self, _: Any) -> None:
        """
        Halt them.
        """
        self._lane.callbacks -= 1
        _halt(self._lane, self._below)


def _watching(run: Run) -> Run:
    def _run(handle: Any) -> None:
        _run_for(handle._context.get(current), run, handle)

    return _run


def _run_for(window: Frame | None, run: Run, what: Any) -> Any:
    """
    Run a callback, or a step, for the innermost call in its context.
    """
    lane = lanes.here
    if lane.unwatched:
        _leave_behind(lane)
    while window is not None and window.closed:
        window = window.parent
    if window is None or window.lane is None or window.lane is lane:
        return _run_in(window, lane, run, what)
    return _run_beside(window, lane, run, what)


def _go_on(window: Frame | None, lane: Lane) -> None:
    """
    Have a call go on, and before it those around it that run nowhere at this moment.
    """
    resting: list[Frame] = []
    while window is not None and window.lane is None and not window.closed:
        resting.append(window)
        window = window.parent
    while resting:
        resting.pop().go_on(lane)


def _run_in(window: Frame | None, lane: Lane, run: Run, what: Any) -> Any:
    """
    Run a callback in a call, and in those around it.
    """
    below = lane.top
    lane.callbacks += 1
    try:
        if window is not None and window.lane is None:
            _go_on(window, lane)
        return run(what)
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


def _run_beside(window: Frame, lane: Lane, run: Run, what: Any) -> Any:
    """
    Run a callback for a call that runs on another thread at the same time.
    """
    claimed_ns, start_ns = lane.claimed_ns, thread_time_ns()
    try:
        return run(what)
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
