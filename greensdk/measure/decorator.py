"""
The decorator: :func:`energy_tracked`.

A decorated function must survive being pickled by value (Lithops does that to everything in
``__main__``), so its wrapper reaches nothing but the function, a specification that pickles as a
plain dict, and the bound call, which pickles as None and is made anew where it is first called. For
the same reason the wrapper imports greensdk in its body: a worker without greensdk runs the
function unmeasured.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from functools import WRAPPER_ASSIGNMENTS, partial, wraps
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import Any, TypeVar, overload

import greensdk.calls  # noqa: F401 - so that a first call finds it where no descriptor is left
from greensdk.configure.builtin import LAMBDA
from greensdk.configure.spec import Spec, make_spec
from greensdk.configure.targets import MANY_RUNS, is_disabled
from greensdk.errors import ConfigError
from greensdk.measure.in_place import InPlace, is_in_place, is_registered
from greensdk.measure.slots import slot_of
from greensdk.measure.state import ledger

ledger.owed_ns = 0  # imported by the user's program, as its other modules are, and not by a call

# A plain TypeVar instead of ParamSpec: the decorated function keeps its very type, overloads included.
F = TypeVar("F", bound="Callable[..., Any] | staticmethod[..., Any] | classmethod[Any, ..., Any]")

MARK = "__greensdk__"
"""The attribute by which a wrapper is known; it holds the specification."""

RUNS_ELSEWHERE = ("apply_async", "send_with_options", "remote", "callback", "submit")
"""
What only an object has that has registered its function, and has that run without the wrapper: a task of Celery or
Dramatiq, a remote function of Ray, a command of click, a flow of Prefect.
"""

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
        gpu_sync: Wait for GPUs before and at the end of each call; see :func:`greensdk.gpu_sync`. Default: no.
        strict: Re-raise a monitor's error after the call instead of noting it in the record.
        repeat: Run the function so often in each call, to see one that is too short for the meter; the result is the
            last run's. For plain functions only, like the next.
        every_s: One record for all calls of a thread in so many seconds, for a function that is called a million
            times; ``runs`` tells how many, ``energy_per_run_j`` their mean.
        plugins: Per plugin the keys of its configuration table, for example ``{"rapl": {"root": "/host/powercap"}}``.

    Returns:
        The measured function, or a decorator when `fn` is left out.

    Raises:
        ConfigError: An argument is unknown or of the wrong kind, `fn` can't be called, or the decorator below has
            registered it to be called by others.
    """
    spec = make_spec(arguments, plugins)
    return track_function(fn, spec) if fn is not None else lambda function: track_function(function, spec)


def track_function(fn: Any, spec: Spec) -> Any:
    """
    Return the measured version of anything that can be called; see :func:`energy_tracked`.
    """
    if isinstance(fn, staticmethod | classmethod):
        return type(fn)(track_function(fn.__func__, spec))
    if isinstance(fn, _UNWRAPPABLE):
        return fn
    if isinstance(fn, type):
        raise ConfigError(f"energy_tracked measures functions: decorate the methods of {fn.__qualname__} instead")
    if is_registered(fn) or (
        not isinstance(fn, FunctionType | partial) and any(hasattr(fn, name) for name in RUNS_ELSEWHERE)
    ):
        raise ConfigError(
            f"energy_tracked: {fn!r} is registered to be run by others, which would not be measured: put "
            "energy_tracked below the decorator that registers it"
        )
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
    if make is _function and is_in_place(fn):
        wrapper = InPlace(wrapper, fn, track_function, spec if isinstance(spec, Spec) else Spec(spec))
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
            slot_of(spec).open()
            ledger.owed_ns = 0  # outside of any call
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
