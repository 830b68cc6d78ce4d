"""
Calls on CPUs that are unlike each other: a stand-in whose cores take so many joules a cycle, whatever their clocks.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_kit import Job, Wish

from greensdk.report import EnergyReport

J_PER_CYCLE = 5e-9
PERFORMANCE_HZ, EFFICIENT_HZ = 4e9, 2e9

ON_CORES = st.lists(
    st.tuples(st.floats(0.1, 1.0), st.sampled_from([PERFORMANCE_HZ, EFFICIENT_HZ, 1.1e9])), min_size=1, max_size=6
)


def at_once(*calls, others=0.0):
    """
    Return the records of calls that run in the same second: CPU seconds and hertz of each; `others` are other cycles.
    """
    (first,) = Job().run([Wish("same process", 50, [])]).records
    whole = others + sum(cpu_s * hertz for cpu_s, hertz in calls)
    joules = J_PER_CYCLE * whole
    meter = {**first["readings"][0], "energy_j": joules, "domains": {"package-0": joules}}
    found = []
    for number, (cpu_s, hertz) in enumerate(calls):
        counts = {"cpu_cycles": cpu_s * hertz, "host_cycles": whole}
        clock = {**meter, "monitor": "ebpf", "scope": "call", "meter_id": None, "attributes": counts}
        busy = {"host_cpu_s": len(calls) + 1.0, "host_cpu_start_s": 10.0, "host_cpu_source": "ebpf"}
        own = {"record_id": str(number), "label": str(number), "cpu_s": cpu_s, "duration_s": 1.0}
        found.append({**first, **busy, **own, "readings": [meter, clock]})
    return found


def own_j(records, rule):
    """
    Return each call's joules by a rule.
    """
    return {label: pytest.approx(group.energy_j) for label, group in EnergyReport(records, rule).by("label").items()}


def test_an_efficient_core_costs_what_it_takes():
    """
    By CPU seconds, the default, two calls of a second each have half each.
    """
    records = at_once((1.0, PERFORMANCE_HZ), (1.0, EFFICIENT_HZ))

    assert {"0": 20.0, "1": 10.0} == own_j(records, "cycles")
    assert {"0": 10.0, "1": 10.0} == own_j(records, "cpu")  # a third of the machine's time is others'


@given(ON_CORES, st.floats(0.0, 1e9))
def test_each_call_has_the_joules_of_its_cycles_and_the_rest_is_unattributed(calls, others):
    """
    Whatever each has of which core.
    """
    records = at_once(*calls, others=others)
    report = EnergyReport(records, "cycles")
    (meter,) = report.meters

    assert {str(place): J_PER_CYCLE * cpu_s * hertz for place, (cpu_s, hertz) in enumerate(calls)} == {
        label: pytest.approx(group.energy_j, rel=1e-5) for label, group in report.by("label").items()
    }
    assert pytest.approx(meter.meter_j) == report.energy_j + report.unattributed_j


def test_where_cycles_are_not_counted_cpu_seconds_are_taken_and_that_is_said():
    """
    For the whole meter: two keys would make no sum.
    """
    records = at_once((1.0, PERFORMANCE_HZ), (1.0, EFFICIENT_HZ))
    records[0]["readings"][1]["attributes"] = {"cpu_cycles": None}

    assert own_j(records, "cpu") == own_j(records, "cycles")
    assert any("without CPU cycles" in remark for remark in EnergyReport(records, "cycles").remarks())
    assert not any("without CPU cycles" in remark for remark in EnergyReport(records).remarks())
