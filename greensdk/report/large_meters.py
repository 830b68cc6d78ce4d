"""
The windows of a large log shared out: those that no other touches all at once, pairs and triples many at a time, and
the rest one group after the other as in :mod:`greensdk.report.meters`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from greensdk.report import large_groups as groups
from greensdk.report.large_read import Piece
from greensdk.report.meters import MICRO, Raw, unwrapped
from greensdk.report.split import CPU, split


class Sum(NamedTuple):
    """
    What became of one meter's joules.

    Attributes:
        names: Machine, meter, source, boundary.
        meter_j: What it counted.
        rest_j: What of it is nobody's.
        rows: The rows of its calls.
    """

    names: tuple[str, str, str, str]
    meter_j: float
    rest_j: float
    rows: Any


def shared_out(log: Piece, counted: Any, rule: str) -> tuple[Any, list[Sum]]:
    """
    Return each row's joules, NaN where it has none, and what became of each meter's.

    Args:
        log: Everything.
        counted: The rows that count, in their order.
        rule: One of :data:`greensdk.report.split.RULES`.
    """
    number = len(log.rows["texts"])
    rank = np.full(number, -1, np.int64)
    rank[counted] = np.arange(len(counted))
    calls = np.full(number, np.nan)
    calls[counted] = log.rows["energy_j"][counted]
    windows = np.flatnonzero(rank[log.windows["row"]] >= 0)
    meters = log.windows["meter"][windows]
    # Within a meter by the beginning, then in the records' order.
    ranks = rank[log.windows["row"][windows]]
    order = np.lexsort((ranks, log.windows["start_s"][windows], meters))
    first_seen = np.full(len(log.tables["meter"]), number, np.int64)
    np.minimum.at(first_seen, meters, ranks)
    windows, meters = windows[order], meters[order]
    ends = np.searchsorted(meters, np.arange(len(log.tables["meter"]) + 1))
    places = _places(log)
    found = []
    for meter in np.argsort(first_seen, kind="stable").tolist():
        mine = windows[ends[meter] : ends[meter + 1]]
        if len(mine):
            meter_j, rest_j = _share(log, places, mine, rule, calls)
            found.append(Sum(log.tables["meter"][meter], meter_j, rest_j, log.windows["row"][mine]))
    return calls, found


def _places(log: Piece) -> Any:
    """
    Return where each window's counters begin in the columns of counters.
    """
    sizes = np.array([len(kind[0]) for kind in log.tables["kind"]] or [0])[log.windows["kind"]]
    return np.cumsum(sizes) - sizes


def _share(log: Piece, places: Any, mine: Any, rule: str, calls: Any) -> tuple[float, float]:
    """
    Share out one meter, whose windows are in the order of their beginnings; return its joules and nobody's.
    """
    kinds = [log.tables["kind"][kind] for kind in np.unique(log.windows["kind"][mine]).tolist()]
    one_clock = len(np.unique(log.windows["clock"][mine])) == 1
    if len({(keys, since) for keys, _, since, _ in kinds}) > 1:
        return _exactly(log, places, mine, rule, calls, one_clock)
    start_s, stop_s = log.windows["start_s"][mine], log.windows["stop_s"][mine]
    begins = np.ones(len(mine), bool)
    begins[1:] = start_s[1:] >= np.maximum.accumulate(stop_s)[:-1]
    heads = np.flatnonzero(begins)
    sizes = np.diff(np.append(heads, len(mine)))
    counters = len(kinds[0][0])
    meter_j, rest_j = _alone(log, places, mine[heads[sizes == 1]], counters, rule, calls)
    for size in np.unique(sizes[sizes > 1]).tolist():
        many = mine[heads[sizes == size][:, None] + np.arange(size)]
        if rule == CPU and one_clock and len(many) >= groups.LEAST and size <= groups.MOST:
            plain = groups.is_plain(log, many)
            for part in _parts(many[plain], size):
                found = groups.shared(log, places, part, counters)
                calls[log.windows["row"][part]] = found.calls_j
                meter_j, rest_j = meter_j + found.meter_j, rest_j + found.rest_j
            many = many[~plain]
        for group in many:
            one_j, nobodys_j = _exactly(log, places, group, rule, calls, one_clock)
            meter_j, rest_j = meter_j + one_j, rest_j + nobodys_j
    return meter_j, rest_j


def _parts(many: Any, size: int) -> Iterator[Any]:
    step = max(1, groups.AT_ONCE // size**3)
    yield from (many[place : place + step] for place in range(0, len(many), step))


def _alone(log: Piece, places: Any, mine: Any, counters: int, rule: str, calls: Any) -> tuple[float, float]:
    """
    Share out windows that no other touches; see :func:`greensdk.report.split.split`.
    """
    rows = log.windows["row"][mine]
    energy_j = log.counted_j[places[mine][:, None] + np.arange(counters)].sum(axis=1)
    if rule == CPU:
        busy_s, cpu_s = log.windows["busy_s"][mine], np.nan_to_num(log.rows["cpu_s"][rows])
        share = np.divide(cpu_s, busy_s, out=np.zeros(len(mine)), where=busy_s > 0.0)
        own_j = energy_j * np.minimum(1.0, share)
    else:
        own_j = energy_j
    calls[rows] = own_j
    return float(energy_j.sum()), float((energy_j - own_j).sum())


def _exactly(log: Piece, places: Any, mine: Any, rule: str, calls: Any, one_clock: bool) -> tuple[float, float]:
    """
    Share out windows one after the other.
    """
    raws = [_raw(log, int(places[window]), int(window)) for window in mine]
    seen = unwrapped(raws)
    found = split(seen if one_clock else [each.without_clock() for each in seen], rule)
    rows = [int(row) for row in found.calls]
    calls[rows] = list(found.calls.values())
    return found.meter_j, found.unattributed_j


def _raw(log: Piece, place: int, window: int) -> Raw:
    column = {name: values[window].item() for name, values in log.windows.items()}
    keys, ranges, since_ns, cpus = log.tables["kind"][column["kind"]]
    cpu_s = float(log.rows["cpu_s"][column["row"]])
    record = {
        "record_id": str(column["row"]),
        "cpu_s": 0.0 if np.isnan(cpu_s) else cpu_s,
        "host_cpu_s": column["busy_s"],
        "host_cpu_start_s": None if np.isnan(column["began_s"]) else column["began_s"],
        "host_cpu_source": log.tables["clock"][column["clock"]],
        "phases": {"start_s": column["before_s"], "stop_s": column["after_s"]},
        "host": {"cpus_logical": cpus},
    }
    ranges_j = {key: each * MICRO if each else None for key, each in zip(keys, ranges, strict=True)}
    behind = place + len(keys)
    starts_j = dict(zip(keys, log.starts_j[place:behind].tolist(), strict=True))
    counted_j = dict(zip(keys, log.counted_j[place:behind].tolist(), strict=True))
    return Raw(record, column["start_s"], column["stop_s"], starts_j, ranges_j, counted_j, since_ns)
