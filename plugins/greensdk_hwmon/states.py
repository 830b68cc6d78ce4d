"""
How often CPUs changed their frequency, entered idle states, or were throttled, from the kernel's counters in sysfs.

Linux, Documentation/cpu-freq/cpufreq-stats.rst (``total_trans``), admin-guide/pm/cpuidle.rst (``usage``),
and arch/x86/kernel/cpu/mce/therm_throt.c (``*_throttle_count``).
"""

from __future__ import annotations

from glob import glob

FILES = {
    "frequency_changes": "devices/system/cpu/cpu[0-9]*/cpufreq/stats/total_trans",
    "idle_entries": "devices/system/cpu/cpu[0-9]*/cpuidle/state[0-9]*/usage",
    "core_throttles": "devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count",
    "package_throttles": "devices/system/cpu/cpu[0-9]*/thermal_throttle/package_throttle_count",
}


def totals(root: str = "/sys") -> dict[str, int | None]:
    """
    Return the sum over all CPUs of each kind; None for one that this kernel does not count.

    CPUs of one package each show the package's throttles, so that sum goes up by as many as there are.
    """
    return {kind: _sum(f"{root}/{pattern}") for kind, pattern in FILES.items()}


def _sum(pattern: str) -> int | None:
    values = [value for path in glob(pattern) if (value := _number(path)) is not None]
    return sum(values) if values else None


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
