"""
What a record is: one call, as a plain dict, as it stands in the JSON line.

The meaning of every key is in :mod:`greensdk.schema.check`; here it is put together. A record never holds
the call's arguments, its result, or anything of the environment.
"""

from __future__ import annotations

import sys
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any

from greensdk.measure.attribution import Primary
from greensdk.monitor import Reading
from greensdk.version import __version__

if TYPE_CHECKING:
    from resource import struct_rusage

    from greensdk.measure.runtime import Runtime
    from greensdk.measure.window import Subject, Window

SCHEMA = "greensdk.record/1"
KEYS = (  # noqa: SIM905 - four lines instead of forty
    "schema record_id parent_id depth function label tags status error_type runs started_at monotonic_s duration_s "
    "cpu_s cpu_source host_cpu_s host_cpu_start_s host_cpu_source cpu_share energy_j energy_low_j energy_high_j "
    "energy_source energy_quality energy_boundary energy_self_j energy_per_run_j active_j reason readings resources "
    "samples host process worker cost carbon errors phases overhead_s greensdk config_digest plugins"
).split()
"""Every key, in the order in which they stand in the line."""

CANCELLED = frozenset({"CancelledError", "GeneratorExit", "KeyboardInterrupt", "Terminated"})
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of ``ru_maxrss``: kilobytes on Linux (getrusage(2)), bytes on macOS."""

_second = 0
_second_text = ""


def rfc3339(epoch_s: float) -> str:
    """
    Return `epoch_s` (seconds since 1970, UTC) as an RFC 3339 timestamp with microseconds.

    Example:
        >>> rfc3339(0.25)
        '1970-01-01T00:00:00.250000Z'
    """
    global _second, _second_text
    micros = int((epoch_s - _second) * 1e6)
    if not 0 <= micros < 1_000_000:
        # Formatting a second costs more than everything else here, and calls come many to a second.
        _second = int(epoch_s)
        _second_text = strftime("%Y-%m-%dT%H:%M:%S.", gmtime(_second))
        micros = int((epoch_s - _second) * 1e6)
    return _second_text + str(1_000_000 + micros)[1:] + "Z"


def status_of(error: BaseException) -> str:
    """
    Return ``error`` or ``cancelled`` for what a call raised.
    """
    return "cancelled" if type(error).__name__ in CANCELLED else "error"


def light_resources(
    cpu_s: float,
    duration_s: float,
    self0: struct_rusage,
    self1: struct_rusage,
    kids0: struct_rusage,
    kids1: struct_rusage,
    alone: bool,
) -> dict[str, Any]:
    """
    Return what two getrusage(2) calls tell about a call.

    The kernel splits CPU time into user and system, and counts faults, switches and blocks, per
    process only; while other calls run beside this one, those numbers are nobody's and None.
    """
    cpu_percent = 100.0 * cpu_s / duration_s if duration_s else None
    peak_rss_bytes = (self1[2] if self1[2] > kids1[2] else kids1[2]) * MAXRSS_BYTES
    if not alone:
        return {"cpu_percent": cpu_percent, "peak_rss_bytes": peak_rss_bytes, **_NOT_ALONE}
    return {
        "cpu_percent": cpu_percent,
        "peak_rss_bytes": peak_rss_bytes,
        "cpu_user_s": self1[0] - self0[0] + kids1[0] - kids0[0],
        "cpu_system_s": self1[1] - self0[1] + kids1[1] - kids0[1],
        "minor_faults": self1[6] - self0[6],
        "major_faults": self1[7] - self0[7],
        "ctx_switches_voluntary": self1[14] - self0[14],
        "ctx_switches_involuntary": self1[15] - self0[15],
    }


_NOT_ALONE = dict.fromkeys(
    (
        "cpu_user_s",
        "cpu_system_s",
        "minor_faults",
        "major_faults",
        "ctx_switches_voluntary",
        "ctx_switches_involuntary",
    )
)


def blank() -> dict[str, Any]:
    """
    Return a record with all of its keys and nothing known.
    """
    record: dict[str, Any] = dict.fromkeys(KEYS)
    record.update(schema=SCHEMA, depth=0, status="ok", runs=1, tags={}, readings=[], resources={}, host={})
    record.update(cost={}, carbon={}, errors={}, phases={}, greensdk=__version__, plugins={})
    return record


def template(runtime: Runtime, subject: Subject) -> dict[str, Any]:
    """
    Return a record of `subject` with everything that is the same for all its calls; :func:`build` fills a copy.

    Copying a dict and setting what changes costs half of writing out forty keys.
    """
    record = blank()
    record["function"] = subject.function
    record["label"] = runtime.label if subject.label is None else subject.label
    record["tags"] = {**runtime.tags, **subject.tags} if subject.tags else runtime.tags
    clock = runtime.cpu_clock or runtime.host_clock
    record["host_cpu_source"] = clock.name if clock else None
    record["host"] = runtime.host
    record["process"] = runtime.process
    record["worker"] = runtime.worker
    record["config_digest"] = runtime.config_digest
    record["plugins"] = runtime.plugins
    return record


def build(
    window: Window,
    error: BaseException | None,
    closed_ns: int,
    cpu_s: float,
    cpu_source: str,
    primary: Primary,
    readings: list[Reading],
    resources: dict[str, Any],
) -> dict[str, Any]:
    """
    Return the record of a call, but for its shares, its self energy and its overhead.

    `closed_ns` is when the last meter had been read again.
    """
    record = window.subject.template.copy()
    parent, started_ns, stopped_ns = window.parent, window.started_ns, window.stopped_ns
    record["record_id"] = window.record_id
    if parent is not None:
        record["parent_id"] = parent.record_id
        record["depth"] = window.depth
    if error is not None:
        record["status"] = status_of(error)
        record["error_type"] = type(error).__name__
    if window.runtime.worker_now is not None:
        record["worker"] = {**record["worker"], **window.runtime.worker_now()}
    record["started_at"] = rfc3339(window.started_at)
    record["monotonic_s"] = started_ns * 1e-9
    record["duration_s"] = (stopped_ns - started_ns) * 1e-9
    record["cpu_s"] = cpu_s
    record["cpu_source"] = cpu_source
    record["energy_j"] = record["energy_self_j"] = record["energy_per_run_j"] = primary[0]
    if window.runs != 1:
        record["runs"] = runs = window.runs
        record["energy_per_run_j"] = primary[0] / runs if primary[0] is not None and runs else None
    if primary[0] is None:
        record["reason"] = primary[6]
    else:
        record["energy_low_j"] = primary[1]
        record["energy_high_j"] = primary[2]
        record["energy_source"] = primary[3]
        record["energy_quality"] = primary[4]
        record["energy_boundary"] = primary[5]
    record["readings"] = readings
    record["resources"] = resources
    record["errors"] = window.errors
    record["phases"] = {"start_s": (started_ns - window.entered_ns) * 1e-9, "stop_s": (closed_ns - stopped_ns) * 1e-9}
    return record
