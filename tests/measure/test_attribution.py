"""
Machine joules to call joules: pure functions, checked over random layouts.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk.measure.attribution import attribute, choose, quality_of, reasons, self_energy, share_of
from greensdk.monitor import CALL, ESTIMATED, MACHINE, MEASURED, reading

seconds = st.floats(0, 1e5, allow_nan=False)
joules = st.floats(0, 1e9, allow_nan=False)


def machine(energy_j, low_j=None, high_j=None, monitor="rapl", boundary="package"):
    """
    A reading of the whole machine, as a monitor hands it over.
    """
    return reading(
        monitor,
        scope=MACHINE,
        quality=MEASURED,
        boundary=boundary,
        energy_j=energy_j,
        energy_low_j=low_j,
        energy_high_j=high_j,
        reason=None if energy_j is not None else "unreadable",
    )


@given(cpu_s=seconds, host_cpu_s=seconds, resolution_s=st.floats(0, 1))
def test_a_share_is_between_zero_and_one_and_inside_its_interval(cpu_s, host_cpu_s, resolution_s):
    """
    Whatever the clocks say, no call gets more than the machine or less than nothing.
    """
    share = share_of(cpu_s, host_cpu_s, resolution_s)

    if share is None:
        assert (0.0, 0.0) == (cpu_s, host_cpu_s)
    else:
        value, low, high = share
        assert 0 <= low <= value <= high <= 1


@given(parts=st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=50), rest=st.floats(0, 1e3), energy_j=joules)
def test_calls_and_the_rest_make_up_the_meter(parts, rest, energy_j):
    """
    Calls over one window plus what is unattributed add up to what the meter counted.
    """
    host = sum(parts) + rest
    readings = [machine(energy_j) for _ in parts]
    for each, cpu_s in zip(readings, parts, strict=True):
        attribute(each, share_of(cpu_s, host))

    total = sum(each["call_j"] for each in readings) + energy_j * rest / host
    assert total == pytest.approx(energy_j, rel=1e-9)


def test_a_busy_call_alone_gets_everything():
    """
    A host clock that lags behind the call's own seconds can't push the share above 1.
    """
    value, _, high = share_of(0.5, 0.49)

    assert (1.0, 1.0) == (value, high)


def test_an_idle_call_gets_nothing():
    """
    No CPU time, no joules.
    """
    asleep = machine(100.0)
    attribute(asleep, share_of(0.0, 2.0))

    assert 0.0 == asleep["call_j"]


def test_the_interval_is_scaled_from_the_meters_to_the_calls():
    """
    The lowest meter with the lowest share, the highest with the highest.
    """
    each = machine(100.0, 90.0, 110.0)
    attribute(each, share_of(1.0, 4.0, 1.0))

    assert (25.0, 90 / 5, pytest.approx(110 / 3)) == (each["call_j"], each["low_j"], each["high_j"])


def test_without_a_share_there_is_no_number_but_a_reason():
    """
    Joules of the machine are never handed to a call whose part is unknown.
    """
    each = machine(100.0, 90.0, 110.0)
    attribute(each, None)

    assert (None, None, None) == (each["call_j"], each["low_j"], each["high_j"])
    assert "can't be shared out" in each["reason"]


def test_a_reading_of_the_call_is_the_calls():
    """
    Scope "call" needs no share.
    """
    each = reading(
        "tdp", scope=CALL, quality=ESTIMATED, boundary="package", energy_j=3.0, energy_low_j=1.0, energy_high_j=9.0
    )
    attribute(each, None)

    assert (3.0, 1.0, 9.0) == (each["call_j"], each["low_j"], each["high_j"])


def test_the_machines_interval_stays_what_it_is():
    """
    The call's has keys of its own.
    """
    each = machine(100.0, 90.0, 110.0)
    attribute(each, share_of(1.0, 4.0))

    assert (90.0, 100.0, 110.0) == (each["energy_low_j"], each["energy_j"], each["energy_high_j"])
    assert (22.5, 25.0, 27.5) == (each["low_j"], each["call_j"], each["high_j"])


@pytest.mark.parametrize("made", [dict, lambda **given: reading(given.pop("monitor"), **given)])
def test_a_monitor_for_an_older_release_is_understood(made):
    """
    It leaves two keys out, and gives the interval of the machine's joules in those that are the call's now.
    """
    older = {"monitor": "x", "scope": MACHINE, "quality": MEASURED, "boundary": "wall", "energy_j": 100.0}
    older |= {"call_j": None, "low_j": 90.0, "high_j": 110.0, "domains": {}, "meter_id": None, "reason": None}
    each = made(**older, attributes={})
    attribute(each, share_of(1.0, 4.0))

    assert (90.0, 110.0, 22.5, 27.5) == tuple(each[key] for key in ("energy_low_j", "energy_high_j", "low_j", "high_j"))


def test_the_first_in_order_with_a_number_stands_for_the_call():
    """
    The order decides, a reading without a number is passed over, and quality says that it was shared out.
    """
    rapl, perf, tdp = machine(None), machine(8.0, monitor="perf"), machine(9.0, monitor="tdp")
    for each in (rapl, perf, tdp):
        attribute(each, share_of(1.0, 2.0))
    primary = choose([tdp, perf, rapl], {"rapl": 0, "perf": 1, "tdp": 2})

    assert (4.0, "perf", "attributed") == (primary["call_j"], primary["monitor"], quality_of(primary))


def test_a_boundary_keeps_other_boundaries_from_standing_for_the_call():
    """
    With a boundary asked for, a better placed monitor of another one does not count.
    """
    package, wall = machine(8.0), machine(20.0, monitor="plug", boundary="wall")
    for each in (package, wall):
        attribute(each, share_of(1.0, 1.0))

    assert "plug" == choose([package, wall], {"rapl": 0}, "wall")["monitor"]
    assert None is choose([package], {}, "wall")


def test_without_any_number_every_reason_is_told():
    """
    Energy is None and the reason names each monitor with its own.
    """
    readings = [machine(None), machine(None, monitor="perf")]

    assert (None, "rapl: unreadable; perf: unreadable") == (choose(readings, {}), reasons(readings))


@given(energy_j=joules, children_j=joules, cpu_s=st.floats(1e-6, 1e5), unknown_cpu_s=seconds)
def test_self_energy_is_never_negative_nor_more_than_the_whole(energy_j, children_j, cpu_s, unknown_cpu_s):
    """
    Whatever the children report, the call's own part lies between nothing and everything.
    """
    assert 0 <= self_energy(energy_j, cpu_s, children_j, unknown_cpu_s) <= energy_j


def test_children_too_short_for_the_meter_take_the_parents_joules_per_second():
    """
    10 J over 4 CPU seconds, of which a child without a number took 1 and another has 2 J.
    """
    assert 10 - 2 - 2.5 == self_energy(10.0, 4.0, 2.0, 1.0)
    assert None is self_energy(None, 4.0, 2.0, 1.0)
