"""
One observation of the meters and the process tree, and what happened since the one before.
"""

from __future__ import annotations

from math import inf
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from greensdk.machine.processes import Process, tree
from greensdk.machine.signals import is_from_signal
from greensdk.monitor import MACHINE
from greensdk.sample.samples import Sample, compare, parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greensdk.monitor import Monitor


class Observer:
    """
    Tells what happened since its last observation.

    Attributes:
        at_ns: When the last observation began.
        done_ns: When it had ended.
    """

    def __init__(self, monitors: Sequence[Monitor], ours_ns: int) -> None:
        self.at_ns = self.done_ns = 0
        self._processes: Sequence[Process] = ()
        self._tokens: dict[int, tuple[Monitor, int, Any]] = {}
        self.look(monitors, ours_ns)

    def look(self, monitors: Sequence[Monitor], ours_ns: int) -> Sample:
        """
        Return what happened. What fails is left out and named.
        """
        since_ns, before = self.at_ns, self._processes
        problems: list[str] = []
        self.at_ns = perf_counter_ns()
        try:
            self._processes = tree(ours_ns * 1e-9)
        except Exception as error:
            if is_from_signal(error):
                raise
            self._processes = ()
            problems.append(f"processes: {type(error).__name__}: {error}")
        watts_of = {id(monitor): self._watts(monitor, problems) for monitor in monitors}
        self._tokens = {key: held for key, held in self._tokens.items() if key in watts_of}
        self.done_ns = perf_counter_ns()
        return Sample(
            since_ns,
            self.at_ns,
            self.done_ns,
            {key: watts for key, watts in watts_of.items() if watts is not None},
            compare(before, self._processes, (self.at_ns - since_ns) * 1e-9),
            parts(before, self._processes) if before else (),
            "; ".join(problems),
        )

    def _watts(self, monitor: Monitor, problems: list[str]) -> tuple[float, float] | str | None:
        """
        Return the mean power since the last look and the seconds since then by the meter's own clock, or why it is not
        known; None if there was no last look, or no meter.
        """
        held = self._tokens.pop(id(monitor), None)
        try:
            # The clock before the meter, both times: reading it may give the interpreter away for milliseconds.
            ended_ns = perf_counter_ns()
            reading = monitor.stop(held[2]) if held else None
            began_ns = perf_counter_ns()
            self._tokens[id(monitor)] = monitor, began_ns, monitor.start()
            if held is None or reading is None or reading["scope"] != MACHINE:
                return None
            joules = reading["energy_j"]
            if joules is None:
                return reading["reason"] or "no reason given"
            seconds = (ended_ns - held[1]) * 1e-9
            watts = float(joules) / seconds
            return (watts, seconds) if 0.0 <= watts < inf else f"{joules!r} is no number of joules"
        except BaseException as error:  # a plugin's SystemExit is no more ours to raise than its OSError
            if is_from_signal(error):
                raise
            problems.append(f"{monitor.name}: {type(error).__name__}: {error}")
            return problems[-1]
