"""
What the calls of an executor used: the report with what only Lithops has, attempts and lost calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from greensdk.report import EnergyReport, Group

OF_CALL = (
    "record_id", "function", "label", "status", "error_type", "started_at", "duration_s", "cpu_s", "energy_j",
    "energy_low_j", "energy_high_j", "energy_source", "energy_quality", "energy_boundary", "reason",
)  # fmt: skip
OF_WORKER = (
    "backend", "executor_id", "job_id", "call_id", "activation_id", "attempt", "calls", "memory_mb", "cold_start",
    "stage", "workflow", "parents",
)  # fmt: skip
WITH_RESULT = ("ok", "unmeasured")
TABLES = (("job", "worker.job_id"), ("host", "host.host_id"))


class LithopsReport(EnergyReport):
    """
    The records of an executor's calls, and what they add up to. ``str()`` of it is a table.
    """

    def to_dicts(self) -> list[dict[str, Any]]:
        """
        Return a flat row for each record, lost calls and failed attempts too: ``pandas.DataFrame(report.to_dicts())``.

        ``shared_j`` is the call's part of its meter, each joule of which is given once; its sum is `energy_j` of the
        report. It is None for a call that has no number, or that is inside another one.
        """
        calls = self.calls_j
        return [
            {
                **{key: record[key] for key in OF_CALL},
                "shared_j": calls.get(record["record_id"]),
                **{key: (record["worker"] or {}).get(key) for key in OF_WORKER},
                "host_id": record["host"].get("host_id"),
            }
            for record in self.records
        ]

    def remarks(self) -> Iterable[str]:
        """
        Yield what more than one job or machine took, what attempts were for nothing, and what any report says.
        """
        for word, key in TABLES:
            groups = self.by(key)
            if len(groups) > 1:
                yield from (f"{word} {_short(name)}: {_sum(group)}" for name, group in groups.items())
        if line := self._retries():
            yield line
        yield from super().remarks()

    def _retries(self) -> str:
        attempts = {attempt: group.calls for attempt, group in self.by("worker.attempt").items() if (attempt or 0) > 1}
        if not attempts:
            return ""
        groups = self.by("status").items()
        failed = ", ".join(
            f"{group.calls} {status} ({_joules(group)})" for status, group in groups if status not in WITH_RESULT
        )
        number, most = sum(attempts.values()), max(attempts)
        return f"{number} attempts beyond the first, {most} at most; without a result: {failed or 'none'}"


def _short(name: Any) -> str:
    return "unknown" if name is None else str(name)[:12]


def _sum(group: Group) -> str:
    return f"{group.calls} call{'s' if group.calls != 1 else ''}, {_joules(group)}"


def _joules(group: Group) -> str:
    return "no number" if group.energy_j is None else f"{group.energy_j:.4g} J"
