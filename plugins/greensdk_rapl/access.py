"""
Whether the counters can be read here, and what to do if not.
"""

from __future__ import annotations

import os

from greensdk.monitor import Availability
from greensdk_rapl.zones import PACKAGE, Found, Zone, explain

LENGTH = 32
"""Bytes that hold any counter: 20 digits of a 64-bit number and a newline."""


def open_counter(path: str) -> int:
    """
    Return a descriptor on the file of a counter, which has been read once.

    Raises:
        OSError: It can't be opened or read.
    """
    fd = os.open(path, os.O_RDONLY)
    try:
        os.pread(fd, LENGTH, 0)
    except OSError:
        os.close(fd)
        raise
    return fd


def judge(root: str, found: Found) -> Availability:
    """
    Say whether every package can be read under `root`.
    """
    if not os.path.isdir(root):
        return Availability(
            False,
            f"there is no {root}: the RAPL driver is not loaded, or this is a virtual machine, which seldom has RAPL",
            "sudo modprobe -a intel_rapl_common intel_rapl_msr",
        )
    packages = [zone for zone in found.zones if zone.kind == PACKAGE or zone.problem]
    unreadable = [(zone, error) for zone in packages if (error := _why_not(zone))]
    for zone, error in unreadable:
        if isinstance(error, PermissionError):
            return _forbidden(root, zone)
    if not packages:
        return _no_package(root, found)
    reason = "; ".join(f"{zone.key}: energy_uj can't be read: {_words(error)}" for zone, error in unreadable)
    return Availability(not reason, reason)


def _why_not(zone: Zone) -> OSError | str | None:
    if zone.problem:
        return zone.problem
    try:
        os.close(open_counter(zone.file))
    except OSError as error:
        return error
    return None


def _words(error: OSError | str) -> str:
    return error if isinstance(error, str) else explain(error)


def _forbidden(root: str, zone: Zone) -> Availability:
    return Availability(
        False,
        f"{zone.key}: only root may read {os.path.join(root, zone.id, 'energy_uj')}, since energy counters are a side "
        "channel (PLATYPUS, CVE-2020-8694)",
        f"sudo chmod -R a+r {os.path.join(root, zone.id.partition(':')[0])}  (until the next boot, and only where you "
        "trust everybody on the machine; for one group: sudo greensdk agent start --rapl)",
    )


def _no_package(root: str, found: Found) -> Availability:
    others = ", ".join(zone.key for zone in found.zones)
    return Availability(
        False,
        f"no package zone under {root}" + (f", only {others}" if others else ""),
        "" if others else "in a container: run with /sys/devices/virtual/powercap mounted read-only and not masked",
    )
