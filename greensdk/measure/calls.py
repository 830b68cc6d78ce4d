"""
What a decorated function does when it is called: a window around a function, around the steps of a
coroutine or generator, or around those of an asynchronous generator.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from greensdk.measure.runtime import Runtime, runtime_for
from greensdk.measure.window import Subject, Window, open_window

MANY = frozenset({"repeat", "every_s"})
"""
Arguments that put more than one run of a function into a window. No file or variable may set them for all functions.
"""

DISABLED = "GREENSDK_DISABLED"


def is_disabled() -> bool:
    """
    Say whether the environment switches measuring off.
    """
    return os.environ.get(DISABLED, "").lower() not in {"", "0", "false", "no", "off"}


def bind(kind: type[Call], fn: Callable[..., Any], spec: Mapping[str, Any]) -> Callable[..., Any]:
    """
    Return what the wrapper of `fn` calls from now on: `fn` itself when measuring is switched off.
    """
    if is_disabled():
        return fn
    if kind is Call and not MANY.isdisjoint(spec):
        from greensdk.measure.repeats import kind_of

        kind = kind_of(spec)
    return kind(fn, runtime_for(spec), Subject(name_of(fn)))


def name_of(fn: Any) -> str:
    """
    Return ``module.qualified.name`` of anything callable.
    """
    inner = fn
    while hasattr(inner, "func") and not hasattr(inner, "__qualname__"):
        inner = inner.func
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{named.__module__}.{named.__qualname__}"


class Call:
    """
    Measures calls of a plain function.

    Pickles as None: it holds the runtime of this process, which no other process may use.
    """

    __slots__ = ("fn", "runtime", "subject")

    def __init__(self, fn: Callable[..., Any], runtime: Runtime, subject: Subject) -> None:
        self.fn = fn
        self.runtime = runtime
        self.subject = subject

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(None), ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Run the function in a window.
        """
        window = open_window(self.runtime, self.subject)
        if window is None:
            return self.fn(*args, **kwargs)
        window.resume()
        try:
            result = self.fn(*args, **kwargs)
        except BaseException as error:
            window.pause()
            window.end(error)
            raise
        window.pause()
        window.end(None)
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
        window = open_window(self.runtime, self.subject, "steps")
        return steps if window is None else Steps(window, steps.__await__() if hasattr(steps, "__await__") else steps)


class AsyncStepsCall(Call):
    """
    Measures an asynchronous generator; called by the wrapper when its first step is taken.
    """

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Return the items, each step towards which will be measured.
        """
        items = self.fn(*args, **kwargs)
        window = open_window(self.runtime, self.subject, "steps")
        return items if window is None else AsyncItems(window, items)


class Steps:
    """
    Stands between whoever drives a coroutine or generator and the thing itself, and measures each step.
    """

    __slots__ = ("inner", "window")

    def __init__(self, window: Window, inner: Any) -> None:
        self.window: Window | None = window
        self.inner = inner

    def __await__(self) -> Steps:
        return self

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Any:
        return self._step(self.inner.__next__)

    def send(self, value: Any) -> Any:
        """
        Step on, with `value` as the result of the pending ``yield`` or ``await``.
        """
        return self._step(self.inner.__next__) if value is None else self._step(self.inner.send, value)

    def throw(self, *error: Any) -> Any:
        """
        Step on by raising `error` there.
        """
        return self._step(self.inner.throw, *error)

    def close(self) -> None:
        """
        End it where it stands.
        """
        window = self.window
        if window is None:
            return
        window.resume()
        try:
            self.inner.close()
        except BaseException as error:
            self._finish(window, error)
            raise
        self._finish(window, GeneratorExit())

    def _step(self, method: Callable[..., Any], *args: Any) -> Any:
        window = self.window
        if window is None:
            return method(*args)
        window.resume()
        try:
            item = method(*args)
        except BaseException as error:
            self._leave(window, error)
            raise
        window.pause()
        return item

    def _leave(self, window: Window, error: BaseException) -> None:
        """
        End the window with `error`; StopIteration is how a generator or coroutine returns.
        """
        self._finish(window, None if isinstance(error, StopIteration) else error)

    def _finish(self, window: Window, error: BaseException | None) -> None:
        self.window = None
        window.pause()
        window.end(error)
        if error is None and window.strict_error is not None:
            raise window.strict_error


class AsyncItems:
    """
    Stands before an asynchronous generator and measures each step towards its next item.
    """

    __slots__ = ("inner", "window")

    def __init__(self, window: Window, inner: Any) -> None:
        self.window = window
        self.inner = inner

    def __anext__(self) -> Item:
        return Item(self.window, self.inner.__anext__())

    def asend(self, value: Any) -> Item:
        """
        Go on to the next item, with `value` as the result of the pending ``yield``.
        """
        return Item(self.window, self.inner.asend(value))

    def athrow(self, error: BaseException) -> Item:
        """
        Go on to the next item by raising `error` at the pending ``yield``.
        """
        return Item(self.window, self.inner.athrow(error))

    def aclose(self) -> Steps:
        """
        End it where it stands.
        """
        return Closing(self.window, self.inner.aclose().__await__())


class Item(Steps):
    """
    The steps towards one item: only what ends the generator ends the window.
    """

    __slots__ = ()

    def __init__(self, window: Window, awaitable: Any) -> None:
        super().__init__(window, awaitable.__await__())

    def _leave(self, window: Window, error: BaseException) -> None:
        """
        Only pause for StopIteration, which brings the item; StopAsyncIteration is how the generator returns.
        """
        if isinstance(error, StopIteration):
            window.pause()
        else:
            self._finish(window, None if isinstance(error, StopAsyncIteration) else error)


class Closing(Steps):
    """
    The steps of an asynchronous generator's ``aclose()``: their end is the end by GeneratorExit.
    """

    __slots__ = ()

    def _finish(self, window: Window, error: BaseException | None) -> None:
        super()._finish(window, GeneratorExit() if error is None else error)
