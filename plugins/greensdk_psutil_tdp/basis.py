"""
What an estimate rests on, in words.
"""

from greensdk_psutil_tdp import coefficients as fitted
from greensdk_psutil_tdp.era import AMD_DESKTOP, INTEL_CLIENT, INTEL_OLD, MODERN, SERVER
from greensdk_psutil_tdp.power import DRAM_W_PER_GB, PACKAGE, SUPPLY, TYPICAL_LOAD, WALL, Machine, curve

NAMES = {
    INTEL_OLD: "Intel servers before 2021",
    SERVER: "servers",
    AMD_DESKTOP: "AMD desktops",
    INTEL_CLIENT: "Intel clients and laptops",
}
MISSING = {
    INTEL_OLD: "mostly bare metal of EC2",
    SERVER: "EPYC and the 8380 only at rest, 3% and full load, no ARM, none later than 2024",
    AMD_DESKTOP: "between rest and full load only the 1950X",
    INTEL_CLIENT: "between rest and full load only the E3-1240v2, laptops hardly",
}
"""What the public readings lack."""


def explain(of: Machine, boundary: str = WALL, *, brief: bool = False) -> str:
    """
    Say in words what an estimate rests on.

    Example:
        >>> from greensdk_psutil_tdp.power import machine
        >>> explain(machine("AMD EPYC 7763 64-Core Processor", 2, 256, 256), "package", brief=True)
        'package model for servers (RAPL of 10 CPU models), TDP 560 W from exact match, 90% of such hosts lie between \
×0.51 and ×1.54 from 15% load, at rest ×0.64 and ×2.30'
    """
    *_, others, knots, floor = curve(of, boundary)
    said = [_package(of.kind, brief) if boundary == PACKAGE else _wall(of), of.words]
    if of.peak != 1.0 and boundary == PACKAGE:
        why = "watts a thread" if of.kind in (INTEL_OLD, SERVER) else "published limit"
        said.append(f"at full load ×{of.peak:.2f} by its {why}")
    if of.share is not None:
        said.append(f"{of.share:.1%} of a host whose other CPUs are {TYPICAL_LOAD:.0%} busy")
    if boundary not in of.seen:
        said.append("no host of this kind was measured")
    if floor[0]:
        said.append(f"no less than package and {DRAM_W_PER_GB} W/GB of memory behind a power supply of {SUPPLY:.0%}")
    _, rest, _, busy_at, busy = knots
    at_rest = others < busy_at
    since = f" from {busy_at:.0%} load" if at_rest else ""
    said.append("90% of such hosts lie between ×{:.2f} and ×{:.2f}".format(*busy) + since)
    if at_rest:
        said.append("at rest ×{:.2f} and ×{:.2f}".format(*rest))
    return ", ".join(said)


def _package(kind: str, brief: bool) -> str:
    parts = fitted.MEASURED[kind]
    behind = f"RAPL of {parts.count(',') + 1} CPU models" + ("" if brief else f": {parts}; {MISSING[kind]}")
    return f"package model for {NAMES[kind]} ({behind})"


def _wall(of: Machine) -> str:
    old = of.year is not None and of.year < MODERN
    return f"wall model for hosts {'before' if old else 'from'} {MODERN} (SPECpower)"
