"""
RAPL straight from the processor's registers, for machines that have the msr driver but no powercap.

It is the meter of :mod:`greensdk_rapl`: the same domains, the same rules for wraps and resets. Each read interrupts the
CPU that is asked, so this is a fallback, used only where it is asked for by name.
"""

from __future__ import annotations

import time
from os import close
from typing import TYPE_CHECKING, Any

from greensdk_rapl import Polled

from greensdk.machine.signals import is_from_signal
from greensdk.monitor import MACHINE, MEASURED, RESOLUTION_90, Availability, Metric, Reading, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greensdk_rapl.slow_path import Outcome
    from greensdk_rapl.zones import Zone

    from greensdk_msr.meter import Meter

DEFAULT_ROOT = "/"


class MsrMonitor(Polled):
    """
    Joules of the processor packages and their memory, from ``/dev/cpu/N/msr``.

    Args:
        root: Where ``dev``, ``proc`` and ``sys`` are.
        update_interval_s: How often the counters are updated. The energy of a shorter window is unknown; 0 leaves out
            all that rests on time. Intel's Software Developer's Manual, volume 3, "RAPL interfaces", gives about 1 ms,
            as does Linux, Documentation/hwmon/amd_energy.rst, for AMD.
        max_power_w: The most a single counter can see drawn. Without it: as :mod:`greensdk_rapl` does, 5 times the
            thermal specification power where a register holds it, else 1000 W.
        cores: On AMD, also read the counter of every single core.
        stride: How far apart in a device two neighbouring registers are: 1, says msr(4). In a plain file, where reads
            of 8 bytes would overlap, a test has 8.

    Attributes:
        clock: Gives nanoseconds; a test may put a clock of its own here before the first window.
    """

    name = "msr"
    cheap = False

    def __init__(
        self,
        *,
        root: str = DEFAULT_ROOT,
        update_interval_s: float = 0.001,
        max_power_w: float | None = None,
        cores: bool = False,
        stride: int = 1,
    ) -> None:
        self.root = root
        self.update_interval_s = update_interval_s
        self._update_ns = update_interval_s * 1e9
        self.max_power_w = max_power_w
        self.cores = cores
        self.stride = stride
        self.max_window_s: float | None = None
        self.clock: Callable[[], int] = time.perf_counter_ns
        self._meter: Meter | None = None
        self._forget()

    def probe(self) -> Availability:
        """
        Say whether every package counter can be read.
        """
        from greensdk_msr.meter import judge

        return judge(self.root, self.stride)

    def open(self) -> Sequence[Metric]:
        """
        Open the device of one CPU in each package.

        Raises:
            MonitorUnavailable: No package counter can be read.
        """
        from greensdk_rapl.counters import Side
        from greensdk_rapl.meter import describe
        from greensdk_rapl.zones import PACKAGE

        from greensdk.machine.hardware import host_id
        from greensdk_msr.meter import open_meter

        self.close()
        meter = open_meter(self.root, self.max_power_w, self.cores, self.stride)
        if not meter.counters:
            from greensdk.errors import MonitorUnavailable

            _, reason, fix = self.probe()
            raise MonitorUnavailable(reason or "no package counter can be read", fix)
        self._meter = meter
        self._start = Side(self.clock(), _read(meter, "opening"), None)
        self._zones = tuple(counter.zone for counter in meter.counters)
        # A package that could not be opened is in the total all the same: without it there is none.
        self._kinds = {zone.key: zone.kind for zone in self._zones} | dict.fromkeys(meter.lost, PACKAGE)
        self._meter_id = f"{host_id()}:rapl" + (f":{self.root}" if self.root != DEFAULT_ROOT else "")
        self._facts: dict[str, Any] = {
            "range_uj": {zone.key: zone.range_uj for zone in self._zones},
            "unit_uj": {counter.zone.key: counter.unit_uj for counter in meter.counters},
        }
        self.max_window_s = min(zone.wrap_s for zone in self._zones) / 2
        return tuple(map(describe, self._zones))

    def start(self) -> Any:
        """
        Read every counter once.
        """
        meter = self._opened()
        values = _read(meter, "start")
        # The cell is taken after the reads: a poll that fills it later has read later, too.
        return meter, values, self._cell, self.clock()

    def stop(self, token: Any) -> Reading:
        """
        Read every counter again and say what it counted.
        """
        from greensdk_rapl.counters import Side
        from greensdk_rapl.slow_path import outcome

        opened, before, cell, began_ns = token
        meter = self._meter
        if meter is None or meter is not opened:
            raise RuntimeError("msr was closed or reopened during the window")
        # Taken before the reads, so that no poll in them is newer than they are.
        first, last = cell[0] if cell else None, self._last if cell else None
        ended_ns = self.clock()
        after = _read(meter, "stop")
        start, stop = Side(began_ns, before, first), Side(ended_ns, after, last)
        found = outcome(self._zones, (self._start, start, stop), self._update_ns, meter.lost, self._kinds)
        return self._reading(found, self._by_key(before), self._by_key(after), ended_ns - began_ns)

    def _polled(self) -> tuple[Sequence[Zone], Sequence[int | str]]:
        values = _read(self._opened(), "a poll")
        return self._zones, values

    def close(self) -> None:
        """
        Close every descriptor.
        """
        meter, self._meter = self._meter, None
        self._last, self._cell, self.max_window_s = None, [], None
        for fd in meter.fds if meter else ():
            close(fd)

    def _opened(self) -> Meter:
        if self._meter is None:
            raise RuntimeError("msr is not open")
        return self._meter

    def _by_key(self, values: Sequence[int | str]) -> dict[str, int | None]:
        return {
            zone.key: found if isinstance(found, int) else None for zone, found in zip(self._zones, values, strict=True)
        }

    def _reading(
        self, found: Outcome, starts: dict[str, int | None], stops: dict[str, int | None], elapsed_ns: int
    ) -> Reading:
        (total_uj, boundary, _, reason), domains, about = found
        if elapsed_ns < self._update_ns:
            reason = f"the window is shorter than the meter's update interval of {self.update_interval_s * 1e3:.3g} ms"
            total_uj, domains, about = None, dict.fromkeys(domains), {}
        energy_j = low_j = high_j = None
        if total_uj is not None:
            energy_j = total_uj / 1e6
            half_j = energy_j * RESOLUTION_90 * self._update_ns / (elapsed_ns or 1)
            low_j, high_j = max(0.0, energy_j - half_j), energy_j + half_j
        return reading(
            "msr",
            scope=MACHINE,
            quality=MEASURED,
            boundary=boundary,
            energy_j=energy_j,
            energy_low_j=low_j,
            energy_high_j=high_j,
            domains=domains,
            meter_id=self._meter_id,
            reason=reason,
            attributes={**self._facts, "start_uj": starts, "stop_uj": stops, **about},
        )


def _read(meter: Meter, when: str) -> tuple[int | str, ...]:
    from greensdk_rapl.zones import explain

    from greensdk_msr.meter import value
    from greensdk_msr.registers import COUNTS

    values: list[int | str] = []
    for counter in meter.counters:
        try:
            values.append(round(value(counter.fd, counter.offset) % COUNTS * counter.unit_uj))
        except OSError as error:
            if is_from_signal(error):
                raise
            values.append(f"register {counter.address:#x} could not be read at {when}: {explain(error)}")
    return tuple(values)
