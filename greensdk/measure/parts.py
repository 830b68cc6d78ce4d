"""
The joules of a call where several meters each count a part of the machine: a package, its memory, GPUs.

Imported by the first call that has such readings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from greensdk.measure.attribution import doubt_of, lacking, quality_of, total
from greensdk.monitor import ATTRIBUTED, CALL, ESTIMATED, MEASURED, Reading, reading
from greensdk.schema.flat import domain_j
from greensdk.schema.primary import GPU, NO_PARTS, PARTS, has_gpu, joined, parts_in

WEAKEST = (ESTIMATED, ATTRIBUTED, MEASURED)


def narrow(readings: Sequence[Reading], wanted: frozenset[str]) -> None:
    """
    Make of each reading that holds more than the parts that were asked for one of these alone, where its meter tells
    them apart.
    """
    for each in readings:
        left = parts_in(each["boundary"]) & wanted
        joules = [part_j for name, part_j in each["domains"].items() if name.partition("-")[0] in left]
        whole_j, part_j = each["energy_j"], total(joules)
        if left and part_j is not None and whole_j and joined(left) != each["boundary"] and joules:
            each["boundary"] = joined(left)
            for key in ("energy_j", "energy_low_j", "energy_high_j", "call_j", "low_j", "high_j"):
                if (value := each[key]) is not None:
                    each[key] = value * part_j / whole_j


def beside(
    readings: Sequence[Reading], ranks: Mapping[str, int], boundary: str | None
) -> tuple[Sequence[Reading], str | None]:
    """
    Return the readings that add up to the call's joules, and what is missing in words; see
    :func:`greensdk.measure.primaries.primaries`.

    Of each part the reading of the first monitor in `ranks` counts. One that overlaps with a better one is left out.
    """
    wanted = frozenset(PARTS) if boundary is None else parts_in(boundary)
    last = 1 << 20
    ordered = sorted(readings, key=lambda each: ranks.get(each["monitor"], last))
    found: list[Reading] = []
    covered = NO_PARTS
    for each in map(_unused, ordered):
        parts = parts_in(each["boundary"])
        if each["call_j"] is not None and parts and parts <= wanted and not parts & covered:
            found.append(each)
            covered |= parts
    if boundary is not None and covered != wanted:
        return (), None
    unknown = {
        each["boundary"]: each
        for each in reversed(ordered)
        if each["call_j"] is None and (parts := parts_in(each["boundary"])) and parts <= wanted - covered
    }
    found.sort(key=lambda each: min(map(PARTS.index, parts_in(each["boundary"]))))
    lacks = lacking(found, unknown.values())
    if boundary is None and GPU not in covered and GPU not in unknown:
        lacks = next((_together(each) for each in ordered if has_gpu(each["boundary"])), None) or lacks
    return found, lacks


def _together(each: Reading) -> str:
    others = parts_in(each["boundary"]) - {GPU}
    return f"without {GPU}: {each['monitor']} counts it together with {joined(others)}"


def _unused(each: Reading) -> Reading:
    """
    Return 0 J for a GPU of which the call's process is known to have used nothing, whatever its counter showed.
    """
    shares = each["attributes"].get("shares")
    if each["call_j"] is not None or not has_gpu(each["boundary"]) or not isinstance(shares, dict) or not shares:
        return each
    if any(share != 0 for share in shares.values()):
        return each
    return {**each, "call_j": 0.0, "low_j": 0.0, "high_j": 0.0}


def added(parts: Sequence[Reading]) -> Reading:
    """
    Return the sum of readings of different parts as one.

    Its interval adds theirs end by end, which is the widest they can make together; its quality is the weakest. The
    doubt that a model's readings share is the sum's only where nothing else is in it.
    """
    joules = [each for each in parts if each["call_j"]]
    return reading(
        "+".join(dict.fromkeys(each["monitor"] for each in parts)),
        scope=CALL,
        quality=min(map(quality_of, parts), key=WEAKEST.index),
        boundary=joined(NO_PARTS.union(*(parts_in(each["boundary"]) for each in parts))),
        energy_j=(whole_j := total(each["call_j"] for each in parts)),
        call_j=whole_j,
        low_j=total(each["low_j"] for each in parts),
        high_j=total(each["high_j"] for each in parts),
        attributes=doubt_of(joules[0]) if len(joules) == 1 else {},
    )


def by_part(parts: Sequence[Reading]) -> dict[str, float | None]:
    """
    Return the call's joules of each part; of a reading of several, whose meter does not tell them apart, together.
    """
    found: dict[str, float | None] = {}
    for each in parts:
        names = sorted(parts_in(each["boundary"]), key=PARTS.index)
        joules = {name: domain_j(each, name) for name in names} if len(names) > 1 else {names[0]: each["call_j"]}
        found |= {each["boundary"]: each["call_j"]} if None in joules.values() else joules
    return found
