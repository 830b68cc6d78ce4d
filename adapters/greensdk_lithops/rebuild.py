"""
Records rebuilt on the client: from the compact JSON in ``future.stats``, or from the future alone.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from hashlib import sha256
from typing import Any

from greensdk.measure.record import blank, rfc3339
from greensdk_lithops.futures import known_of
from greensdk_lithops.job import WORKFLOW_KEYS
from greensdk_lithops.stats import KEPT_OF_READING, RECORD_KEY

LOST = "lost"
UNMEASURED = "unmeasured"
TIMINGS = ("host_submit_tstamp", "host_status_done_tstamp", "worker_start_tstamp", "worker_end_tstamp")


def from_stats(future: Any) -> dict[str, Any] | None:
    """
    Return the record from its compact form in the future's statistics; None if there is none.

    Raises:
        ValueError: It is not JSON.
    """
    text = future.stats.get(RECORD_KEY)
    if not isinstance(text, str):
        return None
    kept = json.loads(text)
    readings = [_reading(values) for values in kept.get("readings", ())]
    return {**_blank(future), **kept, "readings": readings, "worker": worker_of(future)}


def later_overhead_s(record: dict[str, Any], future: Any) -> float | None:
    """
    Return a record's ``overhead_s`` as ``future.stats`` has it, which is written last: with what writing the record to
    storage has taken. The record's own where the statistics tell nothing of it.
    """
    text = (getattr(future, "stats", None) or {}).get(RECORD_KEY)
    with suppress(ValueError, TypeError, AttributeError, KeyError):
        kept = json.loads(text or "")
        if kept["record_id"] == record["record_id"]:
            return float(kept["overhead_s"])
    own: float | None = record["overhead_s"]
    return own


def without_record(future: Any, status: str, reason: str) -> dict[str, Any]:
    """
    Return a record for a call that left none: what the client knows, its status (:data:`LOST` or :data:`UNMEASURED`),
    and the reason.

    ``duration_s`` is the handler's if there is one, else the time from submission to status, which includes waiting.
    """
    stats = getattr(future, "stats", None) or {}
    error = getattr(future, "_exception", None)
    kind = error[0] if isinstance(error, tuple) else None
    return {
        **_blank(future),
        "function": getattr(future, "function_name", None),
        "status": status,
        "error_type": getattr(kind, "__name__", None),
        "duration_s": _duration_s(stats),
        "reason": reason,
        "phases": {key: stats[key] for key in TIMINGS if key in stats},
    }


def worker_of(future: Any) -> dict[str, Any]:
    """
    Return the ``worker`` block, as far as known to the client.
    """
    stats = getattr(future, "stats", None) or {}
    memory_mb, cold, job = getattr(future, "runtime_memory", None), stats.get("worker_cold_start"), known_of(future)
    return {
        "adapter": "lithops",
        "backend": getattr(future, "backend", None),
        "executor_id": getattr(future, "executor_id", None),
        "job_id": getattr(future, "job_id", None),
        "call_id": getattr(future, "call_id", None),
        "activation_id": getattr(future, "activation_id", None),
        "attempt": job.get("attempt"),
        "calls": job.get("calls"),
        "memory_mb": None if memory_mb is None else float(memory_mb),
        "cold_start": None if cold is None else bool(cold),
        **{key: job.get(key) for key in WORKFLOW_KEYS},
    }


def _reading(values: list[Any]) -> dict[str, Any]:
    return {**dict(zip(KEPT_OF_READING, values, strict=True)), "domains": {}, "attributes": {}}


def _duration_s(stats: dict[str, Any]) -> float | None:
    for start, end in (("worker_start_tstamp", "worker_end_tstamp"), ("host_submit_tstamp", "host_status_done_tstamp")):
        if start in stats and end in stats:
            return max(0.0, float(stats[end] - stats[start]))
    return None


def _blank(future: Any) -> dict[str, Any]:
    stats = getattr(future, "stats", None) or {}
    worker = worker_of(future)
    ids = ":".join(str(worker[key]) for key in ("executor_id", "job_id", "call_id", "activation_id"))
    start_s = next((stats[key] for key in ("worker_start_tstamp", "host_submit_tstamp") if key in stats), None)
    return {
        **blank(),
        "record_id": sha256(ids.encode()).hexdigest()[:32],
        "started_at": rfc3339(time.time() if start_s is None else start_s),
        "worker": worker,
    }
