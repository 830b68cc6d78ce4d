"""
Does a call survive whatever a plugin does in it?

The matrix is made, not written down: each method that runs around a call, with each fault.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from greensdk.deliver.lines import encode
from greensdk.measure.blocks import capture
from greensdk.monitor import CpuClock, CpuTime, Estimator, Monitor
from greensdk.schema.check import problems
from greensdk.testing.around import check_around, kind_of
from greensdk.testing.interrupts import Interruption, Late, handled
from greensdk.testing.tracking import tracked_by
from greensdk.testing.wrong import ERRORS, GARBAGE, fork

Source = Monitor | Estimator | CpuClock


Fault = Callable[[Callable[..., Any]], Callable[..., Any]]


def faults_of(method: str) -> Iterator[tuple[str, Fault]]:
    """
    Yield name and fault of everything that a method may do wrong; a fault makes the wrong method of the right one.
    """
    for error in ERRORS:
        yield f"raises {type(error).__name__}", _raising(error)
    for name, value in GARBAGE.items():
        yield f"returns {name}", _returning(value)
    if method in {"stop", "estimate", "cpu_time"}:
        for place in range(_PARTS):
            for name, value in GARBAGE.items():
                yield f"has {name} as part {place} of what it returns", _changing(place, value)
    if method in {"stop", "estimate"}:
        yield "keeps what it returned, and empties it later", _taking_back()
    if hasattr(os, "fork"):
        yield "forks", _forking


_PARTS = 15
"""A reading has no more keys, and a CpuTime no more fields."""


def _forking(right: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(*given: Any) -> Any:
        fork()
        return right(*given)

    return wrong


def _raising(error: BaseException) -> Fault:
    def wrong(*_: Any) -> Any:
        raise error

    return lambda _: wrong


def _returning(value: Any) -> Fault:
    return lambda _: lambda *_: value


def _changing(place: int, value: Any) -> Fault:
    """Put a value where one key of a reading, or one field of a CpuTime, is."""

    def change(found: Any) -> Any:
        if isinstance(found, CpuTime):
            fields = {name: getattr(found, name) for name in CpuTime.__slots__}
            return CpuTime(**{**fields, CpuTime.__slots__[place % len(fields)]: value})
        if isinstance(found, Mapping):
            return {**found, list(found)[place % len(found)]: value}
        return [change(each) for each in found]

    return lambda right: lambda *given: change(right(*given))


def _taking_back() -> Fault:
    kept: list[Any] = []

    def fault(right: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*given: Any) -> Any:
            for each in kept:
                each.clear()
            found = right(*given)
            kept[:] = [found] if isinstance(found, dict) else list(found)
            return found

        return wrong

    return fault


def methods_of(source: Source) -> tuple[str, ...]:
    """
    Return the methods that run around a call.
    """
    if isinstance(source, Estimator):
        return ("estimate",)
    return ("start", "cpu_time") if isinstance(source, CpuClock) else ("start", "stop")


def check_faults(make: Callable[[], Any]) -> int:
    """
    Have each method of a plugin do all that it can do wrong, each in a call of its own, and return how many faults were
    tried.

    For a sink, an adapter or an enricher this is :func:`greensdk.testing.around.check_around`. Of what measures, the
    function's result must arrive, the record must pass ``greensdk validate``, the next call must be measured as if
    nothing had been (a window that never ended leaves nothing behind), and what a user's signal handler raises in a
    method must reach the user.

    Args:
        make: Returns a new one; what measures is not open yet.

    Raises:
        AssertionError: A call did not survive; the text says which.
    """
    tried, plugin = 0, make()
    if not isinstance(plugin, Monitor | Estimator | CpuClock) and kind_of(plugin):
        return check_around(make)
    for method in methods_of(plugin):
        for name, fault in faults_of(method):
            check_fault(make, method, name, fault)
            tried += 1
        if threading.current_thread() is threading.main_thread():
            tried += check_interrupts(make, method)
    return tried


def check_interrupts(make: Callable[[], Source], method: str) -> int:
    """
    Have a signal handler raise at each line of a method, and return how many lines that were.

    What it raises must reach the caller, the record be written, and the next call be measured.

    Raises:
        AssertionError: It did not; the text says which line has swallowed it.
    """
    source, seen = make(), set[str]()
    tracked = tracked_by(source)(lambda: "result")
    right = getattr(source, method)
    tracked()  # imports what it needs only once
    try:
        while True:
            interruption = Interruption(seen)
            with capture() as records, handled():
                setattr(source, method, interruption.into(right))
                arrived = _arrives(tracked)
                setattr(source, method, right)
                tracked()
            if not interruption.place:
                return len(seen)
            where = f"{source.name}: {method}() interrupted at {interruption.place}"
            assert arrived, f"{where}: the exception of the user's signal handler is swallowed"
            for record in records:
                _check_record(where, [record])
                assert not record["errors"], f"{where}: {record['errors']}"
            assert len(records) == _CALLS, f"{where}: {len(records)} records of {_CALLS} calls"
    finally:
        source.close()


_CALLS = 2
"""The interrupted one, and the one after it."""


def _arrives(tracked: Callable[[], Any]) -> bool:
    try:
        tracked()
    except Late:
        return True
    return False


def check_fault(make: Callable[[], Source], method: str, name: str, fault: Fault) -> None:
    """
    Try one fault.

    Raises:
        AssertionError: The call did not survive it.
    """
    source = make()
    where = f"{source.name}: {method}() {name}"
    tracked = tracked_by(source)(lambda: "result")
    right = getattr(source, method)
    try:
        setattr(source, method, fault(right))
        with capture() as records:
            assert tracked() == "result", where
        setattr(source, method, right)
        with capture() as after:
            tracked()
    except BaseException as error:
        raise AssertionError(f"{where}: the call ended with {type(error).__name__}") from error
    finally:
        setattr(source, method, right)
        source.close()
    _check_record(where, records)
    _check_record(f"{where}, in the call after it", after)
    assert source.name not in after[0]["errors"], f"{where}: the call after it has a fault: {after[0]['errors']}"


def _check_record(where: str, records: list[Any]) -> None:
    assert len(records) == 1, f"{where}: {len(records)} records"
    wrong = problems(json.loads(encode(records[0])))
    assert not wrong, f"{where}: a record that greensdk validate refuses: {wrong}"
