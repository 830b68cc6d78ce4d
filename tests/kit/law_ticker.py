"""
The process that turns the counters of a law test; :func:`law_kit.turning` starts it.

It shares nothing with the measured processes, neither an interpreter lock nor a clock's zero, and writes down what
it does: one row for each tick, before and after which no counter changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
import time
from typing import Any

ROW = struct.Struct("=qqq")
"""CLOCK_MONOTONIC nanoseconds before the first counter is written and after the last, and all microjoules so far."""


def uncounted() -> float:
    """
    Stand in for a CPU clock that was not asked for.
    """
    return 0.0


def turn(settings: dict[str, Any]) -> None:
    """
    Turn the counters at their power until the process is ended, or its parent is.

    Args:
        settings: ``zones`` (file, watts, watts for each busy CPU, first value and range of each), ``log``, ``every_s``.
    """
    zones = [(os.open(file, os.O_WRONLY), *rest) for file, *rest in settings["zones"]]
    log = os.open(settings["log"], os.O_WRONLY | os.O_APPEND)
    every_ns, parent = int(settings["every_s"] * 1e9), os.getppid()
    read_busy_s = uncounted
    if any(busy_w for _, _, busy_w, _, _ in zones):
        from greensdk.measure.cputime import host_clock

        clock = host_clock()
        if clock is None:
            raise SystemExit("no clock here tells how busy the CPUs are")
        read_busy_s = clock.read
    began_ns, busy0_s = time.monotonic_ns(), read_busy_s()
    os.write(log, ROW.pack(began_ns, began_ns, 0))
    print("turning", flush=True)
    next_ns = began_ns + every_ns
    while os.getppid() == parent:
        now_ns = time.monotonic_ns()
        if now_ns < next_ns:
            time.sleep((next_ns - now_ns) / 1e9)
        before_ns, busy_s = time.monotonic_ns(), read_busy_s() - busy0_s
        total_uj = 0
        for fd, watts, busy_w, start_uj, range_uj in zones:
            uj = int(watts * (before_ns - began_ns) / 1e3 + busy_w * busy_s * 1e6)
            os.pwrite(fd, b"%024d\n" % ((start_uj + uj) % range_uj), 0)
            total_uj += uj
        os.write(log, ROW.pack(before_ns, time.monotonic_ns(), total_uj))
        # A tick that came late is not made up for: the meter's updates are never closer than its interval.
        next_ns += every_ns * max(1, -((next_ns - before_ns) // every_ns))


if __name__ == "__main__":
    # In time even where every CPU is busy, if we may.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    turn(json.loads(sys.argv[1]))
