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
from greensdk.machine.pools import MODULE as POOLS
from greensdk.machine.pools import grown_s, has_pools, pool_cpu_s
from greensdk.machine.signals import is_from_signal, is_from_signal_here
from greensdk.measure.attribution import IDLE_HOST, Nested, choose, quality_of, reasons, share_of, total
from greensdk.measure.primaries import active_of, primaries
from greensdk.measure.record import Subject, copied, in_second, light_resources, put_doubt, status_of
from greensdk.measure.state import here, lanes, ledger, shared
from greensdk.measure.stretches import TANGLED, Stretches
from greensdk.monitor import ESTIMATED, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greensdk.measure.attribution import Share
    from greensdk.measure.notes import Notes
    from greensdk.measure.runtime import Runtime
    from greensdk.monitor import Reading
    from greensdk.schema.types import GpuSync, Record, Resources


NO_USAGE = Usage(0.0, None, None, "")
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
        gpu_sync: What the record says of waiting for GPUs.
    """

    __slots__ = ("copy", "gpu_sync", "made_ns", "notes", "record", "runs", "sent", "started_at", "subject")

    subject: Subject
    made_ns: int
    record: Record | None
    copy: Record
    runs: int
    sent: int
    notes: Notes | None
    gpu_sync: GpuSync | None

    def begin(self, runtime: Runtime, subject: Subject, cpu_source: str | None = None) -> None:
        """
        Read everything for the first time. The window is made without it: what Python has made and not yet handed
        over is lost when a signal handler raises.
        """
        self.entered_ns = perf_counter_ns()
        # Unpacked, not chained, which takes a third more steps of the interpreter; `sampling` last: see abandon().
        self.is_lane, self.closed, self.on_loop, self.is_foreign = False, False, False, False
        self.record, self.lane, self.nested, self.notes, self.adds = None, None, None, None, False
        self.strict_error, self.unshared, self.runs, self.children_claims_s, self.depth = None, "", 1, 0.0, 0
        self.sent, self.inside, self.owed_ns, self.cpu_ns, self.elsewhere_ns = 0, 0, 0, 0, 0
        self.started_ns, self.stopped_ns, self.sampling = 0, 0, None
        self.cpu_source, self.errors = "thread", {}
        self.runtime = runtime
        self.subject = subject
        parent = here()
        if parent is not None:
            while parent is not None and parent.closed:
                parent = parent.parent
            self.depth = 0 if parent is None else parent.depth + 1
        self.parent = parent
        if cpu_source is not None:
            self.cpu_source = cpu_source
            self.join_loop()
        next_id = runtime.next_id  # named first: called as a method, what is no method is looked up the slow way
        self.record_id = next_id()
        if shared.sampler is not None:
            self.sampling = shared.sampler.join(self)
            self.adds = True
        if runtime.adds:
            self.adds = True
            if runtime.gpu is not None:
                self.gpu_sync = None
                runtime.gpu.begin()
        # Beside others, or inside one of them on the same thread? See greensdk.measure.state.Ledger.
        lane = self.home = lanes.here
        if lane.top is not parent:
            self.meet(lane.top)
        if parent is None or self.is_beside(parent, lane):
            self.is_lane = True
            ledger.open += 1
            ledger.born += 1
        if runtime.counts:
            self.start_all()
        self.started_at = time()

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
        if self.closed:
            return
        try:
            if self.adds:
                self._prepare()
            self.pause()
            if self.is_lane:
                self.is_lane = False
                ledger.open -= 1
            if self.on_loop:
                self.leave_loop()
            record = self.record or self.measure(error)
            runtime = self.runtime
            sinks = runtime.sinks
            if self.sent:  # some sinks have it: it goes on where it has been interrupted
                sinks = sinks[self.sent :]
            elif shared.captures:
                self._capture(record)
            for uri, sink in sinks:
                try:
                    sink.emit(record)
                except BaseException as problem:
                    if is_from_signal(problem):
                        # Otherwise it has not come back, and gets the record again.
                        self.sent += is_from_signal_here(problem)
                        raise
                    runtime.keep(record, uri, problem)
                self.sent += 1
                if runtime.several and self.sent < len(runtime.sinks):  # the next one learns what this one took
                    self._add_overhead(record)
            self.closed = True
            if shared.threads:
                shared.rest()
            ledger.owed_ns += perf_counter_ns() - self.made_ns
        except BaseException as problem:
            self._not_closed(problem, error)

    def _prepare(self) -> None:
        """
        Let GPUs end what the call has given them, and the sampler look at it no more. A signal handler that raises
        meanwhile ends the wait.
        """
        gpu = self.runtime.gpu
        if gpu is not None and self.gpu_sync is None:
            self.gpu_sync = {"libraries": [], "waited_s": None, "reason": "the wait was interrupted"}
            self.gpu_sync = gpu.end()
        if self.sampling is not None:
            self.sampling.is_ending = True
        shared.unended.pop(self, None)

    def _not_closed(self, problem: BaseException, error: BaseException | None) -> None:
        """
        Go on with the end where a signal handler has interrupted it; give it up where greensdk itself has failed.
        """
        if not is_from_signal(problem):
            self.closed = True
            warn_once(f"greensdk could not measure a call: {describe(problem)}")
            return
        while not self.closed:
            try:
                self.close(error)
            except BaseException as later:
                problem = later
        raise problem

    def lose(self) -> None:
        """
        End a call that was never ended; it is no other call's parent any more.
        """
        if self in shared.unended:  # unlike in a forked child
            self.errors["track"] = ABANDONED
            self.come_home()
            self.close(Abandoned())

    def _add_overhead(self, record: Record) -> None:
        done_ns = perf_counter_ns()
        record["overhead_s"] = (record["overhead_s"] or 0.0) + (done_ns - self.made_ns) * 1e-9
        self.made_ns = done_ns

    def _capture(self, record: Record) -> None:
        """
        Give a copy of the record to every capture, once.
        """
        if not hasattr(self, "copy"):
            self.copy = copied(record)  # whose nested parts are those of all records of this function
        for records in shared.captures:
            if not records or records[-1] is not self.copy:
                records.append(self.copy)

    def measure(self, error: BaseException | None) -> Record:
        """
        Close the brackets and make the record.
        """
        if not self.started_ns:  # a signal handler has raised before the call began
            self.started_ns = self.stopped_ns
        runtime = self.runtime
        parent = self.parent
        started_ns = self.started_ns
        stopped_ns = self.stopped_ns
        record = self.subject.template.copy()
        if runtime.counts:
            closed_ns, cpu_s, source = self.count(record)
        else:
            closed_ns = stopped_ns
            source = self.cpu_source
            ran_ns = self.cpu_ns
            duration_ns = stopped_ns - started_ns
            cpu_s = (ran_ns if ran_ns < duration_ns else duration_ns) * 1e-9
        if parent is not None:
            record["parent_id"] = parent.record_id
            record["depth"] = self.depth
        if error is not None:
            record["status"] = status_of(error)
            record["error_type"] = type(error).__name__
        epoch_s = self.started_at
        second = int(epoch_s)
        record["record_id"] = self.record_id
        record["started_at"] = in_second(second) % ((epoch_s - second) * 1e6)  # as rfc3339()
        record["monotonic_s"] = started_ns * 1e-9
        record["duration_s"] = (stopped_ns - started_ns) * 1e-9
        record["cpu_s"] = cpu_s
        record["cpu_source"] = source
        record["errors"] = self.errors
        record["phases"] = {"start_s": (started_ns - self.entered_ns) * 1e-9, "stop_s": (closed_ns - stopped_ns) * 1e-9}
        if self.adds:
            self._put_rest(record)
        owed_ns = ledger.owed_ns
        ledger.owed_ns = 0
        self.made_ns = made_ns = perf_counter_ns()
        record["overhead_s"] = (made_ns - stopped_ns + started_ns - self.entered_ns + owed_ns) * 1e-9
        self.record = record
        if parent is not None and not parent.closed:
            parent.elsewhere_ns += self.owed_ns + self.elsewhere_ns
            parent.children_claims_s += self.children_claims_s
            if parent.nested is None:
                parent.nested = Nested()
            parent.nested.add(record["readings"], cpu_s)
        return record

    def count(self, record: Record) -> tuple[int, float, str]:
        """
        Close the brackets, from the tightest to the widest, attribute, and fill the keys of energy, its shares and
        resources.

        Returns:
            When the last meter had been read again, the call's CPU seconds, and their clock.
        """
        runtime = self.runtime
        self1, children1 = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
        # Before the meters, as at the beginning: where reading waits for the interpreter, both brackets lag alike.
        counted, host_cpu_s, step_s = self.read_host()
        readings = self.stop_meters()
        closed_ns = perf_counter_ns()
        self0, children0, alone = self.self0, self.children0, self.alone and ledger.born == self.born
        duration_s = (self.stopped_ns - self.started_ns) * 1e-9
        user_s, system_s = self1[0] - self0[0], self1[1] - self0[1]
        reaped_user_s, reaped_system_s = children1[0] - children0[0], children1[1] - children0[1]
        living_s, full = 0.0, None
        if runtime.probe is not None:
            living_s, full = self.stop_probe(runtime.probe, duration_s)
        elif POOLS in modules and (self.pool0_s or has_pools()):
            living_s = grown_s(self.pool0_s, pool_cpu_s())
        cpu_s, source = self.cpu_time(user_s + system_s, reaped_user_s + reaped_system_s, alone, living_s, counted)
        share = None
        if host_cpu_s is not None and not self.unshared:
            if host_cpu_s < cpu_s:
                host_cpu_s = cpu_s  # a coarse clock lags behind
            share = share_of(cpu_s, host_cpu_s, step_s)
        usage = Usage(duration_s, cpu_s, host_cpu_s, source) if runtime.estimators else NO_USAGE
        why_not = "" if share else self.unshared or (runtime.no_clock if host_cpu_s is None else IDLE_HOST)
        self.share_out(readings, share, why_not, usage, counted)
        resources: Resources = {}
        if runtime.resources != "none":
            split_s = (user_s + reaped_user_s, system_s + reaped_system_s) if alone else None
            resources = light_resources(cpu_s, duration_s, split_s, self0, self1, children1)
            if full:
                resources.update(full)
        if share is not None:
            record["host_cpu_s"] = host_cpu_s
            record["host_cpu_start_s"] = self.host0_s
            record["cpu_share"] = share[0]
        record["children_cpu_s"] = self.children_s
        record["resources"] = resources
        record["readings"] = readings
        if readings:
            self._put_energy(record, readings, cpu_s, share)
        return closed_ns, cpu_s, source

    def _put_rest(self, record: Record) -> None:
        """
        Add what others say of the call: itself, the sampler, the place it runs at, what waits for GPUs, and enrichers.
        """
        runtime, runs = self.runtime, self.runs
        if runs != 1:
            energy_j, record["runs"] = record["energy_j"], runs
            record["energy_per_run_j"] = energy_j / runs if energy_j is not None and runs else None
        if self.unshared is TANGLED:
            record["cpu_s"] = None
        if self.notes is not None:
            self.notes.put(record)
        if self.sampling is not None:
            record["samples"] = self.sampling.leave(self)
        if runtime.deployed:
            self._ask_worker(record)
        if runtime.gpu is not None:
            record["gpu_sync"] = self.gpu_sync
        if runtime.enrichers:
            runtime.enrich(record)

    def _put_energy(self, record: Record, readings: list[Reading], cpu_s: float, share: Share | None) -> None:
        """
        Fill the keys of the call's energy from its primary reading.
        """
        runtime = self.runtime
        primary = choose(readings, runtime.ranks, runtime.boundary)
        if primary is None and runtime.boundary is None:
            record["reason"] = reasons(readings)
            return
        parts: Sequence[Reading] = ()
        record["reason"] = None
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
        record["energy_low_j"] = primary["low_j"]
        record["energy_high_j"] = primary["high_j"]
        record["energy_source"] = primary["monitor"]
        record["energy_quality"] = quality_of(primary)
        record["energy_boundary"] = primary["boundary"]
        if record["energy_quality"] == ESTIMATED:
            put_doubt(record, primary)
        if share is not None and runtime.idle_w:
            duration_s = (self.stopped_ns - self.started_ns) * 1e-9
            found = [active_of(each, share[0], duration_s, runtime.idle_w) for each in parts or (primary,)]
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
