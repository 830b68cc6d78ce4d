"""
What the client tells the workers of a job beside what Lithops tells them: which attempt, which stage of what.

It travels in a variable of the job, which a worker hands on to executors made inside it. So it names its executor,
and counts for the calls of that one only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from greensdk.errors import ConfigError

VARIABLE = "__GREENSDK_LITHOPS_JOB"
REDUCE = "__LITHOPS_REDUCE_JOB"

FLUSH = "flush_on_sigterm"
"""Save the record when Lithops, or anybody, ends the call with SIGTERM; see :mod:`greensdk_lithops.sigterm`."""

PLACES = ("stage", "workflow", "parents")
KINDS: dict[str, tuple[type, str]] = {
    "stage": (str, "text"),
    "workflow": (str, "text"),
    "parents": (list, "a list of the names of stages"),
    FLUSH: (bool, "yes or no"),
}
"""Settings that are this adapter's, with their kinds."""


def split(energy: Mapping[str, Any] | None, where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Return this adapter's settings, and the rest, which is ``energy_tracked``'s.

    Raises:
        ConfigError: One of this adapter's is of the wrong kind; the message says where it stands.
    """
    own: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in (energy or {}).items():
        if key in KINDS:
            own[key] = _checked(where, key, list(value) if isinstance(value, tuple) else value)
        else:
            rest[key] = value
    return {key: value for key, value in own.items() if value is not None}, rest


def _checked(where: str, key: str, value: Any) -> Any:
    kind, meaning = KINDS[key]
    members: list[Any] = value if isinstance(value, list) else []
    if value is None or (isinstance(value, kind) and all(isinstance(each, str) for each in members)):
        return value
    raise ConfigError(f"{where}: {key} = {value!r}: expected {meaning}")


def told(executor_id: str | None) -> dict[str, Any]:
    """
    Return what the client has told the workers of an executor; nothing if it told nothing, or was another's.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return {}
    import json

    known: dict[str, Any] = json.loads(text)
    return at_stage(known, os.environ.get(REDUCE) == "True") if known.get("executor_id") == executor_id else {}


def at_stage(known: Mapping[str, Any], reduces: bool) -> dict[str, Any]:
    """
    Return what is known of a job; that which reduces is a stage of its own, after the one that maps.

    Example:
        >>> at_stage({"stage": "count", "parents": ["split"]}, reduces=True)
        {'stage': 'count-reduce', 'parents': ['count']}
    """
    if not reduces or "stage" not in known:
        return dict(known)
    return {**known, "stage": f"{known['stage']}-reduce", "parents": [known["stage"]]}
