"""
One measured call, from before its first instruction to its record.

The window is the hot half of greensdk: nothing in it may raise into the user's code, start a
thread, take a lock or touch a file other than the counters of its monitors.
"""

from __future__ import annotations

from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from sys import modules
from time import perf_counter_ns, time
from typing import TYPE_CHECKING

from greensdk.errors import Abandoned, describe, warn_once
from greensdk.machine.calibration import active, key_of
from greensdk.machine.pools import MODULE as POOLS
from greensdk.machine.pools import grown_s, has_pools, pool_cpu_s
from greensdk.machine.signals import is_from_signal, is_from_signal_here
from greensdk.measure.attribution import Nested, choose, quality_of, reasons, share_of, total
from greensdk.measure.primaries import primaries
from greensdk.measure.record import Subject, copied, light_resources, put_doubt, rfc3339, status_of
from greensdk.measure.state import current, lanes, ledger, shared
from greensdk.measure.stretches import TANGLED, Stretches
from greensdk.monitor import ESTIMATED, Usage
from greensdk.schema.primary import has_gpu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greensdk.measure.attribution import Share
    from greensdk.measure.gpu import Waiting, Watching
    from greensdk.measure.notes import Notes
    from greensdk.measure.runtime import Runtime
    from greensdk.monitor import Reading
    from greensdk.schema.types import GpuSync, Record, Resources


ABANDONED = "never ended: the record is of all that happened until this was noticed"


class Window(Stretches):
    """
    A call under way. :meth:`begin` reads the meters; :meth:`resume` and :meth:`pause` bracket each stretch in which it
    runs; :meth:`close` reads the meters again and makes the record.

    A signal handler of the user's may raise between any two instructions. What it raises leaves :meth:`close` only when
    the record is out, and everything here can be done again from where it was interrupted.

    Attributes:
        record: The finished record; None before there is one.
        copy: What ``capture()`` gets of it; None before it does.
        notes: What the call says of itself; None while that is nothing.
        runs: How many runs of the function are in it.
        sent: How many sinks have the record.
        gpu: What waits for GPUs at the end; None once it has.
        gpu_sync: What the record says of that.
    """

    __slots__ = ("copy", "gpu", "gpu_sync", "made_ns", "notes", "record", "runs", "sent", "started_at", "subject")

    subject: Subject
    made_ns: int
    record: Record | None
    copy: Record | None
    runs: int
    sent: int
    notes: Notes | None
    gpu: type[Waiting | Watching] | None
    gpu_sync: GpuSync | None

    def begin(self, runtime: Runtime, subject: Subject, cpu_source: str = "thread") -> None:
        """
        Read everything for the first time. The window is made without it: what Python has made and not yet handed
        over is lost when a signal handler raises.
        """
        self.is_lane = self.closed = self.on_loop = self.is_foreign = False
        self.sampling = self.gpu_sync = None
        self.entered_ns = perf_counter_ns()
        self.runtime, self.gpu = runtime, runtime.gpu
        self.subject = subject
        self.cpu_source = cpu_source
        self.record = self.copy = self.context = self.lane = self.below = self.home = None
        self.nested = self.notes = self.strict_error = self.children_s = None
        self.errors, self.unshared = {}, ""
        self.runs = 1
        self.sent = self.inside = self.owed_ns = self.cpu_ns = self.nested_ns = self.elsewhere_ns = self.started_ns = 0
        self.stopped_ns, self.children_claims_s = 0, 0.0
        parent = current.get()
        while parent is not None and parent.closed:
            parent = parent.parent
        self.parent = parent
        self.depth = 0 if parent is None else parent.depth + 1
        if cpu_source != "thread":
            self.join_loop()
        self.record_id = runtime.next_id()
        if runtime.probe is not None:
            self.start_probe(runtime.probe)
        if shared.sampler is not None:
            self.sampling = shared.sampler.join(self)
        self.started_at = time()
        if self.gpu is not None:
            self.gpu.begin()
        if runtime.counts:
            self._read_first(runtime)
        # Beside others, or inside one of them on the same thread? See greensdk.measure.state.Ledger.
        lane = lanes.here
        if lane.top is not parent:
            self.meet(lane.top)
        if self.on_loop and parent is not None:
            parent.inside += 1
        if parent is None or parent.lane is not lane or (self.on_loop and parent.inside > 1):
            self.is_lane = True
            ledger.open += 1
            ledger.born += 1
        self.born = ledger.born
        self.alone = ledger.open == 1

    def _read_first(self, runtime: Runtime) -> None:
        """
        Read every meter and the clocks of the process, the cheapest last.
        """
        poller = runtime.poller
        if poller is not None and self.entered_ns > poller.due_ns:
            poller.watch(self.entered_ns)
        self.start_meters()
        self.children_claimed0 = ledger.children_s
        self.pool0_s = pool_cpu_s() if POOLS in modules and has_pools() else None
        self.claimed0_ns = ledger.claimed_ns
        self.children0 = getrusage(RUSAGE_CHILDREN)
        self.self0 = getrusage(RUSAGE_SELF)

    def abandon(self) -> None:
        """
        Take back what a call that failed to begin has begun.
        """
        self.closed = True
        if not hasattr(self, "sampling"):  # a signal handler has raised before anything was begun
            return
        if self.is_lane:
            self.is_lane = False
            ledger.open -= 1
        if self.on_loop:
            self.leave_loop()
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
                if self.gpu is not None:
                    self._wait(self.gpu)
                if self.sampling is not None:
                    self.sampling.is_ending = True
                self.pause()
                if self.is_lane:
                    self.is_lane = False
                    ledger.open -= 1
                if self.on_loop:
                    self.leave_loop()
                self.hand_over(self.record or self.measure(error))
                self.closed = True
                if shared.unended:
                    shared.unended.pop(self, None)
                if shared.threads:
                    shared.rest()
                ledger.owed_ns += perf_counter_ns() - self.made_ns
            except BaseException as problem:
                if is_from_signal(problem):
                    interrupt = problem
                else:
                    self.closed = True
                    warn_once(f"greensdk could not measure a call: {describe(problem)}")
        if interrupt is not None:
            raise interrupt

    def _wait(self, gpu: type[Waiting | Watching]) -> None:
        """
        Let GPUs end what the call has given them. A signal handler that raises meanwhile ends the wait.
        """
        self.gpu, self.gpu_sync = None, {"libraries": [], "waited_s": None, "reason": "the wait was interrupted"}
        self.gpu_sync = gpu.end()

    def lose(self) -> None:
        """
        End a call that was never ended; it is no other call's parent any more.
        """
        if self in shared.unended:  # unlike in a forked child
            self.errors["track"] = ABANDONED
            self.come_home()
            self.close(Abandoned())

    def hand_over(self, record: Record) -> None:
        """
        Give the record to every capture and sink, going on where it has been interrupted.
        """
        sinks = self.runtime.sinks
        if self.sent:
            sinks = sinks[self.sent :]
        else:
            if shared.captures and self.copy is None:
                self.copy = copied(record)  # whose nested parts are those of all records of this function
            for records in shared.captures:
                if not records or records[-1] is not self.copy:
                    records.append(self.copy)
        for uri, sink in sinks:
            try:
                sink.emit(record)
            except BaseException as error:
                if is_from_signal(error):
                    # Otherwise it has not come back, and gets the record again.
                    self.sent += is_from_signal_here(error)
                    raise
                self.runtime.keep(record, uri, error)
            self.sent += 1
            if self.sent < len(sinks):  # the next one learns what this one took
                done_ns = perf_counter_ns()
                record["overhead_s"] = (record["overhead_s"] or 0.0) + (done_ns - self.made_ns) * 1e-9
                self.made_ns = done_ns

    def measure(self, error: BaseException | None) -> Record:
        """
        Close the brackets, from the tightest to the widest, attribute, and make the record.
        """
        runtime = self.runtime
        if not runtime.counts:
            ran_ns, duration_ns = self.cpu_ns, self.stopped_ns - self.started_ns
            cpu_s = (ran_ns if ran_ns < duration_ns else duration_ns) * 1e-9
            return self._record(error, self.stopped_ns, cpu_s, self.cpu_source, None, None, [], {})
        self1, children1 = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
        # Before the meters, as at the beginning: where reading waits for the interpreter, both brackets lag alike.
        counted, host_cpu_s, step_s = self.read_host()
        readings = self.stop_meters()
        closed_ns = perf_counter_ns()
        alone = self.alone and ledger.born == self.born
        duration_s = (self.stopped_ns - self.started_ns) * 1e-9
        living_s, full = 0.0, None
        if runtime.probe is not None:
            living_s, full = self.stop_probe(runtime.probe, duration_s)
        elif POOLS in modules and (self.pool0_s or has_pools()):
            living_s = grown_s(self.pool0_s, pool_cpu_s())
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
        return self._record(error, closed_ns, cpu_s, source, host_cpu_s, share, readings, resources)

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
    ) -> Record:
        """
        Make the record. `closed_ns` is when the last meter had been read again.
        """
        if not self.started_ns:  # a signal handler has raised before the call began
            self.started_ns = self.stopped_ns
        runtime, started_ns, stopped_ns, parent = self.runtime, self.started_ns, self.stopped_ns, self.parent
        record = self.subject.template.copy()
        record["record_id"] = self.record_id
        if parent is not None:
            record["parent_id"] = parent.record_id
            record["depth"] = self.depth
        if self.runs != 1:
            record["runs"] = self.runs
        if error is not None:
            record["status"] = status_of(error)
            record["error_type"] = type(error).__name__
        if runtime.deployed:
            self._ask_worker(record)
        record["started_at"] = rfc3339(self.started_at)
        record["monotonic_s"] = started_ns * 1e-9
        record["duration_s"] = (stopped_ns - started_ns) * 1e-9
        record["cpu_s"] = None if self.unshared is TANGLED else cpu_s
        record["cpu_source"] = source
        record["children_cpu_s"] = self.children_s
        record["readings"] = readings
        record["resources"] = resources
        record["errors"] = self.errors
        record["gpu_sync"] = self.gpu_sync
        record["phases"] = {"start_s": (started_ns - self.entered_ns) * 1e-9, "stop_s": (closed_ns - stopped_ns) * 1e-9}
        if share is not None:
            record["host_cpu_s"] = host_cpu_s
            record["host_cpu_start_s"] = self.host0_s
            record["cpu_share"] = share[0]
        if readings:
            self._put_energy(record, readings, cpu_s, share)
        else:
            record["reason"] = runtime.nothing
        self._put_rest(record)
        owed_ns, ledger.owed_ns = ledger.owed_ns, 0
        self.made_ns = made_ns = perf_counter_ns()
        record["overhead_s"] = (made_ns - stopped_ns + started_ns - self.entered_ns + owed_ns) * 1e-9
        self.record = record
        if parent is not None and not parent.closed:
            parent.elsewhere_ns += self.owed_ns + self.elsewhere_ns
            parent.children_claims_s += self.children_claims_s
            if parent.nested is None:
                parent.nested = Nested()
            parent.nested.add(readings, cpu_s)
        return record

    def _put_rest(self, record: Record) -> None:
        """
        Add what others say of the call: itself, the sampler, and enrichers.
        """
        if self.notes is not None:
            self.notes.put(record)
        if self.sampling is not None:
            record["samples"] = self.sampling.leave(self)
        if self.runtime.enrichers:
            self.runtime.enrich(record)

    def _put_energy(self, record: Record, readings: list[Reading], cpu_s: float, share: Share | None) -> None:
        """
        Fill the keys of the call's energy from its primary reading.
        """
        runtime, runs = self.runtime, self.runs
        primary = choose(readings, runtime.ranks, runtime.boundary)
        parts: Sequence[Reading] = ()
        if primary is None or len(readings) > 1 or "missing" in primary["attributes"]:
            parts, record["reason"] = primaries(primary, readings, runtime.ranks, runtime.boundary)
            if not parts:
                record["reason"] = reasons(readings)
                return
            primary = parts[0]
        if len(parts) > 1:
            from greensdk.measure.parts import added, by_part

            primary, record["energy_parts_j"] = added(parts), by_part(parts)
        energy_j = primary["call_j"]
        record["energy_j"] = record["energy_self_j"] = record["energy_per_run_j"] = energy_j
        if runs != 1:
            record["energy_per_run_j"] = energy_j / runs if energy_j is not None and runs else None
        record["energy_low_j"] = primary["low_j"]
        record["energy_high_j"] = primary["high_j"]
        record["energy_source"] = primary["monitor"]
        record["energy_quality"] = quality_of(primary)
        record["energy_boundary"] = primary["boundary"]
        if record["energy_quality"] == ESTIMATED:
            put_doubt(record, primary)
        if share is not None and runtime.idle_w:
            found = [self._active(each, share[0]) for each in parts or (primary,)]
            record["active_j"] = found[0] if len(found) == 1 else total(found)
        if self.nested is not None:
            found = [self.nested.left_of(each, cpu_s) for each in parts or (primary,)]
            record["energy_self_j"] = found[0] if len(found) == 1 else total(found)

    def _ask_worker(self, record: Record) -> None:
        """
        Let the adapter say what of the worker differs from call to call.
        """
        runtime = self.runtime
        self.errors.update(runtime.faults)
        try:
            if runtime.worker_now is not None:
                record["worker"] = {**(record["worker"] or {}), **runtime.worker_now()}
        except BaseException as error:
            self.fault("worker", "call", error)

    def _active(self, primary: Reading, share: float) -> float | None:
        """
        Return the joules above the machine's rest, where that has been calibrated for the meter of a primary.
        """
        idle_w = self.runtime.idle_w.get(key_of(primary["monitor"], primary["boundary"]))
        machine_j = primary["energy_j"]
        if has_gpu(primary["boundary"]) and not primary["call_j"]:
            return 0.0
        if idle_w is None or machine_j is None:
            return None
        if has_gpu(primary["boundary"]):  # CPU time says nothing of it
            share = (primary["call_j"] or 0.0) / machine_j
        return active(machine_j, idle_w, (self.stopped_ns - self.started_ns) * 1e-9, share)
