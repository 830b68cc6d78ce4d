"""
Which records count, which call is inside which, and whether its joules are in the other's.

A call's joules hold those of the calls inside it in its own process, and of the child processes that it waited for. Of
other processes' calls (a pool that was there before, a daemon, a worker on another machine) they hold nothing. No
record says which it was, but the CPU seconds do: ``children_cpu_s`` of the outer call (in older records its ``cpu_s``)
has room for those of a child that was waited for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from greensdk.report.ancestry import Calls, Process, around, without_circles
from greensdk.report.columns import Columns
from greensdk.report.shape import GROUPS

STATUS = GROUPS.index("status")
INTERIM = "interim"
CLOSE, CLOSE_S = 0.01, 1e-3
"""By so much CPU seconds of two clocks (a call's own, and getrusage(2) of a process that ended) may differ."""


class Counted(NamedTuple):
    """
    Rows of a log.

    Attributes:
        rows: Those whose joules add up to the sum: what is not held by another one.
        once: Those of all records, in the order in which they are first seen; of several with one id the last, but
            none that is interim where there is a final one.
        around: For each of `once` the place in it of the innermost call around it; -1 for an outermost one.
        is_held: Which of `once` are held by the call around them.
    """

    rows: Any
    once: Any
    around: Any
    is_held: Any


def counted(log: Columns) -> Counted:
    """
    Return the rows that go into sums, each joule once.
    """
    once = _once(log)
    some = slice(None) if len(once) == len(log.rows["id"]) else once  # a slice is no copy
    names = ("id", "parent", "host", "process", "monotonic_s", "duration_s")
    ids, parents, host, process, begin_s, long_s = (log.rows[name][some] for name in names)
    processes = [(boot or name, Process.parse(text)) for (name, boot), text in log.tables["process"]]
    calls = Calls(ids, parents, _machines(log)[host], process, begin_s, begin_s + long_s, processes)
    found = around(calls)
    # Two containers of one machine hold nothing of each other, but for what `greensdk run` has started.
    may_hold = np.ones(len(once), bool)
    made = list(_made_in_workers(log, once, found))
    if made:
        inner, outer = np.array(made).T
        found[inner] = outer
        may_hold[inner] = host[inner] == host[outer]
        found = without_circles(found)
    is_held = _held(log, once, found, calls, may_hold)
    return Counted(once[~is_held], once, found, is_held)


def _machines(log: Columns) -> Any:
    """
    Return a number for the machine and boot of each place in the table of hosts; -1 where nothing tells it from others.
    """
    machines = [boot or host for host, boot in log.tables["host"]]
    names = {name: place for place, name in enumerate(dict.fromkeys(machines))}
    return np.array([-1 if each is None else names[each] for each in machines] or [-1], np.int32)


def _once(log: Columns) -> Any:
    """
    Return one row for each record.
    """
    ids = log.rows["id"]
    number = len(ids)
    known = np.sort(ids)
    if not (known[1:] == known[:-1]).any():
        return np.arange(number, dtype=np.int32)
    _, first = np.unique(ids, return_index=True)
    is_final = np.array([facts[STATUS] != INTERIM for facts in log.tables["facts"]])[log.rows["facts"]]
    order = np.lexsort((np.arange(number), is_final, ids))
    last = np.append(ids[order][1:] != ids[order][:-1], True)
    return order[last][np.argsort(first)]


def _made_in_workers(log: Columns, once: Any, found: Any) -> Iterator[tuple[int, int]]:
    """
    Yield places in `once` of outermost calls whose executor was made by a call, and those of the calls.
    """
    if not log.around:
        return
    addresses = log.rows["address"][once]
    wanted = np.array(sorted({each for _, above in log.around for each in above}), np.int64)
    # Of the calls in one worker's call, that which all others are in.
    is_outer = (found < 0) | (addresses[found] != addresses)
    rows = np.flatnonzero(is_outer & np.isin(addresses, wanted))
    known = np.argsort(~np.isnan(log.rows["energy_j"][once[rows]]), kind="stable")
    places = dict(zip(addresses[rows[known]].tolist(), rows[known].tolist(), strict=True))
    place_of = {row: place for place, row in enumerate(once.tolist())}
    for row, above in log.around:
        inner = place_of.get(row, -1)
        outer = next((places[address] for address in above[::-1] if address in places), -1)
        if inner >= 0 and outer >= 0 and found[inner] < 0:
            yield inner, outer


def _held(log: Columns, once: Any, found: Any, calls: Calls, may_hold: Any) -> Any:
    """
    Say which calls' joules are among those of the call around them, of those for which that may be.
    """
    inside = np.flatnonzero((found >= 0) & may_hold)
    outer = found[inside]
    known = ~np.isnan(log.rows["energy_j"][once[outer]])
    same_process = calls.process[inside] == calls.process[outer]
    same_machine = calls.machine[inside] == calls.machine[outer]
    held = np.zeros(len(once), bool)
    held[inside[same_process & known]] = True
    _hand_down(held, inside[same_process], found)
    asking = inside[~same_process & same_machine & (known | held[outer])]
    if not len(asking):
        return held
    cpu_s = log.rows["cpu_s"][once]
    children_s = log.rows["children_cpu_s"][once]
    from_s = np.where(np.isnan(children_s), cpu_s, children_s)
    room_s = from_s - np.bincount(found[held], np.nan_to_num(from_s[held]), len(once))
    slack_s = CLOSE * cpu_s + CLOSE_S
    # The largest first: where not all of them have room, this leaves the least of it.
    for place in asking[np.argsort(-cpu_s[asking], kind="stable")].tolist():
        outer = found[place]
        left_s = room_s[outer] - cpu_s[place]
        if not left_s < -slack_s[outer]:  # it has room, or that is unknown
            held[place] = True
            room_s[outer] = np.fmax(left_s, 0.0)
    _hand_down(held, inside[same_process], found)
    return held


def _hand_down(held: Any, left: Any, found: Any) -> None:
    """
    Add those of some calls that are in held ones, and so on.
    """
    while len(more := left[held[found[left]] & ~held[left]]):
        held[more] = True
