"""
One meter, many calls: nothing is counted twice, nothing is lost.
"""

from __future__ import annotations

import pytest
import split_kit
from hypothesis import given
from hypothesis import strategies as st
from split_kit import Window, counted

from greensdk.report.split import RULES

CPUS = 4


@st.composite
def layouts(draw, most=8):
    """
    Windows of any layout on a machine that draws anything at any time, with the truth about every stretch.

    The meter and the CPU clock go by steps at whole seconds; each window begins and ends at one.
    """
    length = draw(st.integers(2, 20))
    powers = draw(st.lists(st.floats(0, 500), min_size=length, max_size=length))
    spans = draw(
        st.lists(
            st.tuples(st.integers(0, length - 1), st.integers(0, length)).filter(lambda pair: pair[0] < pair[1]),
            min_size=1,
            max_size=most,
        )
    )
    own = [
        [draw(st.floats(0, CPUS / len(spans))) if begin <= second < end else 0.0 for second in range(length)]
        for begin, end in spans
    ]
    others = draw(st.lists(st.floats(0, 2), min_size=length, max_size=length))
    energy, busy = [0.0], [100.0]
    for second in range(length):
        energy.append(energy[-1] + powers[second])
        busy.append(busy[-1] + others[second] + sum(row[second] for row in own))
    return [
        Window(str(place), begin, end, energy[begin], energy[end], sum(own[place]), busy[begin], busy[end])
        for place, (begin, end) in enumerate(spans)
    ]


@given(layouts(), st.sampled_from(RULES))
def test_calls_and_the_rest_are_what_the_meter_counted(windows, rule):
    """
    Whatever overlaps whatever, by every rule.
    """
    found = split_kit.split(windows, rule)
    whole = counted(windows)

    assert pytest.approx(whole, rel=1e-9, abs=1e-9) == found.meter_j
    assert pytest.approx(whole, rel=1e-9, abs=1e-9) == sum(found.calls.values()) + found.rest_j


@given(layouts(), st.sampled_from(RULES))
def test_every_part_is_between_nothing_and_what_its_window_saw(windows, rule):
    """
    No call gets less than 0 J, and by CPU or wall time none more than the meter counted in its own window.
    """
    found = split_kit.split(windows, rule)

    assert found.rest_j >= 0.0
    for window in windows:
        assert found.calls[window.call] >= 0.0
        if rule != "equal":
            assert found.calls[window.call] <= (window.stop_j - window.start_j) * (1 + 1e-9) + 1e-9


@given(layouts())
def test_the_order_of_the_records_does_not_matter(windows):
    """
    Logs of several workers come in any order.
    """
    forwards, backwards = split_kit.split(windows), split_kit.split(windows[::-1])

    assert pytest.approx(forwards.calls, rel=1e-6, abs=1e-6) == backwards.calls


@given(layouts(most=1))
def test_a_call_alone_gets_its_share_of_the_cpu_time(windows):
    """
    Which is what its record says already.
    """
    (window,) = windows
    busy_s = window.busy_stop_s - window.busy_start_s
    share = window.cpu_s / busy_s if busy_s > 0 else 0.0

    assert pytest.approx((window.stop_j - window.start_j) * min(1.0, share)) == split_kit.split(windows).calls["0"]


def test_a_call_that_slept_while_the_other_worked_is_found_out():
    """
    A's record spans both halves, B's the second, and B alone filled that: A's CPU seconds are of the first.

    Multiplying each window's joules by its own share gives A three quarters of a meter that it had half of.
    """
    a = Window("A", 0, 10, 0, 300, 5, 0, 10)
    b = Window("B", 5, 10, 100, 300, 5, 5, 10)

    assert pytest.approx({"A": 100, "B": 200}, rel=0.01) == split_kit.split([a, b]).calls


def test_equally_busy_calls_get_the_same():
    """
    Two that run side by side on a machine which does nothing else.
    """
    calls = [Window(name, 0, 1, 0, 50, 1.0, 0, 2.0) for name in "AB"]

    assert pytest.approx({"A": 25, "B": 25}, rel=1e-5) == split_kit.split(calls).calls


def test_a_sleeping_call_next_to_a_busy_one_gets_nearly_nothing():
    """
    A thousandth of the CPU seconds is a thousandth of the joules.
    """
    found = split_kit.split(
        [Window("busy", 0, 1, 0, 50, 0.999, 0, 1), Window("asleep", 0, 1, 0, 50, 0.001, 0, 1)]
    ).calls

    assert pytest.approx({"busy": 49.95, "asleep": 0.05}, rel=1e-4) == found


def test_by_wall_time_each_stretch_is_split_evenly():
    """
    Alone a call has all of it.
    """
    found = split_kit.split([Window("A", 0, 2, 0, 20, 0, 0, 1), Window("B", 1, 2, 10, 20, 1, 0.5, 1)], "wall")

    assert ({"A": 15.0, "B": 5.0}, 0.0) == (found.calls, found.rest_j)


def test_equal_shares_know_neither_time_nor_work():
    """
    The total divided by the functions, as the founding notes ask.
    """
    found = split_kit.split([Window("A", 0, 2, 0, 20, 0, 0, 1), Window("B", 1, 2, 10, 20, 1, 0.5, 1)], "equal")

    assert {"A": 10.0, "B": 10.0} == found.calls


def test_what_the_meter_counted_between_the_calls_is_nobodys():
    """
    Nothing read it then.
    """
    found = split_kit.split([Window("A", 0, 1, 0, 10, 1, 0, 1), Window("B", 5, 6, 100, 110, 1, 5, 6)])

    assert 20.0 == found.meter_j


@given(layouts())
def test_without_the_clocks_readings_the_law_holds_as_well(windows):
    """
    Records of older versions don't tell where the CPU clock stood.
    """
    found = split_kit.split([window.without_clock() for window in windows])

    assert pytest.approx(counted(windows), abs=1e-6) == sum(found.calls.values()) + found.rest_j


@given(layouts(), st.sampled_from(RULES), st.data())
def test_windows_too_short_for_the_clock_break_nothing(windows, rule, data):
    """
    They begin and end at one instant, at any other window's end or in its middle.
    """
    at = data.draw(st.sampled_from(windows))
    moment = Window(
        "moment", at.start_s, at.start_s, at.start_j, at.start_j + 1e-3, 0.0, at.busy_start_s, at.busy_start_s
    )
    found = split_kit.split([*windows, moment], rule)

    assert {*(window.call for window in windows), "moment"} == found.calls.keys()
    assert pytest.approx(found.meter_j) == sum(found.calls.values()) + found.rest_j
