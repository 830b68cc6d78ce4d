"""
Energy and power sensors of the board, through the kernel's hwmon files.

Where a driver counts microjoules, a reading is a difference, as with RAPL. Where it only tells watts, they are looked
at when windows begin and end and once a second in between, and taken to go evenly from one look to the next.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk.monitor import ESTIMATED, MACHINE, MEASURED, Availability, Metric, Reading, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greensdk_hwmon.channels import Channel

DEFAULT_ROOT = "/sys"
LENGTH = 32

LOOK_S = 1.0
"""How often watts are looked at in a long window."""
SAMPLED_LOW, SAMPLED_HIGH = 0.5, 2.0
"""
What watts between two looks may have been, as factors: a judgement. Nobody can know what a sensor did that nobody read.
"""
RESOLUTION_90 = 1 - 0.1**0.5
"""A counter's age at either end is uniform over one update and independent of the other's; see :mod:`greensdk_rapl`."""


class Look(NamedTuple):
    """
    What every sensor has come to at one moment.

    Attributes:
        at_ns: When.
        values: What each shows; None where it could not be read.
        spent_j: Joules that the watts of each power sensor have come to since the monitor was opened.
        breaks: How often each power sensor could not be read.
    """

    at_ns: int
    values: Mapping[str, int | None]
    spent_j: Mapping[str, float]
    breaks: Mapping[str, int]


class HwmonMonitor:
    """
    Joules from the board's own sensors.

    Args:
        root: Where ``class/hwmon`` is.
        update_interval_s: How often energy counters are updated. A shorter window has no number.
        states: Also count frequency changes, idle entries and thermal throttling from sysfs; some hundred files.

    Attributes:
        cheap: The total comes from counters; a power sensor may take milliseconds to answer.
        clock: Gives nanoseconds; a test may put a clock of its own here before the first window.
    """

    name = "hwmon"

    def __init__(self, *, root: str = DEFAULT_ROOT, update_interval_s: float = 0.001, states: bool = False) -> None:
        self.root = root
        self.update_interval_s = update_interval_s
        self.states = states
        self.max_window_s: float | None = None
        self.clock: Callable[[], int] = time.perf_counter_ns
        self._fds: list[int] = []
        self._channels: list[Channel] = []
        self._counted: list[Channel] = []
        # One object, so that threads which look at the same moment go on from one look or the other, never from both.
        self._last: Look | None = None

    @property
    def cheap(self) -> bool:
        """
        Every sensor of the total is a counter.
        """
        return all(channel.kind == "energy" for channel in self._counted or self._look()[1])

    def probe(self) -> Availability:
        """
        Say whether a sensor sees the packages or the whole machine, and can be read.
        """
        channels, wanted = self._look()
        if not channels:
            return Availability(False, f"no energy or power sensor under {os.path.join(self.root, 'class/hwmon')}")
        if not wanted:
            names = ", ".join(channel.key for channel in channels)
            return Availability(False, f"no sensor is known to see the processor or the whole machine, only {names}")
        for channel in wanted:
            try:
                os.close(_opened(channel))
            except PermissionError:
                return Availability(False, f"only root may read {channel.path}", f"sudo chmod a+r {channel.path}")
            except OSError as error:
                return Availability(False, f"{channel.path} can't be read: {error.strerror}")
        return Availability(True)

    def open(self) -> Sequence[Metric]:
        """
        Open a descriptor for each channel that can be read.

        Raises:
            MonitorUnavailable: None sees the packages or the whole machine.
        """
        from greensdk.errors import MonitorUnavailable
        from greensdk.machine.hardware import host_id

        self.close()
        ok, reason, fix = self.probe()
        if not ok:
            raise MonitorUnavailable(reason, fix)
        channels, self._counted = self._look()
        sampled = any(channel.kind == "power" for channel in self._counted)
        for channel in channels:
            if channel.kind == "power" and not sampled:
                continue  # what calls itself cheap asks no slow sensor
            try:
                self._fds.append(_opened(channel))
            except OSError:
                continue  # not one of the total's: probe() has read those
            self._channels.append(channel)
        self.max_window_s = LOOK_S if sampled else None
        self._quality = ESTIMATED if sampled else MEASURED
        self._boundary = self._counted[0].sees
        self._shortest_ns = 1e9 * max(self.update_interval_s, *(channel.interval_s or 0.0 for channel in self._counted))
        where = f":{self.root}" if self.root != DEFAULT_ROOT else ""
        # amd_energy shows RAPL's registers once more: one meter, which nobody shall add to itself.
        meter = "rapl" if not sampled and self._boundary == "package" else f"hwmon:{self._boundary}"
        self._meter_id = f"{host_id()}:{meter}{where}"
        return [_metric(channel) for channel in self._channels]

    def start(self) -> Any:
        """
        Look at every sensor.
        """
        if not self._fds:
            raise RuntimeError("hwmon is not open")
        states = self._states()
        return self._read(), states

    def stop(self, token: Any) -> Reading:
        """
        Look again, and say what was counted, or what the watts came to.
        """
        before, states = token
        if not self._fds or before.values.keys() != {channel.key for channel in self._channels}:
            raise RuntimeError("hwmon was closed, or opened anew, during the window")
        after = self._read()
        elapsed_ns = after.at_ns - before.at_ns
        domains, reasons = {}, {}
        for channel in self._channels:
            key = channel.key
            if channel.kind == "energy":
                domains[key], reasons[key] = _counted_j(before.values[key], after.values[key])
            elif before.values[key] is None or after.breaks[key] != before.breaks[key]:
                domains[key], reasons[key] = None, "the sensor could not be read"
            else:
                domains[key] = after.spent_j[key] - before.spent_j[key]
        reasons = {key: why for key, why in reasons.items() if why}
        attributes: dict[str, Any] = {"counted": [channel.key for channel in self._counted]}
        if self._quality == MEASURED:
            attributes["start_uj"], attributes["stop_uj"] = self._counters(before.values), self._counters(after.values)
        if reasons:
            attributes["reasons"] = reasons
        if states is not None:
            attributes["states"] = _grown(states, self._states() or {})
        return self._reading(domains, reasons, elapsed_ns, attributes)

    def poll(self) -> None:
        """
        Look at the watts in the middle of a long window.
        """
        self._read()

    def close(self) -> None:
        """
        Close every descriptor.
        """
        fds, self._fds = self._fds, []
        self._channels, self._counted, self._last = [], [], None
        for fd in fds:
            os.close(fd)

    def _look(self) -> tuple[list[Channel], list[Channel]]:
        from greensdk_hwmon.channels import counted, find

        channels = find(self.root)
        return channels, counted(channels)

    def _read(self) -> Look:
        """
        Look at every sensor, and add what the watts have come to since the last look.
        """
        last = self._last
        now_ns = self.clock()
        values = {channel.key: _value(fd) for channel, fd in zip(self._channels, self._fds, strict=True)}
        spent_j: dict[str, float] = {}
        breaks: dict[str, int] = {}
        for key in (channel.key for channel in self._channels if channel.kind == "power"):
            first, second = last.values[key] if last else None, values[key]
            spent_j[key] = last.spent_j[key] if last else 0.0
            if last and first is not None and second is not None:
                spent_j[key] += (first + second) * 0.5e-6 * (now_ns - last.at_ns) * 1e-9
            breaks[key] = (last.breaks[key] if last else 0) + (second is None)
        look = self._last = Look(now_ns, values, spent_j, breaks)
        return look

    def _counters(self, values: Mapping[str, int | None]) -> dict[str, int | None]:
        return {channel.key: values.get(channel.key) for channel in self._counted}

    def _states(self) -> dict[str, int | None] | None:
        if not self.states:
            return None
        from greensdk_hwmon.states import totals

        return totals(self.root)

    def _reading(
        self, domains: dict[str, float | None], reasons: dict[str, str], elapsed_ns: int, attributes: dict[str, Any]
    ) -> Reading:
        against = [f"{channel.key}: {reasons[channel.key]}" for channel in self._counted if channel.key in reasons]
        if not against and elapsed_ns < self._shortest_ns:
            against = [f"the window is shorter than the sensor's {self._shortest_ns / 1e6:.3g} ms"]
        energy_j = low_j = high_j = None
        if not against:
            energy_j = sum(domains[channel.key] or 0.0 for channel in self._counted)
            if self._quality == ESTIMATED:
                low_j, high_j = energy_j * SAMPLED_LOW, energy_j * SAMPLED_HIGH
            else:
                half_j = energy_j * RESOLUTION_90 * self.update_interval_s * 1e9 / (elapsed_ns or 1)
                low_j, high_j = energy_j - half_j, energy_j + half_j
        return reading(
            "hwmon",
            scope=MACHINE,
            quality=self._quality,
            boundary=self._boundary,
            energy_j=energy_j,
            energy_low_j=low_j,
            energy_high_j=high_j,
            domains=domains,
            meter_id=self._meter_id,
            reason="; ".join(against) or None,
            attributes=attributes,
        )


def _opened(channel: Channel) -> int:
    """
    Return a descriptor on a channel, which has been read once.

    Raises:
        OSError: It can't be opened or read.
    """
    fd = os.open(channel.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.pread(fd, LENGTH, 0)
    except OSError:
        os.close(fd)
        raise
    return fd


def _value(fd: int) -> int | None:
    try:
        value = int(os.pread(fd, LENGTH, 0))
    except (OSError, ValueError):
        return None
    return value if value >= 0 else None


def _counted_j(before: int | None, after: int | None) -> tuple[float | None, str]:
    # 64-bit microjoules: 500,000 years at a watt, so a step back is a reset.
    if before is None or after is None:
        return None, "the sensor could not be read"
    if after < before:
        return None, f"the counter went back from {before} to {after} uJ: it was reset"
    return (after - before) / 1e6, ""


def _grown(before: dict[str, int | None], after: dict[str, int | None]) -> dict[str, int | None]:
    ends = {key: (before.get(key), value) for key, value in after.items()}
    return {key: None if one is None or two is None else two - one for key, (one, two) in ends.items()}


def _metric(channel: Channel) -> Metric:
    quality = MEASURED if channel.kind == "energy" else ESTIMATED
    how = "counted" if channel.kind == "energy" else "watts looked at, and taken to go evenly in between"
    return Metric(channel.key, "J", channel.sees, MACHINE, quality, f"{os.path.basename(channel.path)}: {how}.")
