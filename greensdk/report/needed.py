"""
What has to stand in a record for sums to be made of it.

A line may be JSON and still be no call: keys are missing, or hold something else. Other faults, which ``greensdk
validate`` finds too, do no harm to sums.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from greensdk.errors import RecordError
from greensdk.logs.read import Problem, lines, parse
from greensdk.schema.check import misshapen

KEYS = frozenset(
    {
        *("record_id", "parent_id", "function", "status", "runs", "duration_s", "cpu_s", "reason"),
        *("energy_j", "energy_low_j", "energy_high_j", "energy_source", "energy_quality", "energy_boundary"),
        *("monotonic_s", "host_cpu_s", "host_cpu_start_s", "host_cpu_source"),
        *("phases", "phases.start_s", "phases.stop_s"),
        *("host", "host.host_id", "host.boot_id", "host.cpus_logical", "worker", "worker.backend"),
        *("readings", "readings[]", "readings[].domains", "readings[].domains.*"),
        *(f"readings[].{key}" for key in ("monitor", "scope", "boundary", "energy_j", "meter_id", "attributes")),
    }
)


def fault(record: dict[str, Any]) -> str:
    """
    Return why no sum can be made of a record, as ``key: what is wrong``; empty when one can.

    Example:
        >>> fault({"schema": "greensdk.record/1"})
        'cpu_s: is missing'
    """
    return next(iter(misshapen(record, KEYS)), "")


def usable(source: str | os.PathLike[str], skip: Callable[[Problem], Any] | None = None) -> Iterator[dict[str, Any]]:
    """
    Yield the records of a source of which sums can be made.

    Args:
        source: As for :func:`greensdk.logs.read`.
        skip: Called with each other line; None raises instead.

    Raises:
        RecordError: There is no such source, or `skip` is None and a line is no such record.
    """
    for file, number, line in lines(source):
        found = parse(line)
        wrong = found if isinstance(found, str) else fault(found)
        if wrong:
            tell(Problem(file, number, wrong), skip)
        elif isinstance(found, dict):
            yield found


def tell(problem: Problem, skip: Callable[[Problem], Any] | None) -> None:
    """
    Hand a bad line to `skip`.

    Raises:
        RecordError: There is no `skip`.
    """
    if skip is None:
        raise RecordError(str(problem))
    skip(problem)
