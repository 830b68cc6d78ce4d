"""
From windows to joules: every meter shared out among the calls that read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np

from greensdk.report.columns import Columns
from greensdk.report.counters import Counted, marks, shifts, unwrapped
from greensdk.report.split import CPU, CYCLES, Split, grouped, split
from greensdk.report.stretches import Seen, overlapping
from greensdk.report.windows import MICRO
from greensdk.schema.primary import has_gpu, parts_in

NEAR = 0.99
"""A call that a split gives so much of what its GPU's driver said is given all of it."""
ENOUGH = 100_000
"""Windows of several meters that are looked at together."""


class Meter(NamedTuple):
    """
    One meter of one machine, and what became of its joules.

    Attributes:
        machine: The boot id of the machine, or its host id.
        meter: Which meter it is, for example ``rapl``.
        source: The monitor that read it.
        boundary: What it counts.
        meter_j: What it counted while at least one call ran.
        calls_j: What of that is the calls'.
        unattributed_j: Joules of everything else.
    """

    machine: str
    meter: str
    source: str
    boundary: str
    meter_j: float
    calls_j: float
    unattributed_j: float


class Shares(NamedTuple):
    """
    All joules of some records, each counted once.

    Attributes:
        calls_j: Each row's: its part of a shared meter, or what the record itself says; NaN where it has none.
        is_shared: Which rows have a part of a shared meter.
        meters: The shared meters, in the order in which they are first read.
        parts_j: Joules of each of the columns' parts, after shared meters were split.
    """

    calls_j: Any
    is_shared: Any
    meters: list[Meter]
    parts_j: Any


def shared_out(log: Columns, counted: Any, rule: str) -> Shares:
    """
    Share every meter out among the calls that read it, and take the other calls' joules as they are.
    """
    number = len(log.rows["facts"])
    found = Shares(np.full(number, np.nan), np.zeros(number, bool), [], log.parts["part_j"].copy())
    found.calls_j[counted] = log.rows["energy_j"][counted]
    sizes = np.array([len(kind[0]) for kind in log.tables["kind"]] or [0], np.int32)[log.windows["kind"]]
    places = np.cumsum(sizes, dtype=np.int32) - sizes
    for some in _batches(_by_meter(log, counted)):
        mine = [windows for _, windows in some]
        found.is_shared[log.windows["row"][np.concatenate(mine)]] = True
        names = [log.tables["meter"][meter] for meter, _ in some]
        seen = [_read(log, places[each], each, rule) for each in mine]
        divided = _divided(log, seen, mine, [boundary for *_, boundary in names], rule)
        for (machine, name, source, boundary), each, made in zip(names, mine, divided, strict=True):
            rows, own_j = log.windows["row"][each], log.windows["own_j"][each]
            found.calls_j[rows] = found.calls_j[rows] - own_j + made.calls_j
            if len(found.parts_j):
                _put_parts(log, found.parts_j, boundary, rows, made.calls_j)
            found.meters.append(
                Meter(machine, name, source, boundary, made.meter_j, float(made.calls_j.sum()), made.rest_j)
            )
    return found


def _by_meter(log: Columns, counted: Any) -> list[tuple[int, Any]]:
    """
    Return each meter that was read, in the order in which they are first, with its windows by their beginning.
    """
    rank = np.full(len(log.rows["facts"]), -1, np.int32)
    rank[counted] = np.arange(len(counted), dtype=np.int32)
    ranks = rank[log.windows["row"]]
    windows = np.flatnonzero(ranks >= 0).astype(np.int32)
    meters, ranks = log.windows["meter"][windows], ranks[windows]
    number = len(log.tables["meter"])
    first = np.full(number, len(counted), np.int32)
    np.minimum.at(first, meters, ranks)
    ends = np.cumsum(np.bincount(meters, minlength=number))
    # Of those that begin together, in the records' order.
    windows = windows[np.lexsort((ranks, log.windows["start_s"][windows], meters))]
    mine = np.split(windows, ends)
    return [(meter, mine[meter]) for meter in np.argsort(first, kind="stable").tolist() if len(mine[meter])]


def _batches(meters: Sequence[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
    """
    Yield the meters, as many at a time as have enough windows together: more take memory, fewer take longer.
    """
    found: list[tuple[int, Any]] = []
    windows = 0
    for place, each in enumerate(meters, 1):
        found.append(each)
        windows += len(each[1])
        if windows >= ENOUGH or place == len(meters):
            yield found
            found, windows = [], 0


def _put_parts(log: Columns, parts_j: Any, boundary: str, rows: Any, calls_j: Any) -> None:
    """Give what a meter's split has left some rows to the parts that it counts, in the ratio that their records say."""
    number = len(log.rows["facts"])
    of_row = np.full(number, np.nan)
    of_row[rows] = calls_j
    names = {boundary, *parts_in(boundary)}
    counted = np.array([name in names for name in log.tables["part"]])
    mine = np.flatnonzero(counted[log.parts["part"]] & ~np.isnan(of_row[log.parts["row"]]))
    row = log.parts["row"][mine]
    whole_j, several = np.bincount(row, parts_j[mine], number)[row], np.bincount(row, minlength=number)[row]
    ratio = np.divide(parts_j[mine], whole_j, out=1.0 / several, where=whole_j > 0.0)
    parts_j[mine] = ratio * of_row[row]


def _read(log: Columns, places: Any, mine: Any, rule: str) -> Seen:
    """
    Return the windows of one meter, in the order of their beginnings, as it saw them.
    """
    windows, since = _counted(log, places, mine)
    start_j = _scaled(log, mine, windows, since) if since.any() else _unwrapped(windows)
    return _seen(log, mine, start_j, start_j + np.nansum(windows.counted_j, axis=1), rule)


def _divided(
    log: Columns, seen: list[Any], mine: Sequence[Any], boundaries: Sequence[str], rule: str
) -> Iterator[Split]:
    """
    Yield how each meter is shared out. All that the rule is for are, at once: thousands of machines take no longer.
    """
    heads = [overlapping(each.start_s, each.stop_s) for each in seen]
    by_rule = [place for place, boundary in enumerate(boundaries) if not has_gpu(boundary)]
    first = np.cumsum([0, *(len(mine[place]) for place in by_rule)])
    group = np.cumsum([0, *(len(heads[place]) for place in by_rule)])
    made = None
    if by_rule:
        columns = zip(*(seen[place] for place in by_rule), strict=True)
        starts = np.concatenate([heads[place] + at for place, at in zip(by_rule, first.tolist(), strict=False)])
        joined = Seen(*map(np.concatenate, columns))
        for place in by_rule:
            seen[place] = None
        made = grouped(joined, starts, rule)
    done = 0
    for each, windows, boundary in zip(seen, mine, boundaries, strict=True):
        if made is None or has_gpu(boundary):
            yield _by_driver(log, windows, each)
            continue
        ours, groups = slice(*first[done : done + 2]), slice(*group[done : done + 2])
        yield Split(made.calls_j[ours], float(made.meter_j[groups].sum()), float(made.rest_j[groups].sum()))
        done += 1


def _by_driver(log: Columns, mine: Any, seen: Seen) -> Split:
    """
    Share out a GPU.

    CPU time says nothing of it. Its driver has said what each call used: that takes the place of the call's CPU
    seconds, and the counter itself that of the machine's CPU clock, whatever the rule.
    """
    own_j, endless = log.windows["own_j"][mine], np.full(len(mine), inf)
    busy_j = seen.stop_j - seen.start_j
    found = split(seen._replace(cpu_s=own_j, began_s=seen.start_j, busy_s=busy_j, cpus=endless), CPU)
    # Where there is room for all, fitting ends a little short of it.
    calls_j = np.where(found.calls_j > NEAR * own_j, own_j, found.calls_j)
    rest_j = found.meter_j - float(calls_j.sum())
    return found if rest_j < 0.0 else Split(calls_j, found.meter_j, rest_j)


def _counted(log: Columns, places: Any, mine: Any) -> tuple[Counted, Any]:
    """Return the counters of one meter's windows, and for each window which zero they count from."""
    kinds = log.windows["kind"][mine]
    table = log.tables["kind"]
    here = np.unique(kinds).tolist()
    names = {name: place for place, name in enumerate(dict.fromkeys(key for kind in here for key in table[kind][0]))}
    zeros = {since: place for place, since in enumerate(dict.fromkeys(table[kind][2] for kind in here))}
    raw_j, counted_j, ranges_j = (np.full((len(mine), len(names)), value) for value in (np.nan, np.nan, inf))
    since = np.zeros(len(mine), np.int64)
    for kind in here:
        keys, ranges, since_ns, _ = table[kind]
        rows = np.flatnonzero(kinds == kind)
        since[rows] = zeros[since_ns]
        for offset, (key, range_uj) in enumerate(zip(keys, ranges, strict=True)):
            raw_j[rows, names[key]] = log.counters["starts_j"][places[rows] + offset]
            counted_j[rows, names[key]] = log.counters["counted_j"][places[rows] + offset]
            ranges_j[rows, names[key]] = range_uj * MICRO if range_uj else inf
    return Counted(log.windows["start_s"][mine], log.windows["stop_s"][mine], raw_j, counted_j, ranges_j), since


def _unwrapped(windows: Counted) -> Any:
    """Return the counters at each window's beginning, added up, without wraps among windows that overlap."""
    start_j = np.nansum(windows.raw_j, axis=1)
    starts = np.zeros(len(start_j), bool)
    starts[overlapping(windows.start_s, windows.stop_s)] = True
    others = np.flatnonzero(~starts | ~np.append(starts[1:], True))
    if len(others):
        start_j[others] = np.nansum(unwrapped(Counted(*(each[others] for each in windows)), starts[others]), axis=1)
    return start_j


def _scaled(log: Columns, mine: Any, windows: Counted, since: Any) -> Any:
    """Return the counters at each window's beginning, added up, without wraps, and all from one zero."""
    start_j = np.empty(len(mine))
    counters, rows = [], []
    before_s, after_s = log.windows["before_s"][mine], log.windows["after_s"][mine]
    _, first = np.unique(since, return_index=True)
    for zero in since[np.sort(first)].tolist():
        own = np.flatnonzero(since == zero)
        some = Counted(*(each[own] for each in windows))
        start_j[own] = np.nansum(unwrapped(some, np.arange(len(own)) == 0), axis=1)
        stop_j = start_j[own] + np.nansum(some.counted_j, axis=1)
        read = (some.start_s, start_j[own], before_s[own]), (some.stop_s, stop_j, after_s[own])
        counters.append(marks(*read))
        rows.append(own)
    for own, shift_j in zip(rows, shifts(counters), strict=True):
        start_j[own] += shift_j
    return start_j


def _seen(log: Columns, mine: Any, start_j: Any, stop_j: Any, rule: str) -> Seen:
    """
    Return the windows of one meter; by cycles, where all of its calls have them, these take the place of CPU seconds.
    """
    names = ("start_s", "stop_s", "busy_s", "began_s", "clock", "kind", "row")
    start_s, stop_s, busy_s, began_s, clock, kind, row = (log.windows[name][mine] for name in names)
    if (clock != clock[0]).any():  # readings of two clocks can't be put in one order
        began_s[:] = np.nan
    cpus = np.array([kind[3] or inf for kind in log.tables["kind"]], float)[kind]
    seen = Seen(start_s, stop_s, start_j, stop_j, np.nan_to_num(log.rows["cpu_s"][row]), began_s, busy_s, cpus)
    cycles, busy_cycles = (log.windows[name][mine] for name in ("cycles", "busy_cycles"))
    if rule != CYCLES or np.isnan(cycles + busy_cycles).any():
        return seen
    unknown, endless = np.full(len(mine), np.nan), np.full(len(mine), inf)
    return seen._replace(cpu_s=cycles, busy_s=np.maximum(busy_cycles, cycles), began_s=unknown, cpus=endless)
