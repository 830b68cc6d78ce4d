"""
Energy and power sensors of the board, through the kernel's hwmon files.

Where a driver counts microjoules, a reading is a difference, as with RAPL. Where it only shows watts, they are read
when windows begin and end and once a second in between, and taken to change evenly from one reading to the next.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from greensdk_rapl.access import open_counter

from greensdk.monitor import ESTIMATED, MACHINE, MEASURED, RESOLUTION_90, Availability, Metric, Reading, reading
from greensdk_hwmon.snapshot import Snapshot, value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greensdk_rapl.mirrors import Pair

    from greensdk_hwmon.channels import Channel

DEFAULT_ROOT = "/sys"

LOOK_S = 1.0
"""How often watts are read in a long window."""
SAMPLED_LOW, SAMPLED_HIGH = 0.5, 2.0
"""
What watts between two readings may have been, as factors: a judgement, since what a sensor did while it was not read is
unknown.
"""


class HwmonMonitor:
    """
    Joules from the board's own sensors.

    Args:
        root: Where ``class/hwmon`` is.
        update_interval_s: How often energy counters are updated. A shorter window has no number; 0 leaves out all that
            rests on time.
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
        self._duplicates: dict[str, str] = {}
        self._pairs: tuple[Pair, ...] = ()
        # One object, so that threads that read at the same moment go on from one reading or the other.
        self._last: Snapshot | None = None

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
                os.close(open_counter(channel.path))
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
                self._fds.append(open_counter(channel.path))
            except OSError:
                continue  # not one of the total's: probe() has read those
            self._channels.append(channel)
        self._find_doubles()
        self._arrange()
        self._opened = self._read()
        self.max_window_s = LOOK_S if sampled else None
        self._quality = ESTIMATED if sampled else MEASURED
        self._boundary = self._counted[0].sees
        self._shortest_ns = 1e9 * max(self.update_interval_s, *(channel.interval_s or 0.0 for channel in self._counted))
        where = f":{self.root}" if self.root != DEFAULT_ROOT else ""
        # amd_energy and zenergy show RAPL's registers once more: one meter, which must not be added to itself.
        meter = "rapl" if not sampled and self._boundary == "package" else f"hwmon:{self._boundary}"
        self._meter_id = f"{host_id()}:{meter}{where}"
        return [_metric(channel) for channel in self._channels]

    def _find_doubles(self) -> None:
        """See which packages' counters show another's once more."""
        from greensdk_rapl.mirrors import pairs, watch

        packages = {channel.key for channel in self._counted if channel.kind == "energy" and channel.sees == "package"}
        each = zip(self._channels, self._fds, strict=True)
        self._duplicates, self._pairs = watch(
            pairs((channel.key, fd) for channel, fd in each if channel.key in packages)
        )

    def start(self) -> Any:
        """
        Read every sensor.
        """
        if not self._fds:
            raise RuntimeError("hwmon is not open")
        states = self._states()
        return self._read(), states

    def stop(self, token: Any) -> Reading:
        """
        Read them again, and say what was counted, or what the watts came to.
        """
        from greensdk_hwmon.joules import against, joules

        before, states = token
        if not self._fds or before.values.keys() != self._keys:
            raise RuntimeError("hwmon was closed or reopened during the window")
        after = self._read()
        if self._pairs:
            self._settle()
        update_ns, elapsed_ns = self.update_interval_s * 1e9, after.at_ns - before.at_ns
        counted = self._total
        domains, reasons = joules(self._single, self._opened, before, after, update_ns)
        attributes: dict[str, Any] = {"counted": [*counted]}
        if self._quality == MEASURED:
            attributes["start_uj"] = {key: before.values[key] for key in counted}
            attributes["stop_uj"] = {key: after.values[key] for key in counted}
        if reasons:
            attributes["reasons"] = reasons
        if self._duplicates:
            attributes["duplicates"] = dict(self._duplicates)
        if states is not None:
            attributes["states"] = _grown(states, self._states() or {})
        reason = against(counted, self._boundary, domains, reasons, elapsed_ns, update_ns)
        if not reason and elapsed_ns < self._shortest_ns:
            reason = f"the window is shorter than the sensor's {self._shortest_ns / 1e6:.3g} ms"
        energy_j = None if reason else sum([domains[key] or 0.0 for key in counted])
        return self._reading(energy_j, domains, reason, elapsed_ns, attributes)

    def _settle(self) -> None:
        """See which of the counters that agreed are one meter, now that they may have moved."""
        from greensdk_rapl.mirrors import settle

        same, self._pairs = settle(self._pairs)
        self._duplicates = {**self._duplicates, **same}
        self._arrange()

    def _arrange(self) -> None:
        """Lay out what start and stop need of the channels."""
        self._keys = {channel.key for channel in self._channels}
        self._single = [channel for channel in self._channels if channel.key not in self._duplicates]
        self._total = [channel.key for channel in self._counted if channel.key not in self._duplicates]

    def poll(self) -> None:
        """
        Read the watts in the middle of a long window.
        """
        self._read()

    def close(self) -> None:
        """
        Close every descriptor.
        """
        fds, self._fds = self._fds, []
        self._channels, self._counted, self._last = [], [], None
        self._duplicates, self._pairs = {}, ()
        for fd in fds:
            os.close(fd)

    def _look(self) -> tuple[list[Channel], list[Channel]]:
        from greensdk_hwmon.channels import counted, find

        channels = find(self.root)
        return channels, counted(channels)

    def _read(self) -> Snapshot:
        """Read every sensor, and add what the watts have come to since the last time."""
        last = self._last
        now_ns = self.clock()
        values = {channel.key: value(fd, channel) for channel, fd in zip(self._channels, self._fds, strict=True)}
        spent_j: dict[str, float] = {}
        breaks: dict[str, int] = {}
        for key in (channel.key for channel in self._channels if channel.kind == "power"):
            first, second = last.values[key] if last else None, values[key]
            spent_j[key] = last.spent_j[key] if last else 0.0
            if last and first is not None and second is not None:
                spent_j[key] += (first + second) * 0.5e-6 * (now_ns - last.at_ns) * 1e-9
            breaks[key] = (last.breaks[key] if last else 0) + (second is None)
        look = self._last = Snapshot(now_ns, values, spent_j, breaks)
        return look

    def _states(self) -> dict[str, int | None] | None:
        if not self.states:
            return None
        from greensdk_hwmon.states import totals

        return totals(self.root)

    def _reading(
        self,
        energy_j: float | None,
        domains: dict[str, float | None],
        reason: str,
        elapsed_ns: int,
        attributes: dict[str, Any],
    ) -> Reading:
        low_j = high_j = None
        if energy_j is not None and self._quality == ESTIMATED:
            low_j, high_j = energy_j * SAMPLED_LOW, energy_j * SAMPLED_HIGH
        elif energy_j is not None:
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
            reason=reason or None,
            attributes=attributes,
        )


def _grown(before: dict[str, int | None], after: dict[str, int | None]) -> dict[str, int | None]:
    ends = {key: (before.get(key), value) for key, value in after.items()}
    return {key: None if one is None or two is None else two - one for key, (one, two) in ends.items()}


def _metric(channel: Channel) -> Metric:
    quality = MEASURED if channel.kind == "energy" else ESTIMATED
    how = "counted" if channel.kind == "energy" else "watts read now and then, and taken to change evenly in between"
    return Metric(channel.key, "J", channel.sees, MACHINE, quality, f"{os.path.basename(channel.path)}: {how}.")
