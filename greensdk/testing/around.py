"""
Does a call survive whatever a sink, an enricher or an adapter does around it?

Like :mod:`greensdk.testing.faults`, which does the same for what measures.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from greensdk.deliver import spool
from greensdk.deliver.lines import encode
from greensdk.measure.calls import Call
from greensdk.measure.record import Subject
from greensdk.measure.slots import Slot
from greensdk.schema.check import problems
from greensdk.testing.tracking import Given
from greensdk.testing.wrong import ERRORS, GARBAGE, fork

Wrong = Callable[..., Any]

METHODS = {"emit": ("emit", "flush", "close"), "worker": ("worker", "sinks", "call"), "__call__": ("__call__",)}
"""A method that only sinks, only adapters, only enrichers have, to all that the core calls."""

_held: list[Any] = []
"""The plugin that is tried; specifications name what returns it."""


def held(*_: Any, **__: Any) -> Any:
    """
    Return the plugin that is tried: it has been made already.
    """
    return _held[0]


def enrich(record: Mapping[str, Any]) -> Any:
    """
    Have the enricher that is tried add its fields.
    """
    return _held[0](record=record)


class _Witness:
    """
    The other sink, whose records must be whole.
    """

    def __init__(self, *_: Any) -> None:
        self.close()

    def emit(self, record: Mapping[str, Any]) -> None:
        witnessed.append(json.loads(encode(record)))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


witnessed: list[dict[str, Any]] = []
_HERE = __name__
_WITNESS = ["witness:", f"{_HERE}:_Witness", {}]
_SPECS: Mapping[str, dict[str, Any]] = {
    "emit": {"sinks": [_WITNESS, ["tried:", f"{_HERE}:held", {}], _WITNESS]},
    "__call__": {"sinks": [_WITNESS], "enrichers": [["tried", f"{_HERE}:enrich", {}]]},
    "worker": {"sinks": [_WITNESS], "adapters": [[f"{_HERE}:held", "PATH"]]},
}


def kind_of(plugin: Any) -> str:
    """
    Return the method by which a sink, an adapter or an enricher is known; empty for what is none.
    """
    return next((name for name in METHODS if hasattr(plugin, name)), "")


def faults_around(right: Wrong) -> Iterator[tuple[str, Wrong]]:
    """
    Yield name and wrong version of everything that a method may do wrong.
    """

    def changing(*given: Any, **named: Any) -> Any:
        made = right(*given, **named)
        for each in (*given, *named.values()):
            _spoil(each)
        return made

    def forking(*given: Any, **named: Any) -> Any:
        fork()
        return right(*given, **named)

    for error in ERRORS:
        yield f"raises {type(error).__name__}", _raising(error)
    for name, value in GARBAGE.items():
        yield f"returns {name}", _returning(value)
        yield f"returns a dict with {name}", _returning({"worker_id": value, "x": value, "attempt": value})
    yield "changes what it is given", changing
    if hasattr(os, "fork"):
        yield "forks", forking


def _raising(error: BaseException) -> Wrong:
    def wrong(*_: Any, **__: Any) -> Any:
        raise error

    return wrong


def _returning(value: Any) -> Wrong:
    return lambda *_, **__: value


def _spoil(value: Any) -> None:
    """
    Empty all that can be emptied, the innermost first.
    """
    for each in list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        _spoil(each)
    if isinstance(value, dict | list):
        value.clear()


def check_around(make: Callable[[], Any]) -> int:
    """
    Have each method of a sink, an enricher or an adapter do all that it can do wrong, each in a call of its own.

    The function's result must arrive, the other sinks get a record that passes ``greensdk validate``, and what a sink
    did not take must be in the spool.

    Args:
        make: Returns a new one.

    Returns:
        How many faults were tried.

    Raises:
        AssertionError: A call did not survive; the text says which.
    """
    tried, kind = 0, kind_of(make())
    for method in METHODS[kind]:
        right = getattr(make(), method, None)
        for name, wrong in faults_around(right) if right else ():
            plugin = make()
            where = f"{type(plugin).__name__}: {method}() {name}"
            with _own_spool():
                _check(plugin, kind, method, wrong, where)
            tried += 1
    return tried


def _check(plugin: Any, kind: str, method: str, wrong: Wrong, where: str) -> None:
    if method == "__call__":
        plugin = wrong
    else:
        setattr(plugin, method, wrong)
    _held[:], witnessed[:] = [plugin], []
    spec = {"sources": [], "order": [], "resources": "light", **_SPECS[kind]}
    slot = Slot(spec, Given({}))
    try:
        for _ in range(_CALLS):
            assert Call(lambda: "result", slot, Subject("tried"))() == "result", where
        waiting = sum(count for _, _, count in spool.waiting())
        slot.close()
    except BaseException as error:
        raise AssertionError(f"{where}: the call ended with {type(error).__name__}") from error
    expected = _CALLS * sum(each is _WITNESS for each in spec["sinks"])
    assert len(witnessed) == expected, f"{where}: {len(witnessed)} records instead of {expected} in other sinks"
    for record in witnessed:
        bad = problems(record)
        assert not bad, f"{where}: a record that greensdk validate refuses: {bad}"
        assert record["host"], f"{where}: another sink's record was changed"
    if method == "emit" and " raises " in where:
        assert waiting == _CALLS, f"{where}: {waiting} of {_CALLS} records in the spool"


_CALLS = 2
"""The second one shows what the first has left behind."""


@contextmanager
def _own_spool() -> Iterator[None]:
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before
