"""
One profile: the metrics of a stage by configuration, repetition and worker.

.. code-block:: text

    {"(cpu, memory, workers)": {"read": [[seconds of each worker] of each repetition], "compute": ..., "write": ...,
                                "cold_start": ..., "energy": [[joules]], "energy_source": [["rapl"]]}}

The format is that of ``save_profiling_results`` in ``flexecutor/utils/utils.py``, commit 6a1a77a: ``json.dump`` with an
indent of 4 and keys that are the text of a tuple. Reading a file and writing it changes no byte.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from greensdk.errors import RecordError

TIMES = ("read", "compute", "write", "cold_start")
"""FlexExecutor's own metrics, in seconds: ``FunctionTimes.profile_keys()``."""

ENERGY, SOURCE = "energy", "energy_source"
METRICS = (*TIMES, ENERGY, SOURCE)
_PARTS = ("read", "compute", "write")
"""What a worker's seconds are the sum of."""
RECORD = "worker_func_energy_record"
"""Key of a measured call's record in ``future.stats``."""


class Configuration(NamedTuple):
    """
    The resources of a stage.

    Attributes:
        cpu: CPUs of a worker.
        memory: MB of a worker.
        workers: Number of workers.
    """

    cpu: float
    memory: float
    workers: int


class Profile:
    """
    The profile of one stage.

    Args:
        path: The file to read; None for an empty profile.

    Raises:
        RecordError: The file is not such a profile.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._rows: dict[str, dict[str, list[list[Any]]]] = {} if path is None else _read(Path(path))

    def configurations(self) -> list[Configuration]:
        """
        Return all configurations, in the file's order.
        """
        return [_configuration(key) for key in self._rows]

    def reps(self, configuration: Sequence[float]) -> dict[str, list[list[Any]]]:
        """
        Return each metric's values of a configuration: for each repetition, for each worker; {} if it was never run.
        """
        return self._find(configuration) or {}

    def add(self, configuration: Sequence[float], **metrics: Sequence[Any]) -> None:
        """
        Add a repetition.

        Args:
            configuration: CPUs, MB and number of workers.
            metrics: Values of each worker, by metric; see :data:`METRICS`. None if unknown.
        """
        row = self._find(configuration)
        if row is None:
            row = self._rows.setdefault(str(tuple(configuration)), {})
        before = max((len(reps) for reps in row.values()), default=0)
        workers = max(map(len, metrics.values()), default=0)
        for name in (*row, *(name for name in metrics if name not in row)):
            # A new metric is unknown for the earlier repetitions.
            reps = row.setdefault(name, [[None] * workers for _ in range(before)])
            reps.append(list(metrics.get(name, [None] * workers)))

    def write(self, path: str | os.PathLike[str]) -> None:
        """
        Write the file as FlexExecutor does.
        """
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self._rows, file, indent=4)

    def _find(self, configuration: Sequence[float]) -> dict[str, list[list[Any]]] | None:
        # 1024 and 1024.0 are the same configuration.
        rows = (row for key, row in self._rows.items() if _configuration(key) == tuple(configuration))
        return next(rows, None)


def _read(path: Path) -> dict[str, dict[str, list[list[Any]]]]:
    try:
        rows = json.loads(path.read_bytes())
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not JSON: {error}") from error
    if not isinstance(rows, dict):
        raise RecordError(f"{path}: not a profile of FlexExecutor: expected an object")
    for key, row in rows.items():
        try:
            _configuration(key)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise RecordError(f"{path}: key {key!r:.60}: expected '(cpu, memory, workers)'") from None
        if not isinstance(row, dict) or not all(_is_table(values) for values in row.values()):
            raise RecordError(f"{path}: {key:.60}: expected lists of lists, [[each worker] each repetition], by metric")
        for name, values in row.items():
            _check(f"{path}: {key:.60}: {name!r:.60}", name, (value for rep in values for value in rep))
    return rows


def _configuration(key: str) -> Configuration:
    numbers = ast.literal_eval(key)
    if not isinstance(numbers, tuple) or len(numbers) != 3 or not all(map(is_amount, numbers)):
        raise ValueError(key)
    return Configuration(*numbers)


def is_amount(value: Any) -> bool:
    """
    Say whether a value is a finite number that is not negative, and not more than 64 bits can hold.
    """
    return value.__class__ in (int, float) and 0 <= value < 2**63


def _is_table(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(rep, list) for rep in values)


def _check(where: str, name: str, values: Iterable[Any]) -> None:
    """Insist on numbers in the metrics that records are made of; other metrics are FlexExecutor's own affair."""
    for value in values:
        if value is None or name not in METRICS:
            continue
        if not (isinstance(value, str) if name == SOURCE else is_amount(value)):
            what = "a text" if name == SOURCE else "a number of at least 0"
            raise RecordError(f"{where}: expected {what} or null, found {value!r:.60}")


def energy_of(stats: Mapping[str, Any]) -> tuple[float | None, str | None]:
    """
    Return joules and their source of one call, from its future's statistics; (None, None) if there are none to read.
    """
    text = stats.get(RECORD)
    if not isinstance(text, str):
        return None, None
    try:
        record = json.loads(text)
        energy_j, source = record.get("energy_j"), record.get("energy_source")
    except (ValueError, AttributeError, RecursionError):  # not what greensdk has written
        return None, None
    return (energy_j, source) if is_amount(energy_j) and isinstance(source, str) else (None, None)


def with_energy(function_times: Any, stage_future: Any) -> None:
    """
    Add energy to FlexExecutor's own profiling: ``DAGExecutor.profile()`` then writes the two energy metrics too.

    Call it once, before profiling, with the two classes as your program imports them, and give ``DAGExecutor`` an
    executor of greensdk.
    """
    keys, timings = list(function_times.profile_keys()), stage_future.get_timings
    if ENERGY in keys:
        return

    def profile_keys(_: Any) -> list[str]:
        return [*keys, ENERGY, SOURCE]

    def get_timings(self: Any) -> list[Any]:
        times = timings(self)
        for each, stats in zip(times, self.stats, strict=True):
            each.energy, each.energy_source = energy_of(stats)
        return list(times)

    function_times.profile_keys = classmethod(profile_keys)
    stage_future.get_timings = get_timings


def seconds(reps: Mapping[str, Sequence[Sequence[Any]]], rep: int) -> Iterable[float | None]:
    """
    Yield, for each worker of a repetition, its seconds of reading, computing and writing, as far as known.
    """
    for values in zip(*(reps[name][rep] for name in _PARTS if rep < len(reps.get(name, ()))), strict=False):
        known = [value for value in values if value is not None]
        yield float(sum(known)) if known else None
