"""
One measured call, from before its first instruction to its record.

The window is the hot half of greensdk: nothing in it may raise into the user's code, start a
thread, take a lock or touch a file other than the counters of its monitors.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter_ns, thread_time_ns, time
from typing import TYPE_CHECKING, Any

from greensdk.machine.calibration import active
from greensdk.measure.attribution import (
    IDLE_HOST,
    NO_CLOCK,
    Primary,
    Share,
    attribute,
    by_clock,
    choose,
    self_energy,
    share_of,
)
from greensdk.measure.cputime import Lane, lanes, ledger
from greensdk.measure.record import build, light_resources, template
from greensdk.monitor import CpuTime, Reading, Usage, reading

if TYPE_CHECKING:
    from greensdk.measure.runtime import Runtime
    from greensdk.monitor import CpuClock
    from greensdk.sample.sampler import Seat

HELPERS_NS = 50_000
"""CPU time of a call's process beyond its own thread's that counts as helper threads' work, not as our clocks' skew."""

CHILDREN_UNSEEN = "live child processes can't be looked at here: cpu_s is without theirs until they are waited for"

current: ContextVar[Window | None] = ContextVar("greensdk", default=None)


class Subject:
    """
    What is being measured: the names that go into the record.
    """

    __slots__ = ("function", "label", "opened", "tags", "template")

    def __init__(self, function: str | None, label: str | None = None, tags: Mapping[str, Any] | None = None) -> None:
        self.function = function
        self.label = label
        self.tags = tags
        self.opened = 0
        self.template: dict[str, Any] = {}


class Window:
    """
    A call under way. Made when it begins; :meth:`resume` and :meth:`pause` bracket each stretch in which it
    really runs (a plain function has one, a coroutine one per step); :meth:`end` makes the record.

    None of the methods raises.
    """

    __slots__ = (
        "alone",
        "born",
        "children0",
        "children_claimed0",
        "children_claims_s",
        "children_j",
        "context",
        "cpu_ns",
        "cpu_source",
        "cpu_token",
        "depth",
        "elsewhere_ns",
        "entered_ns",
        "errors",
        "host0",
        "is_lane",
        "lane",
        "lane_claimed0",
        "living0_s",
        "nested_ns",
        "parent",
        "probe_token",
        "record",
        "record_id",
        "runs",
        "runtime",
        "sampling",
        "self0",
        "started_at",
        "started_ns",
        "stopped_ns",
        "strict_error",
        "subject",
        "thread0",
        "tokens",
        "unshared",
    )

    def __init__(self, runtime: Runtime, subject: Subject, cpu_source: str = "thread") -> None:
        self.entered_ns = perf_counter_ns()
        self.cpu_source = cpu_source
        self.runtime = runtime
        self.subject = subject
        self.record: dict[str, Any] | None = None
        self.errors: dict[str, str] = {}
        self.strict_error: BaseException | None = None
        self.runs = 1
        self.unshared = ""
        self.lane: Lane | None = None
        self.cpu_ns = self.nested_ns = self.elsewhere_ns = self.started_ns = self.stopped_ns = 0
        self.children_claims_s = 0.0
        self.children_j: dict[str, list[float]] | None = None
        self.parent = parent = current.get()
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.record_id = runtime.next_id()
        if runtime.probe is not None:
            self.probe_token = runtime.probe.start()
            self.living0_s = runtime.probe.live_children_cpu_s()
        self.sampling: Seat | None = None if runtime.sampler is None else runtime.sampler.join(self)
        self.started_at = time()
        if runtime.counts:
            try:
                self._read_first()
            except BaseException:
                if self.sampling is not None:
                    self.sampling.leave(self)
                raise
        # Nothing below raises: a call that failed to begin must not count as one under way.
        # Beside others, or inside one of them on the same thread? See greensdk.measure.cputime.Ledger.
        self.is_lane = parent is None or parent.lane is not lanes.here
        if self.is_lane:
            ledger.open += 1
            ledger.born += 1
        self.born = ledger.born
        self.alone = ledger.open == 1

    def _read_first(self) -> None:
        """
        Read every meter, the cheapest last.
        """
        runtime = self.runtime
        if self.entered_ns > runtime.poll_due_ns:
            runtime.watch(self.entered_ns)
        clock = runtime.host_clock
        self.host0: float | None = clock.read() if clock else None
        self.cpu_token: Any = None if runtime.cpu_clock is None else self._start(runtime.cpu_clock)
        self.tokens: list[Any] = []
        for monitor in runtime.monitors:
            try:
                self.tokens.append(monitor.start())
            except BaseException as error:  # a plugin's SystemExit is no more ours to raise than its OSError
                self.tokens.append(error)
                self._fault(monitor.name, "start", error)
        self.children_claimed0 = ledger.children_s
        self.children0 = getrusage(RUSAGE_CHILDREN)
        self.self0 = getrusage(RUSAGE_SELF)

    def _start(self, clock: CpuClock) -> Any:
        try:
            return clock.start()
        except BaseException as error:
            self._fault(clock.name, "start", error)
            return error

    def resume(self) -> None:
        """
        The call begins to run on this thread.
        """
        self.context: Token[Window | None] = current.set(self)
        self.lane = lane = lanes.here
        self.lane_claimed0 = lane.claimed_ns
        self.nested_ns = 0
        self.thread0 = thread_time_ns()
        if not self.started_ns:
            self.started_ns = perf_counter_ns()

    def pause(self) -> None:
        """
        The call stops running on this thread, for now or for good.
        """
        self.stopped_ns = perf_counter_ns()
        ran_ns = thread_time_ns() - self.thread0
        lane = self.lane
        if lane is None:
            return
        self.lane = None
        fresh_ns = ran_ns - lane.claimed_ns + self.lane_claimed0
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
        try:
            current.reset(self.context)
        except ValueError:
            # Closed in another context than it was opened in (a `with track()` handed to another task).
            current.set(parent)

    def end(self, error: BaseException | None) -> None:
        """
        Read every meter again, make the record and hand it to the sinks.

        Args:
            error: What the call raised, or None.
        """
        if self.is_lane:
            ledger.open -= 1
        try:
            if self.runtime.counts:
                self._read(error)
            else:
                ran_ns, duration_ns = self.cpu_ns, self.stopped_ns - self.started_ns
                cpu_s = (ran_ns if ran_ns < duration_ns else duration_ns) * 1e-9
                self._finish(error, self.stopped_ns, cpu_s, self.cpu_source, None, None, [], {})
            if self.runtime.tickers:
                self.runtime.rest()
        except Exception as problem:
            self.runtime.note_failure(problem)

    def _read(self, error: BaseException | None) -> None:
        """
        Close the brackets, from the tightest to the widest, and attribute.
        """
        runtime = self.runtime
        self1, children1 = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
        # Before the meters, as at the beginning: where reading waits for the interpreter, both brackets lag alike.
        counted, host_cpu_s, step_s = self._host()
        # In reverse, so that the monitor started last, the cheapest, has the tightest bracket.
        readings: list[Reading] = []
        for monitor in runtime.backwards:
            token = self.tokens.pop()
            if isinstance(token, BaseException):
                readings.append(_failed(monitor.name, self.errors[monitor.name]))
                continue
            try:
                readings.append(monitor.stop(token))
            except BaseException as fault:
                readings.append(self._refuse(monitor.name, "stop", fault))
        readings.reverse()
        closed_ns = perf_counter_ns()
        alone = self.alone and ledger.born == self.born
        duration_s = (self.stopped_ns - self.started_ns) * 1e-9
        living_s, full = self._probe(duration_s) if runtime.probe is not None else (0.0, None)
        cpu_s, source = self._cpu(self1, children1, alone)
        if alone:
            clock = runtime.cpu_clock
            if clock and counted and counted.tree_s is not None and self.cpu_source == "thread":
                cpu_s, source = max(0.0, counted.tree_s - self._sampling_s()), clock.name
            else:
                cpu_s = max(0.0, cpu_s + living_s)
        share = None
        if host_cpu_s is not None and not self.unshared:
            if host_cpu_s < cpu_s:
                host_cpu_s = cpu_s  # a coarse clock lags behind
            share = share_of(cpu_s, host_cpu_s, step_s)
        usage = Usage(duration_s, cpu_s, host_cpu_s, source)
        self._attribute(readings, share, usage, counted)
        for name, reason in runtime.missing.items():
            self.errors[name] = reason
            readings.append(_failed(name, reason))
        resources: dict[str, Any] = {}
        if runtime.resources != "none":
            resources = light_resources(cpu_s, duration_s, self.self0, self1, self.children0, children1, alone)
            if full:
                resources.update(full)
        self._finish(error, closed_ns, cpu_s, source, host_cpu_s, share, readings, resources)

    def _host(self) -> tuple[CpuTime | None, float | None, float]:
        """
        Return what the CPU clock counted, the busy CPU seconds of the machine, and what they may be off by.
        """
        runtime = self.runtime
        if runtime.cpu_clock is None:
            clock = runtime.host_clock
            return (None, clock.read() - (self.host0 or 0.0), clock.resolution_s) if clock else (None, None, 0.0)
        counted = self._counted(runtime.cpu_clock)
        if counted is None:
            return None, None, 0.0
        self.host0 = counted.host_start_s
        return counted, counted.host_s, counted.resolution_s

    def _attribute(self, readings: list[Reading], share: Share | None, usage: Usage, counted: CpuTime | None) -> None:
        """
        Share out what the monitors read, and add what the estimators and the CPU clock say.
        """
        runtime = self.runtime
        why_not = self.unshared or (NO_CLOCK if usage.host_cpu_s is None else IDLE_HOST)
        meters: list[Reading] = []
        for place, each in enumerate(readings):
            try:
                if attribute(each, share, why_not):
                    meters.append(each)
            except Exception as fault:  # not a reading: the plugin's fault, and no other's
                readings[place] = self._refuse(runtime.monitors[place].name, "stop", fault)
        if runtime.estimators:
            self._estimate(readings, meters, usage, share, why_not)
        if runtime.cpu_clock is not None:
            readings.append(self._by_clock(runtime.cpu_clock.name, counted, meters))

    def _finish(
        self,
        error: BaseException | None,
        closed_ns: int,
        cpu_s: float,
        source: str,
        host_cpu_s: float | None,
        share: Share | None,
        readings: list[Reading],
        resources: dict[str, Any],
    ) -> None:
        """
        Make the record and hand it on.
        """
        runtime = self.runtime
        primary = choose(readings, runtime.ranks, runtime.boundary) if readings else runtime.nothing
        self.record = record = build(self, error, closed_ns, cpu_s, source, primary, readings, resources)
        if share is not None:
            record["host_cpu_s"] = host_cpu_s
            record["host_cpu_start_s"] = self.host0
            record["cpu_share"] = share[0]
            if runtime.calibration.idle_w:
                record["active_j"] = self._active(readings, primary, share[0])
        if self.children_j is not None:
            record["energy_self_j"] = self._self_energy(primary, cpu_s)
        if self.parent is not None:
            self._tell(self.parent, readings, cpu_s)
        if self.sampling is not None:
            record["samples"] = self.sampling.leave(self)
        record["overhead_s"] = (perf_counter_ns() - self.stopped_ns + self.started_ns - self.entered_ns) * 1e-9
        runtime.emit(record)

    def _active(self, readings: list[Reading], primary: Primary, share: float) -> float | None:
        """
        Return the joules above the machine's rest, where that has been calibrated for the meter of the primary.
        """
        idle_w = self.runtime.calibration.idle_w.get(f"{primary.source} {primary.boundary}")
        if idle_w is None:
            return None
        for each in readings:
            machine_j = each["energy_j"]
            if each["monitor"] == primary.source and each["boundary"] == primary.boundary and machine_j is not None:
                return active(machine_j, idle_w, (self.stopped_ns - self.started_ns) * 1e-9, share)
        return None

    def _self_energy(self, primary: Primary, cpu_s: float) -> float | None:
        children = self.children_j or {"": [0.0, 0.0]}
        known_j, known_cpu_s = children.get(f"{primary.source} {primary.boundary}", (0.0, 0.0))
        return self_energy(primary.energy_j, cpu_s, known_j, children[""][1] - known_cpu_s)

    def _estimate(
        self, readings: list[Reading], meters: list[Reading], usage: Usage, share: Share | None, why_not: str
    ) -> None:
        for estimator in self.runtime.estimators:
            try:
                made = estimator.estimate(usage)
                several = [made] if isinstance(made, dict) else list(made)
                meters += [each for each in several if attribute(each, share, why_not)]
                readings += several
            except BaseException as fault:
                readings.append(self._refuse(estimator.name, "estimate", fault))

    def _counted(self, clock: CpuClock) -> CpuTime | None:
        """
        Return what the CPU clock counted; None when it failed.
        """
        token = self.cpu_token
        if isinstance(token, BaseException):
            return None
        try:
            return clock.cpu_time(token)
        except BaseException as fault:
            self._fault(clock.name, "cpu_time", fault)
            return None

    def _by_clock(self, name: str, counted: CpuTime | None, meters: list[Reading]) -> Reading:
        if counted is None:
            return _failed(name, self.errors[name])
        return by_clock(name, meters, self.runtime.ranks, self.runtime.boundary, counted.attributes)

    def _probe(self, duration_s: float) -> tuple[float, dict[str, Any]]:
        """
        Return what live children burnt in the window, and the full resources.

        A child that was alive at the start and reaped since is in RUSAGE_CHILDREN with its whole life, so
        the difference, which may be negative, sets that right.
        """
        probe = self.runtime.probe
        living_s, living0_s = probe.live_children_cpu_s(), self.living0_s
        if living_s is None or living0_s is None:
            self.errors["children"] = CHILDREN_UNSEEN
            grown_s = 0.0
        else:
            grown_s = living_s - living0_s
        return grown_s, probe.stop(self.probe_token, duration_s)

    def _cpu(self, own: Any, kids: Any, alone: bool) -> tuple[float, str]:
        """
        Return the call's CPU seconds, its children's included, and the name of the clock they come from.
        """
        own0, kids0 = self.self0, self.children0
        own_ns, duration_ns, source = self.cpu_ns, self.stopped_ns - self.started_ns, self.cpu_source
        own_ns = (own_ns if own_ns < duration_ns else duration_ns) + self.elsewhere_ns
        if alone and source == "thread":
            source = "process"
            process_ns = int((own[0] + own[1] - own0[0] - own0[1] - self._sampling_s()) * 1e9)
            if process_ns - own_ns > HELPERS_NS:
                own_ns = process_ns
        reaped_s = kids[0] + kids[1] - kids0[0] - kids0[1]
        fresh_s = max(0.0, reaped_s - (ledger.children_s - self.children_claimed0)) if source != "runs" else 0.0
        ledger.children_s += fresh_s
        self.children_claims_s += fresh_s
        if self.parent is not None:
            self.parent.children_claims_s += self.children_claims_s
        return own_ns * 1e-9 + self.children_claims_s, source

    def _sampling_s(self) -> float:
        """
        Return the CPU seconds of the process in the window that are the sampling thread's.
        """
        return 0.0 if self.sampling is None else self.sampling.spent_ns() * 1e-9

    def _tell(self, parent: Window, readings: list[Reading], cpu_s: float) -> None:
        """
        Leave the call's joules, by monitor and boundary, and its CPU seconds with the call around it.
        """
        if parent.children_j is None:
            parent.children_j = {"": [0.0, 0.0]}
        sums = parent.children_j
        sums[""][1] += cpu_s
        for each in readings:
            if each["call_j"] is not None:
                known = sums.setdefault(f"{each['monitor']} {each['boundary']}", [0.0, 0.0])
                known[0] += each["call_j"]
                known[1] += cpu_s

    def _refuse(self, monitor: str, method: str, error: BaseException) -> Reading:
        self._fault(monitor, method, error)
        return _failed(monitor, self.errors[monitor])

    def _fault(self, monitor: str, method: str, error: BaseException) -> None:
        self.errors[monitor] = f"{method}: {type(error).__name__}: {error}"
        if self.runtime.strict and self.strict_error is None:
            self.strict_error = error


def _failed(monitor: str, reason: str) -> Reading:
    return reading(monitor, scope="machine", quality="measured", boundary="unknown", energy_j=None, reason=reason)


def open_window(runtime: Runtime, subject: Subject, cpu_source: str = "thread") -> Window | None:
    """
    Begin a call; None, and the call goes unmeasured, when greensdk itself fails.
    """
    try:
        if not runtime.ready:
            runtime.open()
        if subject.opened != runtime.opened:
            subject.template, subject.opened = template(runtime, subject), runtime.opened
        return Window(runtime, subject, cpu_source)
    except Exception as problem:
        if runtime.spec.get("strict"):
            raise
        runtime.note_failure(problem)
        return None
