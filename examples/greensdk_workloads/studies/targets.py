"""
The workloads of a study: bundled ones by name, or the user's functions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from greensdk.configure.settings import unknown
from greensdk.errors import GreensdkError
from greensdk_workloads.workload import NAMES, Mapper, Workload, load

EXTRA = 'pip install "greensdk[workloads]"'


def targets(names: Iterable[str]) -> list[Workload]:
    """
    Return the workload behind each name.

    Args:
        names: Of :data:`greensdk_workloads.NAMES`, or ``module:attribute`` of a :class:`Workload` or of a function
            that does part `part` of `parts` of some work: ``def work(part, parts): ...``.

    Raises:
        GreensdkError: There is no such target, or a library is missing.
    """
    return [_custom(name) if ":" in name else _bundled(name) for name in names]


def _bundled(name: str) -> Workload:
    if name not in NAMES:
        raise GreensdkError(f"{unknown('study', name, NAMES, 'workload')}; your own function is MODULE:FUNCTION")
    try:
        workload = load(name)
        for library in workload.needs:
            import_module(library)
    except ImportError as error:
        raise GreensdkError(f"{name} needs {error.name}, which is not installed: {EXTRA}") from error
    return workload


def _custom(name: str) -> Workload:
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        target = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise GreensdkError(f"study: {name}: {error}") from error
    if isinstance(target, Workload):
        return target
    if not callable(target):
        raise GreensdkError(f"study: {name} is neither a Workload nor a function")
    return Workload(attribute, f"{name}, in parts", "run", lambda _: 1.0, _in_parts(target), lambda *_: "")


def _in_parts(fn: Callable[[int, int], Any]) -> Callable[[Mapper, int, float], Any]:
    def run(mapper: Mapper, workers: int, scale: float) -> list[Any]:  # noqa: ARG001 - part of the protocol
        return mapper(fn, [(part, workers) for part in range(workers)], "run")

    return run
