"""
Sums of parts in a report: each meter shared out by its own rule, and the parts shown.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records_kit import call, write

from greensdk.report import EnergyReport
from greensdk.report.compare import sides
from greensdk.report.page import page
from greensdk.report.split import RULES

BUSY_S = 4.0
PACKAGE_W, GPU_W = 40.0, 300.0


def reading(monitor, boundary, start_j, counted_j, call_j, **counters):
    """
    A machine's meter in a call's window, and what of it is the call's.
    """
    domain = f"{boundary}-0"
    return {
        "monitor": monitor,
        "scope": "machine",
        "quality": "measured",
        "boundary": boundary,
        "energy_j": counted_j,
        "call_j": call_j,
        "low_j": call_j * 0.9,
        "high_j": call_j * 1.1,
        "domains": {domain: counted_j},
        "meter_id": f"host:{monitor}",
        "reason": None,
        "attributes": {name: {domain: scale * start_j} for name, scale in counters.items()},
    }


def record(number, start_s, stop_s, cpu_s, gpu_share):
    """
    A call on a machine whose package draws 40 W and whose GPU 300 W, all the time; four CPUs are busy.
    """
    long_s = stop_s - start_s
    busy_s = BUSY_S * long_s
    package_j, gpu_j = PACKAGE_W * long_s, GPU_W * long_s
    rapl = reading("rapl", "package", PACKAGE_W * start_s, package_j, package_j * cpu_s / busy_s, start_uj=1e6)
    nvml = reading("nvml", "gpu", GPU_W * start_s, gpu_j, gpu_j * gpu_share, start_counts=1000.0)
    nvml["attributes"]["scale_j"] = {"gpu-0": 0.001}
    parts = {"package": rapl["call_j"], "gpu": nvml["call_j"]}
    whole_j = sum(parts.values())
    return call(
        number,
        whole_j,
        monotonic_s=start_s,
        duration_s=long_s,
        cpu_s=cpu_s,
        host_cpu_s=busy_s,
        host_cpu_start_s=BUSY_S * start_s,
        host_cpu_source="cpuacct",
        energy_low_j=whole_j * 0.9,
        energy_high_j=whole_j * 1.1,
        energy_source="rapl+nvml",
        energy_boundary="package+gpu",
        energy_quality="attributed",
        energy_parts_j=parts,
        readings=[rapl, nvml],
        phases={"start_s": 0.0, "stop_s": 0.0},
        host={"host_id": "h", "boot_id": "b", "cpus_logical": 4},
    )


def test_the_meters_of_overlapping_calls_are_each_shared_out_once():
    """
    Two calls, of which one has the GPU: the package goes by CPU time, the GPU by its driver's account.
    """
    found = EnergyReport([record(1, 0.0, 10.0, 10.0, 1.0), record(2, 5.0, 15.0, 10.0, 0.0)])
    rapl, nvml = sorted(found.meters, key=lambda meter: meter.meter_j)

    assert (PACKAGE_W * 15, GPU_W * 15) == (pytest.approx(rapl.meter_j), pytest.approx(nvml.meter_j))
    assert pytest.approx(GPU_W * 10, rel=1e-6) == nvml.calls_j
    assert pytest.approx(GPU_W * 5, rel=1e-5) == nvml.unattributed_j
    assert pytest.approx(rapl.meter_j) == rapl.calls_j + rapl.unattributed_j
    assert pytest.approx(rapl.calls_j + nvml.calls_j) == found.energy_j
    assert {"gpu": pytest.approx(nvml.calls_j), "package": pytest.approx(rapl.calls_j)} == found.total.parts_j


def test_two_processes_on_one_gpu_never_have_more_than_it_counted():
    """
    Each says that it had all of it: in the seconds that they share the meter is split.
    """
    found = EnergyReport([record(1, 0.0, 10.0, 1.0, 1.0), record(2, 0.0, 10.0, 1.0, 1.0)])
    nvml = max(found.meters, key=lambda meter: meter.meter_j)

    assert pytest.approx(GPU_W * 10, rel=1e-4) == nvml.calls_j
    assert [pytest.approx(GPU_W * 5 + 10.0, rel=1e-4)] * 2 == list(found.calls_j.values())


spans = st.tuples(
    st.floats(0, 50), st.floats(0.5, 50), *[st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0.001, 1)] * 2
)


@given(calls=st.lists(spans, min_size=1, max_size=6), rule=st.sampled_from(RULES))
def test_calls_and_the_rest_are_what_each_meter_counted(calls, rule):
    """
    For every meter, every rule and any overlap; and the parts are the sum.
    """
    records = [
        record(number, start_s, start_s + long_s, share * long_s, gpu_share)
        for number, (start_s, long_s, share, gpu_share) in enumerate(calls)
    ]
    found = EnergyReport(records, rule)

    for meter in found.meters:
        assert pytest.approx(meter.meter_j, rel=1e-6, abs=1e-6) == meter.calls_j + meter.unattributed_j
        assert meter.calls_j >= 0
        assert meter.unattributed_j >= -1e-6 * meter.meter_j
    assert pytest.approx(sum(meter.calls_j for meter in found.meters), abs=1e-6) == found.energy_j
    assert pytest.approx(found.energy_j, abs=1e-6) == sum(found.total.parts_j.values())


def test_logs_from_before_have_one_part_the_boundary():
    """
    A record without ``energy_parts_j`` is read as ever, beside those that have it.
    """
    old = call(9, 10.0)
    old.pop("energy_parts_j", None)
    found = EnergyReport([old, record(1, 0.0, 10.0, 10.0, 1.0)])

    assert pytest.approx(10.0 + PACKAGE_W * 10 * 0.25 + GPU_W * 10) == found.energy_j
    assert {"package", "gpu"} == found.total.parts_j.keys()
    assert {} == EnergyReport([old]).total.parts_j


def test_terminal_json_and_page_show_the_parts(tmp_path, command):
    """
    In the sum and in each row.
    """
    log = write(tmp_path / "a.jsonl", record(1, 0.0, 10.0, 10.0, 1.0))
    seen = command("report", str(log))
    plain = json.loads(command("report", str(log), "--json").stdout)

    assert "parts     gpu 3000 J, package 100 J" in seen.stdout
    assert "rapl+nvml (package+gpu)" in seen.stdout
    assert {"gpu": 3000.0, "package": 100.0} == plain["total"]["parts_j"] == plain["groups"][0]["parts_j"]
    text = page(EnergyReport.load([log], details=True), sources=[str(log)])
    assert "gpu 3.00 kJ, package 100 J" in text


def test_the_readings_that_stand_for_a_sum_come_first_side_by_side():
    """
    Both are marked as its parts.
    """
    (side,) = sides(EnergyReport([record(1, 0.0, 10.0, 10.0, 1.0)]))

    assert ["nvml", "rapl"] == [method.monitor for method in side.methods]
    assert all(map(side.stands, side.methods))
