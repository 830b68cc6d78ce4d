"""
Facts about a job that the client sends to its workers: attempt, stage, workflow and parents.

They are sent in an environment variable of the job, which a worker passes on to executors created inside it. So they
include the executor's id and apply to the calls of that executor only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from greensdk.errors import ConfigError

VARIABLE = "__GREENSDK_LITHOPS_JOB"
REDUCE = "__LITHOPS_REDUCE_JOB"

FLUSH = "flush_on_sigterm"
"""Save the record when the call is terminated with SIGTERM; see :mod:`greensdk_lithops.sigterm`."""

WORKFLOW_KEYS = ("stage", "workflow", "parents")
"""The keys of the record's ``worker`` block that the user sets."""

TYPES: dict[str, tuple[type, str]] = {
    "stage": (str, "text"),
    "workflow": (str, "text"),
    "parents": (list, "a list of the names of stages"),
    FLUSH: (bool, "yes or no"),
}
"""Settings of this adapter, with their types."""


def split(energy: Mapping[str, Any] | None, where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Return this adapter's settings, and the others, which are arguments of ``energy_tracked``.

    Raises:
        ConfigError: A setting of this adapter has the wrong type; the message says where it was set.
    """
    own: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in (energy or {}).items():
        if key in TYPES:
            own[key] = _checked(where, key, list(value) if isinstance(value, tuple) else value)
        else:
            others[key] = value
    return {key: value for key, value in own.items() if value is not None}, others


def _checked(where: str, key: str, value: Any) -> Any:
    kind, meaning = TYPES[key]
    members: list[Any] = value if isinstance(value, list) else []
    if value is None or (isinstance(value, kind) and all(isinstance(each, str) for each in members)):
        return value
    raise ConfigError(f"{where}: {key} = {value!r}: expected {meaning}")


def job_facts(executor_id: str | None) -> dict[str, Any]:
    """
    Return the facts that the client sent to this executor's workers; empty if there are none.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return {}
    import json

    facts: dict[str, Any] = json.loads(text)
    return at_stage(facts, os.environ.get(REDUCE) == "True") if facts.get("executor_id") == executor_id else {}


def at_stage(facts: Mapping[str, Any], reduces: bool) -> dict[str, Any]:
    """
    Return a job's facts; a reducing job is a stage of its own, after the mapping one.

    Example:
        >>> at_stage({"stage": "count", "parents": ["split"]}, reduces=True)
        {'stage': 'count-reduce', 'parents': ['count']}
    """
    if not reduces or "stage" not in facts:
        return dict(facts)
    return {**facts, "stage": f"{facts['stage']}-reduce", "parents": [facts["stage"]]}
