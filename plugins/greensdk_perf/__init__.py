"""
RAPL through perf events: the same energy counters as powercap's, without wraparound and without root's files.

One read for each package before the call and one after it is all that happens in the measured path. Where the CPUs
let themselves be counted, the machine's cycles and instructions come along.
"""

from __future__ import annotations

import os
import time
from math import inf
from typing import TYPE_CHECKING, Any

from greensdk.monitor import MACHINE, MEASURED, RESOLUTION_90, Availability, Metric, Reading, reading
from greensdk_perf.counts import Tally, read_all, tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greensdk_perf.meter import Meter
    from greensdk_perf.operations import Operations

DEFAULT_ROOT = "/sys"


class PerfMonitor:
    """
    Joules of the processor packages and their memory, with cycles and instructions beside them.

    Args:
        root: The sysfs.
        update_interval_s: How often the counters are updated. The energy of a shorter window is unknown; 0 leaves out
            all that rests on time. Intel's Software Developer's Manual, volume 3, "RAPL interfaces", gives about 1 ms.
        operations: Count cycles and instructions too. None does so on machines of up to
            :data:`greensdk_perf.operations.MOST_CPUS` CPUs.
    """

    name = "perf"
    cheap = True

    def __init__(
        self, *, root: str = DEFAULT_ROOT, update_interval_s: float = 0.001, operations: bool | None = None
    ) -> None:
        self.root = root
        self.update_interval_s = update_interval_s
        self.operations = operations
        self.max_window_s: float | None = None
        self._meter: Meter | None = None
        self._operations: Operations | None = None
        self._update_ns = update_interval_s * 1e9
        self._reads: tuple[tuple[int, int], ...] = ()
        self._extra_reads: tuple[tuple[int, int], ...] = ()

    def probe(self) -> Availability:
        """
        Say whether the package can be counted.
        """
        from greensdk_perf.access import no_events

        if not os.path.isdir(os.path.join(self.root, "bus/event_source/devices/power")):
            return Availability(False, *no_events(self.root))
        from greensdk.errors import MonitorUnavailable
        from greensdk_perf.counts import release

        try:
            release(self._open_meter().groups)
        except MonitorUnavailable as why:
            return Availability(False, why.reason, why.fix)
        return Availability(True)

    def open(self) -> Sequence[Metric]:
        """
        Open the widest set of events that works, on one CPU of each package.

        Raises:
            MonitorUnavailable: The package event does not work.
        """
        from greensdk_rapl.total import SLACK_S, add
        from greensdk_rapl.zones import DEFAULT_MAX_POWER_W

        from greensdk.machine.hardware import host_id
        from greensdk_perf.meter import describe
        from greensdk_perf.operations import figures, open_operations

        self.close()
        meter = self._meter = self._open_meter()
        self._operations = open_operations(self.root, self.operations)
        self._reads = tuple((each.fds[0], each.words.size) for each in meter.groups)
        self._extra_reads = tuple((each.fds[0], each.words.size) for each in self._operations.groups)
        self._meter_id = f"{host_id()}:rapl" + (f":{self.root}" if self.root != DEFAULT_ROOT else "")
        self._kinds = meter.kinds
        _, self._boundary, self._missing, _ = add(self._kinds, dict.fromkeys(meter.keys, 0.0), meter.lost)
        self._counted = [key for key in meter.keys if self._kinds[key] in self._boundary.split("+")]
        self._most_w, self._slack_ns = DEFAULT_MAX_POWER_W, SLACK_S * 1e9 if self._update_ns else inf
        scales = {key: scale for each in meter.groups for key, scale in zip(each.keys, each.scales, strict=True)}
        self._facts: dict[str, Any] = {"events": meter.events, "scale_j": scales, "counts_since_ns": meter.opened_ns}
        if meter.duplicates:
            self._facts["duplicates"] = meter.duplicates
        if self._operations.reason:
            self._facts |= figures(self._operations, (), (), None)
        return tuple(map(describe, [*meter.keys, *meter.lost]))

    def _open_meter(self) -> Meter:
        from greensdk.errors import MonitorUnavailable
        from greensdk_perf.access import no_number
        from greensdk_perf.meter import open_meter
        from greensdk_perf.syscall import number

        if number(machine := os.uname().machine) is None:
            raise MonitorUnavailable(*no_number(machine))
        return open_meter(self.root)

    def start(self) -> Any:
        """
        Read every counter, those of the energy last.
        """
        if self._meter is None:
            raise RuntimeError("perf is not open")
        return self._meter, read_all(self._extra_reads), read_all(self._reads)

    def stop(self, token: Any) -> Reading:
        """
        Read every counter again, those of the energy first, and say what they counted.
        """
        opened, extra_before, before = token
        meter = self._meter
        if meter is None or meter is not opened:
            raise RuntimeError("perf was closed or reopened during the window")
        after = read_all(self._reads)
        extra_after = read_all(self._extra_reads)
        found = tally(meter.groups, before, after)
        is_short = found.elapsed_ns < self._update_ns
        energy_j, boundary, missing, reason = self._total(meter, found)
        if is_short:
            energy_j, missing = None, []
            reason = f"the window is shorter than the meter's update interval of {self.update_interval_s * 1e3:.3g} ms"
        reasons = {**meter.lost, **found.reasons}
        attributes = {**self._facts, "start_counts": found.starts, "stop_counts": found.stops}
        about = {"reasons": reasons, "missing": missing, "shares": found.shares}
        attributes |= {key: each for key, each in about.items() if each}
        if self._operations and extra_after:
            from greensdk_perf.operations import figures

            attributes |= figures(self._operations, extra_before, extra_after, energy_j)
        low_j = high_j = None
        if energy_j is not None:
            half_j = energy_j * RESOLUTION_90 * self._update_ns / (found.elapsed_ns or 1)
            low_j, high_j = energy_j - half_j, energy_j + half_j
        return reading(
            "perf",
            scope=MACHINE,
            quality=MEASURED,
            boundary=boundary,
            energy_j=energy_j,
            energy_low_j=low_j,
            energy_high_j=high_j,
            domains={**(dict.fromkeys(found.amounts) if is_short else found.amounts), **dict.fromkeys(meter.lost)},
            meter_id=self._meter_id,
            reason=reason,
            attributes=attributes,
        )

    def _total(self, meter: Meter, found: Tally) -> tuple[float | None, str, list[str], str | None]:
        """Return the sum, its boundary, what is missing in it, and why it is unknown."""
        if not found.reasons:
            energy_j, most_j = 0.0, self._most_w * (found.elapsed_ns + self._slack_ns) * 1e-9
            for key in self._counted:
                joules = found.amounts[key]
                if not joules or joules > most_j:
                    break
                energy_j += joules
            else:
                return energy_j, self._boundary, self._missing, None
        from greensdk_rapl.total import add, doubts

        # Counts begin with 0: one that is there yet has stood still since it was opened.
        open_ns = time.monotonic_ns() - meter.opened_ns
        stood_ns = {key: open_ns for key, count in found.stops.items() if count == 0}
        for key, why in doubts(self._kinds, found.amounts, found.elapsed_ns, self._update_ns, stood_ns).items():
            found.amounts[key], found.reasons[key] = None, why
        return add(self._kinds, found.amounts, {**meter.lost, **found.reasons})

    def poll(self) -> None:
        """
        Do nothing: 64-bit counts never wrap around.
        """

    def close(self) -> None:
        """
        Close every counter.
        """
        meter, operations = self._meter, self._operations
        self._meter = self._operations = None
        self._reads = self._extra_reads = ()
        if meter is not None:
            from greensdk_perf.counts import release

            release(meter.groups)
            if operations is not None:
                release(operations.groups)
