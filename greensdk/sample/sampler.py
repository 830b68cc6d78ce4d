"""
Sampling on request: one thread looks at the meters and the process tree again and again while calls run.

There is one thread for all calls of a process, at the shortest period that an open call has asked for. It is born with
the first such call and dies with the last; without ``sample_every_s`` nothing of this module is even imported. A sample
is what happened between two looks, and belongs to every call that was open all the time in between.

The thread needs the interpreter like every other: beside busy Python code each of its looks waits for the others to
give way, a few times 5 ms (:func:`sys.setswitchinterval`), so samples come late. A record tells the period that was
asked for and the mean one that was achieved.

What the thread takes of the CPU is recorded as well, and counts neither as the call's ``cpu_s`` nor in ``cpu_percent``;
only the look that the call's end cuts off does. The first look is made before the call begins, the summary after it:
both are in ``overhead_s``.
"""

from __future__ import annotations

import threading
from _thread import allocate_lock
from math import inf
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk.errors import describe
from greensdk.machine.signals import is_from_signal
from greensdk.sample.observer import Observer
from greensdk.sample.samples import Sample, summary

if TYPE_CHECKING:
    from typing import Protocol

    from greensdk.monitor import Monitor
    from greensdk.schema.types import Samples

    class Client(Protocol):
        """
        What a call is measured with, as sampling sees it: a runtime.
        """

        monitors: tuple[Monitor, ...]
        sample_every_s: float | None
        checkpoint_s: float | None
        signals: bool

    class Sampled(Protocol):
        """
        A call, as sampling sees it: a window.
        """

        cpu_source: str
        errors: dict[str, str]
        entered_ns: int
        stopped_ns: int

        @property
        def runtime(self) -> Client:
            """
            What it is measured with.
            """
            ...

    class Watch(Protocol):
        """
        Who leaves records of calls under way: :class:`greensdk.measure.checkpoints.Checkpoints`.
        """

        cpu_ns: int

        def join(self, window: Any) -> None:
            """
            Watch a call.
            """

        def leave(self, window: Any) -> None:
            """
            Watch it no longer.
            """

        def forget(self) -> None:
            """
            Begin anew in a forked child.
            """


KEPT = 50_000
"""How many lines of samples are kept, one for each process in each. A sample of one process takes a kilobyte."""

LONGEST_WAIT_S = 3600.0
FORKED = "the process was forked in the call, and threads don't survive that"
MANY_RUNS = "with every_s the window is open between the calls, too: there is nothing to sample"


class Ring(NamedTuple):
    """
    The newest samples.

    Attributes:
        samples: In order. New ones are appended; to drop old ones a new ring is made, so that a list that is being
            read keeps its head.
        dropped: How many there were before them.
    """

    samples: list[Sample]
    dropped: int


class Subscription:
    """
    A call that is being sampled.

    Attributes:
        is_ending: The call's end has begun: what others see of it from now on is too late.
        why_none: Why the call is not sampled although it asked for that.
    """

    __slots__ = ("_first", "_sampler", "_spent0_ns", "is_ending", "why_none")

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._spent0_ns = sampler.spent_ns()
        ring = sampler.ring
        self._first = ring.dropped + len(ring.samples)
        self.is_ending = False
        self.why_none = ""

    def spent_ns(self) -> int:
        """
        Return the CPU time that sampling has taken since the call began.
        """
        return self._sampler.spent_ns() - self._spent0_ns

    def leave(self, window: Sampled) -> Samples | None:
        """
        End the sampling, unless others need it, and return the record's ``samples``; None if the call did not ask.

        Never raises.
        """
        if self._sampler.checkpoints is not None:
            self._sampler.checkpoints.leave(window)
        if window.runtime.sample_every_s is None:
            return None
        try:
            return self._leave(window)
        except Exception as error:
            if is_from_signal(error):
                raise
            window.errors["sampling"] = f"{type(error).__name__}: {error}"
            return None

    def _leave(self, window: Sampled) -> Samples:
        runtime, sampler, spent_ns = window.runtime, self._sampler, self.spent_ns()
        # Before the subscription is given up: who leaves last throws the samples away.
        ring = sampler.ring
        fresh = ring.samples[max(0, self._first - ring.dropped) :]
        if sampler.dismiss(self) is None and not self.why_none:
            self.why_none = FORKED
        sampler.rest()
        mine = [each for each in fresh if window.entered_ns <= each.since_ns and each.done_ns <= window.stopped_ns]
        if problem := next((each.problem for each in reversed(mine) if each.problem), ""):
            window.errors["sampling"] = problem
        found: Any = {
            "asked_s": runtime.sample_every_s,
            "dropped": max(0, ring.dropped - self._first),
            "sampler_cpu_s": spent_ns * 1e-9,
            **summary(mine, {id(monitor): monitor.name for monitor in runtime.monitors}, self.why_none),
        }
        samples: Samples = found
        return samples


class Sampler:
    """
    Who is to be sampled, and what was.

    There is no lock: calls come and go in many threads, in garbage collections and in signal handlers, which may
    interrupt each other anywhere. Single operations of dicts and lists are whole, and what is decided by two of them is
    looked at once more.

    Attributes:
        cpu_ns: CPU time that the sampling threads have taken, up to the last sample.
        checkpoints: Where calls are watched that are to leave a record even if they never end, once any has asked.
        ring: What was sampled.
    """

    def __init__(self) -> None:
        self.cpu_ns = 0
        self.checkpoints: Watch | None = None
        self.ring = Ring([], 0)
        self._lines = 0
        self._subscriptions: dict[Subscription, Client] = {}
        self._threads: dict[str, SamplingThread] = {}

    def join(self, window: Sampled) -> Subscription:
        """
        Sample from now on, if the call has asked for it. Never raises.
        """
        subscription = Subscription(self)
        runtime: Client = window.runtime
        if self.checkpoints is not None and (runtime.signals or runtime.checkpoint_s is not None):
            try:
                self.checkpoints.join(window)
            except Exception as error:
                window.errors["checkpoints"] = describe(error)
        if runtime.sample_every_s is None:
            return subscription
        if window.cpu_source == "runs":
            subscription.why_none = MANY_RUNS
            return subscription
        try:
            self._subscriptions[subscription] = runtime
            self._ensure(runtime.sample_every_s)
        except Exception as error:
            self.dismiss(subscription)
            if is_from_signal(error):
                raise
            subscription.why_none = window.errors["sampling"] = f"{type(error).__name__}: {error}"
        return subscription

    def spent_ns(self) -> int:
        """
        Return the CPU time that all our threads have taken.
        """
        return self.cpu_ns + (0 if self.checkpoints is None else self.checkpoints.cpu_ns)

    def dismiss(self, subscription: Subscription) -> Client | None:
        """
        Forget a call; returns None if there is no such one.
        """
        return self._subscriptions.pop(subscription, None)

    def rest(self) -> None:
        """
        End the thread if no call is left, and drop its samples.
        """
        if self._subscriptions:
            return
        thread = self._threads.pop("", None)
        if thread is not None:
            thread.stop()
            self.ring, self._lines = Ring([], self.ring.dropped + len(self.ring.samples)), 0
        if self._subscriptions:  # somebody came meanwhile, and found the thread still there
            self._ensure(self.period_s())

    def forget(self) -> None:
        """
        Begin anew in a forked child.
        """
        self._subscriptions.clear()
        self._threads.clear()
        if self.checkpoints is not None:
            self.checkpoints.forget()
        self.ring, self._lines = Ring([], self.ring.dropped + len(self.ring.samples)), 0

    def period_s(self) -> float:
        """
        Return the shortest period that anybody wants.
        """
        return min((runtime.sample_every_s or inf for runtime in set(self._subscriptions.values())), default=inf)

    def monitors(self) -> list[Monitor]:
        """
        Return the monitors of all calls, each once.
        """
        runtimes = set(self._subscriptions.values())
        return list({id(monitor): monitor for runtime in runtimes for monitor in runtime.monitors}.values())

    def keep(self, sample: Sample) -> None:
        """
        Add a sample, and drop the older half of them when there are too many.
        """
        self._lines += len(sample.processes) or 1
        ring = self.ring
        ring.samples.append(sample)
        if self._lines > KEPT and len(ring.samples) > 1:
            half = len(ring.samples) // 2
            rest = ring.samples[half:]
            self.ring = Ring(rest, ring.dropped + half)
            self._lines = sum(len(each.processes) or 1 for each in rest)

    def _ensure(self, every_s: float) -> None:
        """Have a thread, one that is fast enough."""
        thread = self._threads.get("")
        if thread is None:
            fresh = SamplingThread(self)
            thread = self._threads.setdefault("", fresh)
            if thread is fresh:
                try:
                    thread.start()
                except BaseException:
                    self._threads.pop("", None)
                    raise
        if every_s < thread.period_s:
            thread.hurry()


class SamplingThread:
    """
    The thread: takes a look, waits, takes a look.

    Attributes:
        period_s: How long it means to wait.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        # Not an Event: its lock would be held when a garbage collection, in the same thread, ends another call.
        self._alarm = allocate_lock()
        self._alarm.acquire()
        self._stopped = False
        self.period_s = sampler.period_s()
        self._thread = threading.Thread(target=self._run, name="greensdk-sampler", daemon=True)

    def start(self) -> None:
        """
        Take the first look here and now, and begin.
        """
        self._observer = Observer(self._sampler.monitors(), self._sampler.cpu_ns)
        self._thread.start()

    def hurry(self) -> None:
        """
        Have the thread look at what it is to do.
        """
        try:
            self._alarm.release()
        except RuntimeError:  # it has been reported already
            return

    def stop(self) -> None:
        """
        End the thread and wait until it is gone.
        """
        self._stopped = True
        self.hurry()
        if threading.current_thread() is not self._thread:  # a garbage collection in it may end the last call
            self._thread.join(1.0)

    def _run(self) -> None:
        sampler, observer = self._sampler, self._observer
        before_ns = sampler.cpu_ns
        while not self._stopped:
            self.period_s = sampler.period_s()
            # A look that takes longer than the period would keep a CPU busy: at least half of the time is rest.
            due_ns = max(observer.at_ns + self.period_s * 1e9, 2 * observer.done_ns - observer.at_ns)
            wait_s = min((due_ns - perf_counter_ns()) * 1e-9, LONGEST_WAIT_S)
            if self._alarm.acquire(timeout=max(wait_s, 0.0)) or wait_s == LONGEST_WAIT_S:
                continue
            sample = observer.look(sampler.monitors(), before_ns + thread_time_ns())
            if not self._stopped:
                sampler.keep(sample)
            sampler.cpu_ns = before_ns + thread_time_ns()
