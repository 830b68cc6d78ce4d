"""
Functions too short for a meter: many runs in one window.

A package counter moves once a millisecond, so a function of a microsecond has no reading of its own. What many runs of
it took together can be read, and their mean recorded:

- ``repeat=N`` runs the function N times in each call, as benchmarks do. It has to be one that may be repeated.
- ``every_s=S`` leaves the calls as they are and makes one record for all of a thread's calls in S seconds. Between the
  meters' readings at both ends each run costs two looks at the thread's clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from greensdk.measure.calls import PAUSED, Call, measure, open_window
from greensdk.measure.state import current, ledger
from greensdk.measure.window import Window

if TYPE_CHECKING:
    from greensdk.measure.record import Subject
    from greensdk.measure.slots import Slot
    from greensdk.measure.window import Window

STALE = "the function was not called for {0:.3g} s, so its runs can't be separated from what else the meter counted"


class RepeatedCall(Call):
    """
    Runs the function several times in one window; the result is the last run's.
    """

    __slots__ = ("once", "repeat")

    def __init__(self, fn: Callable[..., Any], slot: Slot, subject: Subject) -> None:
        super().__init__(self._run, slot, subject)
        self.once = fn
        self.repeat: int = slot.spec["repeat"]

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """
        Run the function as often as asked. A run that raises is the last.
        """
        window = current.get()
        if not isinstance(window, Window) or window.subject is not self.subject:
            return self.once(*args, **kwargs)  # unmeasured
        window.runs, window.adds = 0, True
        for _ in range(self.repeat):
            window.runs += 1
            result = self.once(*args, **kwargs)
        return result


class Period:
    """
    All of one thread's runs of one function within some seconds, in one window.

    Attributes:
        window: Open from before the first run until after the last.
        due_ns: The first run that ends after this ends the period.
        runs_now: How deep the function runs in itself right now.
    """

    __slots__ = ("due_ns", "length_ns", "runs_now", "window")

    def __init__(self, window: Window, length_ns: int) -> None:
        # Not under way between the runs, and no call's child: calls around a run do without what the run took.
        if window.is_lane:
            ledger.open -= 1
        window.is_lane = window.alone = False
        window.parent = None
        window.depth, window.runs, window.adds = 0, 0, True
        self.window = window
        self.due_ns = window.entered_ns + length_ns
        self.length_ns = length_ns
        self.runs_now = 0
        window.runtime.unfinished.append(self.finish)

    def run(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """
        Run the function as a part of the window.
        """
        window = self.window
        window.runs += 1
        if self.runs_now:
            return fn(*args, **kwargs)
        try:
            self.runs_now = 1
            ledger.open += 1
            ledger.born += 1
            return measure(fn, args, kwargs, window, goes_on)
        finally:
            ledger.open -= 1
            self.runs_now = 0

    def rested_ns(self) -> int:
        """
        Return how long ago the last run ended.
        """
        return perf_counter_ns() - self.window.stopped_ns

    def finish(self) -> None:
        """
        Make the record, unless a run is under way; after too long a rest the meter's count is no longer the runs'.
        """
        if self.runs_now:
            return
        unfinished = self.window.runtime.unfinished
        unfinished[:] = [each for each in unfinished if each != self.finish]
        rested_ns = self.rested_ns()
        if rested_ns > self.length_ns:
            self.window.unshared = STALE.format(rested_ns / 1e9)
        self.window.close(None)


def goes_on(_: BaseException) -> BaseException:
    """
    Give the verdict on a run, however it has ended.
    """
    return PAUSED


class PeriodCall(Call):
    """
    Makes one record for all of a thread's calls within some seconds.
    """

    __slots__ = ("here", "length_ns")

    def __init__(self, fn: Callable[..., Any], slot: Slot, subject: Subject) -> None:
        super().__init__(fn, slot, subject)
        self.length_ns = int(slot.spec["every_s"] * 1e9)
        self.here = threading.local()

    def run(self, args: Any, kwargs: dict[str, Any]) -> Any:
        """
        Run the function as a part of its thread's period.
        """
        period = self._period()
        if period is None:
            return self.fn(*args, **kwargs)
        try:
            return period.run(self.fn, args, kwargs)
        finally:
            if period.window.stopped_ns >= period.due_ns and not period.runs_now:
                self.here.period = None
                period.finish()

    def _period(self) -> Period | None:
        """
        Return the thread's period; a new one when there is none, or when the last has waited too long for a run.
        """
        period: Period | None = getattr(self.here, "period", None)
        if period is not None and period.window.runtime is not self.slot.runtime:
            period = None  # a fork or a reset has closed its meters
        if period is not None and not period.runs_now and period.rested_ns() > self.length_ns:
            period.finish()
            period = None
        if period is None:
            window = open_window(self.slot, self.subject, "runs")
            if window is None:
                return None
            period = self.here.period = Period(window, self.length_ns)
        return period


def kind_of(spec: Mapping[str, Any]) -> type[Call]:
    """
    Return how a function with these arguments is called.
    """
    return PeriodCall if "every_s" in spec else RepeatedCall
