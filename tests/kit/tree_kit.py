"""
A job of calls inside calls, in tasks of one process that overlap, child processes and workers on other machines, whose
joules are known.

Each machine is always busy with two CPU seconds a second at the same watts, so a CPU second has the same joules
wherever it is burnt.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

WATTS, BUSY = 30.0, 2.0
J_PER_CPU_S = WATTS / BUSY
SAME, WAITED, LEFT, ELSEWHERE = KINDS = ("same process", "child process", "process of its own", "other machine")
TASK = "task"
"""A call that runs in the same process beside its siblings of this kind."""


class Wish(NamedTuple):
    """
    A call that is to be made.

    Attributes:
        kind: Where it runs, seen from the call around it.
        own_ms: CPU time of its own.
        inside: The calls inside it.
    """

    kind: str
    own_ms: int
    inside: list[Wish]


class Place(NamedTuple):
    """
    Where a call runs.
    """

    host: int
    pid: int
    ancestors: list[list[float]]
    worker: dict[str, str]
    first: str | None


class Made(NamedTuple):
    """
    A call that has ended: its record's id, its CPU seconds, and those of child processes among them.
    """

    record_id: str
    cpu_s: float
    children_s: float


Making = Iterator[None]
"""Steps of a call, between which others have theirs; returns what was made."""


class Job:
    """
    Records of calls.

    Attributes:
        records: Them.
        around: Each record's id to that of the call around it, or None.
        own_s: Each record's id to the CPU seconds of its own.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.around: dict[str, str | None] = {}
        self.own_s: dict[str, float] = {}
        self._now_s = 1000.0
        self._pids, self._ids, self._executors = count(100), count(1), count(1)

    def run(self, wishes: list[Wish], *, at_once: bool = False, threads: bool = False) -> Job:
        """
        Make some outermost calls, one after the other or all at once, each in a process or a thread of its own.
        """
        making = []
        pids = [next(self._pids) for _ in wishes]
        for number, wish in enumerate(wishes):
            worker = {"executor_id": "abcdef-0", "job_id": "A000", "call_id": f"{number:05d}", "backend": "k8s"}
            pid = pids[0] if threads else pids[number]
            making.append(self._make(wish, Place(0, pid, [], worker, None), None))
        for some in [making] if at_once else ([each] for each in making):
            for _ in beside(some):
                pass
            self._now_s += 1.0
        return self

    def _make(self, wish: Wish, place: Place, parent: str | None) -> Making:
        """
        Make a call.
        """
        record_id = f"{next(self._ids):032x}"
        place = place._replace(first=place.first or record_id)
        # No child process has so much: whether one was waited for shows in its CPU seconds.
        own_s = wish.own_ms / (10.0 if wish.kind == LEFT else 1e3)
        begin_s, cpu_s, children_s = self._now_s, own_s, 0.0
        self._now_s += own_s / 2 + 1e-3
        yield
        made = []
        for each in wish.inside:
            if each.kind != TASK:
                made += yield from beside([self._inner(each, place, record_id)])
        made += yield from beside([self._inner(each, place, record_id) for each in wish.inside if each.kind == TASK])
        for kind, inner in made:
            cpu_s += inner.cpu_s if kind in (SAME, TASK, WAITED) else 0.0
            children_s += inner.cpu_s if kind == WAITED else inner.children_s if kind in (SAME, TASK) else 0.0
        self._now_s += own_s / 2 + 1e-3
        self.own_s[record_id] = own_s
        self.records.append(self._record(record_id, parent, place, begin_s, cpu_s) | {"children_cpu_s": children_s})
        self.around.setdefault(record_id, None)
        return Made(record_id, cpu_s, children_s)

    def _inner(self, wish: Wish, place: Place, record_id: str) -> Making:
        inner, named, outer = self._place(wish.kind, place, record_id)
        made = yield from self._make(wish, inner, named)
        self.around[made.record_id] = outer
        return wish.kind, made

    def _place(self, kind: str, place: Place, record_id: str) -> tuple[Place, str | None, str | None]:
        """
        Return where a call inside another runs, whom its record names, and in which call it is.
        """
        if kind in (SAME, TASK):
            return place, record_id, record_id
        pid = next(self._pids)
        if kind == ELSEWHERE:  # it is known which worker's call made the executor, not which call inside that
            above = place.worker
            name = f"{above['executor_id']}-{above['job_id']}-{above['call_id']}-{next(self._executors)}"
            worker = {**above, "executor_id": name, "job_id": "A000", "call_id": "00000"}
            return Place(place.host + 1, pid, [], worker, None), None, place.first
        return place._replace(pid=pid, ancestors=[[place.pid, float(place.pid)], *place.ancestors]), None, record_id

    def _record(self, record_id: str, parent: str | None, place: Place, begin_s: float, cpu_s: float) -> dict[str, Any]:
        length_s = self._now_s - begin_s
        energy_j, call_j = WATTS * length_s, J_PER_CPU_S * cpu_s
        reading = {
            "monitor": "rapl",
            "scope": "machine",
            "quality": "measured",
            "boundary": "package",
            "energy_j": energy_j,
            "call_j": call_j,
            "low_j": call_j * 0.9,
            "high_j": call_j * 1.1,
            "domains": {"package-0": energy_j},
            "meter_id": f"boot{place.host}:rapl",
            "reason": None,
            "attributes": {"start_uj": {"package-0": WATTS * begin_s * 1e6}, "range_uj": {"package-0": 10**15}},
        }
        return {
            "schema": "greensdk.record/1",
            "record_id": record_id,
            "parent_id": parent,
            "function": None,
            "label": record_id,
            "status": "ok",
            "runs": 1,
            "reason": None,
            "monotonic_s": begin_s,
            "duration_s": length_s,
            "cpu_s": cpu_s,
            "host_cpu_s": BUSY * length_s,
            "host_cpu_start_s": BUSY * begin_s,
            "host_cpu_source": "cpuacct",
            "energy_j": call_j,
            "energy_low_j": call_j * 0.9,
            "energy_high_j": call_j * 1.1,
            "energy_source": "rapl",
            "energy_quality": "attributed",
            "energy_boundary": "package",
            "readings": [reading],
            "host": {"host_id": f"host{place.host}", "boot_id": f"boot{place.host}", "cpus_logical": 4},
            "process": {
                "pid": place.pid,
                "started_s": float(place.pid),
                "pid_namespace": 1,
                "ancestors": place.ancestors,
                "parent_id": None,
            },
            "worker": place.worker,
            "phases": {"start_s": 1e-5, "stop_s": 2e-5},
        }


def beside(making: list[Making]) -> Iterator[None]:
    """
    Have several calls take a step in turn, until all have ended; return what they have made.
    """
    made = []
    while making:
        for each in list(making):
            try:
                next(each)
            except StopIteration as end:
                made.append(end.value)
                making.remove(each)
        yield
    return made
