"""
Which readings stand for a call: the best one, and beside it those of parts of the machine that it does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from greensdk.measure.attribution import lacking
from greensdk.monitor import Reading
from greensdk.schema.primary import GPU, WALL, has_gpu, parts_in


def primaries(
    best: Reading | None, readings: Sequence[Reading], ranks: Mapping[str, int], boundary: str | None = None
) -> tuple[Sequence[Reading], str | None]:
    """
    Return the readings whose sum stands for the call, and in words what is not in it and should be.

    Parts of a machine that share no joule add up: the best reading, and of every other part the best beside it. Where
    the best is of a boundary that adds up with no other (a wall), or a boundary was asked for, it stands alone.

    Args:
        best: What :func:`greensdk.measure.attribution.choose` says.
        readings: As for :func:`greensdk.measure.attribution.choose`.
        ranks: As for :func:`greensdk.measure.attribution.choose`.
        boundary: What has to be in the sum; None for all that is known.
    """
    if best is None:
        if boundary is None or not parts_in(boundary):
            return (), None
        from greensdk.measure.parts import narrow

        narrow(readings, parts_in(boundary))
    elif boundary is not None or len(readings) == 1 or not _has_more(best["boundary"], readings):
        return (best,), lacking((best,)) if "missing" in best["attributes"] else None
    from greensdk.measure.parts import beside

    return beside(readings, ranks, boundary)


def _has_more(mine: str, readings: Iterable[Reading]) -> bool:
    """
    Say whether some reading is of a part of the machine that the best one does not hold.
    """
    for each in readings:
        boundary = each["boundary"]
        if boundary not in (mine, WALL) and _is_more(mine, boundary):
            return True
    return False


@lru_cache(maxsize=256)
def _is_more(mine: str, other: str) -> bool:
    """
    Say whether two boundaries add up; or one of them alone has a GPU, which is not in the sum then: that is to be said.
    """
    parts, more = parts_in(mine), parts_in(other)
    return bool(parts and more) and (parts.isdisjoint(more) or (GPU in more and GPU not in parts))


def active_of(primary: Reading, share: float, duration_s: float, idle_w: Mapping[str, float]) -> float | None:
    """
    Return a call's joules above the machine's rest, where that has been calibrated for the meter of a primary.

    Args:
        primary: Of the call.
        share: Of the machine's CPU time.
        duration_s: Of the call.
        idle_w: Watts at rest of each meter.
    """
    rest_w = idle_w.get(key_of(primary["monitor"], primary["boundary"]))
    machine_j = primary["energy_j"]
    if has_gpu(primary["boundary"]) and not primary["call_j"]:
        return 0.0
    if rest_w is None or machine_j is None:
        return None
    if has_gpu(primary["boundary"]):  # CPU time says nothing of it
        share = (primary["call_j"] or 0.0) / machine_j
    return active(machine_j, rest_w, duration_s, share)


def key_of(monitor: str, boundary: str) -> str:
    """
    Return the name under which a meter's watts are kept.
    """
    return f"{monitor} {boundary}"


def active(machine_j: float, idle_w: float, duration_s: float, share: float) -> float:
    """
    Return the joules of a call above the machine's rest: its share of what the machine drew beyond idle.

    Never below 0: a quiet second can draw less than the quietest that was calibrated.

    Example:
        >>> active(machine_j=50.0, idle_w=20.0, duration_s=2.0, share=0.5)
        5.0
    """
    return max(0.0, machine_j - idle_w * duration_s) * share
