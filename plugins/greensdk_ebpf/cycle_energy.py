"""
Joules of a cycle, from the watts and the frequency that a CPU is built for.

.. code-block:: text

    joules_per_cycle = TDP of all CPUs / (number of CPUs * base frequency)

A CPU is a hardware thread, since that is what counts cycles. The thermal design power is drawn, by its definition,
with all cores at base frequency under a heavy load (Intel, "Thermal Design Power (TDP) in Intel Processors"), so
that a machine which runs like that gets its TDP, and everything else is an estimate.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from greensdk.machine.hardware import text_of

_CPU = "sys/devices/system/cpu/cpu0"
FILES = (
    (f"{_CPU}/cpufreq/base_frequency", 1e3),
    (f"{_CPU}/acpi_cppc/nominal_freq", 1e6),
)
"""
Base frequency and its unit in Hz: in kHz (Documentation/admin-guide/pm/intel_pstate.rst), in MHz, where AMD's and Arm's
firmware tell it (Documentation/admin-guide/acpi/cppc_sysfs.rst).
"""
MAXIMUM = f"{_CPU}/cpufreq/cpuinfo_max_freq"
"""In kHz (Documentation/admin-guide/pm/cpufreq.rst). Drivers that show none of the above mostly leave the boost out."""
NOW = "proc/cpuinfo"

SET_IT = "set joules_per_cycle in [tool.greensdk.ebpf]"

_NAME = re.compile(r"@ *([0-9.]+) *GHz", re.IGNORECASE)
_NOW = re.compile(r"^cpu MHz\s*:\s*([0-9.]+)", re.MULTILINE)


class Price(NamedTuple):
    """
    What a cycle costs.

    Attributes:
        joules: Joules; None where they are unknown.
        source: What they rest on, or why there are none.
    """

    joules: float | None
    source: str


class Frequency(NamedTuple):
    """
    A base frequency.

    Attributes:
        hz: Hertz.
        source: Where it comes from.
    """

    hz: float
    source: str


def price(configured: float | None = None, root: str = "/") -> Price:
    """
    Return the joules of a cycle of this machine.
    """
    if configured is not None:
        return Price(configured, "configured")
    from greensdk_psutil_tdp import hosts, tdp

    from greensdk.machine import hardware

    host = hardware.describe(root)
    cpus, model = host["cpus_logical"], host["cpu_model"]
    powercap = os.path.join(root, "sys/class/powercap")
    found = tdp.lookup(model, host["cpu_class"], powercap, generation=host["cpu_generation"])
    if found.source is None:
        return Price(None, f"{found.note}: {SET_IT}")
    base = base_frequency(model or "", root)
    if base is None or not cpus:
        return Price(None, f"{'the base frequency' if cpus else 'the number of CPUs'} is unknown: {SET_IT}")
    watts = hosts.machine_w(found, host)
    rests_on = f"{watts:g} W ({found.source}) / ({cpus} CPUs * {base.hz / 1e9:g} GHz ({base.source}))"
    return Price(watts / (cpus * base.hz), rests_on)


def base_frequency(model: str, root: str = "/") -> Frequency | None:
    """
    Return the base frequency, from the best source there is; None where there is none.
    """
    for path, unit in FILES:
        if hz := _number(text_of(root, path)) * unit:
            return Frequency(hz, f"/{path}")
    if (named := _NAME.search(model)) and (hz := _number(named[1]) * 1e9):
        return Frequency(hz, "its name")
    if hz := _number(text_of(root, MAXIMUM)) * 1e3:
        return Frequency(hz, f"/{MAXIMUM}")
    now = _NOW.search(text_of(root, NOW))
    hz = _number(now[1]) * 1e6 if now else 0.0
    return Frequency(hz, f"/{NOW}") if hz else None


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
