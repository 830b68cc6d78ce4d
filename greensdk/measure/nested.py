"""
What the tracked calls inside a call have used, so that its own part can be told.
"""

from __future__ import annotations

from collections.abc import Iterable

from greensdk.measure.attribution import self_energy
from greensdk.monitor import Reading


class Nested:
    """
    Sums over the calls directly inside one call.

    Attributes:
        cpu_s: Their CPU seconds.
        known: Of each monitor and boundary the joules of those calls that have any, and their CPU seconds.
    """

    __slots__ = ("cpu_s", "known")

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.known: dict[tuple[str, str], tuple[float, float]] = {}

    def add(self, readings: Iterable[Reading], cpu_s: float) -> None:
        """
        Add a call that has ended.
        """
        self.cpu_s += cpu_s
        for each in readings:
            call_j = each["call_j"]
            if call_j is not None:
                key = each["monitor"], each["boundary"]
                known_j, known_cpu_s = self.known.get(key, (0.0, 0.0))
                self.known[key] = known_j + call_j, known_cpu_s + cpu_s

    def left_of(self, primary: Reading, cpu_s: float) -> float | None:
        """
        Return the joules that are the outer call's own; see :func:`greensdk.measure.attribution.self_energy`.

        Args:
            primary: The outer call's.
            cpu_s: Its CPU seconds.
        """
        known_j, known_cpu_s = self.known.get((primary["monitor"], primary["boundary"]), (0.0, 0.0))
        return self_energy(primary["call_j"], cpu_s, known_j, self.cpu_s - known_cpu_s)
