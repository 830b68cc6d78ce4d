"""
A machine that starts and ends processes, and calls in them, and knows at each moment what runs inside of what.
"""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

from greensdk.report.ancestry import Call

HOST = 4026531836
"""The pid namespace that every Linux machine begins with."""


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
    Plays what it is told, step by step.

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
        self.calls.append((call.number, self.told(proc, call, ancestors, handed)))

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

    def told(self, proc: Proc, call: Open, ancestors: list[Proc], handed: int | None) -> Call:
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
