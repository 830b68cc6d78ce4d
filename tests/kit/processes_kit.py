"""
A machine that starts and ends processes, and calls in them, and knows at each moment what runs inside of what.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from math import nan
from typing import NamedTuple

import numpy as np

from greensdk.report import ancestry
from greensdk.report.ancestry import CLOCK_S, Process

HOST = 4026531836
"""The pid namespace that every Linux machine begins with."""


class Call(NamedTuple):
    """
    What has to be known of a call.
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

    def lasts_around(self, other: Call) -> bool:
        """
        Whether it began before another call and ended after it.
        """
        return self.begin_s <= other.begin_s + CLOCK_S and self.end_s >= other.end_s - CLOCK_S

    def process(self) -> Process:
        """
        Return what its record says of its process.
        """
        ancestors = [(pid, started_s) for pid, started_s in self.ancestors]
        return Process(self.pid, self.started_s, self.pid_namespace, ancestors, self.handed_id)


def around(calls: Sequence[Call]) -> list[int]:
    """
    Return the place of the innermost call around each one.
    """
    machines = list(dict.fromkeys([None, *(call.boot_id for call in calls)]))
    columns = ancestry.Calls(
        np.array([hash(call.record_id) for call in calls], np.int64),
        np.array([hash(call.parent_id or "") for call in calls], np.int64),
        np.array([machines.index(call.boot_id) - 1 for call in calls], np.int64),
        np.arange(len(calls)),
        np.array([nan if call.begin_s is None else call.begin_s for call in calls], float),
        np.array([nan if call.end_s is None else call.end_s for call in calls], float),
        [(call.boot_id, call.process()) for call in calls],
    )
    return ancestry.around(columns).tolist()


class Open(NamedTuple):
    """
    A call that has not ended.
    """

    number: int
    begin_s: float
    context: int | None


class Proc:
    """
    One process: its parent, its pid, its calls, innermost last, and what it has inherited.
    """

    def __init__(self, parent: Proc | None, namespace: int, pid: int, started_s: float) -> None:
        self.parent, self.namespace, self.pid, self.started_s = parent, namespace, pid, started_s
        self.alive = True
        self.calls: list[Open] = []
        self.context: int | None = None
        self.handed: tuple[int, Proc] | None = None
        self.seen: tuple[list[Proc], int | None] | None = None

    def looked(self) -> tuple[list[Proc], int | None]:
        """
        Return its ancestors and what was handed on, as they were at its first call.
        """
        if self.seen is None:
            line, above = [], self.parent
            while above is not None and above.namespace == self.namespace:
                line.append(above)
                above = above.parent
            gone = self.handed and self.handed[1].namespace == self.namespace and not self.handed[1].alive
            self.seen = line, None if gone or not self.handed else self.handed[0]
        return self.seen


class Machine:
    """
    Plays what it is asked, step by step.

    Attributes:
        calls: The calls that have ended.
        truth: Number of each ended call to that of the call around it, or None.
    """

    def __init__(self, boot_id: str = "boot") -> None:
        self.boot_id = boot_id
        self.now_s = 1000.0
        self.numbers, self.namespaces = count(), count(HOST + 1)
        self.calls: list[tuple[int, Call]] = []
        self.truth: dict[int, int | None] = {}
        self.parents: dict[int, int | None] = {}
        self.init = Proc(None, HOST, 1, 0.0)
        self.procs = [self.init]

    def step(self, action: str, which: int) -> None:
        """
        Do something in one of the processes.
        """
        self.now_s += 1.0
        proc = self.procs[which % len(self.procs)]
        getattr(self, action)(proc)

    def begin(self, proc: Proc) -> None:
        """
        Begin a call, inside the one under way.
        """
        context = proc.calls[-1].number if proc.calls else proc.context
        proc.looked()
        number = next(self.numbers)
        self.parents[number] = context
        proc.calls.append(Open(number, self.now_s, context))

    def end(self, proc: Proc) -> None:
        """
        End the innermost call, and see what is around it now that was around it from its beginning on.
        """
        if not proc.calls:
            return
        call = proc.calls.pop()
        ancestors, handed = proc.looked()
        still = {each.number: each for each in self.running() if each.begin_s < call.begin_s}
        lines = [self.context_line(call.context), (each.number for above in ancestors for each in above.calls[::-1])]
        candidates = [next((still[number] for number in line if number in still), None) for line in lines]
        if proc.calls:
            candidates = [proc.calls[-1]]
        elif candidates[0] is None:
            candidates.append(still.get(handed))
        around = max((each for each in candidates if each), key=lambda each: each.begin_s, default=None)
        self.truth[call.number] = around.number if around else None
        self.calls.append((call.number, self.found(proc, call, ancestors, handed)))

    def context_line(self, number: int | None):
        """
        Yield a call and what its context, and theirs, said was around it.
        """
        while number is not None:
            yield number
            number = self.parents[number]

    def running(self):
        """
        Yield all calls that have not ended.
        """
        for proc in self.procs:
            yield from proc.calls

    def found(self, proc: Proc, call: Open, ancestors: list[Proc], handed: int | None) -> Call:
        """
        Return what the call's record says.
        """
        return Call(
            self.name(call.number),
            self.name(call.context),
            self.name(handed),
            self.boot_id,
            proc.namespace,
            proc.pid,
            proc.started_s,
            [[each.pid, each.started_s] for each in ancestors],
            call.begin_s,
            self.now_s,
        )

    def name(self, number: int | None) -> str | None:
        """
        Return a call's record_id.
        """
        return None if number is None else f"{self.boot_id}-{number}"

    def spawn(self, proc: Proc) -> Proc:
        """
        Start another program. It gets the lowest pid that is free, as no kernel does so soon.
        """
        return self.start(proc, proc.namespace)

    def fork(self, proc: Proc) -> None:
        """
        Fork: the child has the context of its parent.
        """
        child = self.start(proc, proc.namespace)
        child.context = proc.calls[-1].number if proc.calls else proc.context

    def contain(self, proc: Proc) -> None:
        """
        Start a container, which counts its pids from 1.
        """
        self.start(proc, next(self.namespaces))

    def run(self, proc: Proc) -> None:
        """
        Be ``greensdk run``: a new program with one call around a command, which knows that.
        """
        outer = self.start(proc, proc.namespace)
        self.begin(outer)
        self.now_s += 1.0
        child = self.start(outer, outer.namespace)
        child.handed = outer.calls[-1].number, outer

    def start(self, parent: Proc, namespace: int) -> Proc:
        """
        Add a process.
        """
        taken = {each.pid for each in self.procs if each.namespace == namespace}
        child = Proc(parent, namespace, next(pid for pid in count(1) if pid not in taken), self.now_s)
        child.handed = parent.handed
        self.procs.append(child)
        return child

    def leave(self, proc: Proc) -> None:
        """
        End a process, its calls first; its children go to the first process of the machine.
        """
        if proc is self.init:
            return
        while proc.calls:
            self.end(proc)
            self.now_s += 1.0
        proc.alive = False
        self.procs.remove(proc)
        for each in self.procs:
            if each.parent is proc:
                each.parent = self.init
