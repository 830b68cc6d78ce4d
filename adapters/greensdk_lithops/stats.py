"""
Records into ``future.stats``: a few plain keys, and one with all that matters as JSON.

A job runner's statistics are lines ``key value`` in a file that the handler reads when the call is over; a
value that ``float()`` takes becomes a number. An empty value, or a newline in one, would break the user's call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

from greensdk.deliver import lifecycle
from greensdk.schema.flat import energy
from greensdk_lithops.job_runner import stats_writer

RECORD_KEY = "worker_func_energy_record"
JOULES_KEY = "worker_func_energy_j"
LIMIT_BYTES = 2000
"""Longest text of `RECORD_KEY`: message queues have limits, and a client keeps the statistics of all calls."""
TEXT_LIMIT = 120

KEPT = (
    "record_id", "function", "label", "tags", "status", "error_type", "started_at", "duration_s", "cpu_s", "cpu_source",
    "energy_j", "energy_low_j", "energy_high_j", "energy_parts_j", "energy_source", "energy_quality", "energy_boundary",
    "energy_self_j", "reason", "overhead_s", "greensdk",
)  # fmt: skip
KEPT_OF_HOST = ("host_id", "boot_id", "arch", "cpu_model", "cpus_logical")
KEPT_OF_READING = (
    "monitor", "scope", "quality", "boundary", "energy_j", "call_j", "low_j", "high_j", "meter_id", "reason",
)  # fmt: skip
DROPPED_FIRST = ("readings", "tags", "host", "label", "function")
"""What goes when the text is too long, in this order."""

ADDED = ("energy_j", "energy_low_j", "energy_high_j", "energy_self_j", "duration_s", "cpu_s", "overhead_s")
JOINED = ("energy_source", "energy_boundary", "cpu_source")
FLAT_ADDED = (JOULES_KEY, "worker_func_energy_pkg", "worker_func_energy_cores", "worker_func_energy_duration")

Sums = tuple[dict[str, Any], dict[str, Any]]


class StatsSink:
    """
    Puts the outermost calls of a Lithops call into its statistics; several of them add up.

    Calls inside other calls are in those already. In a process that the call has started, nothing is
    written: its CPU seconds are in the call's.
    """

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Add one record.
        """
        if not record["depth"] and stats_writer() is not None:
            lifecycle.shared(StatsSink, Statistics).add(record)

    def flush(self) -> None:
        """
        Write what is still held back.
        """
        if (statistics := lifecycle.existing(StatsSink)) is not None:
            statistics.finish()

    close = flush


class Statistics:
    """
    What one process adds to its call's statistics, at once for the first call and then once a second.
    """

    def __init__(self) -> None:
        self._interval = lifecycle.Interval(lifecycle.WORKER_INTERVAL_S)
        self._sums: Sums | None = None
        self._written: Sums | None = None

    def add(self, record: Mapping[str, Any]) -> None:
        """
        Add one record.
        """
        fresh = (flat(record), kept(record))
        self._sums = fresh if self._sums is None else added(self._sums, fresh)
        if self._interval.is_due():
            self._write()

    def request(self) -> None:
        """
        Writing takes no time worth beginning earlier.
        """

    def finish(self, _: None = None) -> None:
        """
        Write what is held back; at the end of the process an error can no longer be reported.
        """
        with suppress(OSError, ValueError):
            self._write()

    def forget(self) -> bool:
        """
        Leave what is held back to the parent, in a forked child.
        """
        return True

    def _write(self) -> None:
        """Write the sums; a later line of a key replaces an earlier one."""
        write = stats_writer()
        if self._sums is None or write is None or self._sums is self._written:
            return
        for key, value in self._sums[0].items():
            text = sanitised(value)
            if text:
                write(key, text)
        write(RECORD_KEY, compact(self._sums[1]))
        self._written = self._sums


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the plain keys of a record; what is not known is left out.
    """
    keys: dict[str, Any] = dict(energy(record))
    if record["energy_j"] is not None:
        keys[JOULES_KEY] = record["energy_j"]
    return keys


def kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what of a record goes into its compact form.
    """
    host = record["host"]
    return {
        **{key: record[key] for key in KEPT if record.get(key) is not None},
        "host": {key: host[key] for key in KEPT_OF_HOST if host.get(key) is not None},
        "readings": [[each[key] for key in KEPT_OF_READING] for each in record["readings"]],
    }


def added(sums: Sums, more: Sums) -> Sums:
    """
    Return two outermost calls as one. Their joules never overlap: each call claims its own CPU seconds only.
    """
    flats, both = {**more[0], **sums[0]}, {**more[1], **sums[1], "readings": []}
    for target, one, other, keys in ((flats, sums[0], more[0], FLAT_ADDED), (both, sums[1], more[1], ADDED)):
        target.update({key: one.get(key, 0.0) + other.get(key, 0.0) for key in keys if key in one or key in other})
    for key in ("worker_func_energy_method_used", "worker_func_energy_source"):
        if key in flats:
            flats[key] = _joined(sums[0].get(key), more[0].get(key))
    for key in JOINED:
        if key in both:
            both[key] = _joined(sums[1].get(key), more[1].get(key))
    for key in ("function", "label", "tags", "energy_quality"):
        if sums[1].get(key) != more[1].get(key):
            both.pop(key, None)
    if "energy_j" in both:
        both.setdefault("energy_quality", "estimated")
    both["status"], both["error_type"] = more[1]["status"], more[1].get("error_type")
    if unknown := [each["reason"] for each in (sums[1], more[1]) if "reason" in each and "energy_j" not in each]:
        both["reason"] = unknown[0] if "energy_j" not in both else f"a call is missing in the sum: {unknown[0]}"
    if "energy_parts_j" in both:
        both["energy_parts_j"] = _added_parts(sums[1].get("energy_parts_j"), more[1].get("energy_parts_j"))
    return flats, both


def _added_parts(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, float] | None:
    if one is None or other is None:
        return None
    return {name: (one.get(name) or 0.0) + (other.get(name) or 0.0) for name in {**one, **other}}


def _joined(one: str | None, other: str | None) -> str:
    names = [*(one or "").split(" + "), *(other or "").split(" + ")]
    return " + ".join(dict.fromkeys(filter(None, names)))


def sanitised(value: Any) -> str:
    """
    Return `value` as it may stand in the statistics: one line, no NaN, and a text that stays a text.

    Example:
        >>> sanitised(0.5), sanitised("two\\nlines"), sanitised("1e5"), sanitised(float("nan"))
        ('0.5', 'two lines', '"1e5"', '')
    """
    if isinstance(value, float):
        return repr(value) if isfinite(value) else ""
    text = " ".join(str(value).split())
    if isinstance(value, str):
        try:
            float(text)
        except ValueError:
            return text
        return f'"{text}"'
    return text


def compact(parts: Mapping[str, Any]) -> str:
    """
    Return a record's parts as JSON of less than `LIMIT_BYTES`, in ASCII and on one line.
    """
    left = {key: _short(value) for key, value in parts.items()}
    for key in ("", *DROPPED_FIRST):
        left.pop(key, None)
        text = json.dumps(left, separators=(",", ":"))
        if len(text) < LIMIT_BYTES:
            break
    return text


def _short(value: Any) -> Any:
    """Return `value` with seven digits of each number (a joule in ten million) and the first part of each text."""
    if isinstance(value, float):
        return float(f"{value:.7g}") if isfinite(value) else None
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    if isinstance(value, Mapping):
        return {str(key): _short(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    return value if value is None or isinstance(value, bool | int) else str(value)[:TEXT_LIMIT]
