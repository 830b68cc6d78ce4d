"""
The first-party plugins, one line each: name to ``module:attribute``.

A name in these tables resolves without pluggy or importlib.metadata, which is what a worker, a
Lambda and an explicit ``monitors=[...]`` need. :func:`register` hands the same tables to the hooks,
so that from there on a first-party plugin is like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greensdk.registry import Registry

MONITORS = {
    "rapl": "greensdk_rapl:RaplMonitor",
    "psutil-tdp": "greensdk_psutil_tdp:PsutilTdpEstimator",
}

SINKS = {
    "file": "greensdk.sink:JsonlSink",
    "stdout": "greensdk.sink:StdoutSink",
    "memory": "greensdk.sink:MemorySink",
    "lithops": "greensdk_lithops.storage:StorageSink",
}

ADAPTERS = {
    "lithops": ("greensdk_lithops.worker:LithopsCall", "LITHOPS_WORKER"),
}
"""Name to (``module:attribute``, the environment variable that says we run there)."""


def register(registry: Registry) -> None:
    """
    Offer everything in the tables.
    """
    for name, target in MONITORS.items():
        registry.monitor(name, target)
    for scheme, target in SINKS.items():
        registry.sink(scheme, target)
    for name, (target, when) in ADAPTERS.items():
        registry.adapter(name, target, when=when)
