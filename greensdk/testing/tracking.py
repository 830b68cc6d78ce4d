"""
A monitor inside a real window, without registering it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greensdk.measure.attribution import NOTHING
from greensdk.measure.calls import Call, name_of
from greensdk.measure.cputime import host_clock
from greensdk.measure.runtime import Runtime
from greensdk.measure.window import Subject
from greensdk.monitor import CpuClock, Estimator, Monitor


def tracked_by(
    *sources: Monitor | Estimator | CpuClock,
    resources: str = "light",
    strict: bool = False,
    calibration: str | None = None,
) -> Callable[[Callable[..., Any]], Call]:
    """
    Return a decorator that measures with these very monitors; the records go to ``capture()`` alone.

    Args:
        sources: Monitors, estimators and at most one CPU clock, in the order in which they start; they are opened here.
        resources: As for :func:`greensdk.energy_tracked`.
        strict: As for :func:`greensdk.energy_tracked`.
        calibration: A file of ``greensdk calibrate``.

    Example:
        >>> from greensdk import capture
        >>> from greensdk.testing import FakeMonitor, tracked_by
        >>> with capture() as records:
        ...     tracked_by(FakeMonitor("fake", joules=2.5))(lambda: None)()
        >>> records[0]["readings"][0]["energy_j"]
        2.5
    """
    plain = {"resources": resources, "strict": strict, "calibration": calibration}
    runtime = Runtime({"sources": [], "sinks": [], **plain})
    runtime.open()
    for source in sources:
        source.open()
    runtime.monitors = tuple(s for s in sources if isinstance(s, Monitor))
    runtime.backwards = runtime.monitors[::-1]
    runtime.estimators = tuple(s for s in sources if isinstance(s, Estimator))
    runtime.ranks = {source.name: place for place, source in enumerate(sources)}
    runtime.nothing = NOTHING
    runtime.counts = True
    runtime.cpu_clock = next((s for s in sources if isinstance(s, CpuClock)), None)
    runtime.host_clock = host_clock() if runtime.cpu_clock is None else None
    limits = [m.max_window_s for m in runtime.monitors if m.max_window_s is not None]
    if limits:
        runtime.poll_every_s, runtime.poll_due_ns = min(limits), 0.0
        runtime.listen(not runtime.is_eager())
    return lambda fn: Call(fn, runtime, Subject(name_of(fn)))
