"""
Functions made ready to travel: measured once, with everything that the worker needs on board.

How Lithops 3.4 to 3.8 decide which modules travel with a function:

* ``include_modules=[]``, the default: those that the function's code and data refer to and the runtime lacks,
  with their imports, found by reading byte code, closures and source files.
* ``include_modules=[names]``: these packages only, whole, nothing found and nothing followed.
* ``include_modules=None``, or ``"none"`` in the configuration: nothing.

A function is seen as it was, with greensdk and its plugins beside it: in the first case by a chain of closures
that Lithops reads and nobody calls (:func:`freight`), in the second by more names in the list. The third is
respected: without greensdk in its runtime, such a worker runs the function unmeasured.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from greensdk.configure.config import resolve
from greensdk.configure.settings import KEYS
from greensdk.configure.targets import DISABLED, SPEC_VARIABLE
from greensdk.measure.decorator import MARK, energy_tracked
from greensdk_lithops.trampoline import unfold

CARRIED = "__greensdk_carried__"
FUNCTIONS = ("func", "map_function", "reduce_function")

OURS = ("greensdk", "greensdk_lithops")
CLIENT_ONLY = frozenset(
    {
        "attr", "attrs", "boto3", "botocore", "click", "cpuinfo", "cv2", "duckdb", "greensdk_workloads",
        "imageio_ffmpeg", "joblib", "kubernetes", "lightgbm", "matplotlib", "msgspec", "narwhals", "numpy",
        "opentelemetry", "orjson", "pandas", "pluggy", "prometheus_client", "pyarrow", "pytest", "rich", "scipy",
        "sklearn", "typing_extensions", "yaml",
    }
)  # fmt: skip
"""What greensdk imports outside of the worker: Lithops would follow these imports and send megabytes along."""


def make_ready(arguments: dict[str, Any], energy: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """
    Change the arguments of a job in place, so that its calls are measured.

    Args:
        arguments: Of ``call_async``, ``map`` or ``map_reduce``, by name.
        energy: The arguments of ``energy_tracked`` that go for all functions; a function's own win.
        config: The executor's.

    Raises:
        ConfigError: greensdk's configuration is wrong.
    """
    spec = resolve(energy)
    by_name: list[list[Any]] = []
    modules = {*OURS, *modules_of(spec)}

    def ready(fn: Any) -> Any:
        own = getattr(fn, MARK, {})
        full = dict(own) if "sources" in own else resolve({**energy, **own}) if own else spec
        modules.update(modules_of(full))
        if own and is_importable(getattr(fn, "__func__", fn)):
            by_name.append([own, full])
        return measured(fn, energy, sorted(modules), config)

    if not unfold(arguments, ready):
        for name in FUNCTIONS:
            if name in arguments:
                arguments[name] = ready(arguments[name])
    environment = {SPEC_VARIABLE: json.dumps({**spec, "by_name": by_name}, default=str)}
    if DISABLED in os.environ:
        environment[DISABLED] = os.environ[DISABLED]
    arguments["extra_env"] = {**environment, **(arguments.get("extra_env") or {})}
    send_modules(arguments, sorted(modules), config)


def modules_of(spec: Mapping[str, Any]) -> Iterator[str]:
    """
    Yield the top-level module of everything that a resolved specification names as ``module:attribute``.
    """
    targets = [target for _, target, *_ in (*spec["sources"], *(spec["sinks"] or ()), *spec["enrichers"])]
    for target in (*targets, *(target for target, _ in spec["adapters"])):
        yield target.partition(":")[0].partition(".")[0]


def send_modules(arguments: dict[str, Any], modules: Iterable[str], config: Mapping[str, Any]) -> None:
    """
    Have the modules travel on top of whatever would travel anyway, unless nothing is to travel.
    """
    include = arguments.get("include_modules", [])
    configured = config["lithops"].get("include_modules", [])
    if include is None or (not include and not isinstance(configured, list | tuple)):
        return
    if include or configured:
        arguments["include_modules"] = [*include, *modules]
        return
    # A module that this process has loaded may be one that the function needs.
    unwanted = sorted(CLIENT_ONLY - sys.modules.keys())
    arguments["exclude_modules"] = [*(arguments.get("exclude_modules") or ()), *unwanted]


def measured(fn: Any, energy: Mapping[str, Any], modules: Iterable[str], config: Mapping[str, Any]) -> Any:
    """
    Return `fn` measured, once, and ready to travel; what can't be measured comes back as it is.
    """
    if hasattr(fn, CARRIED) or isinstance(fn, type) or not callable(fn):
        return fn
    own = getattr(fn, MARK, None)
    extra = {key: value for key, value in energy.items() if own is None or key not in own}
    tracked = fn
    # A decorated function in an imported module travels as its name, and finds its settings in the environment.
    if own is None or (extra and inspect.isfunction(fn) and not is_importable(fn)):
        plugins = {key: value for key, value in extra.items() if key not in KEYS}
        tracked = energy_tracked(plugins=plugins, **{key: extra[key] for key in extra.keys() & KEYS.keys()})(fn)
        if tracked is fn:
            return fn
    carrier = _carrier(tracked, freight([*functions_of(fn), *map(Needed, modules)]))
    if config[config["lithops"]["backend"]].get("runtime_include_function"):
        # Lithops names the runtime after the file of the function's code, which must not be this one.
        code = getattr(inspect.unwrap(fn), "__code__", carrier.__code__)
        carrier.__code__ = carrier.__code__.replace(co_filename=code.co_filename)
    return carrier


def _carrier(fn: Callable[..., Any], goods: Any) -> Any:
    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        goods  # noqa: B018 - a closure holds what its code names, and Lithops reads the closure
        return fn(*args, **kwargs)

    setattr(call, CARRIED, True)
    return call


class Needed:
    """
    Says to Lithops, which looks at ``__module__`` of what a closure holds, that a module is needed. Pickles as None.
    """

    def __init__(self, module: str) -> None:
        self.__module__ = module

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(None), ()


def freight(goods: Iterable[Any]) -> Any:
    """
    Return a chain of closures that hold `goods`; Lithops follows closures, but not lists in them.
    """
    chain: Any = None
    for each in goods:
        chain = _link(each, chain)
    return chain


def _link(each: Any, chain: Any) -> Callable[[], Any]:
    return lambda: (each, chain)


def functions_of(fn: Any) -> Iterator[Any]:
    """
    Yield the plain functions in a partial, bound method or callable object, where Lithops would have looked.
    """
    if isinstance(fn, functools.partial):
        yield fn.func
        yield from functions_of(fn.func)
    elif inspect.ismethod(fn):
        yield fn.__func__
    elif not inspect.isroutine(fn):
        yield from (value for _, value in inspect.getmembers_static(type(fn)) if inspect.isfunction(value))


def is_importable(fn: Any) -> bool:
    """
    Say whether `fn` travels as a name, because it stands in a module other than the main one.
    """
    found: Any = None if fn.__module__ == "__main__" else sys.modules.get(fn.__module__)
    for name in fn.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is fn
