"""
How often CPUs changed their frequency, entered idle states, or were throttled, from the kernel's counters in sysfs.

Linux, Documentation/cpu-freq/cpufreq-stats.rst (``total_trans``), admin-guide/pm/cpuidle.rst (``usage``),
and arch/x86/kernel/cpu/mce/therm_throt.c (``*_throttle_count``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from glob import glob

from greensdk.machine.hardware import number_of

FILES = {
    "frequency_changes": "devices/system/cpu/cpu[0-9]*/cpufreq/stats/total_trans",
    "idle_entries": "devices/system/cpu/cpu[0-9]*/cpuidle/state[0-9]*/usage",
    "core_throttles": "devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count",
    "package_throttles": "devices/system/cpu/cpu[0-9]*/thermal_throttle/package_throttle_count",
}


def totals(root: str = "/sys") -> dict[str, int | None]:
    """
    Return the sum over the machine of each kind; None for one that this kernel does not count.

    What several CPUs show is counted once: the changes of a frequency policy, the throttles of a package or core.
    """
    return {kind: _sum(kind, glob(f"{root}/{pattern}")) for kind, pattern in FILES.items()}


def _sum(kind: str, paths: list[str]) -> int | None:
    values: dict[tuple[str | int, ...], int] = {}
    for place, value in _placed(kind, paths):
        values[place] = max(value, values.get(place, 0))
    return sum(values.values()) if values else None


def _placed(kind: str, paths: list[str]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Yield what each file counts, with what it counts for: a policy, a package, a core, or a CPU."""
    shared = {"package_throttles": ("physical_package_id",), "core_throttles": ("physical_package_id", "core_id")}
    for path in paths:
        value = number_of(path)
        if value is None:
            continue
        topology = os.path.join(os.path.dirname(os.path.dirname(path)), "topology")
        ids = [number_of(topology, name) for name in shared.get(kind, ())]
        known = tuple(each for each in ids if each is not None)
        yield known if known and len(known) == len(ids) else (os.path.realpath(path),), value
