"""
What an estimate rests on, in words.
"""

from . import coefficients as fitted
from .era import AMD_DESKTOP, INTEL_CLIENT, INTEL_OLD, MODERN, SERVER
from .power import AWAKE_FROM, DRAM_W_PER_GB, PACKAGE, SUPPLY, TYPICAL_LOAD, WALL, Machine, curve

NAMES = {
    INTEL_OLD: "Intel servers before 2021",
    SERVER: "servers",
    AMD_DESKTOP: "AMD desktops",
    INTEL_CLIENT: "clients",
}


def explain(of: Machine, boundary: str = WALL) -> str:
    """
    Say in words what an estimate rests on.

    Example:
        >>> from greensdk_psutil_tdp.power import machine
        >>> explain(machine("AMD EPYC 7763 64-Core Processor", 2, 256, 256), "package")
        'a'
    """
    *_, others, knots, floor = curve(of, boundary)
    said = [_model(of, boundary), of.words]
    if of.peak != 1.0:
        said.append(f"up to x{of.peak:.2f} of it at full load")
    if of.share is not None:
        said.append(f"{of.share:.1%} of a host whose other CPUs are {TYPICAL_LOAD:.0%} busy")
    if boundary not in of.seen:
        said.append("no host of this kind was measured")
    if floor[0]:
        said.append(f"no less than package and {DRAM_W_PER_GB} W/GB of memory behind a {SUPPLY:.0%} power supply")
    _, rest, _, busy_at, busy = knots
    said.append("90 % of such hosts lie between x{:.2f} and x{:.2f}".format(*busy) + _from(busy_at, others))
    if others < AWAKE_FROM:
        said.append("at rest x{:.2f} and x{:.2f}".format(*rest))
    return ", ".join(said)


def _model(of: Machine, boundary: str) -> str:
    if boundary == PACKAGE:
        return f"package model for {NAMES[of.kind]} ({fitted.MEASURED[of.kind]})"
    return f"wall model for hosts {'before' if of.year and of.year < MODERN else 'from'} {MODERN} (SPECpower)"


def _from(busy_at: float, others: float) -> str:
    return f" from {busy_at:.0%} load" if others < busy_at else ""
