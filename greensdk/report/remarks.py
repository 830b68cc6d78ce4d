"""
What has to be said of sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from greensdk.report.columns import Columns
from greensdk.report.drift import drifts
from greensdk.report.groups import by_first
from greensdk.report.inclusion import Counted
from greensdk.report.shape import GROUPS

STATUS, REASON = map(GROUPS.index, ("status", "reason"))


def remarks(log: Columns, counted: Counted, sources: Sequence[str]) -> Iterator[str]:
    """
    Yield why calls have no number, what is mixed in the sums, what estimates rest on, and which monitors disagree.
    """
    for (status, reason), number in _reasons(log, counted.rows).items():
        yield f"{number} {'lost' if status == 'lost' else 'with unknown energy'}: {reason}"
    if len(sources) > 1:
        yield "the sum mixes numbers of different meters or boundaries"
    for (monitor, basis), number in bases(log, counted.rows).items():
        yield f"{number} call{'s' if number > 1 else ''} estimated by {monitor}" + (f": {basis}" if basis else "")
    once = set(counted.once.tolist()) if log.pairs else set()
    yield from (str(drift) for drift in drifts(pair for row, pair in log.pairs if row in once) if drift.disagree)


def _reasons(log: Columns, rows: Any) -> Mapping[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for place, times in by_first(log.rows["facts"][rows[np.isnan(log.rows["energy_j"][rows])]]):
        facts = log.tables["facts"][place]
        why = facts[STATUS], str(facts[REASON])
        found[why] = found.get(why, 0) + times
    return found


def bases(log: Columns, rows: Any) -> dict[tuple[str, str], int]:
    """
    Return, for the calls whose number is a model's, the monitor and what the model rests on, with how many calls.
    """
    found = log.rows["basis"][rows]
    return {log.tables["basis"][basis]: times for basis, times in by_first(found[found >= 0])}
