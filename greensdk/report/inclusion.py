"""
Which records count: each once, and none whose joules are in another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from greensdk.report.columns import Columns


class Counted(NamedTuple):
    """
    Rows of a log.

    Attributes:
        rows: Those that go into sums, in the order in which records are first seen.
        once: Those of all records, in the same order; of several with one id the last.
    """

    rows: Any
    once: Any


def counted(log: Columns) -> Counted:
    """
    Return the rows that go into sums: a call's joules hold those of the calls inside it.

    A call of an executor made inside a worker is inside only if it ran on the same machine.
    """
    ids = log.rows["id"]
    number = len(ids)
    known, first = np.unique(ids, return_index=True)
    once = np.arange(number)
    if len(known) < number:
        _, back = np.unique(ids[::-1], return_index=True)
        once = (number - 1 - back)[np.argsort(first)]
    inside = np.zeros(number, bool)
    parents = log.rows["parent"]
    asked = np.flatnonzero(parents)
    if len(asked):
        places = np.minimum(np.searchsorted(known, parents[asked]), len(known) - 1)
        inside[asked] = known[places] == parents[asked]
    inside[list(_made_in_workers(log, once))] = True
    return Counted(once[~inside[once]], once)


def _made_in_workers(log: Columns, once: Any) -> Iterator[int]:
    """
    Yield rows whose executor was made by a call of the same machine that has a number.
    """
    if not log.around:
        return
    addresses = log.rows["address"]
    wanted = np.array(sorted({each for _, found in log.around for each in found}), np.int64)
    rows = once[~np.isnan(log.rows["energy_j"][once]) & np.isin(addresses[once], wanted)]
    machines = dict(zip(addresses[rows].tolist(), log.rows["host"][rows].tolist(), strict=True))
    for row, found in log.around:
        if log.rows["host"][row] in [machines.get(address) for address in found]:
            yield row
