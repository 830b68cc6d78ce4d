"""
Which call ran around which, across threads, processes and containers of a machine.

Inside a process a record names its parent (``parent_id``, by context; a forked child inherits it). Across processes the
call around it is found by its process's ancestors: the innermost call of the nearest ancestor that began before it and
ended after it. Where ancestors end, at the edge of a container, ``greensdk run`` has handed its record's id on.

A process is its boot, pid namespace, pid and start together, so neither a reused pid nor an equal one in another
container or on another machine is taken for it. Whatever names a parent, only a call that lasted from before to after
is one: a context outlives its block in tasks and pool workers, an environment outlives ``greensdk run`` in daemons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import inf
from typing import Any, NamedTuple

import msgspec
import numpy as np

CLOCK_S = 1e-6
"""Two ends of this distance may be in either order: a double holds a monotonic clock to some nanoseconds."""

DEEPEST = 1000
"""Through so many contexts a call's own is followed to one that lasted around it."""

Identity = tuple[Any, int | None, int, float]
"""Machine, pid namespace, pid, start."""


class Process(msgspec.Struct, frozen=True, gc=False):
    """
    A record's ``process``.
    """

    pid: int | None = None
    started_s: float | None = None
    pid_namespace: int | None = None
    ancestors: list[tuple[float, float]] | None = None
    parent_id: str | None = None

    @classmethod
    def parse(cls, text: bytes) -> Process:
        """
        Return what some JSON says; nothing is known of a process of another form.
        """
        try:
            return _decode(text) if text else cls()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return cls()

    def on(self, machine: Any) -> Identity | None:
        """
        Return what tells it from all others; None if the record does not.
        """
        if machine is None or self.pid is None or self.started_s is None:
            return None
        return machine, self.pid_namespace, self.pid, self.started_s

    def above(self, machine: Any) -> Iterator[Identity]:
        """
        Yield its ancestors, the nearest first.
        """
        for pid, started_s in self.ancestors or ():
            yield machine, self.pid_namespace, int(pid), started_s


_decode = msgspec.json.Decoder(Process).decode


class Calls(NamedTuple):
    """
    What has to be known of some calls: columns with a number for each.

    Attributes:
        id: Of its record.
        parent: Of the record that its context named; 0 without one.
        machine: Which machine and boot it ran on; -1 where nothing tells these from others.
        process: Its place among the processes.
        begin_s: When it began, on the machine's monotonic clock; NaN where the record does not say.
        end_s: When it ended.
        processes: Machine and process of each place.
    """

    id: Any
    parent: Any
    machine: Any
    process: Any
    begin_s: Any
    end_s: Any
    processes: Sequence[tuple[Any, Process]]

    def places(self, ids: Any) -> Any:
        """
        Return the place of the call of each id; -1 where there is none.
        """
        places = np.full(len(ids), -1, np.int32)
        some = np.flatnonzero(ids)
        if not len(some):
            return places
        order = np.argsort(self.id)
        known, wanted = self.id[order], ids[some]
        found = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        places[some] = np.where(known[found] == wanted, order[found], -1)
        return places

    def last_around(self, outer: Any, inner: Any) -> Any:
        """
        Say which calls began before others and ended after them; true where their times can't be compared.
        """
        begins_s, ends_s = ([values[places] for places in (outer, inner)] for values in (self.begin_s, self.end_s))
        early = (begins_s[0] > begins_s[1] + CLOCK_S) | (ends_s[0] < ends_s[1] - CLOCK_S)
        # An end is NaN wherever a beginning is.
        return ~early | np.isnan(ends_s[0] + ends_s[1]) | (self.machine[outer] != self.machine[inner])


def around(calls: Calls) -> Any:
    """
    Return for each call the place of the innermost call around it, -1 for an outermost one. There are no circles.

    Where two threads of an ancestor were both in a call, the one that ended first is taken: that is how child processes
    are claimed (:mod:`greensdk.measure.stretches`).
    """
    found = _named(calls)
    if len(calls.processes) < 2:
        return without_circles(found)
    identities: dict[Any, int] = {}
    numbers = [
        -1 if (identity := process.on(machine)) is None else identities.setdefault(identity, len(identities))
        for machine, process in calls.processes
    ]
    if not identities and not any(process.parent_id for _, process in calls.processes):
        return without_circles(found)
    number = np.array(numbers, np.int32)[calls.process]
    # Whoever has a call of its own process around it needs no other.
    asking = np.flatnonzero((found < 0) | (number[found] != number))
    outside = _by_ancestors(calls, number, identities, asking)
    handed = _handed(calls, asking)
    begin_s = np.nan_to_num(calls.begin_s)
    alone = found[asking] < 0
    later = (handed >= 0) & ((outside < 0) | (begin_s[handed] > begin_s[outside]))
    both = ~alone & (outside >= 0)
    named = found[asking]
    found[asking[alone]] = np.where(later, handed, outside)[alone]
    _settle(found, asking[both], named[both], outside[both], begin_s)
    return without_circles(found)


def _named(calls: Calls) -> Any:
    """
    Return the first call up the line of contexts that lasts around each one.
    """
    contexts = calls.places(calls.parent)
    found = contexts.copy()
    left = np.flatnonzero(found >= 0)
    for _ in range(DEEPEST):
        left = left[(found[left] == left) | ~calls.last_around(found[left], left)]
        if not len(left):
            break
        found[left] = contexts[found[left]]
        left = left[found[left] >= 0]
    found[left] = -1
    return found


def _handed(calls: Calls, asking: Any) -> Any:
    """
    Return for each of some calls the one whose id was handed on to its process, if that lasts around it.
    """
    ids = np.array([hash(process.parent_id or "") for _, process in calls.processes], np.int64)[calls.process[asking]]
    if not ids.any():
        return np.full(len(asking), -1)
    found = calls.places(ids)
    good = (found >= 0) & (found != asking) & (calls.machine[found] == calls.machine[asking])
    return np.where(good & calls.last_around(found, asking), found, -1)


def _settle(found: Any, inner: Any, named: Any, outside: Any, begin_s: Any) -> None:
    """
    Choose for calls in forked processes between their context and what their ancestors were in, the inner of the two.

    Forked inside a block, a pool's worker keeps that block as its context, while its parent goes on to inner ones.
    """
    pairs, which = np.unique(np.stack([named, outside], axis=1), axis=0, return_inverse=True)
    # In the order in which they began, so that what is around a call is known before the calls inside of it.
    for pair in np.argsort(begin_s[pairs[:, 1]], kind="stable").tolist():
        context, place = pairs[pair].tolist()
        found[inner[which.ravel() == pair]] = place if context in _upwards(found, place) else context


def _upwards(found: Any, place: int) -> Iterator[int]:
    """
    Yield a call and all calls around it.
    """
    seen: set[int] = set()
    while place >= 0 and place not in seen:
        yield place
        seen.add(place)
        place = int(found[place])


def _by_ancestors(calls: Calls, number: Any, identities: dict[Any, int], asking: Any) -> Any:
    """
    Return the innermost call around each of some in the nearest of its process's ancestors that has any.
    """
    timed = ~np.isnan(calls.begin_s + calls.end_s) & (number >= 0)
    asks = timed[asking]
    lines: dict[int, list[int]] = {}
    for (machine, process), identity in zip(calls.processes, _numbered(calls, identities), strict=True):
        line = [identities[each] for each in process.above(machine) if each in identities]
        if identity >= 0 and line:
            lines[identity] = line
    members = _grouped(number[asking], np.flatnonzero(asks))
    wanted: dict[int, list[tuple[int, Any]]] = defaultdict(list)
    for identity, line in lines.items():
        for distance, ancestor in enumerate(line if identity in members else ()):
            wanted[ancestor].append((distance, members[identity]))
    rows = np.flatnonzero(timed & np.isin(number, list(wanted)))
    outer = _grouped(number[rows], np.arange(len(rows)))
    nearest, best = np.full(len(asking), inf), np.full(len(asking), -1)
    for ancestor, asked in wanted.items():
        places = np.concatenate([each for _, each in asked])
        distances = np.concatenate([np.full(len(each), float(distance)) for distance, each in asked])
        candidates = rows[outer[ancestor]] if ancestor in outer else rows[:0]
        inside = _innermost(calls, candidates, asking[places])
        better = (inside >= 0) & (distances < nearest[places])
        nearest[places[better]], best[places[better]] = distances[better], inside[better]
    return best


def _numbered(calls: Calls, identities: dict[Any, int]) -> Iterator[int]:
    for machine, process in calls.processes:
        identity = process.on(machine)
        yield -1 if identity is None else identities[identity]


def _grouped(numbers: Any, places: Any) -> dict[int, Any]:
    """
    Return the places that have each number.
    """
    order = places[np.argsort(numbers[places], kind="stable")]
    here, starts = np.unique(numbers[order], return_index=True)
    return dict(zip(here.tolist(), np.split(order, starts[1:]), strict=True)) if len(here) else {}


def _innermost(calls: Calls, outer: Any, inner: Any) -> Any:
    """
    Return for each inner call the outer one around it that ends first, -1 where there is none.
    """
    order = np.argsort(calls.begin_s[inner], kind="stable")
    begins_s, ends_s = calls.begin_s[inner][order], calls.end_s[inner][order]
    found = np.full(len(inner), -1)
    first = np.searchsorted(begins_s, calls.begin_s[outer] - CLOCK_S)
    behind = np.searchsorted(begins_s, calls.end_s[outer] + CLOCK_S, side="right")
    has_any = behind > first
    outer, first, behind = outer[has_any], first[has_any], behind[has_any]
    for place in np.lexsort((-calls.begin_s[outer], calls.end_s[outer])).tolist():
        here = slice(first[place], behind[place])
        fits = (found[here] < 0) & (ends_s[here] <= calls.end_s[outer[place]] + CLOCK_S)
        found[here][fits] = outer[place]
    back = np.empty_like(found)
    back[order] = found
    return back


def without_circles(found: Any) -> Any:
    """
    Make a call of each circle an outermost one. Only records that contradict themselves have any.
    """
    ahead = found.copy()
    for _ in range(len(found).bit_length() + 1):
        going = np.flatnonzero(ahead >= 0)
        if not len(going):
            return found
        ahead[going] = ahead[ahead[going]]
    settled = ahead < 0
    for start in np.flatnonzero(~settled).tolist():
        line: dict[int, None] = {}
        place = start
        while place >= 0 and not settled[place]:
            if place in line:
                found[place] = -1
                break
            line[place] = None
            place = int(found[place])
        settled[list(line)] = True
    return found
