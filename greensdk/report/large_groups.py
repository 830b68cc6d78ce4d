"""
Groups of windows that touch each other, many groups of one size at once.

The steps are those of :mod:`greensdk.report.meters` (counters put on one scale), :mod:`greensdk.report.stretch` (cut
into stretches) and :func:`greensdk.report.split.fit` (shares), on arrays: axis 0 is the group, then the stretch, then
the window. A stretch that those leave out, because nothing is in it, is one of zeros here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from greensdk.report.large_read import Piece
from greensdk.report.meters import MICRO
from greensdk.report.split import CLOSE, ROUNDS
from greensdk.report.split import MOST as HEAVIEST
from greensdk.report.stretch import IDLE

MOST = 12
"""Larger groups are looked at one after the other."""
LEAST = 8
"""So are fewer."""
AT_ONCE = 1_000_000
"""As many groups at once as this over the cube of their size: some 50 MB."""


class Shared(NamedTuple):
    """
    What became of the joules of some groups.

    Attributes:
        calls_j: Each window's, a row for each group.
        meter_j: All groups' together.
        rest_j: What of that is nobody's.
    """

    calls_j: Any
    meter_j: float
    rest_j: float


def is_plain(log: Piece, many: Any) -> Any:
    """
    Say of each group whether all its windows have a length and a CPU clock.
    """
    column = {name: values[many] for name, values in log.windows.items()}
    return (~np.isnan(column["began_s"]) & (column["stop_s"] > column["start_s"])).all(axis=1)


def shared(log: Piece, places: Any, many: Any, counters: int) -> Shared:
    """
    Share out the joules of groups by CPU time.

    Args:
        log: Everything.
        places: Where each window's counters begin.
        many: The windows of each group, in the order of their beginnings.
        counters: How many counters each window has.
    """
    column = {name: values[many] for name, values in log.windows.items()}
    start_j, stop_j = _counters(log, places[many][..., None] + np.arange(counters), column)
    cpus = np.array([kind[3] or np.inf for kind in log.tables["kind"]], float)[column["kind"]].max(axis=1)
    energy_j, busy_s, members = _stretches(column, start_j, stop_j, cpus)
    cpu_s = np.nan_to_num(log.rows["cpu_s"][column["row"]])
    parts, rest = _fit(cpu_s, busy_s, members)
    calls_j = (energy_j[..., None] * parts).sum(axis=1)
    return Shared(calls_j, float(energy_j.sum()), float((energy_j * rest).sum()))


def _counters(log: Piece, where: Any, column: dict[str, Any]) -> tuple[Any, Any]:
    """
    Return each window's counters at its beginning and end, added up, without wraps.
    """
    raw, counted = log.starts_j[where], log.counted_j[where]
    kinds = [[each * MICRO if each else np.inf for each in ranges] for _, ranges, _, _ in log.tables["kind"]]
    longest = max(map(len, kinds))
    padded = np.array([[*kind, *[np.inf] * (longest - len(kind))] for kind in kinds])
    ranges = padded[column["kind"]][..., : where.shape[2]]
    stop_raw = np.where(np.isinf(ranges), raw + counted, np.mod(raw + counted, np.where(np.isinf(ranges), 1.0, ranges)))
    total = raw.copy()
    start_s, stop_s = column["start_s"], column["stop_s"]
    for place in range(1, start_s.shape[1]):
        last_raw, last_total = raw[:, place - 1], total[:, place - 1]
        newest_s = np.full(len(raw), -np.inf)
        for end in range(place):
            is_new = (stop_s[:, end] > start_s[:, place - 1]) & (stop_s[:, end] <= start_s[:, place])
            is_new &= stop_s[:, end] > newest_s
            newest_s = np.where(is_new, stop_s[:, end], newest_s)
            last_raw = np.where(is_new[:, None], stop_raw[:, end], last_raw)
            last_total = np.where(is_new[:, None], total[:, end] + counted[:, end], last_total)
        step = raw[:, place] - last_raw
        wrap = np.where(np.abs(step) > ranges[:, place] / 2, ranges[:, place], 0.0)
        total[:, place] = last_total + step + np.where(step < 0, wrap, -wrap)
    return total.sum(axis=2), (total + counted).sum(axis=2)


def _stretches(column: dict[str, Any], start_j: Any, stop_j: Any, cpus: Any) -> tuple[Any, Any, Any]:
    """
    Return joules, busy seconds and members of the stretches between the marks.
    """
    number, size = start_j.shape
    began_s = column["began_s"]
    at_s = np.hstack([column["start_s"], column["stop_s"]])
    begins = np.broadcast_to(np.repeat([1, 0], size), at_s.shape)
    windows = np.broadcast_to(np.tile(np.arange(size), 2), at_s.shape)
    order = np.lexsort((windows, begins, at_s), axis=-1)

    def sorted_by_time(values: Any) -> Any:
        return np.take_along_axis(values, order, axis=1)

    length_s = np.diff(sorted_by_time(at_s), axis=1)
    energy_j = np.diff(np.maximum.accumulate(sorted_by_time(np.hstack([start_j, stop_j])), axis=1), axis=1)
    clock_s = sorted_by_time(np.hstack([began_s, began_s + column["busy_s"]]))
    busy_s = np.diff(np.maximum.accumulate(clock_s, axis=1), axis=1)
    opened = np.zeros((number, 2 * size, size), np.int8)
    signs = np.where(sorted_by_time(begins) == 1, 1, -1).astype(np.int8)
    np.put_along_axis(opened, sorted_by_time(windows)[..., None], signs[..., None], axis=2)
    members = np.cumsum(opened, axis=1)[:, :-1] > 0
    return energy_j, _possible(length_s, energy_j, busy_s, cpus), members


def _possible(length_s: Any, energy_j: Any, busy_s: Any, cpus: Any) -> Any:
    """
    Return no more busy seconds in any stretch than its CPUs had.
    """
    kept = (length_s > 0.0) | (energy_j > 0.0) | (busy_s > 0.0)
    last = kept.shape[1] - 1 - np.argmax(kept[:, ::-1], axis=1)
    most_s = np.zeros_like(length_s)
    np.multiply(length_s, cpus[:, None], out=most_s, where=length_s > 0.0)
    busy_s = busy_s.copy()
    over_s = np.zeros(len(busy_s))
    for place in [*reversed(range(busy_s.shape[1])), *range(busy_s.shape[1])]:
        here_s = busy_s[:, place] + over_s
        busy_s[:, place] = np.minimum(here_s, most_s[:, place])
        over_s = here_s - busy_s[:, place]
    busy_s[np.arange(len(busy_s)), last] += over_s
    return busy_s + IDLE * length_s


def _fit(cpu_s: Any, busy_s: Any, members: Any) -> tuple[Any, Any]:
    """
    Return the shares of the windows and of everything else in each stretch.
    """
    total_s = busy_s.sum(axis=1)
    around = (busy_s[..., None] * members).sum(axis=1)
    wanted = np.minimum(cpu_s, around)
    own_s = wanted.sum(axis=1)
    wanted = wanted * np.minimum(1.0, _over(total_s, own_s, 1.0))[:, None]
    rest_wanted = np.maximum(0.0, total_s - wanted.sum(axis=1))
    weights = wanted / np.where(around > 0.0, around, 1.0)
    rest_weight = _over(rest_wanted, total_s, 1.0)
    parts, rest = np.zeros(members.shape), np.zeros(busy_s.shape)
    going = np.arange(len(cpu_s))
    for _ in range(ROUNDS):
        own = members[going] * weights[going][:, None, :]
        whole = own.sum(axis=2) + rest_weight[going][:, None]
        parts[going] = own / np.where(whole > 0.0, whole, 1.0)[..., None]
        rest[going] = _over(np.broadcast_to(rest_weight[going][:, None], whole.shape), whole, 1.0)
        got = (parts[going] * busy_s[going][..., None]).sum(axis=1)
        rest_got = (rest[going] * busy_s[going]).sum(axis=1)
        goal = wanted[going]
        off = (np.abs(got - goal) > CLOSE * np.where(goal > 0.0, goal, 1.0)).any(axis=1)
        going, got, rest_got = going[off], got[off], rest_got[off]
        if not len(going):
            break
        weights[going] = np.minimum(HEAVIEST, _over(weights[going] * wanted[going], got, 0.0))
        rest_weight[going] = np.minimum(HEAVIEST, _over(rest_weight[going] * rest_wanted[going], rest_got, 0.0))
    return parts, rest


def _over(above: Any, below: Any, otherwise: float) -> Any:
    return np.divide(above, below, out=np.full(below.shape, otherwise), where=below > 0.0)
