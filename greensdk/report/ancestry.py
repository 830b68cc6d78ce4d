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

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

CLOCK_S = 1e-6
"""Two ends of this distance may be in either order: a double holds a monotonic clock to some nanoseconds."""

Process = tuple[str, int | None, int, float]
"""Boot id, pid namespace, pid, start."""


class Call(NamedTuple):
    """
    What has to be known of a record.

    Attributes:
        record_id: Its id.
        parent_id: The id of the record that its context named; None without one.
        handed_id: ``process.parent_id``.
        boot_id: What tells its machine and boot from all others; None if nothing does.
        pid_namespace: ``process.pid_namespace``.
        pid: ``process.pid``; None where the record does not say.
        started_s: ``process.started_s``.
        ancestors: ``process.ancestors``, the nearest first.
        begin_s: When it began, on the machine's monotonic clock; None where the record does not say.
        end_s: When it ended.
    """

    record_id: str
    parent_id: str | None
    handed_id: str | None
    boot_id: str | None
    pid_namespace: int | None
    pid: int | None
    started_s: float | None
    ancestors: Sequence[Sequence[float]]
    begin_s: float | None
    end_s: float | None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Call:
        """
        Return what a record says; one that was written before there was a ``process`` says less.
        """
        process, host = record.get("process") or {}, record.get("host") or {}
        begin_s, duration_s = record.get("monotonic_s"), record.get("duration_s")
        return cls(
            record["record_id"],
            record.get("parent_id"),
            process.get("parent_id"),
            host.get("boot_id") or host.get("host_id"),
            process.get("pid_namespace"),
            process.get("pid"),
            process.get("started_s"),
            process.get("ancestors") or (),
            begin_s,
            None if begin_s is None or duration_s is None else begin_s + duration_s,
        )

    @property
    def process(self) -> Process | None:
        """
        The one process that it ran in; None if the record does not tell it from others.
        """
        if self.boot_id is None or self.pid is None or self.started_s is None:
            return None
        return self.boot_id, self.pid_namespace, self.pid, self.started_s

    def lasts_around(self, other: Call) -> bool:
        """
        Whether it began before another call and ended after it; true where their times can't be compared.
        """
        if None in (self.begin_s, self.end_s, other.begin_s, other.end_s) or self.boot_id != other.boot_id:
            return True
        return self.begin_s <= other.begin_s + CLOCK_S and self.end_s >= other.end_s - CLOCK_S  # type: ignore[operator]


def around(calls: Sequence[Call]) -> list[int]:
    """
    Return for each call the index of the innermost call around it, -1 for an outermost one. There are no circles.

    Where two threads of an ancestor were both in a call, the one that ended first is taken: that is how child processes
    are claimed (:mod:`greensdk.measure.cputime`).
    """
    places = {call.record_id: place for place, call in enumerate(calls)}
    outside = _by_ancestors(calls)
    found = [-1] * len(calls)
    # In the order in which they began, so that what is around a call is known before the calls inside of it.
    for place in sorted(range(len(calls)), key=lambda place: calls[place].begin_s or 0.0):
        found[place] = _innermost(calls, places, found, place, outside.get(place, -1))
    return _without_circles(found)


def _innermost(calls: Sequence[Call], places: Mapping[str, int], found: list[int], place: int, outside: int) -> int:
    """
    Return the innermost of what context, ancestors and environment say.
    """
    call = calls[place]
    named = _named(calls, places, call)
    if named < 0:
        handed = places.get(call.handed_id or "", -1)
        if (
            handed < 0
            or handed == place
            or calls[handed].boot_id != call.boot_id
            or not calls[handed].lasts_around(call)
        ):
            return outside
        return max(outside, handed, key=lambda each: -1.0 if each < 0 else calls[each].begin_s or 0.0)
    # Forked inside a block, a pool's worker keeps that block as its context, while its parent goes on to inner ones.
    return outside if calls[named].process != call.process and named in _upwards(found, outside) else named


def _named(calls: Sequence[Call], places: Mapping[str, int], call: Call) -> int:
    """
    Return the first call up the line of contexts that lasts around this one.
    """
    parent_id, seen = call.parent_id, {call.record_id}
    while parent_id is not None and parent_id not in seen and (place := places.get(parent_id, -1)) >= 0:
        if calls[place].lasts_around(call):
            return place
        seen.add(parent_id)
        parent_id = calls[place].parent_id
    return -1


def _upwards(found: Sequence[int], place: int) -> Iterator[int]:
    """
    Yield a call and all calls around it. (What is not known yet is -1, which ends it.)
    """
    seen: set[int] = set()
    while place >= 0 and place not in seen:
        yield place
        seen.add(place)
        place = found[place]


def _by_ancestors(calls: Sequence[Call]) -> dict[int, int]:
    """
    Return the innermost call around each one in the nearest of its process's ancestors that has any.
    """
    running: dict[Process, list[int]] = defaultdict(list)
    for place, call in enumerate(calls):
        if (process := call.process) and call.begin_s is not None and call.end_s is not None:
            running[process].append(place)
    asking: dict[Process, list[tuple[int, int]]] = defaultdict(list)
    for process, members in running.items():
        above = [(process[0], process[1], int(pid), started_s) for pid, started_s in calls[members[0]].ancestors]
        for distance, ancestor in enumerate(above):
            if ancestor in running:
                asking[ancestor] += [(distance, place) for place in members]
    nearest: dict[int, tuple[int, int]] = {}
    for ancestor, asked in asking.items():
        distances = {place: distance for distance, place in asked}
        for place, outer in _swept(calls, running[ancestor], distances):
            nearest[place] = min(nearest.get(place, (distances[place], outer)), (distances[place], outer))
    return {place: outer for place, (_, outer) in nearest.items()}


def _swept(calls: Sequence[Call], outer: Iterable[int], inner: Iterable[int]) -> Iterator[tuple[int, int]]:
    """
    Yield (inner, outer) for each call of one process around which a call of another lasts: the one that ends first.

    One sweep through time with the outer calls that are open, so that a million calls take seconds.
    """
    begun = sorted((calls[place].begin_s or 0.0, place) for place in outer)
    opened: list[tuple[float, float, int]] = []
    next_one = 0
    for begin_s, place in sorted((calls[place].begin_s or 0.0, place) for place in inner):
        while next_one < len(begun) and begun[next_one][0] <= begin_s + CLOCK_S:
            outer_begin_s, candidate = begun[next_one]
            insort(opened, (calls[candidate].end_s or 0.0, -outer_begin_s, candidate))
            next_one += 1
        del opened[: bisect_left(opened, (begin_s - CLOCK_S,))]
        first = bisect_left(opened, ((calls[place].end_s or 0.0) - CLOCK_S,))
        if first < len(opened):
            yield place, opened[first][2]


def _without_circles(found: list[int]) -> list[int]:
    """
    Make a call of each circle an outermost one. Only records that contradict themselves have any.
    """
    settled = [False] * len(found)
    for start in range(len(found)):
        line: dict[int, None] = {}
        place = start
        while place >= 0 and not settled[place]:
            if place in line:
                found[place] = -1
                break
            line[place] = None
            place = found[place]
        for each in line:
            settled[each] = True
    return found
