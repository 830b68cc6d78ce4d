"""
Counters of many windows, read in any order and from any zero, make one line.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from split_kit import Window, groups, seen, split

from greensdk.report import EnergyReport
from greensdk.report.stretches import Seen, cut

WATTS = 10.0


def raw(name, start_s, stop_s, start_j, stop_j, *, range_j=None, since_ns=None, before_s=0.0):
    """
    Return the record of a window of half a CPU second.
    """
    counted_j = stop_j - start_j + (range_j if stop_j < start_j else 0.0)
    attributes = {
        "start_counts": {"package-0": start_j},
        "scale_j": {"package-0": 1.0},
        "range_uj": {"package-0": range_j and range_j * 1e6},
        "counts_since_ns": since_ns,
    }
    reading = {
        "monitor": "perf",
        "boundary": "package",
        "scope": "machine",
        "meter_id": "host:rapl",
        "energy_j": counted_j,
        "domains": {"package-0": counted_j},
        "attributes": attributes,
    }
    return {
        "record_id": name,
        "parent_id": None,
        "function": "f",
        "status": "ok",
        "reason": None,
        "worker": None,
        "energy_j": 1.0,
        "energy_low_j": None,
        "energy_high_j": None,
        "energy_quality": "attributed",
        "energy_source": "perf",
        "energy_boundary": "package",
        "host": {"host_id": "host"},
        "monotonic_s": start_s,
        "duration_s": stop_s - start_s,
        "cpu_s": 0.5,
        "host_cpu_source": "cpuacct",
        "host_cpu_s": stop_s - start_s,
        "host_cpu_start_s": start_s,
        "readings": [reading],
        "phases": {"start_s": before_s, "stop_s": 0.0},
    }


def meter_j(*records):
    """
    What the windows say that the meter counted.
    """
    (meter,) = EnergyReport(records).meters
    assert pytest.approx(meter.meter_j) == meter.calls_j + meter.unattributed_j
    return meter.meter_j


class TestOrder:
    """
    Windows stand in the order of the calls' first instructions, their counters may have been read in another.
    """

    def test_a_counter_read_before_the_one_of_an_earlier_call_is_no_step_back(self):
        """
        Its thread waited for the interpreter in between: what it read at the end is no joule more for that.
        """
        first = raw("first", 1.0, 3.0, 10.0, 50.0)
        late = raw("late", 1.001, 3.001, 9.0, 51.0)

        assert pytest.approx(51.0 - 10.0) == meter_j(first, late)

    def test_a_counter_read_after_the_call_that_ended_before(self):
        """
        The same at the other end: a call that has ended reads its counter when another has begun.
        """
        around = raw("around", 0.0, 5.0, 0.0, 50.0)
        ended = raw("ended", 1.0, 2.0, 10.0, 20.1)
        begun = raw("begun", 2.0, 3.0, 20.0, 30.0)

        assert pytest.approx(50.0) == meter_j(around, ended, begun)

    def test_a_wrap_between_two_reads_in_the_wrong_order_is_seen(self):
        """
        The call that is first in order read right after the wrap, the second right before.
        """
        first = raw("first", 1.0, 3.0, 1.0, 41.0, range_j=100.0)
        late = raw("late", 1.001, 3.001, 99.0, 42.0, range_j=100.0)

        assert pytest.approx(42.0 - 1.0) == meter_j(first, late)

    def test_a_reset_between_calls_is_no_joule(self):
        """
        After a suspend the counter starts anew.
        """
        assert pytest.approx(14.0) == meter_j(raw("one", 0.0, 1.0, 10.0, 20.0), raw("two", 2.0, 3.0, 1.0, 5.0))


class TestZeros:
    """
    Counters that each process has for itself.
    """

    def test_two_processes_are_put_side_by_side(self):
        """
        One has counted for long, the other began in the middle.
        """
        old = raw("old", 0.0, 2.0, 1000.0, 1020.0, since_ns=1)
        new = raw("new", 1.0, 3.0, 0.0, 20.0, since_ns=2)

        assert pytest.approx(30.0) == meter_j(old, new)

    def test_the_closest_pair_of_readings_decides(self):
        """
        Power was anything but even over the second, but even enough in the millisecond in which both looked.
        """
        old = raw("old", 0.0, 2.0, 0.0, 100.0, since_ns=1)
        short = raw("short", 1.0, 1.001, 10.0, 10.01, since_ns=1)
        new = raw("new", 1.0005, 3.0, 0.0, 95.0, since_ns=2)

        assert pytest.approx(10.005 + 95.0, rel=1e-4) == meter_j(old, short, new)

    def test_a_reading_that_took_long_does_not_decide(self):
        """
        The new process was not scheduled for a tenth of a second between its counter and its call.
        """
        old = raw("old", 0.0, 2.0, 0.0, 20.0, since_ns=1)
        new = raw("new", 1.5, 3.0, 0.0, 16.0, since_ns=2, before_s=0.1)
        other = raw("other", 0.0, 2.9, 100.0, 129.0, since_ns=3)

        assert pytest.approx(30.0, abs=0.2) == meter_j(old, other, new)

    def test_processes_that_never_overlap_add_up(self):
        """
        Nothing read the meter in between.
        """
        assert pytest.approx(20.0) == meter_j(
            raw("one", 0.0, 1.0, 500.0, 510.0, since_ns=1), raw("two", 5.0, 6.0, 3.0, 13.0, since_ns=2)
        )

    @given(
        st.lists(
            st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), min_size=1, max_size=4), min_size=1, max_size=5
        ),
        st.lists(st.floats(0, 1e6), min_size=5, max_size=5),
    )
    def test_even_power_is_found_from_any_zeros(self, processes, zeros):
        """
        Whatever windows the processes have: what is counted is the power times the time that any is open.
        """
        records = [
            raw(
                f"{number}.{place}",
                float(begin),
                float(begin + length),
                WATTS * begin - zero,
                WATTS * (begin + length) - zero,
                since_ns=number,
            )
            for number, (windows, zero) in enumerate(zip(processes, zeros, strict=False))
            for place, (begin, length) in enumerate(windows)
        ]
        open_seconds = {
            second for windows in processes for begin, length in windows for second in range(begin, begin + length)
        }

        assert pytest.approx(WATTS * len(open_seconds), abs=1e-3) == meter_j(*records)


class TestTooMuch:
    """
    Calls that say they used more CPU seconds than there were.
    """

    def test_a_call_takes_no_more_than_there_was_while_it_ran(self):
        """
        It waited for a child that had run for long before; its neighbour keeps what is its own.
        """
        neighbour = Window("neighbour", 0.0, 10.0, 0.0, 100.0, 5.0, 0.0, 10.0)
        greedy = Window("greedy", 4.0, 4.5, 40.0, 45.0, 300.0, 4.0, 4.5)
        found = split([neighbour, greedy])

        assert pytest.approx(100.0) == sum(found.calls.values()) + found.rest_j
        assert pytest.approx(5.0, rel=0.01) == found.calls["greedy"]
        assert pytest.approx(50.0, rel=0.01) == found.calls["neighbour"]

    @given(st.integers(2, 50), st.floats(0.001, 1e6))
    def test_many_of_them_in_one_moment_still_make_numbers(self, number, cpu_s):
        """
        All want the same half second, and none can have it.
        """
        around = Window("around", 0.0, 1000.0, 0.0, 10_000.0, 1.0, 0.0, 1000.0)
        crowd = [Window(str(place), 4.0, 4.5, 40.0, 45.0, cpu_s, 4.0, 4.5) for place in range(number)]
        found = split([around, *crowd])

        assert pytest.approx(10_000.0) == sum(found.calls.values()) + found.rest_j
        assert all(joules >= 0.0 for joules in found.calls.values())
        assert sum(found.calls[str(place)] for place in range(number)) <= 5.0 * (1 + 1e-9)


class TestTicks:
    """
    The machine's CPU clock: the kernel books a running task at its tick, four milliseconds of these.
    """

    def test_a_tick_in_the_instant_before_the_others_began_is_not_the_first_call_s(self):
        """
        Two equal calls; the first begins 30 us earlier, and there the clock goes by the 4 ms that came before.
        """
        first = Window("first", 0.0, 0.1, 0.0, 4.0, 0.1, 0.0, 0.204, cpus=2)
        second = Window("second", 0.00003, 0.1, 0.0012, 4.0, 0.1, 0.004, 0.204, cpus=2)
        found = split([first, second])

        assert pytest.approx(4.0) == sum(found.calls.values()) + found.rest_j
        assert pytest.approx(found.calls["second"], rel=0.005) == found.calls["first"]

    @given(
        st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)), min_size=1, max_size=6),
        st.lists(st.floats(0, 4), min_size=50, max_size=50),
        st.integers(1, 4),
    )
    def test_no_second_is_lost_or_made(self, windows, busy, cpus):
        """
        What is moved from a stretch that is too full is in another one.
        """
        shown = [sum(busy[:second]) for second in range(51)]
        made = [
            Window(str(place), begin, begin + length, 0.0, 0.0, 0.1, shown[begin], shown[begin + length], cpus)
            for place, (begin, length) in enumerate(windows)
        ]
        for group in groups(made):
            found = cut(Seen(*(each[None, :] for each in seen(group))))
            lengths_s = np.diff(sorted([each.start_s for each in group] + [each.stop_s for each in group]))
            begin, end = min(each.start_s for each in group), max(each.stop_s for each in group)
            over_s = max(0.0, shown[end] - shown[begin] - cpus * (end - begin))

            assert pytest.approx(shown[end] - shown[begin], rel=1e-4, abs=1e-4) == found.busy_s.sum()
            assert (found.busy_s[0] <= cpus * lengths_s * 1.0001 + over_s + 1e-9).all()
