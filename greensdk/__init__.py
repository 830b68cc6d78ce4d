"""
greensdk: measure the energy of Python functions.

    >>> from greensdk import energy_tracked, capture
    >>> @energy_tracked(sink="memory:")
    ... def work(n):
    ...     return sum(range(n))
    >>> with capture() as records:
    ...     result = work(10)
    >>> records[0]["function"].endswith("work"), records[0]["status"]
    (True, 'ok')

A worker imports this package with every call and needs none of these names, so each is imported when it
is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greensdk.version import __version__

if TYPE_CHECKING:
    from greensdk.ab.functions import compare
    from greensdk.errors import (
        ConfigError,
        GreensdkError,
        MonitorUnavailable,
        PluginError,
        RecordError,
        SinkError,
    )
    from greensdk.measure.blocks import capture, track
    from greensdk.measure.decorator import energy_tracked
    from greensdk.measure.gpu import gpu_sync
    from greensdk.measure.notes import annotate, current
    from greensdk.measure.slots import reset
    from greensdk.schema.types import Record

__all__ = [
    "ConfigError",
    "GreensdkError",
    "MonitorUnavailable",
    "PluginError",
    "Record",
    "RecordError",
    "SinkError",
    "__version__",
    "annotate",
    "capture",
    "compare",
    "current",
    "energy_tracked",
    "gpu_sync",
    "reset",
    "track",
]

_HOMES = {
    "annotate": "measure.notes",
    "capture": "measure.blocks",
    "compare": "ab.functions",
    "current": "measure.notes",
    "energy_tracked": "measure.decorator",
    "gpu_sync": "measure.gpu",
    "track": "measure.blocks",
    "reset": "measure.slots",
    "Record": "schema.types",
}


_EXTENSION = ("load_ipython_extension", "unload_ipython_extension")
"""What ``%load_ext greensdk`` asks this package for."""


def __getattr__(name: str) -> Any:
    if name in _EXTENSION:
        from greensdk.configure.targets import load

        return load(f"greensdk_jupyter:{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"greensdk.{_HOMES.get(name, 'errors')}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
