"""
The client: an executor whose jobs are measured.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from lithops import FunctionExecutor, RetryingFunctionExecutor

from greensdk.configure.settings import KEYS
from greensdk.configure.spec import make_spec, sent_whole
from greensdk.errors import ConfigError
from greensdk_lithops.advising import Advising
from greensdk_lithops.backends import prepare
from greensdk_lithops.futures import remember, retrying
from greensdk_lithops.job import VARIABLE, WORKFLOW_KEYS, split
from greensdk_lithops.localhost import with_runtime
from greensdk_lithops.records import collect
from greensdk_lithops.shipping import make_ready
from greensdk_lithops.storage import DEFAULT_PREFIX, SCHEME, prefix_of

if TYPE_CHECKING:
    from greensdk_lithops.report import LithopsReport

E = TypeVar("E")

_EXECUTOR_ATTRIBUTES = ("lithops_executor", "executor", "_executor")
"""Attributes in which concurrent.futures, RetryingFunctionExecutor and multiprocessing.Pool hold their executor."""


class _Measuring(Advising):
    """
    A mixin for executors: measures their functions and reads the records back.

    The methods that start jobs take ``stage``, ``workflow`` and ``parents`` by keyword, which go into the records'
    ``worker`` block. ``map`` takes ``advise=`` as well: ``energy``, ``time``, ``cost`` or a dict, see
    :func:`greensdk_lithops.sweep.plan_of`.
    """

    executor_id: str
    futures: list[Any]
    config: dict[str, Any]
    _energy: Mapping[str, Any]
    _job: Mapping[str, Any]

    @functools.wraps(FunctionExecutor.call_async)
    def call_async(self, *args: Any, **kwargs: Any) -> Any:
        return self._submit("call_async", args, kwargs)

    @functools.wraps(FunctionExecutor.map)
    def map(self, *args: Any, **kwargs: Any) -> Any:
        if (advise := kwargs.pop("advise", None)) is not None:
            return self._advised(advise, *args, **kwargs)
        return self._submit("map", args, kwargs)

    @functools.wraps(FunctionExecutor.map_reduce)
    def map_reduce(self, *args: Any, **kwargs: Any) -> Any:
        return self._submit("map_reduce", args, kwargs)

    def energy_report(self, attribution: str = "cpu") -> LithopsReport:
        """
        Return the records of all calls of this executor so far, including failed attempts and lost calls.

        Args:
            attribution: How to split a meter that overlapping calls share: ``cpu``, ``wall`` or ``equal``; see
                :data:`greensdk.report.split.RULES`.
        """
        # Not at the top: a worker imports this module if the function's module does.
        from greensdk_lithops.client_sinks import hand_over
        from greensdk_lithops.report import LithopsReport

        records = collect(self.futures, prefix=_prefix_of(self._energy))
        hand_over(records, self._energy)
        return LithopsReport(records, attribution)

    def _submit(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        method = getattr(super(), name)
        own, _ = split({key: kwargs.pop(key) for key in WORKFLOW_KEYS if key in kwargs}, name)
        try:
            call = inspect.signature(method).bind(*args, **kwargs)
        except TypeError:
            return method(*args, **kwargs)  # Lithops raises the error
        make_ready(call.arguments, self._energy, self)
        retry = retrying()
        environment = call.arguments["extra_env"]
        job = {**self._job, **json.loads(environment.get(VARIABLE, "{}")), **own}
        job |= {"executor_id": self.executor_id, "attempt": retry.failure_count + 1 if retry else 1}
        call.arguments["extra_env"] = {**environment, VARIABLE: json.dumps(job)}
        with sent_whole():
            futures = method(*call.args, **call.kwargs)
        remember(futures if isinstance(futures, list) else [futures], job, retry and retry.response_future)
        return futures


class EnergyFunctionExecutor(_Measuring, FunctionExecutor):  # type: ignore[misc]
    """
    A :class:`lithops.FunctionExecutor` that measures every call, decorated or not, once.

    On localhost the workers run the same Python as the client unless ``localhost.runtime`` is configured.

    Args:
        args: As for :class:`lithops.FunctionExecutor`.
        energy: The arguments of :func:`greensdk.energy_tracked` for all functions; those of a decorated function take
            precedence. Also ``workflow``, ``stage`` and ``parents`` of all jobs, and ``flush_on_sigterm``.
        kwargs: As for :class:`lithops.FunctionExecutor`.

    Raises:
        ConfigError: An item of `energy` is unknown or has the wrong type.

    Example:
        >>> with EnergyFunctionExecutor(backend="localhost", energy={"monitors": ["rapl"]}) as fexec:  # doctest: +SKIP
        ...     fexec.get_result(fexec.map(work, range(100)))
        ...     print(fexec.energy_report())
    """

    def __init__(self, *args: Any, energy: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._job, self._energy = _checked(energy)
        call = inspect.signature(FunctionExecutor).bind(*args, **kwargs)
        given = {**call.arguments, **call.arguments.get("kwargs", {})}
        given.pop("kwargs", None)
        super().__init__(**with_runtime(given))
        prepare(self)


def instrument(executor: E, energy: Mapping[str, Any] | None = None) -> E:
    """
    Make an existing executor measure every further call, as :class:`EnergyFunctionExecutor` does.

    Args:
        executor: A Lithops executor, a ``lithops.multiprocessing.Pool``, a ``RetryingFunctionExecutor`` or an executor
            of ``lithops.concurrent.futures``. The class ``lithops.FunctionExecutor`` instruments every executor that
            is created from now on, by any part of Lithops.
        energy: As for :class:`EnergyFunctionExecutor`. A second call replaces the settings of the first.

    Returns:
        The same object, with a method ``energy_report`` unless it is a class.

    Raises:
        ConfigError: `executor` contains no Lithops executor, or an item of `energy` is invalid.
    """
    checked = _checked(energy)
    if executor is FunctionExecutor:
        _instrument_all(energy)
        return executor
    inner = _executor_in(executor)
    if not isinstance(inner, _Measuring):
        kind = type(inner)
        inner.__class__ = type(f"Energy{kind.__name__}", (_Measuring, kind), {})
        inner._job, inner._energy = checked
        prepare(inner)
    elif energy is not None:
        inner._job, inner._energy = checked
        prepare(inner)
    if inner is not executor:
        vars(executor)["energy_report"] = inner.energy_report
    if isinstance(executor, RetryingFunctionExecutor):
        vars(executor)["map"] = _of_a_workflow(executor.map)
    return executor


def _of_a_workflow(method: Callable[..., Any]) -> Callable[..., Any]:
    """
    Return a method that takes ``stage=``, ``workflow=`` and ``parents=`` and gives them to all attempts of its calls.
    """

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        own, _ = split({key: kwargs.pop(key) for key in WORKFLOW_KEYS if key in kwargs}, method.__name__)
        if own:
            kwargs["extra_env"] = {**(kwargs.get("extra_env") or {}), VARIABLE: json.dumps(own)}
        return method(*args, **kwargs)

    return call


def _instrument_all(energy: Mapping[str, Any] | None) -> None:
    plain = inspect.unwrap(FunctionExecutor.__init__)

    @functools.wraps(plain)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        if not isinstance(self, _Measuring):
            instrument(self, energy)

    FunctionExecutor.__init__ = init


def _executor_in(executor: Any) -> Any:
    for name in ("", *_EXECUTOR_ATTRIBUTES):
        inner = getattr(executor, name, None) if name else executor
        if isinstance(inner, FunctionExecutor):
            return inner
    raise ConfigError(f"instrument: {executor!r} is not a Lithops executor and contains none")


def _checked(energy: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    job, arguments = split(energy, "energy")
    # A plugin's table may be among the other items, as in greensdk.toml.
    tables = {
        key: arguments.pop(key) for key in [*arguments] if key not in KEYS and isinstance(arguments[key], Mapping)
    }
    return job, make_spec(arguments, {**tables.pop("plugins", {}), **tables})


def _prefix_of(energy: Mapping[str, Any]) -> str:
    sink = energy.get("sink") or ()
    uris = [sink] if isinstance(sink, str) else sink
    return next((prefix_of(uri) for uri in uris if uri.startswith(f"{SCHEME}:")), DEFAULT_PREFIX)
