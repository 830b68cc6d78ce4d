"""
Which reading stands for a call: the one of the record's monitor *and* boundary.

A monitor may give several readings of one call (the package's and the wall's), so its name alone does not say which.
The standard library is enough, so that a worker can ask too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, TypeVar

Reading = TypeVar("Reading")

_names = itemgetter("monitor", "boundary")


def primary_of(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """
    Return the reading that `energy_j` of a record comes from; None where the record has no energy.

    Example:
        >>> wall = {"monitor": "tdp", "boundary": "wall"}
        >>> readings = [{"monitor": "tdp", "boundary": "package"}, wall]
        >>> primary_of({"energy_source": "tdp", "energy_boundary": "wall", "readings": readings}) is wall
        True
    """
    source, boundary = record.get("energy_source"), record.get("energy_boundary")
    return chosen(record.get("readings") or (), source, boundary, _names)


def call_quality(scope: str, quality: str) -> str:
    """
    Return how a reading's joules of the call are known: what a meter counted for the machine is only attributed to it.

    Example:
        >>> call_quality("machine", "measured"), call_quality("call", "measured")
        ('attributed', 'measured')
    """
    return "attributed" if (scope, quality) == ("machine", "measured") else quality


def chosen(
    readings: Iterable[Reading], source: str | None, boundary: str | None, names: Callable[[Reading], tuple[Any, Any]]
) -> Reading | None:
    """
    Return the first reading of a monitor and a boundary.

    Args:
        readings: Of one call, in any form.
        source: The record's `energy_source`; None for a call without energy.
        boundary: The record's `energy_boundary`; None, where a part of a record lacks it, stands for any.
        names: Returns monitor and boundary of a reading.
    """
    for reading in readings if source is not None else ():
        monitor, here = names(reading)
        if monitor == source and (here == boundary or boundary is None):
            return reading
    return None
