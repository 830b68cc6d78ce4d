"""
RAPL: the energy counters of the processor, read through the kernel's powercap files.

The counters count for the whole machine, once a millisecond, and wrap around. One read of each before
the call and one after it is all that happens in the measured path.
"""

from __future__ import annotations

import time
from math import inf
from os import close, pread
from typing import TYPE_CHECKING, Any

from greensdk.machine.signals import is_from_signal
from greensdk.monitor import MACHINE, MEASURED, Availability, Metric, Reading, reading
from greensdk_rapl.access import LENGTH, judge
from greensdk_rapl.meter import Meter, describe, open_meter
from greensdk_rapl.zones import find

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greensdk_rapl.counters import Mark

DEFAULT_ROOT = "/sys/class/powercap"

RESOLUTION_90 = 1 - 0.1**0.5
"""
How many update intervals 9 of 10 windows are off by at most. The counter's age at either end is uniform
over one interval and independent of the other end's, so the error is triangular on +-1 interval, and
``2 a - a**2 = 0.9``.
"""

STUCK_UPDATES = 20
"""A package draws watts even when it is idle: counters that stood still for so many updates are stuck, or emulated."""


class RaplMonitor:
    """
    Joules of the processor packages and their memory.

    Args:
        root: The powercap class directory.
        update_interval_s: How often the counters are updated. A shorter window has no number. Intel's Software
            Developer's Manual, volume 3, "RAPL interfaces", gives about 1 ms.
        max_power_w: The most a single zone can draw. Without it: :data:`greensdk_rapl.zones.TURBO_FACTOR` times the
            limit that the zone publishes, or :data:`greensdk_rapl.zones.DEFAULT_MAX_POWER_W`.

    Attributes:
        clock: Gives nanoseconds; a test may put a clock of its own here before the first window.
    """

    name = "rapl"
    cheap = True

    def __init__(
        self, *, root: str = DEFAULT_ROOT, update_interval_s: float = 0.001, max_power_w: float | None = None
    ) -> None:
        self.root = root
        self.update_interval_s = update_interval_s
        self.max_power_w = max_power_w
        self.max_window_s: float | None = None
        self.clock: Callable[[], int] = time.perf_counter_ns
        self._meter_id = ""
        self._meter = Meter()
        self._prepare()

    def _prepare(self) -> None:
        meter = self._meter
        self._fds = meter.fds
        self._keys = tuple(zone.key for zone in meter.zones)
        self._counted = tuple(zone.key for zone in meter.zones if zone.counted)
        self._boundary = meter.boundary
        self._facts: dict[str, Any] = {"range_uj": {zone.key: zone.range_uj for zone in meter.zones}}
        if meter.duplicates:
            self._facts["duplicates"] = meter.duplicates
        wrap_s = min((zone.wrap_s for zone in meter.zones), default=inf)
        self.max_window_s = None if wrap_s == inf else wrap_s / 2
        # A window outside of these limits takes the careful way, and every window if a zone is lost or nothing is open.
        self._update_ns = self.update_interval_s * 1e9
        self._blur_ns = RESOLUTION_90 * self._update_ns
        self._stuck_ns = STUCK_UPDATES * self._update_ns or inf
        self._shortest_ns = inf if meter.lost or not meter.fds else self._update_ns
        self._longest_ns = wrap_s * 1e9
        self._last: Mark | None = None
        self._cell: list[Mark] = []
        # Whoever takes it may poll; a lock would have to be waited for.
        self._turn = [True]
        # Most calls of a tiny function end here, so the reading lies ready.
        text = f"the window is shorter than the meter's update interval of {self.update_interval_s * 1e3:.3g} ms"
        nothing = dict.fromkeys([*(zone.key for zone in meter.zones), *meter.lost])
        self._too_short = self._reading(None, 0, nothing, {}, {}, text)

    def probe(self) -> Availability:
        """
        Say whether every package and memory counter can be read.
        """
        return judge(self.root, find(self.root))

    def open(self) -> Sequence[Metric]:
        """
        Open one descriptor per zone.

        Raises:
            MonitorUnavailable: No package counter can be read.
        """
        from greensdk.machine.hardware import host_id

        self.close()
        self._meter = open_meter(self.root, self.max_power_w)
        self._meter_id = f"{host_id()}:rapl" + (f":{self.root}" if self.root != DEFAULT_ROOT else "")
        self._prepare()
        if not any(zone.kind == "package" for zone in self._meter.zones):
            self.close()
            raise self._unavailable()
        return tuple(map(describe, self._meter.zones))

    def _unavailable(self) -> Exception:
        from greensdk.errors import MonitorUnavailable

        _, reason, fix = self.probe()
        return MonitorUnavailable(reason or "no package counter can be read", fix)

    def start(self) -> Any:
        """
        Read every counter once.
        """
        if not self._fds:
            raise RuntimeError("rapl is not open")
        raws: list[Any] = []
        try:
            for fd in self._fds:
                raws.append(pread(fd, LENGTH, 0))  # noqa: PERF401 - a comprehension costs a call in Python 3.11
        except OSError as error:
            if is_from_signal(error):
                raise
            raws = self._read_each()
        # The cell is taken after the reads: a poll that fills it later has read later, too.
        return raws, self._cell, self.clock()

    def stop(self, token: Any) -> Reading:
        """
        Read every counter again and say what it counted.
        """
        before, cell, began_ns = token
        # Taken before the reads, so that no poll in them is newer than they are.
        polled = cell is not self._cell
        first, last = cell[0] if cell else None, self._last
        ended_ns = self.clock()
        after: list[Any] = []
        try:
            for fd in self._fds:
                after.append(pread(fd, LENGTH, 0))  # noqa: PERF401
        except OSError as error:
            if is_from_signal(error):
                raise
            after = self._read_each()
        elapsed_ns = ended_ns - began_ns
        if polled or not self._shortest_ns <= elapsed_ns <= self._longest_ns:
            if elapsed_ns < self._update_ns:
                made = self._short(before, after)
                if made is not None:
                    return made
            return self._careful(before, after, (began_ns, first), (ended_ns, last))
        try:
            starts, stops = self._by_key(before), self._by_key(after)
            domains = {}
            for key, start in starts.items():
                if not 0 <= start <= stops[key]:
                    break
                domains[key] = (stops[key] - start) / 1e6
            else:
                total_uj = 0
                for key in self._counted:
                    total_uj += stops[key] - starts[key]
                if total_uj or elapsed_ns < self._stuck_ns:
                    return self._reading(total_uj, elapsed_ns, domains, starts, stops)
        except (TypeError, ValueError, KeyError):
            pass  # an error or a text where a number should be: the careful way tells which
        return self._careful(before, after, (began_ns, None), (ended_ns, None))

    def _short(self, before: Any, after: Any) -> Reading | None:
        """
        Return the reading of a window shorter than an update, or None if a read failed.
        """
        try:
            starts, stops = self._by_key(before), self._by_key(after)
        except (TypeError, ValueError):
            return None
        return self._reading_of_nothing(starts, stops)

    def _by_key(self, raws: Sequence[bytes]) -> dict[str, int]:
        if len(raws) != len(self._keys):
            raise ValueError("the window began on other zones")
        return dict(zip(self._keys, map(int, raws)))  # noqa: B905 - strict=True costs a third of a microsecond

    def _reading_of_nothing(self, starts: Any, stops: Any) -> Reading:
        made = self._too_short.copy()
        made["attributes"] = {**self._facts, "start_uj": starts, "stop_uj": stops}
        return made

    def poll(self) -> None:
        """
        Read every counter, so that longer windows know how often it wrapped. One thread at a time: marks have an order.
        """
        try:
            turn = self._turn.pop()
        except IndexError:
            return
        try:
            self._note()
        finally:
            self._turn.append(turn)

    def _note(self) -> None:
        from greensdk_rapl.counters import advance, value

        # The cell is changed before the reads: a window that gets the old one has started before them.
        cell, self._cell = self._cell, []
        raws = self._read_each()
        values = tuple(value(raw, "a poll") for raw in raws)
        mark = self._last = advance(self._meter.zones, self._last, self.clock(), values)
        cell.append(mark)

    def close(self) -> None:
        """
        Close every descriptor.
        """
        fds, self._meter = self._fds, Meter()
        self._prepare()
        for fd in fds:
            close(fd)

    def _read_each(self) -> list[bytes | OSError]:
        return [_read(fd) for fd in self._fds]

    def _careful(
        self, before: Any, after: Any, began: tuple[int, Mark | None], ended: tuple[int, Mark | None]
    ) -> Reading:
        """
        Return the reading of a window that is not plain: a fault, a wrap, polls, a zone that is lost.
        """
        # Few windows come here, and every worker pays for its imports.
        from greensdk_rapl.counters import Side, value, window

        zones, lost = self._meter.zones, self._meter.lost
        if not self._fds or len(before) != len(after):
            raise RuntimeError("rapl was closed, or opened anew, during the window")
        start = Side(began[0], tuple(value(raw, "start") for raw in before), began[1])
        stop = Side(ended[0], tuple(value(raw, "stop") for raw in after), ended[1])
        starts, stops = (
            {
                zone.key: number if isinstance(number, int) else None
                for zone, number in zip(zones, side.values, strict=True)
            }
            for side in (start, stop)
        )
        elapsed_ns = stop.at_ns - start.at_ns
        if elapsed_ns < self._update_ns:
            return self._reading_of_nothing(starts, stops)
        parts = dict(zip(zones, window(zones, start, stop), strict=True))
        against = [f"{zone.key}: {part.reason}" for zone, part in parts.items() if zone.counted and part.reason]
        against += self._meter.against
        total_uj = None if against else sum(part.uj or 0 for zone, part in parts.items() if zone.counted)
        if total_uj == 0 and elapsed_ns >= self._stuck_ns:
            against.append(f"no counter moved in {elapsed_ns / 1e6:.3g} ms: they are stuck, or a hypervisor's zeros")
            total_uj = None
        made = self._reading(
            total_uj,
            elapsed_ns,
            {zone.key: None if part.uj is None else part.uj / 1e6 for zone, part in parts.items()}
            | dict.fromkeys(lost),
            starts,
            stops,
            "; ".join(against) or None,
        )
        extra = {
            "wraps": {zone.key: part.wraps for zone, part in parts.items() if part.wraps},
            "reasons": {**lost, **{zone.key: part.reason for zone, part in parts.items() if part.reason}},
        }
        made["attributes"] = {**made["attributes"], **{key: found for key, found in extra.items() if found}}
        return made

    def _reading(
        self, total_uj: int | None, elapsed_ns: int, domains: Any, starts: Any, stops: Any, reason: str | None = None
    ) -> Reading:
        energy_j = low_j = high_j = None
        if total_uj is not None:
            energy_j = total_uj / 1e6
            half_j = energy_j * self._blur_ns / (elapsed_ns or 1)
            low_j, high_j = energy_j - half_j, energy_j + half_j
        return reading(
            "rapl",
            scope=MACHINE,
            quality=MEASURED,
            boundary=self._boundary,
            energy_j=energy_j,
            energy_low_j=low_j,
            energy_high_j=high_j,
            domains=domains,
            meter_id=self._meter_id,
            reason=reason,
            attributes={**self._facts, "start_uj": starts, "stop_uj": stops},
        )


def _read(fd: int) -> bytes | OSError:
    try:
        return pread(fd, LENGTH, 0)
    except OSError as error:
        if is_from_signal(error):
            raise
        return error
