"""
Functions too short for a meter: many runs in one window.

A package counter moves once a millisecond, so a function of a microsecond has no reading of its own. What many runs of
it took together can be read, and their mean told:

- ``repeat=N`` runs the function N times in each call, as benchmarks do. It has to be one that may be repeated.
- ``every_s=S`` leaves the calls as they are and makes one record for all of a thread's calls in S seconds. Between the
  meters' readings at both ends each run costs two looks at the thread's clock.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Any

from greensdk.measure.calls import Call
from greensdk.measure.cputime import ledger
from greensdk.measure.runtime import Runtime, closing
from greensdk.measure.window import Subject, Window, open_window

STALE = "the function was not called for {0:.3g} s, so its runs can't be told from what else the meter counted"

_open: list[Period] = []


class RepeatedCall(Call):
    """
    Runs the function several times in one window; the result is the last run's.
    """

    __slots__ = ("repeat",)

    def __init__(self, fn: Callable[..., Any], runtime: Runtime, subject: Subject) -> None:
        super().__init__(fn, runtime, subject)
        self.repeat: int = runtime.spec["repeat"]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Run the function in a window. A run that raises is the last.
        """
        window = open_window(self.runtime, self.subject)
        if window is None:
            return self.fn(*args, **kwargs)
        window.runs = 0
        window.resume()
        try:
            for _ in range(self.repeat):
                window.runs += 1
                result = self.fn(*args, **kwargs)
        except BaseException as error:
            window.pause()
            window.end(error)
            raise
        window.pause()
        window.end(None)
        if window.strict_error is not None:
            raise window.strict_error
        return result


class Period:
    """
    All of one thread's runs of one function within some seconds, in one window.

    Attributes:
        window: Open from before the first run until after the last.
        due_ns: The first run that ends after this ends the period.
        runs_now: How deep the function runs in itself right now.
    """

    __slots__ = ("due_ns", "opened", "runs_now", "window")

    def __init__(self, window: Window, length_ns: int, opened: int) -> None:
        # Not under way between the runs, and nobody's child: calls around a run do without what the run took.
        if window.is_lane:
            ledger.open -= 1
        window.is_lane = window.alone = False
        window.parent = None
        window.depth = window.runs = 0
        self.window = window
        self.due_ns = window.entered_ns + length_ns
        self.opened = opened
        self.runs_now = 0

    def run(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """
        Run the function as a part of the window.
        """
        window = self.window
        window.runs += 1
        if self.runs_now:
            return fn(*args, **kwargs)
        self.runs_now = 1
        ledger.open += 1
        ledger.born += 1
        window.resume()
        try:
            return fn(*args, **kwargs)
        finally:
            window.pause()
            ledger.open -= 1
            self.runs_now = 0

    def end(self, rested_ns: int, most_ns: int) -> None:
        """
        Make the record.

        Args:
            rested_ns: How long ago the last run ended.
            most_ns: After how long the meter's count is no longer the runs'.
        """
        if rested_ns > most_ns:
            self.window.unshared = STALE.format(rested_ns / 1e9)
        self.window.end(None)
        if self in _open:
            _open.remove(self)


class PeriodCall(Call):
    """
    Makes one record for all of a thread's calls within some seconds.
    """

    __slots__ = ("here", "length_ns")

    def __init__(self, fn: Callable[..., Any], runtime: Runtime, subject: Subject) -> None:
        super().__init__(fn, runtime, subject)
        self.length_ns = int(runtime.spec["every_s"] * 1e9)
        self.here = threading.local()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Run the function as a part of its thread's period.
        """
        period = self._period()
        if period is None:
            return self.fn(*args, **kwargs)
        try:
            return period.run(self.fn, args, kwargs)
        finally:
            stopped_ns = period.window.stopped_ns
            if stopped_ns >= period.due_ns and not period.runs_now:
                self.here.period = None
                period.end(perf_counter_ns() - stopped_ns, self.length_ns)

    def _period(self) -> Period | None:
        """
        Return the thread's period; a new one when there is none, or when the last has waited too long for a run.
        """
        period: Period | None = getattr(self.here, "period", None)
        runtime = self.runtime
        if period is not None and (not runtime.ready or period.opened != runtime.opened):
            period = None  # a fork or a reset has closed its meters
        if period is not None and not period.runs_now:
            rested_ns = perf_counter_ns() - period.window.stopped_ns
            if rested_ns > self.length_ns:
                period.end(rested_ns, self.length_ns)
                period = None
        if period is None:
            window = open_window(runtime, self.subject, "runs")
            if window is None:
                return None
            period = self.here.period = Period(window, self.length_ns, runtime.opened)
            _open.append(period)
        return period


def kind_of(spec: Mapping[str, Any]) -> type[Call]:
    """
    Return how a function with these arguments is called.
    """
    return PeriodCall if "every_s" in spec else RepeatedCall


def flush() -> None:
    """
    End all periods between whose runs we are; at exit, and before a runtime closes.
    """
    for period in _open[:]:
        if period.runs_now == 0 and period.window.runtime.ready and period.opened == period.window.runtime.opened:
            period.end(perf_counter_ns() - period.window.stopped_ns, period.due_ns - period.window.entered_ns)
    _open.clear()


closing.append(flush)
atexit.register(flush)
