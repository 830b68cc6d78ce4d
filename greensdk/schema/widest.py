"""
What grams and prices rest on: a call's joules at the widest boundary that is known, and its part of the machine's time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from greensdk.schema.primary import ESTIMATED, GPU, WALL, parts_in


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


def machine_s(record: Mapping[str, Any], share: float | None) -> float | None:
    """
    Return the seconds of the whole machine that are the call's: a given share of its duration, or its CPU seconds over
    the machine's hardware threads; None where they are unknown.
    """
    duration_s, cpu_s = record.get("duration_s"), record.get("cpu_s")
    cpus = (record.get("host") or {}).get("cpus_logical")
    if duration_s is None:
        return None
    if share is not None:
        return float(duration_s) * share
    return None if cpu_s is None or not cpus else float(min(cpu_s / cpus, duration_s))


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
