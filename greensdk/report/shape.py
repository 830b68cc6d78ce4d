"""
What is read of a record: the keys that sums are made of, as a class that msgspec fills from a line or a dictionary.

Names and types are those of :data:`greensdk.schema.fields.FIELDS`. A line may be JSON and still be no call: keys are
missing, or hold something else. Other faults, which ``greensdk validate`` finds too, do no harm to sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from keyword import iskeyword
from typing import Annotated, Any, Union

import msgspec

from greensdk.schema.check import MOST_INTEGER, misshapen
from greensdk.schema.fields import FIELDS

NEEDED = frozenset(
    {
        *("record_id", "parent_id", "function", "status", "runs", "duration_s", "cpu_s", "reason"),
        *("energy_parts_j", "energy_parts_j.*"),
        *("energy_j", "energy_low_j", "energy_high_j", "energy_source", "energy_quality", "energy_boundary"),
        *("monotonic_s", "host_cpu_s", "host_cpu_start_s", "host_cpu_source"),
        *("phases", "phases.start_s", "phases.stop_s"),
        *("host", "host.host_id", "host.boot_id", "host.cpus_logical", "worker", "worker.backend"),
        *("readings", "readings[]", "readings[].domains", "readings[].domains.*"),
        *(f"readings[].{key}" for key in ("monitor", "scope", "boundary", "energy_j", "meter_id", "attributes")),
    }
)
"""What has to be right for a record to be in sums, as :data:`greensdk.schema.fields.FIELDS` spells it."""

MAY_LACK = frozenset({"runs", "phases"})
"""What records of a program may have as None instead of not at all."""
OBJECTS = frozenset({"host", "worker", "readings[]"})
"""Objects of which only the keys that are asked for are read."""
_WHOLE = Annotated[int, msgspec.Meta(ge=-MOST_INTEGER, le=MOST_INTEGER)]
_PLAIN: dict[str, Any] = {"string": str, "integer": _WHOLE, "number": float, "null": None}

COUNTERS = ("start_uj", "range_uj", "start_counts", "scale_j")
ATTRIBUTES: dict[str, Any] = {
    **dict.fromkeys(COUNTERS, dict[str, float | None] | None),
    "counts_since_ns": int | None,
    "basis": str | None,
    "cpu_cycles": float | None,
    "host_cycles": float | None,
}
"""What is read of a reading's attributes, which any monitor may use for something else."""
ADDRESS = ("worker.executor_id", "worker.job_id", "worker.call_id")
GROUPS = (
    "function", "status", "runs", "energy_quality", "energy_source", "energy_boundary", "reason", "label",
    "worker.backend", "host.host_id",
)  # fmt: skip
"""Keys that sums can always be asked for by; others have to be named before a log is read."""
DETAILS = (
    "worker.stage", "worker.pod", "host.boot_id", "host.cpu_model", "host.cpus_logical", "error_type",
    "errors", "plugins", "greensdk", "config_digest", "cost.electricity_currency",
)  # fmt: skip
"""What a page groups calls by besides."""
AMOUNTS = ("cost.usd", "cost.electricity", "carbon.g_co2e")
"""Numbers that a page adds up besides."""
PROCESS = "process"
"""Read as it stands in the line: most records have one that was seen before."""
OF_READING = ("quality", "call_j", "low_j", "high_j", "reason")
"""What a page shows of each reading besides."""


def fault(record: dict[str, Any]) -> str:
    """
    Return why no sum can be made of a record, as ``key: what is wrong``; empty when one can.

    Example:
        >>> fault({"schema": "greensdk.record/1"})
        'cpu_s: is missing'
    """
    return next(iter(misshapen(record, NEEDED)), "")


def can_take(key: str) -> bool:
    """
    Say whether the values under a dotted key can be read with the rest: a class needs names that Python allows.
    """
    top, *below = key.split(".")
    names = [top, *below[:1]] if top in OBJECTS else [top]
    return top != PROCESS and all(
        name.isidentifier() and not iskeyword(name) and not name.startswith("_") for name in names
    )


@cache
def shape(keys: tuple[str, ...] = (), *, details: bool = False) -> Any:
    """
    Return the class of a record.

    Args:
        keys: Dotted keys that are read besides, whatever stands there.
        details: What a page shows is read too.
    """
    more = [*ADDRESS, PROCESS, "label", "units", "children_cpu_s", *keys]
    if details:
        more += [*DETAILS, *AMOUNTS, "started_at", *(f"readings[].{key}" for key in OF_READING)]
    names = dict.fromkeys(NEEDED, True) | {"schema": False}
    for key in more:
        top, *below = key.split(".")
        names.setdefault(f"{top}.{below[0]}" if below and top in OBJECTS else top, False)
    return _class("", names)


def _class(path: str, names: Mapping[str, bool]) -> Any:
    prefix = f"{path}." if path else ""
    fields: list[Any] = []
    for full, is_needed in names.items():
        key = full.removeprefix(prefix)
        if full.startswith(prefix) and not set(key) & set(".[*"):
            kind = _kind(full, names) if is_needed else msgspec.Raw if full == PROCESS else Any
            fields.append((key, kind) if is_needed and FIELDS[full].required else (key, kind, None))
    return msgspec.defstruct(path.title().strip("[]") or "Record", fields, kw_only=True, gc=False)


def _kind(path: str, names: Mapping[str, bool]) -> Any:
    """Return the schema's type of what stands at `path`."""
    kinds: list[Any] = []
    for name in FIELDS[path].types:
        if path == "readings[].attributes":
            fields = [(*each, None) for each in ATTRIBUTES.items()]
            kinds.append(msgspec.defstruct("Attributes", fields, kw_only=True, gc=False))
        elif name == "array":
            kinds.append(list[_class(f"{path}[]", names)])  # type: ignore[misc]
        elif name == "object":
            kinds.append(dict[str, float | None] if f"{path}.*" in names else _class(path, names))
        else:
            kinds.append(_PLAIN[name])
    return Union[tuple(kinds)]  # noqa: UP007 - made at run time


def tidied(record: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a record of which sums can be made without what other monitors mean by the names of attributes, and with
    whole numbers that were written as fractions.
    """
    readings = [{**each, "attributes": _attributes(each["attributes"])} for each in record["readings"]]
    host = {key: _whole(value) for key, value in record["host"].items()}
    return {**{key: _whole(value) for key, value in record.items()}, "readings": readings, "host": host}


def _attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    since_ns, basis = values.get("counts_since_ns"), values.get("basis")
    return {
        **{key: _numbers(values[key]) for key in COUNTERS if key in values},
        "counts_since_ns": since_ns if isinstance(since_ns, int) else None,
        "basis": None if basis is None else str(basis),
        **_numbers({key: values.get(key) for key in ("cpu_cycles", "host_cycles")}),
    }


def _numbers(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {key: each for key, each in value.items() if isinstance(each, int | float) and not isinstance(each, bool)}


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
