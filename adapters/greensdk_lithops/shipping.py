"""
Preparing functions for workers: measured once, and sent with all modules that the worker needs.

How Lithops 3.4 to 3.8 choose the modules to send with a function:

* ``include_modules=[]``, the default: those that the function's code and data refer to and the runtime lacks,
  with their imports, found in bytecode, closures and source files.
* ``include_modules=[names]``: exactly these packages.
* ``include_modules=None``, or ``"none"`` in the configuration: nothing.

greensdk and its plugins are added: in the first case by a chain of closures that Lithops reads but that is never
called (:func:`closure_chain`), in the second by further names in the list. The third is respected: if its runtime lacks
greensdk, the worker runs the function unmeasured.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from greensdk.configure import builtin
from greensdk.configure.config import resolve
from greensdk.configure.settings import KEYS
from greensdk.configure.targets import AUTO, DISABLED, SPEC_VARIABLE
from greensdk.measure.decorator import MARK, energy_tracked
from greensdk_lithops.trampoline import unfold

PREPARED = "__greensdk_carried__"
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
"""Libraries that greensdk imports on the client only: Lithops would follow these imports and send megabytes."""


def make_ready(arguments: dict[str, Any], energy: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """
    Change the arguments of a job in place, so that its calls are measured.

    Args:
        arguments: Arguments of ``call_async``, ``map`` or ``map_reduce``, by name.
        energy: Arguments of ``energy_tracked`` for all functions; a function's own take precedence.
        config: The executor's configuration.

    Raises:
        ConfigError: greensdk's configuration is invalid.
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
    # What `auto` opens nowhere, unless it is configured, need not be sent.
    sources = [row for row in spec["sources"] if row[2] or row[3] != AUTO or builtin.TRACES.get(row[0]) != ""]
    targets = [target for _, target, *_ in (*sources, *(spec["sinks"] or ()), *spec["enrichers"])]
    for target in (*targets, *(target for target, _ in spec["adapters"])):
        yield target.partition(":")[0].partition(".")[0]


def send_modules(arguments: dict[str, Any], modules: Iterable[str], config: Mapping[str, Any]) -> None:
    """
    Add modules to those that Lithops sends, unless it is configured to send none.
    """
    include = arguments.get("include_modules", [])
    configured = config["lithops"].get("include_modules", [])
    if include is None or (not include and not isinstance(configured, list | tuple)):
        return
    if include or configured:
        arguments["include_modules"] = [*include, *modules]
        return
    # The function may need a module that this process has loaded.
    unwanted = sorted(CLIENT_ONLY - sys.modules.keys())
    arguments["exclude_modules"] = [*(arguments.get("exclude_modules") or ()), *unwanted]


def measured(fn: Any, energy: Mapping[str, Any], modules: Iterable[str], config: Mapping[str, Any]) -> Any:
    """
    Return the measured version of `fn`, ready to be sent; what can't be measured is returned unchanged.
    """
    if hasattr(fn, PREPARED) or isinstance(fn, type) or not callable(fn):
        return fn
    own = getattr(fn, MARK, None)
    extra = {key: value for key, value in energy.items() if own is None or key not in own}
    tracked = fn
    # A decorated function in an importable module is pickled by name and reads its settings from the environment.
    if own is None or (extra and inspect.isfunction(fn) and not is_importable(fn)):
        plugins = {key: value for key, value in extra.items() if key not in KEYS}
        tracked = energy_tracked(plugins=plugins, **{key: extra[key] for key in extra.keys() & KEYS.keys()})(fn)
        if tracked is fn:
            return fn
        tracked = getattr(tracked, "function", tracked)  # a worker without greensdk can load that
    carrier = _with_modules(tracked, closure_chain([*functions_of(fn), *map(Needed, modules)]))
    if config[config["lithops"]["backend"]].get("runtime_include_function"):
        # Lithops names the runtime after the file of the function's code: it must not be this file.
        code = getattr(inspect.unwrap(fn), "__code__", carrier.__code__)
        carrier.__code__ = carrier.__code__.replace(co_filename=code.co_filename)
    return carrier


def _with_modules(fn: Callable[..., Any], modules: Any) -> Any:
    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        modules  # noqa: B018 - naming it puts it into the closure, which Lithops reads
        return fn(*args, **kwargs)

    setattr(call, PREPARED, True)
    return call


class Needed:
    """
    Marks a module as needed: Lithops reads ``__module__`` of the objects in a closure. Pickles as None.
    """

    def __init__(self, module: str) -> None:
        self.__module__ = module

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(None), ()


def closure_chain(objects: Iterable[Any]) -> Any:
    """
    Return a chain of closures over `objects`; Lithops follows closures, but not lists in them.
    """
    chain: Any = None
    for each in objects:
        chain = _link(each, chain)
    return chain


def _link(each: Any, chain: Any) -> Callable[[], Any]:
    return lambda: (each, chain)


def functions_of(fn: Any) -> Iterator[Any]:
    """
    Yield the plain functions in a partial, bound method or callable object, which Lithops would have inspected.
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
    Return whether `fn` is pickled by name, because it is defined in a module other than the main one.
    """
    resolved: Any = None if fn.__module__ == "__main__" else sys.modules.get(fn.__module__)
    for name in fn.__qualname__.split("."):
        resolved = getattr(resolved, name, None)
    return resolved is fn
