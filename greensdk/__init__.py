"""
greensdk: see what a Python function costs in joules.

    >>> from greensdk import energy_tracked, capture
    >>> @energy_tracked(sink="memory:")
    ... def work(n):
    ...     return sum(range(n))
    >>> with capture() as records:
    ...     result = work(10)
    >>> records[0]["function"].endswith("work"), records[0]["status"]
    (True, 'ok')
"""

from __future__ import annotations

from greensdk.decorator import capture, energy_tracked, track
from greensdk.errors import (
    ConfigError,
    GreensdkError,
    MonitorUnavailable,
    PluginError,
    RecordError,
    SinkError,
)
from greensdk.runtime import reset
from greensdk.version import __version__

__all__ = [
    "ConfigError",
    "GreensdkError",
    "MonitorUnavailable",
    "PluginError",
    "RecordError",
    "SinkError",
    "__version__",
    "capture",
    "energy_tracked",
    "reset",
    "track",
]
