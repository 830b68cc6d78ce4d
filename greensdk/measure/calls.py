"""
What a decorated function does when it is called: a window around a function, around the steps of a
coroutine or generator, or around those of an asynchronous generator.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

from greensdk.errors import describe, warn_once
from greensdk.machine.signals import is_from_signal
from greensdk.measure.record import Subject
from greensdk.measure.state import shared
from greensdk.measure.window import Window

if TYPE_CHECKING:
    from greensdk.measure.slots import Slot

    Verdict = Callable[[BaseException], BaseException | None]


def open_window(slot: Slot, subject: Subject, cpu_source: str | None = None) -> Window | None:
    """
    Begin a call; None, and the call goes unmeasured, when greensdk itself fails.

    Raises:
        BaseException: What a signal handler of the user's has raised meanwhile; the call that never began has a record.
    """
    window = None
    try:
        runtime = slot.runtime or slot.open()
        if subject.runtime is not runtime:
            subject.prepare(runtime)
        window = Window()
        window.begin(runtime, subject, cpu_source)
        window.home_ns, window.home_claimed_ns = thread_time_ns(), window.home.claimed_ns
    except BaseException as problem:
        _not_begun(slot, subject, window, problem)
        return None
    return window


def _not_begun(slot: Slot, subject: Subject, window: Window | None, problem: BaseException) -> None:
    if window is not None:
        window.abandon()
    if is_from_signal(problem):
        if subject.runtime is not None and subject.runtime is slot.runtime:
            again = Window()
            again.begin(subject.runtime, subject)
            again.resume()
            again.close(problem)
        raise problem
    if slot.spec.get("strict") and isinstance(problem, Exception):
        raise problem
    warn_once(f"greensdk could not measure a call: {describe(problem)}")


def measure(
    fn: Callable[..., Any],
    args: Any,
    kwargs: dict[str, Any],
    window: Window,
    verdict: Verdict,
) -> Any:
    """
    Run a function as a stretch of a call, and return what it returns.

    Args:
        fn: The function.
        args: Its arguments.
        kwargs: Its arguments by name.
        window: The call's; it is open.
        verdict: Says of what a stretch has raised which error the call has ended with (None: with a result), or returns
            `PAUSED`.
    """
    try:
        window.resume()
        result = fn(*args, **kwargs)
        window.pause()
        return result
    except BaseException as error:
        outcome = verdict(error)
        try:
            _leave(window, outcome)
        finally:  # a signal handler may have raised before the first line of that
            _leave(window, outcome)
        raise


def _leave(window: Window, outcome: BaseException | None) -> None:
    if outcome is PAUSED:
        window.pause()
        return
    window.close(outcome)
    if outcome is None and window.strict_error is not None:
        raise window.strict_error


PAUSED = Exception("the call goes on")
"""What a step ended with that does not end the call."""


def returned(error: BaseException) -> BaseException | None:
    """
    Give the verdict on a step of a coroutine or generator, which return by StopIteration.
    """
    return None if isinstance(error, StopIteration) else error


def came(error: BaseException) -> BaseException | None:
    """
    Give the verdict on a step towards an item: StopIteration brings it, StopAsyncIteration is the generator's end.
    """
    if isinstance(error, StopIteration):
        return PAUSED
    return None if isinstance(error, StopAsyncIteration) else error


def cancelled(error: BaseException) -> BaseException | None:
    """
    Give the verdict on a step of ``aclose()``, the end of which is the call's end by GeneratorExit.
    """
    return GeneratorExit() if isinstance(error, StopIteration) else error


class Call:
    """
    Measures calls of a plain function.

    Pickles as None: it holds the runtime of this process, which no other process may use.
    """

    __slots__ = ("fn", "slot", "subject")

    def __init__(self, fn: Callable[..., Any], slot: Slot, subject: Subject) -> None:
        self.fn = fn
        self.slot = slot
        self.subject = subject

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(None), ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Run the function in a window.
        """
        return self.run(args, kwargs)

    def run(self, args: Any, kwargs: dict[str, Any]) -> Any:
        """
        Do the same, for a wrapper that has its arguments packed already: Python needs no C call to come here.
        """
        window, slot, subject = None, self.slot, self.subject
        try:
            try:  # as in open_window(), in one go: each call in here is one per call of the user's
                runtime = slot.runtime or slot.open()
                if subject.runtime is not runtime:
                    subject.prepare(runtime)
                window = Window()
                window.begin(runtime, subject)
            except BaseException as problem:
                failed, window = window, None
                _not_begun(slot, subject, failed, problem)
            if window is None:
                return self.fn(*args, **kwargs)
            window.resume(window.home)
            result = self.fn(*args, **kwargs)
            window.close(None)
        except BaseException as error:
            if window is not None:
                try:
                    window.close(error)
                finally:  # a signal handler may have raised before the first line of that
                    window.close(error)
            raise
        if window.strict_error is not None:
            raise window.strict_error
        return result


class StepsCall(Call):
    """
    Measures a coroutine or generator; called by the wrapper when its first step is taken.
    """

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Return the steps, each of which will be measured.
        """
        steps = self.fn(*args, **kwargs)
        return Steps(self, steps.__await__() if hasattr(steps, "__await__") else steps)


class AsyncStepsCall(Call):
    """
    Measures an asynchronous generator; called by the wrapper when its first step is taken.
    """

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Return the items, each step towards which will be measured.
        """
        return AsyncItems(self, self.fn(*args, **kwargs))


class Opening:
    """
    A call of many steps. Its window is opened with the first, and closed with the last.
    """

    __slots__ = ("_call", "_inner", "_window")

    def __init__(self, call: Call, inner: Any) -> None:
        self._call: Call | None = call
        self._inner = inner
        self._window: Window | None = None

    def window(self) -> Window | None:
        """
        Return the window while there is one to measure with.
        """
        window = self._window
        if window is None:
            call, self._call = self._call, None
            if call is not None:
                self._window = window = open_window(call.slot, call.subject, "steps")
                if window is not None:
                    shared.unended[window], window.adds = None, True
        elif window.closed:
            return None
        return window

    def leave(self, error: BaseException) -> None:
        """
        End the call with what its wrapper has met, unless it has ended.
        """
        if self._window is not None:
            self._window.close(error)
        with suppress(Exception):  # as Python would when it forgets them, but for its warning of steps never taken
            self._inner.close()


class Steps(Opening):
    """
    Stands between whoever drives a coroutine or generator and the thing itself, and measures each step.
    """

    __slots__ = ()

    def __await__(self) -> Steps:
        return self

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Any:
        return self._step(self._inner.__next__)

    def send(self, value: Any) -> Any:
        """
        Step on, with `value` as the result of the pending ``yield`` or ``await``.
        """
        return self._step(self._inner.__next__) if value is None else self._step(self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        """
        Step on by raising `error` there.
        """
        return self._step(self._inner.throw, *error)

    def close(self) -> None:
        """
        End it where it stands.
        """
        window = self.window()
        if window is None:
            self._inner.close()
            return
        measure(self._inner.close, (), {}, window, returned)
        window.close(GeneratorExit())

    def _step(self, method: Callable[..., Any], *args: Any) -> Any:
        window = self.window()
        return method(*args) if window is None else measure(method, args, {}, window, self.verdict)

    verdict = staticmethod(returned)


class AsyncItems(Opening):
    """
    Stands before an asynchronous generator and measures each step towards its next item.
    """

    __slots__ = ()

    def __anext__(self) -> Steps:
        return Item(self, self._inner.__anext__())

    def asend(self, value: Any) -> Steps:
        """
        Go on to the next item, with `value` as the result of the pending ``yield``.
        """
        return Item(self, self._inner.asend(value))

    def athrow(self, error: BaseException) -> Steps:
        """
        Go on to the next item by raising `error` at the pending ``yield``.
        """
        return Item(self, self._inner.athrow(error))

    def aclose(self) -> Steps:
        """
        End it where it stands.
        """
        return Closing(self, self._inner.aclose())


class Item(Steps):
    """
    The steps towards one item, in the window of all items.
    """

    __slots__ = ("_items",)

    def __init__(self, items: AsyncItems, awaitable: Any) -> None:
        self._items = items
        self._inner = awaitable.__await__()
        self._window = None

    def window(self) -> Window | None:
        """
        Return the window of all items while there is one to measure with.
        """
        return self._items.window()

    verdict = staticmethod(came)


class Closing(Item):
    """
    The steps of an asynchronous generator's ``aclose()``.
    """

    __slots__ = ()
    verdict = staticmethod(cancelled)
