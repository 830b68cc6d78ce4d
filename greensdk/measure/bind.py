"""
What the wrapper of a decorated function calls, made in the process in which it is first called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Any

from greensdk.configure.targets import MANY_RUNS, is_disabled
from greensdk.measure.calls import Call
from greensdk.measure.record import Subject
from greensdk.measure.slots import slot_of
from greensdk.measure.state import ledger


def bind(kind: type[Call], fn: Callable[..., Any], spec: Mapping[str, Any]) -> Callable[..., Any]:
    """
    Return what the wrapper of `fn` calls from now on: `fn` itself when measuring is switched off.
    """
    if is_disabled():
        return fn
    began_ns = perf_counter_ns()
    if kind is Call and not MANY_RUNS.isdisjoint(spec):
        from greensdk.measure.repeats import kind_of

        kind = kind_of(spec)
    slot = slot_of(spec)
    call = kind(fn, slot, Subject(name_of(fn), None if "label" in slot.spec else spec.get("label")))
    ledger.owed_ns += perf_counter_ns() - began_ns
    return call


def name_of(fn: Any) -> str:
    """
    Return ``module.qualified.name`` of anything callable.
    """
    inner = fn
    while hasattr(inner, "func") and not hasattr(inner, "__qualname__"):
        inner = inner.func
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{named.__module__}.{named.__qualname__}"
