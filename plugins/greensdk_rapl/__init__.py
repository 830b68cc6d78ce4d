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
from greensdk.monitor import MACHINE, MEASURED, RESOLUTION_90, Availability, Metric, Reading, reading
from greensdk_rapl.access import LENGTH, judge
from greensdk_rapl.meter import Meter, describe, open_meter
from greensdk_rapl.total import SLACK_S, add
from greensdk_rapl.zones import PACKAGE, find

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greensdk_rapl.counters import Mark
    from greensdk_rapl.zones import Zone

DEFAULT_ROOT = "/sys/class/powercap"


class Polled:
    """
    Polls the counters of a meter, so that longer windows know how often they wrapped.
    """

    clock: Callable[[], int]
    _update_ns: float

    def _forget(self) -> None:
        self._last: Mark | None = None
        self._cell: list[Mark] = []
        # The thread that takes it may poll; a lock would have to be waited for.
        self._turn = [True]

    def _polled(self) -> tuple[Sequence[Zone], Sequence[int | str]]:
        """Return the counters, and what each shows."""
        raise NotImplementedError

    def poll(self) -> None:
        """
        Read every counter. One thread at a time: marks have an order.
        """
        from greensdk_rapl.counters import advance

        try:
            turn = self._turn.pop()
        except IndexError:
            return
        try:
            # The cell is changed before the reads: a window that gets the old one has started before them.
            cell, self._cell = self._cell, []
            zones, values = self._polled()
            self._last = advance(zones, self._last, self.clock(), tuple(values), self._update_ns > 0)
            cell.append(self._last)
        finally:
            self._turn.append(turn)


class RaplMonitor(Polled):
    """
    Joules of the processor packages and their memory.

    Args:
        root: The powercap class directory.
        update_interval_s: How often the counters are updated. The energy of a shorter window is unknown; 0 leaves out
            all that rests on time. Intel's Software Developer's Manual, volume 3, "RAPL interfaces", gives about 1 ms.
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
        self._update_ns = self.update_interval_s * 1e9
        self._blur_ns = RESOLUTION_90 * self._update_ns
        # Without an update interval nothing rests on time: no counter jumps.
        self._slack_ns = SLACK_S * 1e9 if self._update_ns else inf
        self._forget()
        self._arrange()

    def _arrange(self) -> None:
        """Lay out what start and stop need of the meter."""
        meter = self._meter
        zones, kinds, lost = meter.single, meter.kinds, meter.reasons
        self._fds = meter.fds
        # A counter that shows a meter once more goes under that meter's name.
        self._keys = tuple(meter.duplicates.get(zone.key, zone.key) for zone in meter.zones)
        self._plan = tuple((zone.key, zone.jump_w, zone.counted) for zone in zones)
        whole = add(kinds, dict.fromkeys((zone.key for zone in zones), 0.0), lost)
        self._boundary = whole.boundary
        self._counted = tuple(zone.key for zone in zones if zone.kind in whole.boundary.split("+"))
        self._lost: dict[str, float | None] = dict.fromkeys(lost)
        about = {"duplicates": dict(meter.duplicates), "reasons": lost, "missing": whole.missing}
        self._facts: dict[str, Any] = {
            "range_uj": {zone.key: zone.range_uj for zone in zones},
            **{key: each for key, each in about.items() if each},
        }
        wrap_s = min((zone.wrap_s for zone in zones), default=inf)
        self.max_window_s = None if wrap_s == inf else wrap_s / 2
        # A window outside of these limits takes the slow path, and so does every one where nothing is open, where
        # there is no total, or where two counters may be one.
        self._shortest_ns = inf if whole.reason or meter.pairs or not zones else self._update_ns
        self._longest_ns = wrap_s * 1e9
        # Most calls of a tiny function end here, so the reading lies ready.
        text = f"the window is shorter than the meter's update interval of {self.update_interval_s * 1e3:.3g} ms"
        nothing = dict.fromkeys([*self._keys, *lost])
        self._too_short = self._reading(None, 0, nothing, {}, {}, text)

    def probe(self) -> Availability:
        """
        Say whether every package can be read. Memory that can't costs its own joules only.
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
        if not any(zone.kind == PACKAGE for zone in self._meter.zones):
            self.close()
            raise self._unavailable()
        self._opened = self.clock(), self._read_each()
        return tuple(map(describe, (*self._meter.single, *self._meter.lost)))

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

    def stop(self, token: Any) -> Reading:  # noqa: PLR0912 - one frame, for the bracket is hot
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
            return self._slow_path(before, after, (began_ns, first), (ended_ns, last))
        try:
            starts, stops = self._by_key(before), self._by_key(after)
            domains = self._lost.copy()
            # What a watt comes to in the window, in microjoules.
            watt_uj = (elapsed_ns + self._slack_ns) * 1e-3
            for key, jump_w, is_counted in self._plan:
                start, stop = starts[key], stops[key]
                if not 0 <= start < stop:
                    if start != stop or not start or is_counted:
                        break
                elif stop - start > jump_w * watt_uj:
                    break
                domains[key] = (stop - start) / 1e6
            else:
                total_uj = 0
                for key in self._counted:
                    total_uj += stops[key] - starts[key]
                return self._reading(total_uj, elapsed_ns, domains, starts, stops)
        except (TypeError, ValueError, KeyError) as error:
            if is_from_signal(error):
                raise
            # An error or a text where a number should be: the slow path says which.
        return self._slow_path(before, after, (began_ns, None), (ended_ns, None))

    def _short(self, before: Any, after: Any) -> Reading | None:
        """Return the reading of a window shorter than an update, or None if a read failed."""
        try:
            starts, stops = self._by_key(before), self._by_key(after)
        except (TypeError, ValueError) as error:
            if is_from_signal(error):
                raise
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

    def _polled(self) -> tuple[Sequence[Zone], Sequence[int | str]]:
        from greensdk_rapl.counters import value

        return self._meter.zones, [value(raw, "a poll") for raw in self._read_each()]

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

    def _slow_path(
        self, before: Any, after: Any, began: tuple[int, Mark | None], ended: tuple[int, Mark | None]
    ) -> Reading:
        """Return the reading of a window that is not plain."""
        from greensdk_rapl.counters import Side, value
        from greensdk_rapl.slow_path import outcome

        if not self._fds or len(before) != len(after):
            raise RuntimeError("rapl was closed or reopened during the window")
        if self._meter.pairs:
            self._settle()
        meter = self._meter
        opened = Side(self._opened[0], tuple(value(raw, "opening") for raw in self._opened[1]), None)
        start = Side(began[0], tuple(value(raw, "start") for raw in before), began[1])
        stop = Side(ended[0], tuple(value(raw, "stop") for raw in after), ended[1])
        starts, stops = (
            {
                key: number if isinstance(number, int) else None
                for key, number in zip(self._keys, side.values, strict=True)
            }
            for side in (start, stop)
        )
        elapsed_ns = stop.at_ns - start.at_ns
        if elapsed_ns < self._update_ns:
            return self._reading_of_nothing(starts, stops)
        found = outcome(meter.zones, (opened, start, stop), self._update_ns, meter.reasons, meter.kinds)
        amount, boundary, _, reason = found.total
        made = self._reading(amount, elapsed_ns, found.domains, starts, stops, reason)
        made["boundary"] = boundary
        made["attributes"] = {**made["attributes"], **found.attributes}
        return made

    def _settle(self) -> None:
        """See which of the counters that agreed are one meter, now that they may have moved."""
        from greensdk_rapl.mirrors import settle

        same, pairs = settle(self._meter.pairs)
        if pairs != self._meter.pairs:
            self._meter = self._meter._replace(duplicates={**self._meter.duplicates, **same}, pairs=pairs)
            self._arrange()

    def _reading(
        self, total_uj: float | None, elapsed_ns: int, domains: Any, starts: Any, stops: Any, reason: str | None = None
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
