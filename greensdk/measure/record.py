"""
What a record is: one call, as a plain dict, as it stands in the JSON line.

The meaning of every key is in :mod:`greensdk.schema.fields`; here it is put together. A record never holds
the call's arguments, its result, or anything of the environment.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from time import gmtime, strftime, time
from typing import TYPE_CHECKING, Any

from greensdk.errors import Abandoned
from greensdk.schema import KEYS, SCHEMA
from greensdk.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from resource import struct_rusage

    from greensdk.measure.runtime import Runtime
    from greensdk.monitor import Reading
    from greensdk.schema.types import Record, Resources, Status


CANCELLED = frozenset({"CancelledError", "GeneratorExit", "KeyboardInterrupt", "Terminated"})
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of ``ru_maxrss``: kilobytes on Linux (getrusage(2)), bytes on macOS."""


def rfc3339(epoch_s: float) -> str:
    """
    Return `epoch_s` (seconds since 1970, UTC) as an RFC 3339 timestamp with microseconds.

    Example:
        >>> rfc3339(0.25)
        '1970-01-01T00:00:00.250000Z'
    """
    second = int(epoch_s)
    return in_second(second) % ((epoch_s - second) * 1e6)


@lru_cache(maxsize=8)
def in_second(epoch_s: int) -> str:
    """
    Return a second's timestamp with ``%06dZ`` for the microseconds; formatting the rest costs more than all else in a
    record, and calls come many to a second.
    """
    return strftime("%Y-%m-%dT%H:%M:%S.%%06dZ", gmtime(epoch_s))


def status_of(error: BaseException) -> Status:
    """
    Return how a call has ended that has raised `error`.
    """
    if isinstance(error, Abandoned):
        return "lost"
    return "cancelled" if type(error).__name__ in CANCELLED else "error"


def light_resources(
    cpu_s: float,
    duration_s: float,
    split_s: tuple[float, float] | None,
    self0: struct_rusage,
    self1: struct_rusage,
    kids1: struct_rusage,
) -> Resources:
    """
    Return what two getrusage(2) calls tell about a call.

    The kernel splits CPU time into user and system, and counts faults, switches and blocks, per
    process only; while other calls run beside this one, those numbers can't be separated and are None.

    Args:
        cpu_s: The call's CPU seconds.
        duration_s: Its wall seconds.
        split_s: User and system seconds of the process and its reaped children; None while other calls run beside.
        self0: The process at the beginning.
        self1: At the end.
        kids1: Its reaped children at the end.
    """
    cpu_percent = 100.0 * cpu_s / duration_s if duration_s else None
    peak_rss_bytes = (self1[2] if self1[2] > kids1[2] else kids1[2]) * MAXRSS_BYTES
    if split_s is None:
        return {
            "cpu_percent": cpu_percent,
            "peak_rss_bytes": peak_rss_bytes,
            "cpu_user_s": None,
            "cpu_system_s": None,
            "minor_faults": None,
            "major_faults": None,
            "ctx_switches_voluntary": None,
            "ctx_switches_involuntary": None,
        }
    return {
        "cpu_percent": cpu_percent,
        "peak_rss_bytes": peak_rss_bytes,
        "cpu_user_s": split_s[0],
        "cpu_system_s": split_s[1],
        "minor_faults": self1[6] - self0[6],
        "major_faults": self1[7] - self0[7],
        "ctx_switches_voluntary": self1[14] - self0[14],
        "ctx_switches_involuntary": self1[15] - self0[15],
    }


def blank() -> Record:
    """
    Return a record with all of its keys and nothing known.
    """
    record: Any = dict.fromkeys(KEYS)
    record.update(schema=SCHEMA, depth=0, status="ok", runs=1, tags={}, readings=[], resources={}, host={})
    record.update(units={}, energy_per_unit_j={})
    record.update(cost={}, carbon={}, errors={}, phases={}, greensdk=__version__, plugins={})
    made: Record = record
    return made


def unmeasured(label: str | None, reason: str) -> Record:
    """
    Return what stands for the record of a call that has none.
    """
    record = blank()
    record["label"] = label
    record["status"] = "unmeasured"
    record["reason"] = reason
    record["started_at"] = rfc3339(time())
    return record


def copied(value: Any) -> Any:
    """
    Return a copy of a record, or of a part of one, that shares nothing with it that can be changed.
    """
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value


class Subject:
    """
    What is being measured: the names that go into the record.
    """

    __slots__ = ("function", "label", "runtime", "tags", "template")

    def __init__(self, function: str | None, label: str | None = None, tags: Mapping[str, Any] | None = None) -> None:
        self.function = function
        self.label = label
        self.tags = tags
        self.runtime: Runtime | None = None
        self.template: Record

    def prepare(self, runtime: Runtime) -> None:
        """
        Make the record that is the same for all calls under a runtime; each call fills a copy.

        Copying a dict and setting what changes costs half of writing out forty keys. The nested parts that nothing is
        put into are one for all of them.
        """
        self.template = record = runtime.blank.copy()
        record["function"] = self.function
        if self.label is not None:
            record["label"] = self.label
        if self.tags:
            record["tags"] = {**record["tags"], **self.tags}
        self.runtime = runtime


def name_of(fn: Any) -> str:
    """
    Return ``module.qualified.name`` of anything callable.
    """
    inner = fn
    while hasattr(inner, "func") and not hasattr(inner, "__qualname__"):
        inner = inner.func
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{named.__module__}.{named.__qualname__}"


def put_doubt(record: Record, primary: Reading) -> None:
    """
    Tell the model of an estimate, and the error that all its estimates share, apart from the record's own noise.
    """
    attributes = primary["attributes"]
    if "model_id" in attributes:
        record["model_id"] = attributes["model_id"]
        record["common_factor_low"] = attributes.get("common_factor_low")
        record["common_factor_high"] = attributes.get("common_factor_high")
