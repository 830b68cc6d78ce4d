"""
Three ways to make the calls of a stage: unmeasured, measured in this process, and through Lithops.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from greensdk import capture, energy_tracked


def plainly(
    fn: Callable[..., Any],
    items: Sequence[tuple[Any, ...]],
    stage: str,  # noqa: ARG001 - part of the protocol
    after: Sequence[str] = (),  # noqa: ARG001 - part of the protocol
) -> list[Any]:
    """
    Make the calls in this process, one after the other, unmeasured.
    """
    return [fn(*item) for item in items]


class Tracked:
    """
    A mapper that makes the calls in this process, one after the other, each measured.

    Args:
        settings: The arguments of :func:`greensdk.energy_tracked`.

    Attributes:
        records: The record of each call so far.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self.records: list[dict[str, Any]] = []

    def __call__(
        self,
        fn: Callable[..., Any],
        items: Sequence[tuple[Any, ...]],
        stage: str,
        after: Sequence[str] = (),  # noqa: ARG002 - part of the protocol
    ) -> list[Any]:
        """
        Make the calls; their label is the stage.
        """
        measured = energy_tracked(**{"label": stage, **self._settings})(fn)
        with capture() as records:
            results = [measured(*item) for item in items]
        self.records += map(dict, records)
        return results


def local_config(workers: int) -> dict[str, dict[str, Any]]:
    """
    Return a Lithops configuration for localhost with `workers` concurrent workers and this Python.

    Images and videos exceed the 4 MiB that Lithops sends by default.
    """
    general = {"backend": "localhost", "storage": "localhost", "log_level": "ERROR"}
    return {
        "lithops": {**general, "data_cleaner": False, "data_limit": False},
        "localhost": {"runtime": sys.executable, "worker_processes": workers},
    }


class OnLithops:
    """
    A mapper that makes each stage one ``map`` of a Lithops executor.

    Args:
        executor: A :class:`greensdk_lithops.EnergyFunctionExecutor`, which measures the calls, or any other.
        workflow: Name of the workload, for the records.
    """

    def __init__(self, executor: Any, workflow: str | None = None) -> None:
        self._executor = executor
        self._workflow = workflow

    def __call__(
        self, fn: Callable[..., Any], items: Sequence[tuple[Any, ...]], stage: str, after: Sequence[str] = ()
    ) -> list[Any]:
        """
        Make the calls and wait for all of them.
        """
        names = {"workflow": self._workflow, "stage": stage, "parents": list(after)} if self._workflow else {}
        futures = self._executor.map(fn, list(items), **names)
        results: list[Any] = self._executor.get_result(futures, show_progressbar=False)
        return results
