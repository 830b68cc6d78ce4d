"""
The adapter for Lithops workers: the worker's identity, and the default sinks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from greensdk.configure.targets import load
from greensdk.deliver.lifecycle import register_call_process
from greensdk_lithops.job import FLUSH, WORKFLOW_KEYS, job_facts
from greensdk_lithops.job_runner import context, is_call_process
from greensdk_lithops.stats import StatsSink
from greensdk_lithops.storage import DEFAULT_URI, StorageSink

if TYPE_CHECKING:
    from greensdk.deliver.sinks import Sink

STATS_URI = "lithops-stats:"


class LithopsCall:
    """
    The adapter for a Lithops worker.

    Attributes:
        sample_every_s: The period of Lithops' profiler, if configured; None otherwise.
    """

    resources = "full"
    """Costs a millisecond, which is little compared with Lithops' own work for a call."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        register_call_process(is_call_process)
        self.sample_every_s = _profiler_period_s()

    def worker(self) -> dict[str, Any]:
        """
        Return the record's ``worker`` block, with None for what is unknown here.
        """
        # The id of an executor created inside a worker contains further dashes, so split from the right.
        ids = os.environ.get("__LITHOPS_SESSION_ID", "").rsplit("-", 2)
        executor_id, job_id, call_id = ids if len(ids) == 3 else (None, None, None)
        job = job_facts(executor_id)
        if job.get(FLUSH):
            from greensdk_lithops.sigterm import flush_on_sigterm

            flush_on_sigterm()
        return {
            "adapter": "lithops",
            "backend": os.environ.get("__LITHOPS_BACKEND", "").lower().replace(" ", "_") or None,
            "executor_id": executor_id,
            "job_id": job_id,
            "call_id": call_id,
            "activation_id": os.environ.get("__LITHOPS_ACTIVATION_ID"),
            "attempt": job.get("attempt"),
            "calls": _calls(),
            "memory_mb": _memory_mb(),
            "cold_start": context().cold,
            **{key: job.get(key) for key in WORKFLOW_KEYS},
            **_pod(),
        }

    def sinks(self, settings: Mapping[str, Any]) -> Iterator[tuple[str, Sink]]:
        """
        Yield ``future.stats``, and Lithops' storage unless a configured sink accepts records in a worker.
        """
        if not any(_is_for_workers(target) for _, target, *_ in settings.get("sinks") or ()):
            yield DEFAULT_URI, StorageSink(DEFAULT_URI)
        yield STATS_URI, StatsSink()  # the last, whose record tells what writing to storage has taken


def _is_for_workers(target: str) -> bool:
    """Return whether a sink accepts records in a worker; others get them from the client, which collects them."""
    try:
        return not getattr(load(target), "client_side", False)
    except ImportError:
        return True


def _profiler_period_s() -> float | None:
    """Return ``lithops: profiler_timeout`` in seconds. Plain Lithops has no profiler, but passes the key to workers."""
    config = getattr(getattr(context().runner, "job", None), "config", None) or {}
    period_s = (config.get("lithops") or {}).get("profiler_timeout")
    is_period = isinstance(period_s, int | float) and not isinstance(period_s, bool) and 0 < period_s < inf
    return period_s if is_period else None


def _pod() -> dict[str, Any]:
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        return {}
    from greensdk_lithops.pod import pod

    return pod()


def _calls() -> int | None:
    """Return the number of calls of the job."""
    calls = getattr(getattr(context().runner, "job", None), "total_calls", None)
    return calls if isinstance(calls, int) else None


def _memory_mb() -> float | None:
    job = getattr(context().runner, "job", None)
    allotted = getattr(job, "runtime_memory", None) or os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    return float(allotted) if allotted else None
