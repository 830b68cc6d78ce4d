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
from typing import Any, NamedTuple, TypeVar

Reading = TypeVar("Reading")

PACKAGE, DRAM, GPU = PARTS = ("package", "dram", "gpu")
"""
What shares no joule with another, in the order in which a boundary names it. A core is in the package; the wall holds
all; vcpu+memory is a share of a server, of which the parts are unknown.
"""
WALL = "wall"
ESTIMATED = "estimated"
NO_PARTS: frozenset[str] = frozenset()

MODEL_KEYS = ("model_id", "common_factor_low", "common_factor_high")
"""
What an estimator puts into the attributes of a reading to tell the two kinds of doubt apart: which model of which
machine it is, and the 90% factors of the error that all its readings share. It cancels where two of them are compared.
"""

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


def quality_of(primary: Mapping[str, Any]) -> str:
    """
    Return how the call's joules of a reading are known; a model of the whole machine stays one when it is shared out.
    """
    return call_quality(primary["scope"], primary["quality"])


def doubt_of(estimate: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the `MODEL_KEYS` of a reading; nothing for one that rests on no model.
    """
    attributes = estimate["attributes"]
    if not isinstance(attributes, dict) or "model_id" not in attributes:
        return {}
    return {key: attributes.get(key) for key in MODEL_KEYS}


def lacking(found: Iterable[Mapping[str, Any]], others: Iterable[Mapping[str, Any]] = ()) -> str | None:
    """
    Return in words what some readings leave out, and the parts that others were asked for and do not know.

    A GPU that the call's process has not used is not left out.
    """
    texts = []
    for each in found:
        missing, reasons, shares = (each["attributes"].get(key) for key in ("missing", "reasons", "shares"))
        if isinstance(missing, list) and isinstance(reasons, dict):  # any monitor may mean something else by it
            unused = shares if each["boundary"] == GPU and isinstance(shares, dict) else {}
            texts += [f"without {key}: {reasons.get(key)}" for key in missing if unused.get(key) != 0]
    texts += [f"without {each['boundary']}: {each['monitor']}: {each['reason']}" for each in others]
    return "; ".join(texts) or None


def total(joules: Iterable[float | None]) -> float | None:
    """
    Return the sum of some joules; None where one of them is.
    """
    found = 0.0
    for each in joules:
        if each is None:
            return None
        found += each
    return found


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

    Args:
        parts: A record's `energy_parts_j`.
        boundary: The reading's.
    """
    known = parts or {}
    if boundary in known:
        return known[boundary]
    joules = [known.get(name) for name in boundary.split("+")]
    return None if None in joules else sum(each or 0.0 for each in joules)


class Energy(NamedTuple):
    """
    Joules of a call.

    Attributes:
        energy_j: Joules; None where they are unknown.
        low_j: Lower end of their 90% interval.
        high_j: Upper end.
        boundary: What is inside them.
    """

    energy_j: float | None
    low_j: float | None
    high_j: float | None
    boundary: str | None


def widest_of(record: Mapping[str, Any]) -> Energy:
    """
    Return the joules of a call at the widest boundary that is known: the wall, metered or modelled, else `energy_j`.

    A wall meter counts GPUs and is shared out by CPU time, which says nothing of them: the machine's GPU joules are
    taken out of it and the call's own put in. A model of the wall rests on the CPUs' load and knows of no GPU: the
    call's own are added. A wall that is below its parts is not believed.
    """
    known = Energy(*(record.get(key) for key in ("energy_j", "energy_low_j", "energy_high_j", "energy_boundary")))
    readings = [each for each in record.get("readings") or () if each.get("call_j") is not None]
    walls = sorted(
        (each for each in readings if each["boundary"] == WALL), key=lambda each: each["quality"] == ESTIMATED
    )
    if not walls or not (parts_in(known.boundary) or known.boundary in {WALL, None}):
        return known
    wall = _with_gpus(walls[0], [each for each in readings if each["boundary"] == GPU])
    return wall if known.energy_j is None or (wall.energy_j or 0.0) >= known.energy_j else known


def _with_gpus(wall: Mapping[str, Any], gpus: Sequence[Mapping[str, Any]]) -> Energy:
    more = [each for each in gpus[:1] if each["call_j"]]
    has_gpus = bool(wall["quality"] != ESTIMATED and wall["scope"] == "machine" and wall["energy_j"])
    others_j = 0.0
    if has_gpus:
        others_j = sum(each["energy_j"] or 0.0 for each in gpus[:1]) * wall["call_j"] / wall["energy_j"]

    def added(key: str) -> float | None:
        ends = [each[key] for each in (wall, *more)]
        return None if None in ends else max(0.0, sum(ends) - others_j)

    boundary = WALL if has_gpus or not more else f"{WALL}+{GPU}"
    return Energy(added("call_j"), added("low_j"), added("high_j"), boundary)


def _covers(
    readings: Sequence[tuple[Any, Any, Reading]], monitors: frozenset[str], wanted: frozenset[str]
) -> Iterator[tuple[tuple[Reading, ...], frozenset[str]]]:
    """
    Yield readings of some monitors that have each wanted part once, and of which monitors these are.
    """
    if not wanted:
        yield (), NO_PARTS
        return
    first = min(wanted, key=PARTS.index)
    for monitor, boundary, reading in readings:
        parts = parts_in(boundary)
        if monitor in monitors and first in parts and parts <= wanted:
            for rest, used in _covers(readings, monitors, wanted - parts):
                yield (reading, *rest), used | {monitor}
