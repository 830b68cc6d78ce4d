"""
greensdk for Lithops: measures every call of every job, on every backend.

    >>> from greensdk_lithops import EnergyFunctionExecutor
    >>> with EnergyFunctionExecutor(backend="localhost") as fexec:  # doctest: +SKIP
    ...     fexec.get_result(fexec.map(work, range(100)))
    ...     print(fexec.energy_report())

Workers import this package too, so its public names are imported lazily.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greensdk.report import EnergyReport
    from greensdk_lithops.executor import EnergyFunctionExecutor, instrument
    from greensdk_lithops.records import collect
    from greensdk_lithops.report import LithopsReport

__all__ = ["EnergyFunctionExecutor", "EnergyReport", "LithopsReport", "collect", "instrument"]

_MODULES = {
    "EnergyFunctionExecutor": "greensdk_lithops.executor",
    "EnergyReport": "greensdk.report",
    "LithopsReport": "greensdk_lithops.report",
    "collect": "greensdk_lithops.records",
    "instrument": "greensdk_lithops.executor",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value
