"""
This machine as the models see it: how many watts of TDP are its own, which part of a host it is, and in words what its
estimate rests on.

=======================================  ==============================================================================
what the kernel shows                    what it is
=======================================  ==============================================================================
a hypervisor                             a guest: its CPUs are threads of a socket, and have their share of its watts
fewer CPUs than a socket has, and files  a container whose CPUs are hidden (lxcfs): shared out like a guest
that say how many the socket has
the same without such files              a machine with CPUs offline: the socket's watts, at a load of all its threads
as many CPUs as cores                    SMT is off: the socket's watts, and full load when all cores are busy
nothing of a hypervisor, on ARM          a machine if it has all of the socket's threads, else a guest
=======================================  ==============================================================================

A guest with all threads of its sockets has the host's watts. Quotas and cpusets of containers hide no CPU: there the
machine is the whole, and attribution gives the call its share.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from greensdk_psutil_tdp import coefficients as fitted
from greensdk_psutil_tdp.era import AMD_DESKTOP, INTEL_CLIENT, INTEL_OLD, MODERN, SERVER
from greensdk_psutil_tdp.interval import EXACT, LINEAR, VIRTUAL, Factors, widen
from greensdk_psutil_tdp.power import (
    DRAM_W_PER_GB,
    GB_PER_THREAD,
    HOST_THREADS,
    PACKAGE,
    SUPPLY,
    TYPICAL_LOAD,
    WALL,
    Machine,
    curve,
    described,
)
from greensdk_psutil_tdp.table import normalise
from greensdk_psutil_tdp.tdp import USER, Tdp, threads_of

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

THREADS: Factors = (0.5, 2.0)
"""Of a share where the threads of the socket are estimated from its watts: parts of one class differ by as much."""

MOST_W_PER_THREAD = 20.0
"""No part has more watts of TDP for a thread (Xeon X5570: 12, Core i9-9900KS: 8, a Pentium of 2006: 65 of one)."""


def with_threads(found: Tdp, host: Mapping[str, Any]) -> Tdp:
    """
    Return what is known of a CPU, with an estimate of the socket's threads where a guest's share asks for them.
    """
    if found.tdp_w is None or found.threads or found.watts_per_thread is not None or not is_guest(found, host):
        return found
    if found.source == USER:
        return found._replace(threads=HOST_THREADS // 2, note=f"{found.note}, taken as of {HOST_THREADS // 2} threads")
    threads = threads_of(found.tdp_w, host["cpu_class"])
    low, high = widen((found.low, found.high), THREADS)
    return found._replace(threads=threads, low=low, high=high, note=f"{found.note}; threads estimated: {threads}")


def is_guest(found: Tdp, host: Mapping[str, Any]) -> bool:
    """
    Whether this machine's CPUs are only some of its sockets' threads, so that others run on the rest.
    """
    if host["virtualised"] is not None and (host["virtualised"] or host["sockets"] is not None):
        return bool(host["virtualised"])
    return bool(found.threads and host["cpus_logical"] < (found.cores or found.threads))


def share_of(found: Tdp, host: Mapping[str, Any]) -> float | None:
    """
    Return a guest's part of its host's threads; None for a machine, and for a guest that has them all.

    Sockets are shared out one by one; a host of which nothing is known is taken as a whole.
    """
    if not is_guest(found, host):
        return None
    cpus, threads = host["cpus_logical"], found.threads or HOST_THREADS
    share: float = cpus / (threads * ceil(cpus / threads))
    return None if share == 1.0 else share


def sockets_of(found: Tdp, host: Mapping[str, Any]) -> float:
    """
    Return the sockets of a machine, or the part of sockets that a guest's CPUs are.
    """
    cpus = host["cpus_logical"]
    if is_guest(found, host):
        return float(cpus / (found.threads or HOST_THREADS / 2))
    sockets: int | None = found.sockets or host["sockets"]
    return sockets or (ceil(cpus / found.threads) if found.threads else 1)


def threads_of_machine(found: Tdp, host: Mapping[str, Any]) -> int:
    """
    Return how many CPUs are busy at full load: those that are there, but for a machine of which some are offline.
    """
    cpus: int = host["cpus_logical"]
    if found.threads is None or is_guest(found, host):
        return cpus
    sockets = int(sockets_of(found, host))
    if cpus % sockets == 0 and cpus // sockets == found.cores:
        return cpus  # SMT is off
    return max(cpus, found.threads * sockets)


def machine_w(found: Tdp, host: Mapping[str, Any]) -> float:
    """
    Return the TDP of all CPUs of this machine.

    The CPUs of a virtual machine are a few threads of a big socket: they get their threads' part of its TDP.
    """
    cpus: int = host["cpus_logical"]
    if found.watts_per_thread is not None:
        return found.watts_per_thread * cpus
    found = with_threads(found, host)
    return (found.tdp_w or 0.0) * sockets_of(found, host)


def machine_of(found: Tdp, host: Mapping[str, Any]) -> Machine:
    """
    Return this machine as the power model sees it.
    """
    cpus: int = host["cpus_logical"]
    memory: int | None = host["memory_bytes"]
    found = with_threads(found, host)
    made = described(
        found,
        host["cpu_class"],
        normalise(host["cpu_model"] or ""),
        tdp_w=machine_w(found, host),
        sockets=sockets_of(found, host),
        threads=cpus,
        memory_gb=memory / 2**30 if memory else GB_PER_THREAD * cpus,
        share=share_of(found, host),
    )
    words = [made.words, *_remarks(found, host)]
    if not memory:
        words.append(f"memory unknown: {GB_PER_THREAD:g} GB a thread")
    return made._replace(words=", ".join(words))


def warning(found: Tdp, host: Mapping[str, Any]) -> str:
    """
    Return what is wrong with a configured TDP; "" for nothing.
    """
    per_thread_w = machine_w(found, host) / host["cpus_logical"]
    if found.source != USER or per_thread_w <= MOST_W_PER_THREAD:
        return ""
    return (
        f"tdp_w = {found.tdp_w:g} makes {per_thread_w:.3g} W a thread, and no part has more than "
        f"{MOST_W_PER_THREAD:g}: set tdp_threads to the hardware threads of the socket that tdp_w belongs to"
    )


def interval(found: Tdp, *, virtual: bool) -> Factors:
    """
    Return the two factors around the linear model's estimate that hold the truth nine times in ten.
    """
    return widen(LINEAR, (found.low, found.high), *([VIRTUAL] if virtual else []))


def _remarks(found: Tdp, host: Mapping[str, Any]) -> list[str]:
    """Return what a person should know of how the watts came about."""
    cpus, of = host["cpus_logical"], threads_of_machine(found, host)
    said = [warning(found, host)]
    if is_guest(found, host) and found.tdp_w and found.threads:
        several = ceil(cpus / found.threads)
        whole = f"{several} sockets" if several > 1 else "a socket"
        mine = "all" if share_of(found, host) is None else f"{cpus} of {found.threads * several}"
        said.append(f"{mine} threads of {whole} of {found.tdp_w:g} W")
    if of > cpus:
        said.append(f"{of - cpus} of {of} CPUs are offline")
    if found.tdp_w and ((found.low, found.high) != EXACT or found.source == USER):
        said.append(found.note)
    return [each for each in said if each]


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
