"""
The flat ``worker_func_*`` names, as the energy-aware Lithops fork wrote them into ``future.stats``.

A nested record holds everything these names can say; :func:`worker_func` spells it out for scripts that
already read them. All energies are the call's own: a meter's joules times the call's share of the CPU time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greensdk.schema.flat import Flat, domain_j, energy, source_of

MEBIBYTE = 2**20
"""What ``_mb`` in the names means: the fork divides psutil's bytes by 1024 * 1024, as psutil's manual does."""

METHODS = ("perf", "rapl", "ebpf")
COUNTED = ("package", "dram")
"""The domains that make up a total: core and uncore are parts of the package, psys contains it."""

TDP_METHOD = "psutil-tdp"

# worker_func_base_* and worker_func_psutil_*: (name, key in record["resources"], what divides it)
_SYSTEM = (
    ("cpu_percent", "host_cpu_percent", 1),
    ("memory_percent", "host_memory_percent", 1),
    ("memory_used_mb", "host_memory_used_bytes", MEBIBYTE),
    ("disk_io_read_mb", "host_disk_read_bytes", MEBIBYTE),
    ("disk_io_write_mb", "host_disk_write_bytes", MEBIBYTE),
    ("network_sent_mb", "net_sent_bytes", MEBIBYTE),
    ("network_recv_mb", "net_recv_bytes", MEBIBYTE),
    ("process_cpu_percent", "cpu_percent", 1),
    ("process_memory_mb", "rss_bytes", MEBIBYTE),
    ("cpu_freq_current", "cpu_freq_mhz", 1),
    ("cpu_temp_celsius", "cpu_temp_c", 1),
)
_CPU = (
    ("cpu_name", "cpu_model"),
    ("cpu_brand", "cpu_model"),
    ("cpu_architecture", "arch"),
    ("cpu_cores_physical", "cpus_physical"),
    ("cpu_cores_logical", "cpus_logical"),
)


def worker_func(record: Mapping[str, Any]) -> Flat:
    """
    Return the flat names of a record; what is not known is left out, never 0.

    Joules, seconds, percent, MHz, degrees Celsius; ``_mb`` is 2**20 bytes. Each ``*_available`` says whether
    its method has a number for this call. ``worker_func_cpu_user_time`` is this call's, and
    ``worker_func_avg_cpu_usage`` the whole machine's, averaged over its CPUs.

    Example:
        >>> flat = worker_func({"duration_s": 2.0, "readings": [], "resources": {}, "host": {}})
        >>> flat["worker_func_energy_duration"], flat["worker_func_rapl_available"], "worker_func_energy_pkg" in flat
        (2.0, False, False)
    """
    readings = {each["monitor"]: each for each in reversed(record.get("readings") or ())}
    resources, host = record.get("resources") or {}, record.get("host") or {}
    flat: dict[str, Any] = energy(record)
    for method in METHODS:
        flat |= _method(method, readings.get(method))
    flat |= _enhanced(readings.get(TDP_METHOD), record.get("duration_s"), resources, host)
    for prefix in ("base", "psutil"):
        flat |= _system(f"worker_func_{prefix}", resources)
    flat |= {f"worker_func_{name}": host.get(key) for name, key in _CPU}
    flat["worker_func_cpu_frequency"] = resources.get("cpu_freq_mhz")
    flat["worker_func_cpu_user_time"] = resources.get("cpu_user_s")
    flat["worker_func_avg_cpu_usage"] = resources.get("host_cpu_percent")
    return {name: value for name, value in flat.items() if value is not None}


def _method(method: str, reading: Mapping[str, Any] | None) -> dict[str, Any]:
    name = f"worker_func_{method}"
    if reading is None or reading["call_j"] is None:
        return {f"{name}_available": False}
    attributes = reading["attributes"]
    return {
        f"{name}_available": True,
        f"{name}_source": source_of(reading),
        f"{name}_energy_pkg": domain_j(reading, "package"),
        f"{name}_energy_cores": domain_j(reading, "core"),
        f"{name}_energy_total": _total_j(reading),
        f"{name}_cpu_cycles": attributes.get("cpu_cycles") if method == "ebpf" else None,
        f"{name}_energy_from_cycles": attributes.get("energy_from_cycles_j") if method == "ebpf" else None,
    }


def _total_j(reading: Mapping[str, Any]) -> float | None:
    """Return packages plus memory. The cores are inside the package: adding them would count them twice."""
    kinds = {name.partition("-")[0] for name in reading["domains"]}
    parts = [domain_j(reading, kind) for kind in COUNTED if kind in kinds]
    return None if None in parts or "package" not in kinds else sum(part for part in parts if part is not None)


def _enhanced(
    reading: Mapping[str, Any] | None, duration_s: float | None, resources: Mapping[str, Any], host: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Return the estimate from the CPU's thermal design power.

    ``efficiency_percent`` is 100 * CPU seconds of the process / (duration * CPUs allotted to it).
    """
    joules = None if reading is None else reading["call_j"]
    return {
        "worker_func_enhanced_available": joules is not None,
        "worker_func_enhanced_energy_total": joules,
        "worker_func_enhanced_power_consumption_watts": joules / duration_s
        if joules is not None and duration_s
        else None,
        "worker_func_enhanced_efficiency_percent": resources.get("cpu_percent_allotted"),
        "worker_func_enhanced_tdp_watts": host.get("tdp_w"),
        "worker_func_enhanced_processor_type": host.get("cpu_class"),
    }


def _system(prefix: str, resources: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: resources[key] / unit for name, key, unit in _SYSTEM if resources.get(key) is not None}
    # Only psutil tells of the host; the light resources alone are not this method.
    available = resources.get("host_cpu_percent") is not None
    return {
        **{f"{prefix}_{name}": value for name, value in known.items()},
        f"{prefix}_source": "psutil" if available else None,
        f"{prefix}_available": available,
    }
