"""
Which readings stand for a call: the best one, and beside it those of parts of the machine that it does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from greensdk.measure.attribution import choose, lacking
from greensdk.monitor import Reading
from greensdk.schema.primary import GPU, parts_in


def primaries(
    readings: Sequence[Reading], ranks: Mapping[str, int], boundary: str | None = None
) -> tuple[Sequence[Reading], str | None]:
    """
    Return the readings whose sum stands for the call, and in words what is not in it and should be.

    Parts of a machine that share no joule add up: the best reading, and of every other part the best beside it. Where
    the best is of a boundary that adds up with no other (a wall), or a boundary was asked for, it stands alone.

    Args:
        readings: As for :func:`greensdk.measure.attribution.choose`.
        ranks: As for :func:`greensdk.measure.attribution.choose`.
        boundary: What has to be in the sum; None for all that is known.
    """
    best = choose(readings, ranks, boundary)
    if best is None:
        if boundary is None or len(parts_in(boundary)) < 2:
            return (), None
    elif boundary is not None or len(readings) == 1 or not _has_more(best, readings):
        return (best,), lacking((best,)) if "missing" in best["attributes"] else None
    from greensdk.measure.parts import beside

    return beside(readings, ranks, boundary)


def _has_more(best: Reading, readings: Iterable[Reading]) -> bool:
    """
    Say whether some reading is of a part of the machine that the best one does not hold, and has no part of the best.
    One of a GPU may: it is not in the sum then, which has to be said.
    """
    mine = parts_in(best["boundary"])
    if mine:
        for each in readings:
            parts = parts_in(each["boundary"]) or mine
            if mine.isdisjoint(parts) or (GPU in parts and GPU not in mine):
                return True
    return False
