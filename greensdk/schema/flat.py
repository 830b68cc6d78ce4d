"""
The few flat keys that stand for a call where there is no room for a record: ``worker_func_energy_*``.

They are part of what :func:`greensdk.logs.worker_func` makes of a record, and lie here because a Lithops worker
writes them in every call and must not import more for it than it has to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greensdk.schema.primary import call_quality, primaries_of

Flat = dict[str, float | str | int | bool]


def energy(record: Mapping[str, Any]) -> Flat:
    """
    Return ``worker_func_energy_{pkg,cores,duration,method_used,source}``: the number that stands for the call.
    """
    readings = primaries_of(record)
    package_j, cores_j = (
        next((joules for each in readings if (joules := domain_j(each, kind)) is not None), None)
        for kind in ("package", "core")
    )
    flat = {
        "worker_func_energy_pkg": package_j,
        "worker_func_energy_cores": cores_j,
        "worker_func_energy_duration": record.get("duration_s"),
        "worker_func_energy_method_used": record.get("energy_source"),
        "worker_func_energy_source": "+".join(map(source_of, readings)) or None,
    }
    return {name: value for name, value in flat.items() if value is not None}


def source_of(reading: Mapping[str, Any]) -> str:
    """
    Return ``monitor:boundary:quality``, the quality being that of the call's joules.
    """
    return f"{reading['monitor']}:{reading['boundary']}:{call_quality(reading['scope'], reading['quality'])}"


def domain_j(reading: Mapping[str, Any] | None, kind: str) -> float | None:
    """
    Return the call's joules in all domains of a kind, over all sockets.

    Returns:
        None when the meter has no such domain, or could not read one of them.
    """
    if reading is None or reading["call_j"] is None:
        return None
    parts = [joules for name, joules in reading["domains"].items() if name.partition("-")[0] == kind]
    if not parts or None in parts:
        return None
    whole = reading["energy_j"]
    share = 1.0 if reading["scope"] != "machine" else reading["call_j"] / whole if whole else 0.0
    return float(sum(parts) * share)
