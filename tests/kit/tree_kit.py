"""
A job of calls inside calls, in threads of one process, child processes and workers on other machines, whose joules are
known.

Each machine is always busy with two CPU seconds a second at the same watts, so a CPU second has the same joules
wherever it is burnt.
"""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple

WATTS, BUSY = 30.0, 2.0
J_PER_CPU_S = WATTS / BUSY
SAME, WAITED, LEFT, ELSEWHERE = KINDS = ("same process", "child process", "process of its own", "other machine")


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


class Job:
    """
    Records of calls, one after the other.

    Attributes:
        records: Them.
        around: Each record's id to that of the call around it, or None.
        own_s: Each record's id to the CPU seconds of its own.
        children_s: CPU seconds of child processes in the last record.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.around: dict[str, str | None] = {}
        self.own_s: dict[str, float] = {}
        self.children_s = 0.0
        self._now_s = 1000.0
        self._pids, self._ids, self._executors = count(100), count(1), count(1)

    def run(self, wishes: list[Wish]) -> Job:
        """
        Make some outermost calls, each in a process of its own.
        """
        for number, wish in enumerate(wishes):
            worker = {"executor_id": "abcdef-0", "job_id": "A000", "call_id": f"{number:05d}", "backend": "k8s"}
            self._make(wish, Place(0, next(self._pids), [], worker, None), None)
            self._now_s += 1.0
        return self

    def _make(self, wish: Wish, place: Place, parent: str | None) -> float:
        """
        Make a call, and return the CPU seconds that the call around it counts as its own.
        """
        record_id = f"{next(self._ids):032x}"
        place = place._replace(first=place.first or record_id)
        # No child process has so much: whether one was waited for shows in its CPU seconds.
        own_s = wish.own_ms / (10.0 if wish.kind == LEFT else 1e3)
        begin_s, cpu_s, children_s = self._now_s, own_s, 0.0
        self._now_s += own_s / 2 + 1e-3
        for each in wish.inside:
            inner, named, outer = self._place(each.kind, place, record_id)
            inner_s = self._inner(each, inner, named, outer)
            cpu_s += inner_s
            children_s += inner_s if each.kind == WAITED else self.children_s if each.kind == SAME else 0.0
        self._now_s += own_s / 2 + 1e-3
        self.own_s[record_id] = own_s
        self.children_s = children_s
        self.records.append(self._record(record_id, parent, place, begin_s, cpu_s) | {"children_cpu_s": children_s})
        self.around.setdefault(record_id, None)
        return cpu_s

    def _inner(self, wish: Wish, place: Place, named: str | None, outer: str | None) -> float:
        cpu_s = self._make(wish, place, named)
        self.around[self.records[-1]["record_id"]] = outer
        return cpu_s if wish.kind in (SAME, WAITED) else 0.0

    def _place(self, kind: str, place: Place, record_id: str) -> tuple[Place, str | None, str | None]:
        """
        Return where a call inside another runs, whom its record names, and in which call it is.
        """
        if kind == SAME:
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
