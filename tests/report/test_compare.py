"""
Methods side by side, and machines in the order of their joules per run.
"""

from __future__ import annotations

import pytest
from page_kit import EPYC, XEON, call, metered, read

from greensdk.report import EnergyReport
from greensdk.report.columns import values_of
from greensdk.report.compare import ranking, runs_of, sides


def test_methods_are_compared_over_the_same_calls_only():
    """
    A method that has a number in one call of two is compared in that one.
    """
    first = call(1, readings=[read("rapl", "package", 10.0), read("perf", "package", 9.0)])
    second = call(2, readings=[read("rapl", "package", 30.0), read("perf", "package", None, "busy")])
    (side,) = sides(EnergyReport([first, second]))
    rapl, perf = side.methods

    assert ("rapl", "package", 2) == (side.source, side.boundary, side.calls)
    assert (2, 40.0, 1.0, 0) == (rapl.calls, rapl.energy_j, rapl.ratio, rapl.missing)
    assert (1, 9.0, 0.9, {"busy": 1}) == (perf.calls, perf.energy_j, perf.ratio, perf.reasons)
    assert pytest.approx((8.1, 9.9)) == (perf.low_j, perf.high_j)


def test_calls_of_different_primaries_are_kept_apart():
    """
    The one with the most calls first; calls without a number stand for themselves.
    """
    records = [
        call(1),
        call(2),
        call(3, readings=[read("tdp", "wall", 1.0)]),
        call(4, readings=[read("x", "gpu", None)]),
    ]

    assert [("rapl", 2), (None, 1), ("tdp", 1)] == [(side.source, side.calls) for side in sides(EnergyReport(records))]


@pytest.mark.parametrize(
    ("scope", "said", "known"),
    [("machine", "measured", "attributed"), ("call", "measured", "measured"), ("machine", "estimated", "estimated")],
)
def test_a_share_of_a_measured_meter_is_attributed(scope, said, known):
    """
    The meter measured the machine, and nothing measured the call.
    """
    reading = {**read("rapl", "package", 1.0), "scope": scope, "quality": said}
    (side,) = sides(EnergyReport([call(1, readings=[reading])]))

    assert known == side.methods[0].quality


def test_an_interval_that_one_call_lacks_is_not_made_up():
    """
    The sum of the others' ends would be too narrow.
    """
    bare = {**read("rapl", "package", 1.0), "low_j": None, "high_j": None}
    (side,) = sides(EnergyReport([call(1), call(2, readings=[bare])]))

    assert (11.0, None, None) == (side.methods[0].energy_j, side.methods[0].low_j, side.methods[0].high_j)


def test_machines_are_ranked_by_the_joules_of_a_run():
    """
    Ten runs in one call count as ten.
    """
    records = [
        call(1, host=XEON, readings=[read("rapl", "package", 50.0)], runs=10),
        call(2, host=EPYC, readings=[read("rapl", "package", 8.0)]),
        call(3, host=EPYC, readings=[read("rapl", "package", 12.0)]),
    ]
    xeon, epyc = ranking(EnergyReport(records), "host.host_id")

    assert (1, XEON["host_id"], 10, 5.0, None) == (xeon.rank, xeon.name, xeon.runs, xeon.energy_j, xeon.apart)
    assert (2, EPYC["host_id"], 2, 10.0, 2.0) == (epyc.rank, epyc.name, epyc.runs, epyc.energy_j, epyc.ratio)
    assert "AMD EPYC 7763" == epyc.cpu_model
    assert pytest.approx((9.0, 11.0)) == (epyc.low_j, epyc.high_j)
    assert epyc.apart


def test_machines_whose_intervals_overlap_are_not_told_apart():
    """
    10 J give or take one, and 11 J give or take one.
    """
    records = [call(1, host=XEON), call(2, host=EPYC, readings=[read("rapl", "package", 11.0)])]

    assert [None, False] == [machine.apart for machine in ranking(EnergyReport(records), "host.host_id")]


def test_machines_compete_within_one_function_and_one_boundary():
    """
    A wall's joules against a package's would be no contest; nor would two functions.
    """
    records = [
        call(1, host=XEON),
        call(2, host=EPYC, readings=[read("tdp", "wall", 1.0)]),
        call(3, host=EPYC, function="g"),
        call(4, host=EPYC, function=None, label="block"),
    ]
    found = ranking(EnergyReport(records), "host.host_id")

    assert [1, 1, 1, 1] == [machine.rank for machine in found]
    assert ["block", "f", "f", "g"] == [machine.function for machine in found]


def test_a_shared_meter_is_split_before_machines_are_ranked():
    """
    Two calls side by side on one machine: each has its part of the meter, and its interval shrinks with it.
    """
    records = [metered(1, 0.0, 2.0, 10.0), metered(2, 0.0, 2.0, 10.0)]
    report = EnergyReport(records)
    (machine,) = ranking(report, "host.host_id")

    assert pytest.approx(report.energy_j / 2) == machine.energy_j
    assert pytest.approx(0.9 * machine.energy_j) == machine.low_j


def test_calls_without_a_number_are_in_no_ranking():
    """
    Nor those that say they ran nothing.
    """
    assert [] == ranking(EnergyReport([call(1, readings=[]), call(2, runs=0)]), "host.host_id")


def test_runs_are_counted_where_there_is_a_number():
    """
    None is one that the record does not tell.
    """
    report = EnergyReport([call(1, runs=7), call(2, runs=None), call(3, runs=100, readings=[])])

    assert 7 == runs_of(report)


@pytest.mark.parametrize(
    ("key", "value"), [("function", "f"), ("host.cpu_model", "AMD EPYC 7763"), ("worker.pod", None)]
)
def test_a_dotted_key_goes_as_deep_as_it_says(key, value):
    """
    And ends where there is nothing.
    """
    assert [value] == values_of([call(1, host=EPYC)], key)
