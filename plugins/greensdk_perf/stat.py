"""
The energy counters through the program perf, for those whose perf may count while their Python may not.

Starting perf takes milliseconds of the CPU in each window, so it is never chosen automatically.
"""

from __future__ import annotations

import os
import time
from signal import SIGKILL
from typing import TYPE_CHECKING, Any

from greensdk.monitor import MACHINE, MEASURED, Availability, Metric, Reading, reading
from greensdk_perf import DEFAULT_ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greensdk_perf.choose import Setup
    from greensdk_perf.run import Process


class PerfStatMonitor:
    """
    Joules of the processor packages and their memory, counted by one run of ``perf stat`` for each window.

    Args:
        root: The sysfs; perf gets another one by ``SYSFS_PATH``.
        program: The program, a name on PATH or a path.
        sudo: Run it by ``sudo -n``, which fails rather than ask for a password.
        timeout_s: How long perf may take to begin, and again to end, before it is killed.
        update_interval_s: As for :class:`greensdk_perf.PerfMonitor`.
    """

    name = "perf-stat"
    cheap = False

    def __init__(
        self,
        *,
        root: str = DEFAULT_ROOT,
        program: str = "perf",
        sudo: bool = False,
        timeout_s: float = 5.0,
        update_interval_s: float = 0.001,
    ) -> None:
        self.root = root
        self.program = program
        self.sudo = sudo
        self.timeout_s = timeout_s
        self.update_interval_s = update_interval_s
        self.max_window_s: float | None = None
        self._setup: Setup | None = None
        self._owner = 0
        self._running: set[Process] = set()

    def probe(self) -> Availability:
        """
        Say whether perf counts the package, by having it do so for a moment.
        """
        from greensdk.errors import MonitorUnavailable

        try:
            self._find()
        except MonitorUnavailable as why:
            return Availability(False, why.reason, why.fix)
        return Availability(True)

    def open(self) -> Sequence[Metric]:
        """
        Find the widest set of events that perf counts.

        Raises:
            MonitorUnavailable: There is no perf, or it does not count the package.
        """
        from greensdk.machine.hardware import host_id
        from greensdk_perf.meter import describe

        self.close()
        self._setup = self._find()
        self._owner = os.getpid()
        self._meter_id = f"{host_id()}:rapl" + (f":{self.root}" if self.root != DEFAULT_ROOT else "")
        return tuple(describe(key) for key in self._setup.keys_of.values())

    def _find(self) -> Setup:
        from greensdk_perf.choose import find

        return find(self.root, self.program, self.sudo, self.timeout_s)

    def start(self) -> Any:
        """
        Start perf, and return when it counts.
        """
        from greensdk_perf.run import PerfFailed, begin

        setup = self._setup
        if setup is None:
            raise RuntimeError("perf-stat is not open")
        try:
            process = begin(setup.command, setup.perf.environment, self.timeout_s)
        except PerfFailed as error:
            return setup, str(error), 0
        self._running.add(process)
        return setup, process, time.perf_counter_ns()

    def stop(self, token: Any) -> Reading:
        """
        Have perf end, and read what it prints.
        """
        from greensdk_perf.choose import complaint
        from greensdk_perf.run import end
        from greensdk_perf.window import Window, measured

        ended_ns = time.perf_counter_ns()
        opened, process, began_ns = token
        setup = self._setup
        if setup is None or setup is not opened:
            raise RuntimeError("perf-stat was closed or reopened during the window")
        if isinstance(process, str):
            found = measured(setup, "", Window(0.0, 0.0, complaint(process)))
        else:
            said = end(process, self.timeout_s)
            self._running.discard(process)
            found = measured(setup, said, Window((ended_ns - began_ns) / 1e9, self.update_interval_s, _status(process)))
        return reading(
            "perf-stat",
            scope=MACHINE,
            quality=MEASURED,
            boundary=found.boundary,
            energy_j=found.energy_j,
            energy_low_j=found.low_j,
            energy_high_j=found.high_j,
            domains=found.domains,
            meter_id=self._meter_id,
            reason=found.reason,
            attributes=found.attributes,
        )

    def poll(self) -> None:
        """
        Do nothing: perf counts with 64 bits.
        """

    def close(self) -> None:
        """
        End every perf that still runs. In a forked child they are the parent's, and stay.
        """
        running, self._running, self._setup = self._running, set(), None
        if running:
            from greensdk_perf.run import disown, end

            for process in running:
                if self._owner == os.getpid():
                    end(process, self.timeout_s)
                else:
                    disown(process)


def _status(process: Process) -> str:
    if process.returncode is None:
        return "perf could be neither ended nor killed: it is another user's"
    if process.returncode == -SIGKILL:
        return "perf did not end in time, and was killed"
    return f"perf ended with status {process.returncode}" if process.returncode else ""
