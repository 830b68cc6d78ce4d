"""
Counters of many windows, read in any order and from any zero, make one line.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk.report.meters import Raw, unwrapped
from greensdk.report.scale import aligned
from greensdk.report.split import split
from greensdk.report.stretch import Seen, overlapping, stretches

WATTS = 10.0


def raw(name, start_s, stop_s, start_j, stop_j, *, range_j=None, since_ns=None):
    """
    Return a window of half a CPU second.
    """
    record = {
        "record_id": name,
        "cpu_s": 0.5,
        "host_cpu_s": stop_s - start_s,
        "host_cpu_start_s": start_s,
        "host_cpu_source": "cpuacct",
    }
    counted = {"package-0": stop_j - start_j + (range_j if stop_j < start_j else 0.0)}
    return Raw(record, start_s, stop_s, {"package-0": start_j}, {"package-0": range_j}, counted, since_ns)


def meter_j(*raws):
    """
    What the windows say that the meter counted.
    """
    found = split(unwrapped(raws))
    assert pytest.approx(found.meter_j) == sum(found.calls.values()) + found.unattributed_j
    return found.meter_j


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
        new = raw("new", 1.5, 3.0, 0.0, 16.0, since_ns=2)
        new.record["phases"] = {"start_s": 0.1, "stop_s": 0.0}
        other = raw("other", 0.0, 2.9, 100.0, 129.0, since_ns=3)

        assert pytest.approx(30.0, abs=0.2) == meter_j(old, other, new)

    def test_processes_that_never_overlap_add_up(self):
        """
        Nobody looked at the meter in between.
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
        groups = [
            [
                Seen(
                    f"{number}.{place}",
                    begin,
                    begin + length,
                    WATTS * begin - zero,
                    WATTS * (begin + length) - zero,
                    0.1,
                    begin,
                    begin + length,
                )
                for place, (begin, length) in enumerate(sorted(windows))
            ]
            for number, (windows, zero) in enumerate(zip(processes, zeros, strict=False))
        ]
        groups.sort(key=lambda group: group[0].start_s)
        open_seconds = {
            second for windows in processes for begin, length in windows for second in range(begin, begin + length)
        }

        assert pytest.approx(WATTS * len(open_seconds), abs=1e-3) == split(aligned(groups)).meter_j


class TestTooMuch:
    """
    Calls that say they used more CPU seconds than there were.
    """

    def test_a_call_takes_no_more_than_there_was_while_it_ran(self):
        """
        It waited for a child that had run for long before; its neighbour keeps what is its own.
        """
        neighbour = Seen("neighbour", 0.0, 10.0, 0.0, 100.0, 5.0, 0.0, 10.0)
        greedy = Seen("greedy", 4.0, 4.5, 40.0, 45.0, 300.0, 4.0, 4.5)
        found = split([neighbour, greedy])

        assert pytest.approx(100.0) == sum(found.calls.values()) + found.unattributed_j
        assert pytest.approx(5.0, rel=0.01) == found.calls["greedy"]
        assert pytest.approx(50.0, rel=0.01) == found.calls["neighbour"]

    @given(st.integers(2, 200), st.floats(0.001, 1e6))
    def test_many_of_them_in_one_moment_still_make_numbers(self, number, cpu_s):
        """
        All want the same half second, and none can have it.
        """
        around = Seen("around", 0.0, 1000.0, 0.0, 10_000.0, 1.0, 0.0, 1000.0)
        crowd = [Seen(str(place), 4.0, 4.5, 40.0, 45.0, cpu_s, 4.0, 4.5) for place in range(number)]
        found = split([around, *crowd])

        assert pytest.approx(10_000.0) == sum(found.calls.values()) + found.unattributed_j
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
        first = Seen("first", 0.0, 0.1, 0.0, 4.0, 0.1, 0.0, 0.204, cpus=2)
        second = Seen("second", 0.00003, 0.1, 0.0012, 4.0, 0.1, 0.004, 0.204, cpus=2)
        found = split([first, second])

        assert pytest.approx(4.0) == sum(found.calls.values()) + found.unattributed_j
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
        seen = [
            Seen(str(place), begin, begin + length, 0.0, 0.0, 0.1, shown[begin], shown[begin + length], cpus=cpus)
            for place, (begin, length) in enumerate(windows)
        ]
        for group in overlapping(seen):
            cut = stretches(group)
            begin, end = min(each.start_s for each in group), max(each.stop_s for each in group)
            over_s = max(0.0, shown[end] - shown[begin] - cpus * (end - begin))

            assert pytest.approx(shown[end] - shown[begin], rel=1e-4, abs=1e-4) == sum(each.busy_s for each in cut)
            assert all(each.busy_s <= cpus * each.length_s * 1.0001 + over_s + 1e-9 for each in cut)
