"""
One measured call, from before its first instruction to its record.

The window is the hot half of greensdk: nothing in it may raise into the user's code, start a
thread, take a lock or touch a file other than the counters of its monitors.
"""

from __future__ import annotations

from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter_ns, time
from typing import TYPE_CHECKING

from greensdk.machine.calibration import active, key_of
from greensdk.measure.attribution import choose, reasons, share_of
from greensdk.measure.faults import is_from_signal, is_from_signal_here, note
from greensdk.measure.nested import Nested
from greensdk.measure.record import Subject, light_resources, put_energy, rfc3339, status_of
from greensdk.measure.state import current, shared
from greensdk.measure.stretches import Stretches
from greensdk.monitor import Usage

if TYPE_CHECKING:
    from greensdk.measure.attribution import Share
    from greensdk.measure.runtime import Runtime
    from greensdk.monitor import Reading
    from greensdk.schema.types import Record, Resources


class Window(Stretches):
    """
    A call under way. :meth:`begin` reads the meters; :meth:`resume` and :meth:`pause` bracket each stretch in which it
    runs; :meth:`close` reads the meters again and makes the record.

    A signal handler of the user's may raise between any two instructions. What it raises leaves :meth:`close` only when
    the record is out, and everything here can be done again from where it was interrupted.

    Attributes:
        record: The finished record; None before there is one.
        closed: The record is out.
        runs: How many runs of the function are in it.
        sent: How many sinks have the record.
    """

    __slots__ = ("closed", "record", "runs", "sent", "started_at", "subject")

    def __init__(self, runtime: Runtime, subject: Subject, cpu_source: str = "thread") -> None:
        self.entered_ns = perf_counter_ns()
        self.cpu_source = cpu_source
        self.runtime = runtime
        self.subject = subject
        self.record: Record | None = None
        self.errors = {}
        self.strict_error = None
        self.closed = self.is_lane = False
        self.runs = 1
        self.sent = 0
        self.unshared = ""
        self.lane = None
        self.cpu_ns = self.nested_ns = self.elsewhere_ns = self.started_ns = self.stopped_ns = 0
        self.children_claims_s = 0.0
        self.nested = None
        self.sampling = self.parent = None

    def begin(self) -> None:
        """
        Read everything for the first time.
        """
        runtime = self.runtime
        self.parent = parent = current.get()
        self.depth = 0 if parent is None else parent.depth + 1
        self.record_id = runtime.next_id()
        if runtime.probe is not None:
            self.start_probe(runtime.probe)
        if shared.sampler is not None:
            self.sampling = shared.sampler.join(self)
        self.started_at = time()
        if runtime.counts:
            poller = runtime.poller
            if poller is not None and self.entered_ns > poller.due_ns:
                poller.watch(self.entered_ns)
            self.start_meters()
        self.read_usage()

    def abandon(self) -> None:
        """
        Take back what a call that failed to begin has begun.
        """
        self.closed = True
        self.leave_ledger()
        if self.sampling is not None:
            self.sampling.leave(self)

    def close(self, error: BaseException | None) -> None:
        """
        End the call: read every meter again, make the record and hand it to the sinks. Doing so twice is harmless.

        Args:
            error: What the call raised, or None.

        Raises:
            BaseException: What a signal handler of the user's has raised meanwhile, once the record is out.
        """
        interrupt = None
        while not self.closed:
            try:
                self.pause()
                self._end(error)
            except BaseException as problem:
                if is_from_signal(problem):
                    interrupt = problem
                else:
                    self.closed = True
                    note(problem)
        if interrupt is not None:
            raise interrupt

    def _end(self, error: BaseException | None) -> None:
        self.leave_ledger()
        if self.record is None:
            self._measure(error)
        self._hand_over()
        self.closed = True
        if shared.threads:
            shared.rest()

    def _hand_over(self) -> None:
        """
        Give the record to every capture and sink, going on where it has been interrupted.
        """
        record, runtime = self.record, self.runtime
        assert record is not None
        if self.sent == 0:
            for records in shared.captures:
                if not records or records[-1] is not record:
                    records.append(record)
        while self.sent < len(runtime.sinks):
            uri, sink = runtime.sinks[self.sent]
            try:
                sink.emit(record)
            except BaseException as error:
                if is_from_signal(error):
                    # Otherwise it has not come back, and gets the record again.
                    self.sent += is_from_signal_here(error)
                    raise
                runtime.keep(record, uri, error)
            self.sent += 1

    def _measure(self, error: BaseException | None) -> None:
        """
        Close the brackets, from the tightest to the widest, attribute, and make the record.
        """
        runtime = self.runtime
        if not runtime.counts:
            ran_ns, duration_ns = self.cpu_ns, self.stopped_ns - self.started_ns
            cpu_s = (ran_ns if ran_ns < duration_ns else duration_ns) * 1e-9
            self._record(error, self.stopped_ns, cpu_s, self.cpu_source, None, None, [], {})
            return
        self1, children1 = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
        # Before the meters, as at the beginning: where reading waits for the interpreter, both brackets lag alike.
        counted, host_cpu_s, step_s = self.read_host()
        readings = self.stop_meters()
        closed_ns = perf_counter_ns()
        alone = self.is_alone()
        duration_s = (self.stopped_ns - self.started_ns) * 1e-9
        living_s, full = (0.0, None) if runtime.probe is None else self.stop_probe(runtime.probe, duration_s)
        cpu_s, source = self.cpu_time(self1, children1, alone, living_s, counted)
        share = None
        if host_cpu_s is not None and not self.unshared:
            if host_cpu_s < cpu_s:
                host_cpu_s = cpu_s  # a coarse clock lags behind
            share = share_of(cpu_s, host_cpu_s, step_s)
        self.share_out(readings, share, Usage(duration_s, cpu_s, host_cpu_s, source), counted)
        resources: Resources = {}
        if runtime.resources != "none":
            resources = light_resources(cpu_s, duration_s, self.self0, self1, self.children0, children1, alone)
            if full:
                resources.update(full)
        self._record(error, closed_ns, cpu_s, source, host_cpu_s, share, readings, resources)

    def _record(
        self,
        error: BaseException | None,
        closed_ns: int,
        cpu_s: float,
        source: str,
        host_cpu_s: float | None,
        share: Share | None,
        readings: list[Reading],
        resources: Resources,
    ) -> None:
        """
        Make the record. `closed_ns` is when the last meter had been read again.
        """
        runtime, started_ns, stopped_ns, parent = self.runtime, self.started_ns, self.stopped_ns, self.parent
        record = self.subject.template.copy()
        record["record_id"] = self.record_id
        if parent is not None:
            record["parent_id"] = parent.record_id
            record["depth"] = self.depth
        if error is not None:
            record["status"] = status_of(error)
            record["error_type"] = type(error).__name__
        if runtime.worker_now is not None:
            self._ask_worker(record)
        record["started_at"] = rfc3339(self.started_at)
        record["monotonic_s"] = started_ns * 1e-9
        record["duration_s"] = (stopped_ns - started_ns) * 1e-9
        record["cpu_s"] = cpu_s
        record["cpu_source"] = source
        record["runs"] = self.runs
        record["readings"] = readings
        record["resources"] = resources
        record["errors"] = self.errors
        record["phases"] = {"start_s": (started_ns - self.entered_ns) * 1e-9, "stop_s": (closed_ns - stopped_ns) * 1e-9}
        if share is not None:
            record["host_cpu_s"] = host_cpu_s
            record["host_cpu_start_s"] = self.host0_s
            record["cpu_share"] = share[0]
        primary = choose(readings, runtime.ranks, runtime.boundary)
        if primary is None:
            record["reason"] = reasons(readings) if readings else runtime.nothing
        else:
            put_energy(record, primary, self.runs)
            if share is not None and runtime.idle_w:
                record["active_j"] = self._active(primary, share[0])
            if self.nested is not None:
                record["energy_self_j"] = self.nested.left_of(primary, cpu_s)
        if self.sampling is not None:
            record["samples"] = self.sampling.leave(self)
        if runtime.enrichers:
            runtime.enrich(record)
        record["overhead_s"] = (perf_counter_ns() - stopped_ns + started_ns - self.entered_ns) * 1e-9
        self.record = record
        if parent is not None:
            parent.children_claims_s += self.children_claims_s
            if parent.nested is None:
                parent.nested = Nested()
            parent.nested.add(readings, cpu_s)

    def _ask_worker(self, record: Record) -> None:
        """
        Let the adapter say what of the worker differs from call to call.
        """
        now = self.runtime.worker_now
        assert now is not None
        try:
            record["worker"] = {**(record["worker"] or {}), **now()}
        except BaseException as error:
            self.fault("worker", "call", error)

    def _active(self, primary: Reading, share: float) -> float | None:
        """
        Return the joules above the machine's rest, where that has been calibrated for the meter of the primary.
        """
        idle_w = self.runtime.idle_w.get(key_of(primary["monitor"], primary["boundary"]))
        machine_j = primary["energy_j"]
        if idle_w is None or machine_j is None:
            return None
        return active(machine_j, idle_w, (self.stopped_ns - self.started_ns) * 1e-9, share)
