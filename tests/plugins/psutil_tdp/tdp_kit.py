"""
Machines for the estimator to look at.
"""

from __future__ import annotations

from typing import Any

from greensdk_psutil_tdp import PsutilTdpEstimator

from greensdk.machine.hardware import classify
from greensdk.monitor import Usage

NO_POWERCAP = "/nonexistent/powercap"
XEON = "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz"
EPYC = "AMD EPYC 7763 64-Core Processor"
LAMBDA = "Intel(R) Xeon(R) Processor @ 2.50GHz"


def host(
    model: str | None = None,
    *,
    cpus: int | None = 4,
    sockets: int | None = 1,
    virtual: bool | None = False,
    memory_gb: float | None = 16,
) -> Any:
    """
    Make the part of a host's description that the estimator looks at.
    """
    return {
        "cpu_model": model,
        "cpu_class": classify(model or ""),
        "cpus_logical": cpus,
        "sockets": sockets,
        "virtualised": virtual,
        "memory_bytes": None if memory_gb is None else int(memory_gb * 2**30),
    }


def opened(machine: Any, **settings: Any) -> PsutilTdpEstimator:
    """
    Return an estimator that is ready.
    """
    estimator = PsutilTdpEstimator(**{"powercap_root": NO_POWERCAP, "host": machine, **settings})
    estimator.open()
    return estimator


def use(cpu_s: float | None, duration_s: float = 2.0, *, host_cpu_s: float | None = None) -> Usage:
    """
    Make a usage.
    """
    return Usage(duration_s, cpu_s, host_cpu_s, "process-clock")
