"""
A monitor inside a real window, without registering it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from greensdk.configure.targets import NAMED
from greensdk.measure.calls import Call
from greensdk.measure.record import Subject, name_of
from greensdk.measure.slots import Slot
from greensdk.monitor import CpuClock, Estimator, Monitor


def tracked_by(
    *sources: Monitor | Estimator | CpuClock,
    resources: str = "light",
    strict: bool = False,
    calibration: str | None = None,
    boundary: str | None = None,
    gpu_sync: bool = False,
) -> Callable[[Callable[..., Any]], Call]:
    """
    Return a decorator that measures with these very monitors; the records go to ``capture()`` alone.

    Args:
        sources: Monitors, estimators and at most one CPU clock, in the order in which they start; they are opened here.
        resources: As for :func:`greensdk.energy_tracked`.
        strict: As for :func:`greensdk.energy_tracked`.
        calibration: A file of ``greensdk calibrate``.
        boundary: As for :func:`greensdk.energy_tracked`.
        gpu_sync: As for :func:`greensdk.energy_tracked`.

    Example:
        >>> from greensdk import capture
        >>> from greensdk.testing import FakeMonitor, tracked_by
        >>> with capture() as records:
        ...     tracked_by(FakeMonitor("fake", joules=2.5))(lambda: None)()
        >>> records[0]["readings"][0]["energy_j"]
        2.5
    """
    for source in sources:
        source.open()
    given = {str(number): source for number, source in enumerate(sources)}
    spec = {
        "sources": [[source.name, number, {}, NAMED] for number, source in given.items()],
        "sinks": [],
        "order": [source.name for source in sources],
        "resources": resources,
        "strict": strict,
        "calibration": calibration,
        "boundary": boundary,
        "gpu_sync": gpu_sync,
    }
    slot = Slot(spec, Given(given))
    slot.open()
    return lambda fn: Call(fn, slot, Subject(name_of(fn)))


class Given:
    """
    Takes the place of the process's monitors.
    """

    def __init__(self, sources: Mapping[str, Any]) -> None:
        self._sources = sources

    def get(self, target: str, config: Mapping[str, Any], cheap_only: bool = False) -> tuple[Any, str]:  # noqa: ARG002
        """
        Return the source that was given for a target.
        """
        return self._sources[target], ""
