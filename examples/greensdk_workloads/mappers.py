"""
Three ways to make the calls of a stage: plainly, measured here, and through Lithops.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from greensdk import capture, energy_tracked


def plainly(
    fn: Callable[..., Any],
    items: Sequence[tuple[Any, ...]],
    stage: str,  # noqa: ARG001 - the contract's
    after: Sequence[str] = (),  # noqa: ARG001 - the contract's
) -> list[Any]:
    """
    Make the calls here, one after the other, and measure nothing.
    """
    return [fn(*item) for item in items]


class Tracked:
    """
    Makes the calls here, one after the other, each measured; a workload's Mapper.

    Args:
        settings: The arguments of :func:`greensdk.energy_tracked`.

    Attributes:
        records: One for each call so far.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self.records: list[dict[str, Any]] = []

    def __call__(
        self,
        fn: Callable[..., Any],
        items: Sequence[tuple[Any, ...]],
        stage: str,
        after: Sequence[str] = (),  # noqa: ARG002 - the contract's
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
    Return a configuration of Lithops for so many workers at a time on this machine, run by this Python.

    Pictures and videos are more than the 4 MiB that Lithops sends along by default.
    """
    general = {"backend": "localhost", "storage": "localhost", "log_level": "ERROR"}
    return {
        "lithops": {**general, "data_cleaner": False, "data_limit": False},
        "localhost": {"runtime": sys.executable, "worker_processes": workers},
    }


class OnLithops:
    """
    Makes each stage one ``map`` of a Lithops executor; a workload's Mapper.

    Args:
        executor: A :class:`greensdk_lithops.EnergyFunctionExecutor`, which measures the calls, or any other.
        workflow: The name of the workload, for the records.
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
