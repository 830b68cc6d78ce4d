"""
Preparing functions for workers: measured once, and sent with all modules that the worker needs.

greensdk itself is kept from Lithops' module manager, which would send all of its sources to each call; a runtime that
lacks it gets a bundle (:mod:`greensdk_lithops.begin`). Modules of others' plugins are left to Lithops, in the way that
the job has chosen (Lithops 3.4 to 3.8):

* ``include_modules=[]``, the default: those that the function's code and data refer to and the runtime lacks,
  with their imports, found in bytecode, closures and source files. A plugin is added by a chain of closures
  that Lithops reads but that is never called (:func:`closure_chain`).
* ``include_modules=[names]``: exactly these packages, with those of the plugins.
* ``include_modules=None``, or ``"none"`` in the configuration: nothing, and no bundle either. If the runtime lacks
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
from greensdk_lithops.begin import Beginning
from greensdk_lithops.bundle import OURS
from greensdk_lithops.trampoline import unfold

PREPARED = "__greensdk_carried__"
FUNCTIONS = ("func", "map_function", "reduce_function")


def make_ready(arguments: dict[str, Any], energy: Mapping[str, Any], executor: Any) -> None:
    """
    Change the arguments of a job in place, so that its calls are measured.

    Args:
        arguments: Arguments of ``call_async``, ``map`` or ``map_reduce``, by name.
        energy: Arguments of ``energy_tracked`` for all functions; a function's own take precedence.
        executor: The job's executor.

    Raises:
        ConfigError: greensdk's configuration is invalid.
    """
    spec = resolve(energy)
    by_name: list[list[Any]] = []
    modules = set(modules_of(spec))
    beginning = Beginning(executor, modules, arguments.get("runtime_memory"))

    def ready(fn: Any) -> Any:
        own = getattr(fn, MARK, {})
        full = dict(own) if "sources" in own else resolve({**energy, **own}) if own else spec
        modules.update(modules_of(full))
        if own and is_importable(getattr(fn, "__func__", fn)):
            by_name.append([own, full])
        return measured(fn, energy, beginning, executor.config)

    if not unfold(arguments, ready):
        for name in FUNCTIONS:
            if name in arguments:
                arguments[name] = ready(arguments[name])
    beginning.sends = send_modules(arguments, others(modules), executor.config)
    environment = {SPEC_VARIABLE: json.dumps({**spec, "by_name": by_name}, default=str)}
    if DISABLED in os.environ:
        environment[DISABLED] = os.environ[DISABLED]
    arguments["extra_env"] = {**environment, **(arguments.get("extra_env") or {})}


def modules_of(spec: Mapping[str, Any]) -> Iterator[str]:
    """
    Yield the module of everything that a resolved specification names as ``module:attribute``.
    """
    # What `auto` opens nowhere, unless it is configured, need not be sent.
    sources = [row for row in spec["sources"] if row[2] or row[3] != AUTO or builtin.TRACES.get(row[0]) != ""]
    targets = [target for _, target, *_ in (*sources, *(spec["sinks"] or ()), *spec["enrichers"])]
    for target in (*targets, *(target for target, _ in spec["adapters"])):
        yield target.partition(":")[0]


def others(modules: Iterable[str]) -> list[str]:
    """
    Return the top-level packages of modules that aren't greensdk's.
    """
    return sorted({name.partition(".")[0] for name in modules} - OURS)


def send_modules(arguments: dict[str, Any], modules: Iterable[str], config: Mapping[str, Any]) -> bool:
    """
    Add plugins' modules to an explicit list of what Lithops sends, and keep greensdk's from what it finds by itself.

    Returns:
        Whether anything may be sent.
    """
    include = arguments.get("include_modules", [])
    configured = config["lithops"].get("include_modules", [])
    if include is None or (not include and not isinstance(configured, list | tuple)):
        return False
    if include or configured:
        arguments["include_modules"] = [*include, *modules]
    else:
        arguments["exclude_modules"] = [*(arguments.get("exclude_modules") or ()), *sorted(OURS)]
    return True


def measured(fn: Any, energy: Mapping[str, Any], beginning: Beginning, config: Mapping[str, Any]) -> Any:
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
    needed = map(Needed, others(beginning.modules))
    carrier = _carrier(tracked, beginning, closure_chain([*functions_of(fn), *needed]))
    if config[config["lithops"]["backend"]].get("runtime_include_function"):
        # Lithops names the runtime after the file of the function's code: it must not be this file.
        code = getattr(inspect.unwrap(fn), "__code__", carrier.__code__)
        carrier.__code__ = carrier.__code__.replace(co_filename=code.co_filename)
    return carrier


def _carrier(fn: Callable[..., Any], beginning: Beginning, modules: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        modules  # noqa: B018 - naming it puts it into the closure, which Lithops reads
        return fn(*args, **kwargs)

    # The first attribute: a function's attributes are pickled in order, and before its closure.
    setattr(call, PREPARED, beginning)
    return functools.update_wrapper(call, fn)


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
