"""
What a decorated function does when it is called: a window around a function, around the steps of a
coroutine or generator, or around those of an asynchronous generator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greensdk.measure.faults import is_from_signal, note
from greensdk.measure.record import Subject
from greensdk.measure.window import Window

if TYPE_CHECKING:
    from greensdk.measure.slots import Slot

    Verdict = Callable[[BaseException], BaseException | None]


def open_window(slot: Slot, subject: Subject, cpu_source: str = "thread") -> Window | None:
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
        window = Window(runtime, subject, cpu_source)
        window.begin()
    except BaseException as problem:
        _not_begun(slot, subject, window, problem)
        return None
    return window


def _not_begun(slot: Slot, subject: Subject, window: Window | None, problem: BaseException) -> None:
    if window is not None:
        window.abandon()
    if is_from_signal(problem):
        if subject.runtime is not None and subject.runtime is slot.runtime:
            again = Window(subject.runtime, subject)
            again.begin()
            again.resume()
            again.close(problem)
        raise problem
    if slot.spec.get("strict") and isinstance(problem, Exception):
        raise problem
    note(problem)


def measure(
    window: Window, fn: Callable[..., Any], args: Any, kwargs: dict[str, Any], verdict: Verdict | None = None
) -> Any:
    """
    Run a function as a stretch of a call, and return what it returns.

    Args:
        window: The call's, open.
        fn: The function.
        args: Its arguments.
        kwargs: Its arguments by name.
        verdict: For a call of many stretches, which are its steps: says of what a step has raised which error the
            call has ended with (None: with a result), or returns `PAUSED`. A call without it has a single stretch.
    """
    try:
        window.resume()
        result = fn(*args, **kwargs)
        if verdict is None:
            window.close(None)
        else:
            window.pause()
    except BaseException as error:
        outcome = error if verdict is None else verdict(error)
        try:
            _leave(window, outcome)
        finally:  # a signal handler may have raised before the first line of that
            _leave(window, outcome)
        raise
    if verdict is None and window.strict_error is not None:
        raise window.strict_error
    return result


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
        window = open_window(self.slot, self.subject)
        return self.fn(*args, **kwargs) if window is None else measure(window, self.fn, args, kwargs)


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
        return Steps(Opening(self), steps.__await__() if hasattr(steps, "__await__") else steps, returned)


class AsyncStepsCall(Call):
    """
    Measures an asynchronous generator; called by the wrapper when its first step is taken.
    """

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Return the items, each step towards which will be measured.
        """
        return AsyncItems(Opening(self), self.fn(*args, **kwargs))


class Opening:
    """
    The window of a call of many steps, opened with the first.

    Should nobody take the steps to their end, it is closed when it is forgotten.
    """

    __slots__ = ("_call", "_window")

    def __init__(self, call: Call) -> None:
        self._call: Call | None = call
        self._window: Window | None = None

    def window(self) -> Window | None:
        """
        Return it while it is open; None before the first step and after the last, and for a call that goes unmeasured.
        """
        call, self._call = self._call, None
        if call is not None:
            self._window = open_window(call.slot, call.subject, "steps")
        window = self._window
        return None if window is None or window.closed else window

    def __del__(self) -> None:
        if self._window is not None and not self._window.closed:
            self._window.close(GeneratorExit())


class Steps:
    """
    Stands between whoever drives a coroutine or generator and the thing itself, and measures each step.
    """

    __slots__ = ("_inner", "_opening", "_verdict")

    def __init__(self, opening: Opening, inner: Any, verdict: Verdict) -> None:
        self._opening = opening
        self._inner = inner
        self._verdict = verdict

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
        window = self._opening.window()
        if window is None:
            self._inner.close()
            return
        measure(window, self._inner.close, (), {}, returned)
        window.close(GeneratorExit())

    def _step(self, method: Callable[..., Any], *args: Any) -> Any:
        window = self._opening.window()
        return method(*args) if window is None else measure(window, method, args, {}, self._verdict)


class AsyncItems:
    """
    Stands before an asynchronous generator and measures each step towards its next item.
    """

    __slots__ = ("_inner", "_opening")

    def __init__(self, opening: Opening, inner: Any) -> None:
        self._opening = opening
        self._inner = inner

    def __anext__(self) -> Steps:
        return self._steps(self._inner.__anext__(), came)

    def asend(self, value: Any) -> Steps:
        """
        Go on to the next item, with `value` as the result of the pending ``yield``.
        """
        return self._steps(self._inner.asend(value), came)

    def athrow(self, error: BaseException) -> Steps:
        """
        Go on to the next item by raising `error` at the pending ``yield``.
        """
        return self._steps(self._inner.athrow(error), came)

    def aclose(self) -> Steps:
        """
        End it where it stands.
        """
        return self._steps(self._inner.aclose(), cancelled)

    def _steps(self, awaitable: Any, verdict: Verdict) -> Steps:
        return Steps(self._opening, awaitable.__await__(), verdict)
