"""
Joules at the wall, from the watts that a plug meter once showed for this machine.

What runs around a measured call is here and imports the standard library only; the hooks, which need
pluggy, are in :mod:`greensdk_plug.hooks`, so that a worker never imports them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from greensdk.errors import ConfigError
from greensdk.monitor import ESTIMATED, MACHINE, Availability, Metric, Reading, reading


class PlugMonitor:
    """
    Counts a constant power for as long as the window lasts: ``energy_j = watts * seconds``.

    Args:
        watts: What the plug meter shows while the machine works; None: nobody has looked yet.
        tolerance: How far the true power may be away, as a fraction of `watts`; the 90 % interval.
    """

    name = "plug"
    cheap = True
    max_window_s = None

    def __init__(self, *, watts: float | None = None, tolerance: float = 0.2) -> None:
        if watts is not None and not watts > 0:
            raise ConfigError(f"plug: watts is {watts!r}, and must be above 0")
        if not 0 <= tolerance < 1:
            raise ConfigError(f"plug: tolerance is {tolerance!r}, and must be from 0 up to 1")
        self.watts = watts
        self.tolerance = tolerance

    def probe(self) -> Availability:
        """
        Say whether somebody has told the watts.
        """
        if self.watts is None:
            return Availability(False, "nobody has said what the plug meter shows", "set GREENSDK_PLUG_WATTS")
        return Availability(True)

    def open(self) -> Sequence[Metric]:
        """
        Name the one metric.
        """
        return [Metric("wall", "J", "wall", MACHINE, ESTIMATED, "Given watts times the window's seconds")]

    def start(self) -> int:
        """
        Note the time.
        """
        return time.perf_counter_ns()

    def stop(self, token: int) -> Reading:
        """
        Return the joules since `token`.
        """
        energy_j = (self.watts or 0.0) * (time.perf_counter_ns() - token) * 1e-9
        return reading(
            "plug",
            scope=MACHINE,
            quality=ESTIMATED,
            boundary="wall",
            energy_j=energy_j,
            energy_low_j=energy_j * (1 - self.tolerance),
            energy_high_j=energy_j * (1 + self.tolerance),
            domains={"wall": energy_j},
            attributes={"watts": self.watts},
        )

    def poll(self) -> None:
        """
        A constant needs no looking after.
        """

    def close(self) -> None:
        """
        Nothing was taken.
        """


def greensdk_enrich(record: Mapping[str, Any], config: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return what a finished record gets under ``plug``: the share of the plug's power that the call had.

    Args:
        record: The record, which can't be changed here.
        config: The plugin's table, ``[tool.greensdk.plug]``; `PlugMonitor` has checked it.
    """
    found = [each["call_j"] for each in record["readings"] if each["monitor"] == "plug"]
    if not found or found[0] is None or not record["duration_s"]:
        return {"call_w": None, "known_w": config.get("watts")}
    return {"call_w": found[0] / record["duration_s"], "known_w": config.get("watts")}
