"""
Which readings stand for a call: those of the record's monitors *and* boundary.

A monitor may give several readings of one call (the package's and the wall's), so its name alone does not say which.
A boundary is a set of parts. `PARTS` share no joule, so their readings add up: ``rapl+nvml`` at ``package+dram+gpu``
are two readings. The standard library is enough, so that a worker can ask too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

Reading = TypeVar("Reading")

PACKAGE, DRAM, GPU = PARTS = ("package", "dram", "gpu")
"""
What shares no joule with another, in the order in which a boundary names it. A core is in the package; the wall holds
all; vcpu+memory is a share of a server, of which the parts are unknown.
"""
WALL = "wall"
ESTIMATED = "estimated"
NO_PARTS: frozenset[str] = frozenset()

_names = itemgetter("monitor", "boundary")


@lru_cache(maxsize=256)
def parts_in(boundary: str | None) -> frozenset[str]:
    """
    Return the parts that a boundary is the sum of; none for one that adds up with no other.

    Example:
        >>> sorted(parts_in("package+dram")), sorted(parts_in("wall"))
        (['dram', 'package'], [])
    """
    found = frozenset((boundary or "").split("+"))
    return found if found.issubset(PARTS) else NO_PARTS


def has_gpu(boundary: str | None) -> bool:
    """
    Say whether a GPU is among the parts of a boundary, of which CPU time says nothing.
    """
    return GPU in parts_in(boundary)


def joined(parts: Iterable[str]) -> str:
    """
    Return the boundary of some parts.
    """
    return "+".join(sorted(parts, key=PARTS.index))


def primary_of(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """
    Return the reading that `energy_j` of a record comes from, the first of several; None where it has no energy.

    Example:
        >>> wall = {"monitor": "tdp", "boundary": "wall"}
        >>> readings = [{"monitor": "tdp", "boundary": "package"}, wall]
        >>> primary_of({"energy_source": "tdp", "energy_boundary": "wall", "readings": readings}) is wall
        True
    """
    return next(iter(primaries_of(record)), None)


def primaries_of(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """
    Return the readings that `energy_j` of a record is the sum of.
    """
    source, boundary = record.get("energy_source"), record.get("energy_boundary")
    readings = record.get("readings") or ()
    return chosen(readings, source, boundary, _names, is_sum=record.get("energy_parts_j") is not None)


def call_quality(scope: str, quality: str) -> str:
    """
    Return how a reading's joules of the call are known: what a meter counted for the machine is only attributed to it.

    Example:
        >>> call_quality("machine", "measured"), call_quality("call", "measured")
        ('attributed', 'measured')
    """
    return "attributed" if (scope, quality) == ("machine", "measured") else quality


def chosen(
    readings: Iterable[Reading],
    source: str | None,
    boundary: str | None,
    names: Callable[[Reading], tuple[Any, Any]],
    *,
    is_sum: bool = False,
) -> Sequence[Reading]:
    """
    Return the first reading of a monitor and a boundary, or those whose parts together are the boundary.

    Args:
        readings: Of one call, in any form.
        source: The record's `energy_source`; None for a call without energy.
        boundary: The record's `energy_boundary`; None, where a part of a record lacks it, stands for any.
        names: Returns monitor and boundary of a reading.
        is_sum: The record's `energy_parts_j` says that there are several. No monitor counts a part twice.
    """
    if source is None:
        return ()
    if not is_sum:
        for reading in readings:
            monitor, here = names(reading)
            if monitor == source and (here == boundary or boundary is None):
                return (reading,)
        return ()
    wanted = parts_in(boundary)
    several = [(*names(reading), reading) for reading in readings]
    monitors = frozenset(source.split("+"))
    return next((found for found, used in _covers(several, monitors, wanted) if used == monitors), ())


def part_j(parts: Mapping[str, float | None] | None, boundary: str) -> float | None:
    """
    Return the joules of one of the readings that a sum is made of; None where its record does not tell.
    """
    known = parts or {}
    if boundary in known:
        return known[boundary]
    joules = [known.get(name) for name in boundary.split("+")]
    return None if None in joules else sum(each or 0.0 for each in joules)


def _covers(
    readings: Sequence[tuple[Any, Any, Reading]], monitors: frozenset[str], wanted: frozenset[str]
) -> Iterator[tuple[tuple[Reading, ...], frozenset[str]]]:
    """Yield readings of some monitors that have each wanted part once, and of which monitors these are."""
    if not wanted:
        yield (), NO_PARTS
        return
    first = min(wanted, key=PARTS.index)
    for monitor, boundary, reading in readings:
        parts = parts_in(boundary)
        if monitor in monitors and first in parts and parts <= wanted:
            for rest, used in _covers(readings, monitors, wanted - parts):
                yield (reading, *rest), used | {monitor}
