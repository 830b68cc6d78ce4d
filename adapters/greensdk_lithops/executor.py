"""
The client's side: an executor whose jobs are measured.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from lithops import FunctionExecutor

from greensdk.configure.settings import KEYS
from greensdk.configure.spec import make_spec
from greensdk.errors import ConfigError
from greensdk_lithops.advising import Advising
from greensdk_lithops.backends import prepare
from greensdk_lithops.futures import remember, retrying
from greensdk_lithops.job import PLACES, VARIABLE, split
from greensdk_lithops.localhost import with_runtime
from greensdk_lithops.records import collect
from greensdk_lithops.shipping import make_ready
from greensdk_lithops.storage import DEFAULT_PREFIX, SCHEME, prefix_of

if TYPE_CHECKING:
    from greensdk_lithops.report import LithopsReport

E = TypeVar("E")

_INSIDE = ("lithops_executor", "executor", "_executor")
"""Where concurrent.futures, RetryingFunctionExecutor and multiprocessing.Pool keep their executor."""


class _Measuring(Advising):
    """
    What an executor does besides: its functions are measured, its records read back.

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
        Return the records of all calls of this executor so far, failed attempts and lost calls too.

        Args:
            attribution: How a meter that several calls read is shared out: ``cpu``, ``wall`` or ``equal``; see
                :data:`greensdk.report.split.RULES`.
        """
        # Here and not above: a worker imports this module where a function's own module does.
        from greensdk_lithops.client_sinks import hand_over
        from greensdk_lithops.report import LithopsReport

        records = collect(self.futures, prefix=_prefix_of(self._energy))
        hand_over(records, self._energy)
        return LithopsReport(records, attribution)

    def _submit(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        method = getattr(super(), name)
        own, _ = split({key: kwargs.pop(key) for key in PLACES if key in kwargs}, name)
        try:
            call = inspect.signature(method).bind(*args, **kwargs)
        except TypeError:
            return method(*args, **kwargs)  # Lithops says what is wrong with the call
        make_ready(call.arguments, self._energy, self.config)
        again = retrying()
        job = {**self._job, **own, "executor_id": self.executor_id, "attempt": again.failure_count + 1 if again else 1}
        call.arguments["extra_env"] = {VARIABLE: json.dumps(job), **call.arguments["extra_env"]}
        futures = method(*call.args, **call.kwargs)
        remember(futures if isinstance(futures, list) else [futures], job, again and again.response_future)
        return futures


class EnergyFunctionExecutor(_Measuring, FunctionExecutor):  # type: ignore[misc]
    """
    A :class:`lithops.FunctionExecutor` that measures every call, decorated or not, once.

    On localhost the workers run this very Python unless ``localhost.runtime`` is configured.

    Args:
        args: As for :class:`lithops.FunctionExecutor`.
        energy: The arguments of :func:`greensdk.energy_tracked` for all functions; those of a decorated function win.
            Besides, ``workflow``, ``stage`` and ``parents`` of all jobs, and ``flush_on_sigterm``: see the README.
        kwargs: As for :class:`lithops.FunctionExecutor`.

    Raises:
        ConfigError: An item of `energy` is unknown or of the wrong kind.

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
    Have an existing executor measure every further call, as :class:`EnergyFunctionExecutor` does.

    Args:
        executor: Any Lithops executor, also a ``lithops.multiprocessing.Pool``, a ``RetryingFunctionExecutor`` or
            an executor of ``lithops.concurrent.futures``. ``lithops.FunctionExecutor`` itself stands for every
            executor that is made from now on, by whatever part of Lithops.
        energy: As for :class:`EnergyFunctionExecutor`. A second call with it replaces the settings of the first.

    Returns:
        The same object, which has the method ``energy_report`` now, if it is not a class.

    Raises:
        ConfigError: `executor` has nothing of Lithops in it, or an item of `energy` is wrong.
    """
    checked = _checked(energy)
    if executor is FunctionExecutor:
        _instrument_all(energy)
        return executor
    inner = _inside(executor)
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
    return executor


def _instrument_all(energy: Mapping[str, Any] | None) -> None:
    plain = inspect.unwrap(FunctionExecutor.__init__)

    @functools.wraps(plain)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        if not isinstance(self, _Measuring):
            instrument(self, energy)

    FunctionExecutor.__init__ = init


def _inside(executor: Any) -> Any:
    for name in ("", *_INSIDE):
        inner = getattr(executor, name, None) if name else executor
        if isinstance(inner, FunctionExecutor):
            return inner
    raise ConfigError(f"instrument: {executor!r} is no Lithops executor and has none")


def _checked(energy: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    job, arguments = split(energy, "energy")
    # The table of a plugin may stand among the other items, as it does in greensdk.toml.
    tables = {
        key: arguments.pop(key) for key in [*arguments] if key not in KEYS and isinstance(arguments[key], Mapping)
    }
    return job, make_spec(arguments, {**tables.pop("plugins", {}), **tables})


def _prefix_of(energy: Mapping[str, Any]) -> str:
    wanted = energy.get("sink") or ()
    uris = [wanted] if isinstance(wanted, str) else wanted
    return next((prefix_of(uri) for uri in uris if uri.startswith(f"{SCHEME}:")), DEFAULT_PREFIX)
