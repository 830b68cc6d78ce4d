"""
Energy at the wall, from a plug meter's reading for this machine.

This module runs around measured calls and imports the standard library only; the hooks, which need
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
    A constant power over the window: ``energy_j = watts * seconds``.

    Args:
        watts: The plug meter's reading under load; None if it was not read.
        tolerance: Uncertainty of the power as a fraction of `watts`: the 90% interval.
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
        Return whether the watts are configured.
        """
        if self.watts is None:
            return Availability(False, "watts are not set", "set GREENSDK_PLUG_WATTS")
        return Availability(True)

    def open(self) -> Sequence[Metric]:
        """
        Return the only metric.
        """
        return [Metric("wall", "J", "wall", MACHINE, ESTIMATED, "Given watts times the window's seconds")]

    def start(self) -> int:
        """
        Return the time.
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
        Do nothing: a constant needs no polling.
        """

    def close(self) -> None:
        """
        Do nothing: there is nothing to release.
        """


def greensdk_enrich(record: Mapping[str, Any], config: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return the fields of a finished record under ``plug``: the call's mean power.

    Args:
        record: The record, which is read-only.
        config: The plugin's table, ``[tool.greensdk.plug]``; `PlugMonitor` validates it.
    """
    joules = [each["call_j"] for each in record["readings"] if each["monitor"] == "plug"]
    if not joules or joules[0] is None or not record["duration_s"]:
        return {"call_w": None, "known_w": config.get("watts")}
    return {"call_w": joules[0] / record["duration_s"], "known_w": config.get("watts")}
