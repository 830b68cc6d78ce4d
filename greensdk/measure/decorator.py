"""
What people use: :func:`energy_tracked`, :class:`track`, :class:`capture`.

A decorated function must survive being pickled by value (Lithops does that to everything in
``__main__``), so its wrapper reaches nothing but the function, a specification that pickles as a
plain dict, and the bound call, which pickles as None and is made anew where it is first called. For
the same reason the wrapper imports greensdk in its body: a worker without greensdk runs the
function unmeasured.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from functools import WRAPPER_ASSIGNMENTS, wraps
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    MethodDescriptorType,
    MethodWrapperType,
    TracebackType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any, TypeVar, overload

import greensdk.calls  # noqa: F401 - so that a first call finds it where no descriptor is left
from greensdk.configure.builtin import LAMBDA
from greensdk.configure.spec import Spec, make_spec
from greensdk.configure.targets import MANY_RUNS, is_disabled
from greensdk.errors import ConfigError
from greensdk.measure.calls import open_window
from greensdk.measure.notes import Annotated, Notes
from greensdk.measure.record import Subject, unmeasured
from greensdk.measure.slots import slot_for
from greensdk.measure.state import shared
from greensdk.measure.window import Window

if TYPE_CHECKING:
    from greensdk.schema.types import Record

NOT_ENDED = "the block has not ended"
SWITCHED_OFF = "GREENSDK_DISABLED switches measuring off"
FAILED = "greensdk itself failed; a warning has said how"

# A plain TypeVar instead of ParamSpec: the decorated function keeps its very type, overloads included.
F = TypeVar("F", bound="Callable[..., Any] | staticmethod[..., Any] | classmethod[Any, ..., Any]")

MARK = "__greensdk__"
"""The attribute by which a wrapper is known; it holds the specification."""

_UNWRAPPABLE = (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)


@overload
def energy_tracked(fn: F, /) -> F: ...


@overload
def energy_tracked(
    *,
    monitors: str | Sequence[str] | None = None,
    order: Sequence[str] | None = None,
    sink: str | Sequence[str] | None = None,
    label: str | None = None,
    tags: Mapping[str, Any] | None = None,
    boundary: str | None = None,
    resources: str | None = None,
    calibration: str | None = None,
    sample_every_s: float | None = None,
    checkpoint_s: float | None = None,
    signals: bool | None = None,
    gpu_sync: bool | None = None,
    strict: bool | None = None,
    repeat: int | None = None,
    every_s: float | None = None,
    plugins: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[F], F]: ...


def energy_tracked(
    fn: Any = None, /, *, plugins: Mapping[str, Mapping[str, Any]] | None = None, **arguments: Any
) -> Any:
    """
    Measure every call of a function; each leaves one record.

    Takes functions, coroutine functions, generators, asynchronous generators, methods, static and
    class methods, partials and callable objects, and gives back the same kind of thing with the same
    signature. What it returns and raises is the function's own. Functions written in C are given
    back as they are: they can't travel in a wrapper.

    Arguments that are left out come from ``GREENSDK_*`` variables, then from ``greensdk.toml`` or
    ``[tool.greensdk]`` in ``pyproject.toml``, then from the defaults.

    Args:
        fn: The function, when the decorator is used without arguments.
        monitors: ``"auto"`` (default: all that work here and are cheap), ``"all"``, or a list of names; ``[]`` measures
            clocks only.
        order: Whose number stands for the call, best first.
        sink: Where records go: a path, a URI such as ``stdout:``, or a list of them. Default: ``energy.jsonl``; in a
            Lithops worker the call's statistics and storage.
        label: A name of your own.
        tags: Further names of your own.
        boundary: Only a reading of this boundary may stand for the call, for example ``"package"``.
        resources: ``"light"`` (default), ``"full"`` or ``"none"``.
        calibration: The file of ``greensdk calibrate``.
        sample_every_s: Look at power, CPU, memory and I/O once in so many seconds while the function runs, from a
            thread of its own. Default: never.
        checkpoint_s: Leave an interim record once in so many seconds while the function runs, from a thread of its own;
            files and ``memory:`` take it, and reports replace it by the final one. Default: never.
        signals: When SIGTERM or SIGHUP ends the process, leave the records of the calls under way first. Default: no,
            except in a command of ``greensdk run``.
        gpu_sync: Wait for what torch, cupy and jax have a GPU do, before and at the end of each call; see
            :func:`greensdk.gpu_sync`. Default: no.
        strict: Re-raise a monitor's error after the call instead of noting it in the record.
        repeat: Run the function so often in each call, to see one that is too short for the meter; the result is the
            last run's. For plain functions only, like the next.
        every_s: One record for all calls of a thread in so many seconds, for a function that is called a million
            times; ``runs`` tells how many, ``energy_per_run_j`` their mean.
        plugins: Per plugin the keys of its configuration table, for example ``{"rapl": {"root": "/host/powercap"}}``.

    Returns:
        The measured function, or a decorator when `fn` is left out.

    Raises:
        ConfigError: An argument is unknown or of the wrong kind, or `fn` can't be called.
    """
    spec = make_spec(arguments, plugins)
    return _track(fn, spec) if fn is not None else lambda function: _track(function, spec)


def _track(fn: Any, spec: Spec) -> Any:
    if isinstance(fn, staticmethod | classmethod):
        return type(fn)(_track(fn.__func__, spec))
    if isinstance(fn, _UNWRAPPABLE):
        return fn
    if isinstance(fn, type):
        raise ConfigError(f"energy_tracked measures functions: decorate the methods of {fn.__qualname__} instead")
    if not callable(fn):
        raise ConfigError(f"energy_tracked: {fn!r} is not a function")
    if hasattr(fn, MARK):
        if not spec:
            return fn
        fn, spec = fn.__wrapped__, Spec({**getattr(fn, MARK), **spec})
    make = _wrapper_for(fn)
    if make is not _function and (wrong := sorted(MANY_RUNS & spec.keys())):
        raise ConfigError(f"energy_tracked: {wrong[0]} is for plain functions, and {fn!r} runs in steps")
    if spec.keys() >= MANY_RUNS:
        raise ConfigError("energy_tracked: repeat and every_s are two ways of the same: give one of them")
    wrapper = make(fn, spec)
    setattr(wrapper, MARK, spec)
    if LAMBDA in os.environ:
        _open_early(spec)
    return wrapper


def _open_early(spec: Spec) -> None:
    """
    Open the meters before the first call: while its module is imported a Lambda has a whole CPU, later a share of one.
    """
    try:
        if not is_disabled():
            slot_for(spec).open()
    except Exception:
        return  # the first call meets the same error, and has somebody to tell


def _wrapper_for(fn: Any) -> Callable[[Any, Spec], Any]:
    import inspect

    body = fn if inspect.isroutine(fn) or hasattr(fn, "func") else type(fn).__call__
    if inspect.iscoroutinefunction(body):
        return _coroutine
    if inspect.isasyncgenfunction(body):
        return _async_generator
    return _generator if inspect.isgeneratorfunction(body) else _function


def _dress(fn: Any) -> Callable[[Any], Any]:
    """
    Return a decorator that gives a wrapper the looks of `fn`, a name too if `fn` has none (partials, objects).
    """
    if hasattr(fn, "__name__"):
        return wraps(fn)
    inner: Any = getattr(fn, "func", None)
    named: Any = inner if hasattr(inner, "__name__") else type(fn)

    def dress(wrapper: Any) -> Any:
        wrapper = wraps(fn, assigned=[a for a in WRAPPER_ASSIGNMENTS if a == "__doc__"], updated=())(wrapper)
        wrapper.__name__, wrapper.__qualname__ = named.__name__, named.__qualname__
        wrapper.__module__ = named.__module__
        return wrapper

    return dress


def _function(fn: Any, spec: Spec) -> Any:
    bound = None

    @_dress(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        nonlocal bound
        if bound is None:
            try:
                from greensdk.calls import Call, bind
            except ImportError:
                return fn(*args, **kwargs)
            bound = bind(Call, fn, spec)
        return bound(*args, **kwargs)

    return wrapper


def _generator(fn: Any, spec: Spec) -> Any:
    bound = None

    @_dress(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        nonlocal bound
        if bound is None:
            try:
                from greensdk.calls import StepsCall, bind
            except ImportError:
                return (yield from fn(*args, **kwargs))
            bound = bind(StepsCall, fn, spec)
        steps = bound(*args, **kwargs)
        try:
            return (yield from steps)
        except BaseException as error:
            if hasattr(steps, "leave"):
                steps.leave(error)
            raise

    return wrapper


def _coroutine(fn: Any, spec: Spec) -> Any:
    bound = None

    @_dress(fn)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        nonlocal bound
        if bound is None:
            try:
                from greensdk.calls import StepsCall, bind
            except ImportError:
                return await fn(*args, **kwargs)
            bound = bind(StepsCall, fn, spec)
        steps = bound(*args, **kwargs)
        try:
            return await steps
        except BaseException as error:
            if hasattr(steps, "leave"):
                steps.leave(error)
            raise

    return wrapper


def _async_generator(fn: Any, spec: Spec) -> Any:
    bound = None

    @_dress(fn)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        nonlocal bound
        if bound is None:
            try:
                from greensdk.calls import AsyncStepsCall, bind
            except ImportError:
                bound = fn
            else:
                bound = bind(AsyncStepsCall, fn, spec)
        items = bound(*args, **kwargs)
        try:
            item = await items.__anext__()
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    await items.aclose()
                    raise
                except BaseException as error:
                    item = await items.athrow(error)
                else:
                    item = await items.asend(sent)
        except StopAsyncIteration:
            return
        except BaseException as error:
            if hasattr(items, "leave"):
                items.leave(error)
            raise

    return wrapper


class track(Annotated):  # noqa: N801 - used like a function
    """
    Measure a block instead of a function.

    In a coroutine the block's CPU time is its thread's between the two ends, other calls' excepted;
    a decorated coroutine is distinguished better, step by step.

    Args:
        label: A name for the block.
        arguments: As for :func:`energy_tracked`.

    Example:
        >>> with track("sum", sink="memory:") as call:
        ...     total = sum(range(1000))
        ...     call.add(numbers=1000)
        >>> call.record["label"], call.record["status"], call.record["units"]
        ('sum', 'ok', {'numbers': 1000})
    """

    def __init__(self, label: str, *, plugins: Mapping[str, Mapping[str, Any]] | None = None, **arguments: Any) -> None:
        self._spec = make_spec(arguments, plugins)
        if wrong := sorted(MANY_RUNS & self._spec.keys()):
            raise ConfigError(f"track: {wrong[0]} is for functions: a block runs once")
        # Blocks in a loop have tags of their own each time; as part of the specification each would be a new runtime.
        self._subject = Subject(None, label, self._spec.pop("tags", None))
        self._window: Window | None = None
        self._said: Notes | None = None
        self._record = unmeasured(label, NOT_ENDED)

    @property
    def record(self) -> Record:
        """
        The block's record. As long as there is none - before the block has ended, with ``GREENSDK_DISABLED=1``, or
        when greensdk itself failed - one with the status ``unmeasured`` and the reason.
        """
        return self._record

    @property
    def energy_j(self) -> float | None:
        """
        The block's joules; None where they are unknown.
        """
        return self._record["energy_j"]

    def _notes(self) -> Notes:
        if self._said is None:
            self._said = Notes()
            if self._window is not None:
                self._window.notes = self._said
        return self._said

    def __enter__(self) -> track:
        if is_disabled():
            self._record["reason"] = SWITCHED_OFF
            return self
        self._window = window = open_window(slot_for(self._spec), self._subject, "block")
        if window is None:
            self._record["reason"] = FAILED
            return self
        window.notes = self._said
        try:
            window.resume()
        except BaseException as error:
            window.close(error)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        window = self._window
        if window is None:
            return
        try:
            window.close(error)
        finally:  # a signal handler may have raised before the first line of that
            window.close(error)
            self._window = self._said = None
            self._record = window.record or unmeasured(self._subject.label, FAILED)
        if error is None and window.strict_error is not None:
            raise window.strict_error


class capture:  # noqa: N801 - used like a function
    """
    Collect the records of the whole process, of all its threads, while the block is open.

    The records go to their sinks as well.

    Example:
        >>> with capture() as records, track("nothing", sink="memory:"):
        ...     pass
        >>> [record["label"] for record in records]
        ['nothing']
    """

    def __init__(self) -> None:
        self._records: list[Record] = []

    def __enter__(self) -> list[Record]:
        shared.captures.append(self._records)
        return self._records

    def __exit__(self, *_: object) -> None:
        # By identity: two captures with equal contents are still two.
        shared.captures[:] = [records for records in shared.captures if records is not self._records]
