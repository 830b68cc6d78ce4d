"""
The flat names, from nested records.
"""

from __future__ import annotations

import pytest

from greensdk import capture, track
from greensdk.logs import worker_func
from greensdk.measure.attribution import attribute, share_of
from greensdk.monitor import reading

METER = ("pkg", "cores", "total")
SYSTEM = (
    "cpu_percent", "memory_percent", "memory_used_mb", "disk_io_read_mb", "disk_io_write_mb", "network_sent_mb",
    "network_recv_mb", "process_cpu_percent", "process_memory_mb", "cpu_freq_current", "cpu_temp_celsius", "source",
    "available",
)  # fmt: skip
RESOURCES = {
    "cpu_percent": 150.0,
    "cpu_percent_allotted": 75.0,
    "cpu_user_s": 0.5,
    "rss_bytes": 3 * 2**20,
    "host_cpu_percent": 80.0,
    "host_memory_percent": 40.0,
    "host_memory_used_bytes": 2**30,
    "host_disk_read_bytes": 2**20,
    "host_disk_write_bytes": 0,
    "net_sent_bytes": 2**19,
    "net_recv_bytes": 2**21,
    "cpu_freq_mhz": 2600.0,
    "cpu_temp_c": 55.0,
}
HOST = {
    "cpu_model": "Apple M4 Pro",
    "cpu_class": "apple",
    "arch": "arm64",
    "cpus_physical": 14,
    "cpus_logical": 14,
    "tdp_w": 40.0,
}


def meter(name="rapl", *, domains, attributes=None, cpu_s=0.25):
    """
    Return a machine's reading, attributed to a call with a quarter of the CPU time.
    """
    counted = [joules for zone, joules in domains.items() if zone.startswith(("package", "dram"))]
    total = None if None in counted else sum(counted)
    made = reading(
        name,
        scope="machine",
        quality="measured",
        boundary="package+dram",
        energy_j=total,
        domains=domains,
        attributes=attributes or {},
        reason=None if total is not None else "a zone could not be read",
    )
    attribute(made, share_of(cpu_s, 1.0))
    return made


def record(*readings, **changes):
    """
    Return a record with these readings, the first of which stands for the call.
    """
    source = readings[0]["monitor"] if readings else None
    parts = {"readings": list(readings), "resources": RESOURCES, "host": HOST, "energy_source": source}
    return {"duration_s": 2.0, **parts, **changes}


def prefixed(flat, prefix):
    """
    Return the items of one prefix, without it.
    """
    start = f"worker_func_{prefix}_"
    return {name.removeprefix(start): value for name, value in flat.items() if name.startswith(start)}


def test_a_meters_joules_are_the_calls_share():
    """
    Over all sockets; the total is packages and memory, and the cores are not added to the package they are in.
    """
    domains = {"package-0": 40.0, "package-1": 20.0, "core-0": 30.0, "core-1": 10.0, "dram-0": 4.0, "psys": 99.0}
    flat = worker_func(record(meter(domains=domains)))
    assert [15.0, 10.0, 16.0] == [pytest.approx(flat[f"worker_func_rapl_energy_{key}"]) for key in METER]
    assert ("rapl:package+dram:attributed", True) == (
        flat["worker_func_rapl_source"],
        flat["worker_func_rapl_available"],
    )


def test_the_number_of_the_call_has_names_of_its_own():
    """
    Those that programs read from ``future.stats``.
    """
    flat = worker_func(
        record(meter(domains={"package-0": 40.0, "core-0": 30.0}), meter("perf", domains={"package-0": 8.0}))
    )
    assert {
        "pkg": 10.0,
        "cores": 7.5,
        "duration": 2.0,
        "method_used": "rapl",
        "source": "rapl:package+dram:attributed",
    } == prefixed(flat, "energy")
    assert {"energy_pkg": 2.0, "energy_total": 2.0, "available": True} == {
        name: value for name, value in prefixed(flat, "perf").items() if name != "source"
    }


@pytest.mark.parametrize("method", ["perf", "rapl", "ebpf"])
def test_a_method_without_a_number_says_so_and_nothing_else(method):
    """
    Not there, or there and failed: never 0.
    """
    failed = meter(method, domains={"package-0": None})
    for each in (record(), record(failed)):
        assert {"available": False} == prefixed(worker_func(each), method)
    assert "worker_func_energy_pkg" not in worker_func(record())


def test_a_domain_that_could_not_be_read_is_left_out():
    """
    Nor can a total be made of the rest.
    """
    made = meter(domains={"package-0": 40.0, "core-0": None})
    made["domains"]["dram-0"] = None
    flat = prefixed(worker_func(record(made)), "rapl")
    assert {"available", "source", "energy_pkg"} == set(flat)


def test_an_idle_meter_is_zero():
    """
    A counter that did not move is a measured 0, and stays one.
    """
    assert 0.0 == worker_func(record(meter(domains={"package-0": 0.0})))["worker_func_rapl_energy_pkg"]


def test_ebpf_adds_its_cycles():
    """
    Where its reading has them.
    """
    attributes = {"cpu_cycles": 10**9, "energy_from_cycles_j": 0.5}
    flat = prefixed(worker_func(record(meter("ebpf", domains={"package-0": 4.0}, attributes=attributes))), "ebpf")
    assert (10**9, 0.5) == (flat["cpu_cycles"], flat["energy_from_cycles"])
    assert {"available", "source", "energy_pkg", "energy_total", "cpu_cycles", "energy_from_cycles"} == set(flat)


@pytest.mark.parametrize("prefix", ["base", "psutil"])
def test_the_system_has_both_spellings(prefix):
    """
    All thirteen names, mebibytes where they say mb.
    """
    flat = prefixed(worker_func(record()), prefix)
    assert set(SYSTEM) == set(flat)
    assert (1024.0, 1.0, 0.5, 3.0) == (
        flat["memory_used_mb"], flat["disk_io_read_mb"], flat["network_sent_mb"], flat["process_memory_mb"],
    )  # fmt: skip
    assert (0.0, "psutil", True) == (flat["disk_io_write_mb"], flat["source"], flat["available"])


def test_without_psutil_the_system_is_not_available():
    """
    Only what is known anyway is there.
    """
    flat = prefixed(worker_func(record(resources={"cpu_percent": 10.0, "cpu_temp_c": None})), "base")
    assert {"process_cpu_percent": 10.0, "available": False} == flat


def test_the_cpu_is_described():
    """
    With its frequency in MHz.
    """
    flat = worker_func(record())
    names = ("name", "brand", "architecture", "cores_physical", "cores_logical", "frequency")
    assert ["Apple M4 Pro", "Apple M4 Pro", "arm64", 14, 14, 2600.0] == [
        flat[f"worker_func_cpu_{name}"] for name in names
    ]


def test_the_estimate_is_watts_times_seconds():
    """
    And efficiency is the CPU seconds over those that were allotted.
    """
    estimate = reading(
        "psutil-tdp", scope="call", quality="estimated", boundary="package", energy_j=12.0, domains={"package": 12.0}
    )
    attribute(estimate, None)
    assert {
        "available": True,
        "energy_total": 12.0,
        "power_consumption_watts": 6.0,
        "efficiency_percent": 75.0,
        "tdp_watts": 40.0,
        "processor_type": "apple",
    } == prefixed(worker_func(record(estimate)), "enhanced")


def test_cpu_time_is_this_calls(burn):
    """
    Not the machine's since it was started: never more than the duration allows.
    """
    with capture() as records, track("burn", monitors=[], resources="full", sink="memory:"):
        burn(0.02)
    flat = worker_func(records[0])
    assert (
        0
        < flat["worker_func_cpu_user_time"]
        <= flat["worker_func_energy_duration"] * flat["worker_func_cpu_cores_logical"]
    )
    assert 0 <= flat["worker_func_avg_cpu_usage"] <= 100


def test_every_value_is_plain():
    """
    Numbers, texts and yes or no, all with the one prefix.
    """
    flat = worker_func(record(meter(domains={"package-0": 40.0})))
    assert {name for name, value in flat.items() if not isinstance(value, float | int | str)} == set()
    assert all(name.startswith("worker_func_") for name in flat)
