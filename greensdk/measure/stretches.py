"""
The CPU time of a call: what its threads and processes took while it ran, and no other call's.
"""

from __future__ import annotations

from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Any

from greensdk.measure.bracket import Bracket
from greensdk.measure.state import Frame, current, lanes, ledger

if TYPE_CHECKING:
    from resource import struct_rusage

    from greensdk.machine.resources import ResourceProbe
    from greensdk.monitor import CpuTime
    from greensdk.sample.sampler import Seat
    from greensdk.schema.types import Resources

HELPERS_NS = 50_000
"""CPU time of a call's process beyond its own thread's that counts as helper threads' work, not as our clocks' skew."""

CHILDREN_UNSEEN = "live child processes can't be looked at here: cpu_s is without theirs until they are waited for"


class Stretches(Bracket):
    """
    The part of a window that counts CPU time. :meth:`resume` and :meth:`pause` bracket each stretch in which the call
    really runs: a plain function has one, a coroutine one per step.

    Attributes:
        parent: The call around it.
        before: What was under way when its stretch began.
        cpu_source: ``thread`` where all is done in one stretch, ``steps`` or ``runs`` where in many.
        cpu_ns: CPU time of its own thread in all stretches so far.
        children_s: CPU seconds of child processes among its own; None where nothing tells them apart.
        alone: No other call was under way when it began.
        is_lane: It counts as one under way.
        entered_ns: When measuring began.
        started_ns: When the call began.
        stopped_ns: When its last stretch ended.
    """

    __slots__ = (
        "alone",
        "before",
        "born",
        "children0",
        "children_claimed0",
        "children_s",
        "cpu_ns",
        "cpu_source",
        "entered_ns",
        "is_lane",
        "lane_claimed0",
        "living0_s",
        "parent",
        "probe_token",
        "sampling",
        "self0",
        "started_ns",
        "stopped_ns",
        "thread0",
    )

    before: Frame | None
    parent: Frame | None
    cpu_source: str
    cpu_ns: int
    alone: bool
    is_lane: bool
    entered_ns: int
    started_ns: int
    stopped_ns: int
    sampling: Seat | None
    children0: struct_rusage
    self0: struct_rusage
    children_claimed0: float
    children_s: float | None

    def resume(self) -> None:
        """
        The call begins to run on this thread.
        """
        self.before = current.get()
        self.nested_ns = 0
        self.thread0 = thread_time_ns()
        self.lane = lane = lanes.here
        self.lane_claimed0 = lane.claimed_ns
        current.set(self)
        if not self.started_ns:
            self.started_ns = perf_counter_ns()

    def pause(self) -> None:
        """
        The call stops running on this thread, for now or for good. Doing so twice is harmless.
        """
        stopped_ns = perf_counter_ns()
        thread_ns = thread_time_ns()
        self.stopped_ns = stopped_ns
        lane = self.lane
        if lane is None:
            return
        self.lane = None
        fresh_ns = thread_ns - self.thread0 - lane.claimed_ns + self.lane_claimed0
        if fresh_ns < 0:
            fresh_ns = 0
        lane.claimed_ns += fresh_ns
        own_ns = fresh_ns + self.nested_ns
        self.cpu_ns += own_ns
        parent = self.parent
        if parent is not None:
            if parent.lane is lane:
                parent.nested_ns += own_ns
            else:
                parent.elsewhere_ns += own_ns
        current.set(self.before)

    def start_probe(self, probe: ResourceProbe) -> None:
        """
        Read the full resources, and what live children have burnt so far.
        """
        self.probe_token = probe.start()
        self.living0_s = probe.live_children_cpu_s()

    def stop_probe(self, probe: ResourceProbe, duration_s: float) -> tuple[float, Resources]:
        """
        Return what live children burnt in the window, and the full resources.

        A child that was alive at the start and reaped since is in RUSAGE_CHILDREN with its whole life, so
        the difference, which may be negative, sets that right.
        """
        living_s, living0_s = probe.live_children_cpu_s(), self.living0_s
        if living_s is None or living0_s is None:
            self.errors["children"] = CHILDREN_UNSEEN
            grown_s = 0.0
        else:
            grown_s = living_s - living0_s
        full: Any = probe.stop(self.probe_token, duration_s)
        return grown_s, full

    def cpu_time(
        self, own: struct_rusage, kids: struct_rusage, alone: bool, living_s: float, counted: CpuTime | None
    ) -> tuple[float, str]:
        """
        Return the call's CPU seconds, its children's included, and the name of the clock they come from.
        """
        own0, kids0 = self.self0, self.children0
        own_ns, duration_ns, source = self.cpu_ns, self.stopped_ns - self.started_ns, self.cpu_source
        own_ns = (own_ns if own_ns < duration_ns else duration_ns) + self.elsewhere_ns
        sampling_s = 0.0 if self.sampling is None else self.sampling.spent_ns() * 1e-9
        reaped_s = kids[0] + kids[1] - kids0[0] - kids0[1]
        fresh_s = reaped_s - ledger.children_s + self.children_claimed0
        if fresh_s > 0.0 and source != "runs":
            ledger.children_s += fresh_s
            self.children_claims_s += fresh_s
        if alone and source == "thread":
            clock = self.runtime.cpu_clock
            if clock is not None and counted is not None and counted.tree_s is not None:
                return max(0.0, counted.tree_s - sampling_s), clock.name
            source = "process"
            process_ns = int((own[0] + own[1] - own0[0] - own0[1] - sampling_s) * 1e9)
            if process_ns - own_ns > HELPERS_NS:
                own_ns = process_ns
        children_s = self.children_claims_s + (living_s if alone else 0.0)
        self.children_s = max(0.0, children_s)
        return max(0.0, own_ns * 1e-9 + children_s), source
