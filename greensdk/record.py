"""
What a record is: one call, as a plain dict, as it stands in the JSON line.

The meaning of every key is in :mod:`greensdk.schema`; here it is put together. A record never holds
the call's arguments, its result, or anything of the environment.
"""

from __future__ import annotations

import sys
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any

from greensdk.attribution import Primary, Share
from greensdk.monitor import Reading
from greensdk.version import __version__

if TYPE_CHECKING:
    from resource import struct_rusage

    from greensdk.window import Window

SCHEMA = "greensdk.record/1"
CANCELLED = frozenset({"CancelledError", "GeneratorExit"})
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of ``ru_maxrss``: kilobytes on Linux (getrusage(2)), bytes on macOS."""

_second = (0, "")


def rfc3339(epoch_s: float) -> str:
    """
    Return `epoch_s` (seconds since 1970, UTC) as an RFC 3339 timestamp with microseconds.

    Example:
        >>> rfc3339(0.25)
        '1970-01-01T00:00:00.250000Z'
    """
    global _second
    whole = int(epoch_s)
    if whole != _second[0]:
        # Formatting a second costs more than everything else here, and calls come many to a second.
        _second = (whole, strftime("%Y-%m-%dT%H:%M:%S", gmtime(whole)))
    return f"{_second[1]}.{int((epoch_s - whole) * 1e6):06d}Z"


def status_of(error: BaseException | None) -> str:
    """
    Return ``ok``, ``error`` or ``cancelled`` for what a call raised.
    """
    if error is None:
        return "ok"
    return "cancelled" if type(error).__name__ in CANCELLED else "error"


def light_resources(
    cpu_s: float, duration_s: float, self0: struct_rusage, self1: struct_rusage,
    kids0: struct_rusage, kids1: struct_rusage, alone: bool,
) -> dict[str, Any]:
    """
    Return what two getrusage(2) calls tell about a call.

    The kernel splits CPU time into user and system, and counts faults, switches and blocks, per
    process only; while other calls run beside this one, those numbers are nobody's and None.
    """
    resources: dict[str, Any] = {
        "cpu_percent": 100.0 * cpu_s / duration_s if duration_s else None,
        "peak_rss_bytes": max(self1[2], kids1[2]) * MAXRSS_BYTES,
    }
    if not alone:
        resources.update(_NOT_ALONE)
        return resources
    resources["cpu_user_s"] = self1[0] - self0[0] + kids1[0] - kids0[0]
    resources["cpu_system_s"] = self1[1] - self0[1] + kids1[1] - kids0[1]
    resources["minor_faults"] = self1[6] - self0[6]
    resources["major_faults"] = self1[7] - self0[7]
    resources["ctx_switches_voluntary"] = self1[14] - self0[14]
    resources["ctx_switches_involuntary"] = self1[15] - self0[15]
    return resources


_NOT_ALONE = dict.fromkeys(
    (
        "cpu_user_s", "cpu_system_s", "minor_faults", "major_faults",
        "ctx_switches_voluntary", "ctx_switches_involuntary",
    )
)


def build(
    window: Window,
    error: BaseException | None,
    *,
    duration_s: float,
    cpu_s: float,
    cpu_source: str,
    host_cpu_s: float | None,
    share: Share | None,
    primary: Primary,
    energy_self_j: float | None,
    readings: list[Reading],
    resources: dict[str, Any],
) -> dict[str, Any]:
    """
    Put a record together; every argument is what the key of the same name will hold.
    """
    runtime, subject, parent = window.runtime, window.subject, window.parent
    return {
        "schema": SCHEMA,
        "record_id": window.record_id,
        "parent_id": parent.record_id if parent is not None else None,
        "depth": window.depth,
        "function": subject.function,
        "label": subject.label if subject.label is not None else runtime.label,
        "tags": {**runtime.tags, **subject.tags} if subject.tags else runtime.tags,
        "status": status_of(error),
        "error_type": None if error is None else type(error).__name__,
        "started_at": rfc3339(window.started_at),
        "monotonic_s": window.started_ns * 1e-9,
        "duration_s": duration_s,
        "cpu_s": cpu_s,
        "cpu_source": cpu_source,
        "host_cpu_s": host_cpu_s,
        "host_cpu_source": runtime.host_clock.name if runtime.host_clock else None,
        "cpu_share": None if share is None else share[0],
        "energy_j": primary[0],
        "energy_low_j": primary[1],
        "energy_high_j": primary[2],
        "energy_source": primary[3],
        "energy_quality": primary[4],
        "energy_boundary": primary[5],
        "energy_self_j": energy_self_j,
        "active_j": None,
        "reason": primary[6],
        "readings": readings,
        "resources": resources,
        "host": runtime.host,
        "worker": runtime.worker,
        "cost": {},
        "carbon": {},
        "errors": window.errors,
        "phases": {
            "start_s": (window.started_ns - window.entered_ns) * 1e-9,
            "stop_s": 0.0,
        },
        "overhead_s": 0.0,
        "greensdk": __version__,
    }
