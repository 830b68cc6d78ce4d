"""
This machine as the models see it: how many watts of TDP are its own, and which part of a host it is.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from .interval import LINEAR, VIRTUAL, Factors, widen
from .names import normalise
from .power import GB_PER_THREAD, HOST_THREADS, Machine, described
from .tdp import Tdp


def machine_w(found: Tdp, host: Mapping[str, Any]) -> float:
    """
    Return the TDP of all CPUs of this machine.

    The CPUs of a virtual machine are a few threads of a big socket: they get their threads' part of its TDP.
    """
    cpus: int = host["cpus_logical"]
    if found.watts_per_thread is not None:
        return found.watts_per_thread * cpus
    socket_w = found.tdp_w or 0.0
    sockets: int | None = found.sockets or (host["sockets"] if host["virtualised"] is False else None)
    if sockets is None and found.threads:
        return socket_w / found.threads * cpus
    return socket_w * (sockets or 1)


def machine_of(found: Tdp, host: Mapping[str, Any]) -> Machine:
    """
    Return this machine as the power model sees it.

    Args:
        found: What is known of its CPU.
        host: As :func:`greensdk.machine.hardware.describe` puts it.
    """
    cpus: int = host["cpus_logical"]
    virtual = host["virtualised"] is True
    share = None
    sockets: float = host["sockets"] or 1
    if virtual:
        # Sockets are shared out one by one; a host nobody knows is taken as a whole.
        threads = found.threads or HOST_THREADS
        share = cpus / (threads * ceil(cpus / threads))
        sockets = cpus / (found.threads or HOST_THREADS / 2)
    memory: int | None = host["memory_bytes"]
    made = described(
        found,
        host["cpu_class"],
        normalise(host["cpu_model"] or ""),
        tdp_w=machine_w(found, host),
        sockets=sockets,
        threads=cpus,
        memory_gb=memory / 2**30 if memory else GB_PER_THREAD * cpus,
        share=share,
    )
    return made if memory else made._replace(words=f"{made.words}, memory unknown: {GB_PER_THREAD:g} GB a thread")


def interval(found: Tdp, *, virtual: bool) -> Factors:
    """
    Return the two factors around the linear model's estimate that hold the truth nine times in ten.
    """
    return widen(LINEAR, (found.low, found.high), *([VIRTUAL] if virtual else []))
