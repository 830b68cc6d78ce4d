"""
The CPU time of a call: what its threads and processes took while it ran, and no other call's.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import Token
from sys import modules
from time import clock_gettime_ns, perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Any

from greensdk.measure.bracket import Bracket
from greensdk.measure.state import DEEPEST, Frame, Lane, all_lanes, enter, here, lanes, leave, ledger

if TYPE_CHECKING:
    from greensdk.machine.resources import ResourceProbe
    from greensdk.monitor import CpuTime
    from greensdk.sample.sampler import Subscription
    from greensdk.schema.types import Resources

HELPERS_NS = 50_000
"""CPU time of a call's process beyond its own thread's that counts as helper threads' work, not as our clocks' skew."""

TANGLED = (
    "blocks in tasks of one event loop overlap, and greensdk can't tell the tasks of this loop apart: decorate the "
    "coroutines instead"
)
THREADS_UNSHARED = "{:.3g} CPU s of threads that no call tracks, beside several calls: in no call's cpu_s"
POOLS_UNSHARED = (
    "{:.3g} CPU s of process pools, beside several calls: whose they are is unknown, and cpu_s is without them"
)
NOTED_S = 0.01
"""CPU seconds of others from which on a record tells of them."""

CHILDREN_UNSEEN = "live child processes can't be looked at here: cpu_s is without theirs until they are waited for"


class Stretches(Bracket):
    """
    The part of a window that counts CPU time. :meth:`resume` and :meth:`pause` bracket each stretch in which the call
    really runs: a plain function has one, a coroutine one per step.

    Attributes:
        adds: There may be more to do at its end than for most calls: see :meth:`Window.close`.
        context: Gives back what was under way before the stretch that began last.
        cpu_source: ``thread`` where all is done in one stretch, ``steps`` or ``runs`` where in many.
        cpu_ns: CPU time of its own thread in all stretches so far.
        owed_ns: What of that the call around it is to get at the end, if that has not ended before.
        children_s: CPU seconds of child processes among its own; None where nothing tells them apart.
        alone: No other call was under way when it began.
        is_lane: It counts as one under way.
        entered_ns: When measuring began.
        started_ns: When the call began.
        stopped_ns: When its last stretch ended.
        home: The thread on which it began to run; `home_ns` and `home_claimed_ns` are what its clock and lane showed.
    """

    __slots__ = (
        "adds",
        "alone",
        "born",
        "children_s",
        "context",
        "cpu_ns",
        "cpu_source",
        "entered_ns",
        "home",
        "home_claimed_ns",
        "home_ns",
        "is_lane",
        "lane_claimed0",
        "living0_s",
        "owed_ns",
        "probe_token",
        "sampling",
        "started_ns",
        "stopped_ns",
    )

    context: Token[Frame | None]
    adds: bool
    cpu_source: str
    cpu_ns: int
    owed_ns: int
    alone: bool
    is_lane: bool
    entered_ns: int
    started_ns: int
    stopped_ns: int
    sampling: Subscription | None
    home: Lane
    home_ns: int
    home_claimed_ns: int
    children_s: float | None

    def resume(self, lane: Lane | None = None) -> None:
        """
        The call begins to run on this thread, the lane of which may be known.
        """
        # Here too in one go, as in go_on(): a call of nothing takes a tenth of all this.
        if lane is None:
            lane = lanes.here
        self.nested_ns = 0
        self.thread0 = thread_time_ns()
        self.lane = lane
        self.lane_claimed0 = lane.claimed_ns
        if lane.top is not self:
            self.below = lane.top
            lane.top = self
        self.context = enter(self)
        if not self.started_ns:
            self.started_ns = perf_counter_ns()

    def pause(self, leaves: bool = True) -> None:
        """
        The call stops running on this thread, for now or for good. Doing so twice is harmless.

        Args:
            leaves: It is no longer what is under way here.
        """
        self.stopped_ns = perf_counter_ns()
        thread_ns = thread_time_ns()
        lane = self.lane
        if lane is None:
            return
        self.lane = None
        if lane.top is self:
            lane.top = self.below
        else:
            self._take_from(lane)
        claimed_ns = lane.claimed_ns
        own_ns = self.nested_ns
        fresh_ns = thread_ns - self.thread0 - claimed_ns + self.lane_claimed0
        if fresh_ns > 0:
            lane.claimed_ns = claimed_ns + fresh_ns
            ledger.claimed_ns += fresh_ns
            own_ns += fresh_ns
        self.cpu_ns += own_ns
        parent = self.parent
        if parent is not None:
            if parent.lane is lane and not self.on_loop:
                parent.nested_ns += own_ns
            else:
                self.owed_ns += own_ns
        if not leaves:
            return
        try:
            leave(self.context)
        except ValueError:  # it began in another context: still current there, but ended, it is passed over
            return
        except (AttributeError, RuntimeError):  # none, or an old one: resume() has been interrupted
            if here() is self:
                enter(parent)

    def go_on(self, lane: Lane) -> None:
        """
        Begin to run on a thread, by the clock alone.
        """
        self.nested_ns = 0
        self.thread0 = thread_time_ns()
        self.lane = lane
        self.lane_claimed0 = lane.claimed_ns
        if lane.top is not self:
            self.below, lane.top = lane.top, self

    def halt(self) -> None:
        """
        Stop running, by the clock alone.
        """
        self.pause(leaves=False)

    def _take_from(self, lane: Lane) -> None:
        """
        Leave the calls that run on a thread from among them: one that it had begun before has gone on longer.
        """
        above = lane.top
        for _ in range(DEEPEST):
            if above is None:
                return
            above.tangle()
            if above.below is self:
                above.below = self.below
                self.tangle()
                return
            above = above.below

    def come_home(self) -> None:
        """
        Before it ends: where another thread ends it than has begun it, have it stop by that one's clock.
        """
        lane = self.lane
        if lane is None or lane is lanes.here:
            return
        now_ns = self.thread0
        if lane.clock is not None:
            with suppress(OSError):  # the thread has ended
                now_ns = clock_gettime_ns(lane.clock)
        self.thread0 += thread_time_ns() - now_ns

    def join_loop(self) -> None:
        """
        Of a coroutine, generator or block: begin in an event loop, if one runs here.
        """
        if "asyncio.events" in modules or "sniffio" in modules:
            from greensdk.measure.tasks import join

            join(self, self.cpu_source != "block")
        if self.cpu_source == "block":
            self.cpu_source = "steps" if self.on_loop else "thread"

    def leave_loop(self) -> None:
        """
        Be under way in the event loop no more. Of a call that has ended first it was no part: the next request of a
        server may be begun by a callback of the one before.
        """
        self.on_loop = False
        parent = self.parent
        if parent is not None:
            parent.inside -= 1
        while parent is not None and parent.closed:
            parent = parent.parent
        self.parent, self.depth = parent, 0 if parent is None else parent.depth + 1

    def meet(self, top: Frame | None) -> None:
        """
        Begin where a call runs that is not around this one: if it is a block whose tasks can't be separated, it has
        been left in the middle.
        """
        around = self.parent
        while around is not None and around is not top:
            around = around.parent
        if top is not None and around is None and top.is_foreign:
            top.tangle()
            self.tangle()

    def tangle(self) -> None:
        """
        Note that a block's CPU time can't be separated from that of others.
        """
        if self.is_foreign:
            self.unshared, self.adds = TANGLED, True

    def is_beside(self, parent: Frame, lane: Lane) -> bool:
        """
        Say whether it runs beside the call around it, which has gone on in another thread or another task.
        """
        if self.on_loop:
            parent.inside += 1
        return parent.lane is not lane or (self.on_loop and parent.inside > 1)

    def start_all(self) -> None:
        """
        Read whatever is more than the clocks of the calling thread: full resources, live children, and the meters.
        """
        self.born = ledger.born
        self.alone = ledger.open == 1
        probe = self.runtime.probe
        if probe is not None:
            self.probe_token = probe.start()
            self.living0_s = probe.live_children_cpu_s()
        self.start_meters()

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
        self, process_s: float, reaped_s: float, alone: bool, living_s: float, counted: CpuTime | None
    ) -> tuple[float, str]:
        """
        Return the call's CPU seconds, its children's included, and the name of the clock they come from.

        Args:
            process_s: CPU seconds of the process in the window.
            reaped_s: Those of child processes that were waited for in it.
            alone: No other call ran beside it.
            living_s: CPU seconds of child processes that live.
            counted: What the CPU clock has counted.
        """
        own_ns, duration_ns, source = self.cpu_ns, self.stopped_ns - self.started_ns, self.cpu_source
        own_ns = (own_ns if own_ns < duration_ns else duration_ns) + self.elsewhere_ns
        sampling_s = 0.0 if self.sampling is None else self.sampling.spent_ns() * 1e-9
        fresh_s = reaped_s - ledger.children_s + self.children_claimed0
        if fresh_s > 0.0 and source != "runs":
            ledger.children_s += fresh_s
            self.children_claims_s += fresh_s
        process_ns = int((process_s - sampling_s) * 1e9)
        if not alone:
            self._note_others(process_ns * 1e-9, living_s)
        elif source == "steps" and self.started_ns and self.home is lanes.here:
            # What the process took and this thread did not: helper threads of a lone call are its own.
            helpers_ns = process_ns - (thread_time_ns() - self.home_ns)
            if helpers_ns > HELPERS_NS:
                own_ns = max(own_ns, own_ns - self.elsewhere_ns + helpers_ns)
        elif source == "thread":
            clock = self.runtime.cpu_clock
            if clock is not None and counted is not None and counted.tree_s is not None:
                self.children_s = None
                return max(0.0, counted.tree_s - sampling_s), clock.name
            source = "process"
            if process_ns - own_ns > HELPERS_NS:
                own_ns = process_ns
        children_s = self.children_claims_s + (living_s if alone else 0.0)
        self.children_s = max(0.0, children_s)
        return max(0.0, own_ns * 1e-9 + children_s), source

    def _note_others(self, process_s: float, living_s: float) -> None:
        """
        Tell what the process has used that may be this call's, and is in no call, where several share the process.
        """
        if living_s > NOTED_S:
            self.errors["processes"] = POOLS_UNSHARED.format(living_s)
        if process_s > NOTED_S and self.cpu_source != "runs" and self.started_ns and self.home is lanes.here:
            others_s = process_s - self._tracked_s(self.home)
            if others_s > NOTED_S:
                self.errors["threads"] = THREADS_UNSHARED.format(others_s)

    def _tracked_s(self, mine: Lane) -> float:
        """
        Return the CPU seconds since it began of this thread, and of calls on other threads.
        """
        sum_ns = ledger.claimed_ns - self.claimed0_ns
        if self.cpu_source == "steps":
            sum_ns += thread_time_ns() - self.home_ns - (mine.claimed_ns - self.home_claimed_ns)
        for lane in tuple(all_lanes):
            outermost = None if lane is mine else lane.top
            if outermost is None or lane.clock is None:
                continue
            for _ in range(DEEPEST):
                if outermost.below is None:
                    break
                outermost = outermost.below
            with suppress(OSError):  # the thread has ended
                sum_ns += clock_gettime_ns(lane.clock) - outermost.thread0
        return sum_ns * 1e-9
