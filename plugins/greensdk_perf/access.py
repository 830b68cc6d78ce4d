"""
Why the counters can't be read here, and what to do about it.

Who may count for the whole machine: Documentation/admin-guide/perf-security.rst of the Linux kernel, and
perf_allow_cpu() in include/linux/perf_event.h: with perf_event_paranoid above 0 only those who have CAP_PERFMON.
"""

from __future__ import annotations

import errno
import os
import sys

from greensdk.machine.hardware import number_of
from greensdk_perf.pmu import POWER, device, events

PARANOID = "/proc/sys/kernel/perf_event_paranoid"

RENAMED = (5, 8)
"""The Linux that has the driver as ``rapl`` instead of ``intel_rapl_perf`` (commit fd3ae1e1587d)."""

Why = tuple[str, str]
"""The reason and the fix."""


def explain(error: OSError | ValueError) -> str:
    """
    Return an error as people look it up: ``EACCES (Permission denied)``.
    """
    if not isinstance(error, OSError):
        return str(error)
    file = f": {error.filename}" if error.filename else ""
    return f"{errno.errorcode.get(error.errno or 0, 'OSError')} ({error.strerror or error}){file}"


def no_events(root: str, machine: str = "", release: str = "") -> Why:
    """
    Explain why there is no package event under `root`.
    """
    machine, release = machine or os.uname().machine, release or os.uname().release
    home = device(root, POWER)
    if os.path.isdir(home):
        found = ", ".join(name for name in events(root) if name.startswith("energy-"))
        return f"{home} has no event energy-pkg, only {found or 'none of energy'}", ""
    if machine != "x86_64":
        return f"there is no {home}: RAPL counters belong to Intel and AMD processors, this one is {machine}", ""
    return (
        f"there is no {home}: the driver is not loaded, or this is a virtual machine, which seldom has RAPL",
        f"sudo modprobe {module(release)}",
    )


def module(release: str) -> str:
    """
    Return the name of the driver in a kernel.
    """
    numbers = tuple(int(part) if part.isdigit() else 0 for part in release.partition("-")[0].split(".")[:2])
    return "rapl" if numbers >= RENAMED else "intel_rapl_perf"


def no_number(machine: str) -> Why:
    """
    Explain an architecture without a known system call.
    """
    from greensdk_perf.syscall import NUMBERS

    return f"perf_event_open is known here for 64-bit {' and '.join(NUMBERS)}, not for this Python on {machine}", ""


def no_package(root: str, name: str, error: OSError | ValueError) -> Why:
    """
    Explain why the package event could not be opened.
    """
    code = error.errno if isinstance(error, OSError) and not error.filename else None
    if code == errno.EACCES:
        return forbidden(paranoid())
    if code == errno.EPERM:
        return (
            "perf_event_open is refused with EPERM: a seccomp filter, as containers have it",
            "docker run --cap-add PERFMON --security-opt seccomp=unconfined  (or a profile that allows "
            "perf_event_open)",
        )
    return f"{os.path.join(device(root, POWER), 'events', name)}: {explain(error)}", ""


def paranoid() -> int | None:
    """
    Return the kernel's setting; None if it can't be read.
    """
    return number_of(PARANOID)


def forbidden(level: int | None) -> Why:
    """
    Explain EACCES.
    """
    if level is not None and level <= 0:
        return f"a security module (SELinux) refuses perf events, though kernel.perf_event_paranoid is {level}", ""
    return (
        f"kernel.perf_event_paranoid is {'unknown' if level is None else level}: above 0 only those with CAP_PERFMON "
        "may count for the whole machine (root of a container is not among them)",
        "sudo sysctl kernel.perf_event_paranoid=0  (until the next boot, and only where you trust everybody on the "
        f"machine), or: sudo setcap cap_perfmon=ep {os.path.realpath(sys.executable)}",
    )
