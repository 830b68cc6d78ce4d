"""
CPU clocks: shares by a clock that knows better than the window's own, and joules that no CPU time tells about.
"""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk import capture
from greensdk.measure.attribution import NO_METER, attribute, by_clock
from greensdk.monitor import ATTRIBUTED, CALL, ESTIMATED, MACHINE, MEASURED, Availability, Metric, reading
from greensdk.testing import FakeCpuClock, FakeMonitor, check_monitor, tracked_by

parts = st.floats(0.0, 1.0)


class TwoBoundaries:
    """
    An estimator that knows the machine's watts at the package and at the wall.
    """

    name = "model"
    cheap = True

    def probe(self):
        """
        It works everywhere.
        """
        return Availability(True)

    def open(self):
        """
        Name both.
        """
        return [Metric(name, "J", name, MACHINE, ESTIMATED) for name in ("package", "wall")]

    def estimate(self, usage):
        """
        Both boundaries, whatever was used.
        """
        return [self.watts("package", 100.0), self.watts("wall", 300.0)]

    def watts(self, boundary, energy_j):
        """
        Return the reading of one boundary.
        """
        return reading(
            "model",
            scope=MACHINE,
            quality=ESTIMATED,
            boundary=boundary,
            energy_j=energy_j,
            domains={boundary: energy_j},
        )

    def close(self):
        """
        Nothing was taken.
        """


class OwnShare(FakeMonitor):
    """
    A GPU: 8 J, of which the monitor itself knows what is the call's, or why that is unknown.
    """

    def __init__(self, call_j=None, reason=None):
        super().__init__("gpu", joules=8.0, boundary="gpu")
        self.said = {"call_j": call_j, "reason": reason, "low_j": call_j, "high_j": call_j}

    def stop(self, token):
        """
        Read the script, and say the share.
        """
        return {**super().stop(token), **self.said}


def one(*sources, function=lambda: None):
    """
    Return the record of one call.
    """
    with capture() as records:
        tracked_by(*sources)(function)()
    return records[-1]


class TestShares:
    """
    The clock's numbers decide.
    """

    def test_the_meter_is_shared_out_by_the_clock(self):
        """
        A quarter of the machine's CPU time is a quarter of its joules.
        """
        record = one(FakeMonitor("meter", joules=20.0), FakeCpuClock())

        assert (5.0, "meter", ATTRIBUTED) == (record["energy_j"], record["energy_source"], record["energy_quality"])
        assert (1.0, "clock") == (record["cpu_s"], record["cpu_source"])
        assert (4.0, "clock", 0.25) == (record["host_cpu_s"], record["host_cpu_source"], record["cpu_share"])

    def test_the_clock_has_a_reading_of_its_own(self):
        """
        The best meter's joules times the share, and what else the clock counted.
        """
        found = one(
            FakeMonitor("meter", joules=20.0),
            FakeMonitor("worse", joules=40.0),
            FakeCpuClock(attributes={"context_switches": 7}),
        )["readings"][-1]

        assert ("clock", CALL, ATTRIBUTED) == (found["monitor"], found["scope"], found["quality"])
        assert (5.0, 5.0, 5.0, 5.0) == (found["energy_j"], found["call_j"], found["low_j"], found["high_j"])
        assert ({"meter": 5.0}, "script:meter") == (found["domains"], found["meter_id"])
        assert {"context_switches": 7, "meter": "meter"} == found["attributes"]

    def test_an_estimate_of_the_machine_stays_an_estimate(self):
        """
        However exact the share is.
        """
        found = one(TwoBoundaries(), FakeCpuClock())["readings"][-1]

        assert (ESTIMATED, 25.0, "package") == (found["quality"], found["call_j"], found["boundary"])

    def test_without_a_meter_it_says_so(self):
        """
        A share of nothing is nothing.
        """
        found = one(FakeCpuClock())["readings"]

        assert [(None, NO_METER)] == [(each["energy_j"], each["reason"]) for each in found]

    def test_a_call_beside_others_keeps_its_own_clock(self):
        """
        The process's tree is not the call's while two calls run; the machine's seconds are the clock's all the same.
        """
        together = threading.Barrier(2)
        call = tracked_by(FakeMonitor("meter", joules=20.0), FakeCpuClock(tree_s=3.0))(lambda: together.wait(5))
        with capture() as records:
            threads = [threading.Thread(target=call) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert [("thread", 4.0)] * 2 == [(record["cpu_source"], record["host_cpu_s"]) for record in records]
        assert all(record["cpu_s"] < 1.0 for record in records)

    def test_without_a_tree_the_call_keeps_its_own_clock(self):
        """
        Some kernels let the clock see the machine alone.
        """
        record = one(FakeMonitor("meter"), FakeCpuClock(tree_s=None))

        assert ("process", 4.0) == (record["cpu_source"], record["host_cpu_s"])

    @pytest.mark.parametrize("method", ["start", "cpu_time"])
    def test_a_clock_that_fails_costs_the_share_and_nothing_else(self, method):
        """
        None with a reason, and the error under its name.
        """
        record = one(FakeMonitor("meter", joules=20.0), FakeCpuClock(fail_in=method))

        assert record["errors"]["clock"].startswith(f"{method}: OSError: no ")
        assert (20.0, None) == (record["readings"][0]["energy_j"], record["readings"][0]["call_j"])
        assert record["errors"]["clock"] == record["readings"][1]["reason"]
        assert record["energy_j"] is None

    def test_the_contract_has_a_test_for_clocks(self):
        """
        As for monitors.
        """
        assert ["tree"] == [metric.name for metric in check_monitor(FakeCpuClock())]

    def test_a_clock_that_breaks_the_contract_is_found(self):
        """
        Here: it returns seconds and not a CpuTime.
        """
        clock = FakeCpuClock()
        clock.counted = 1.0
        with pytest.raises(AssertionError, match="must return a CpuTime"):
            check_monitor(clock)


class TestOwnShares:
    """
    What CPU time says nothing about is not shared out by it.
    """

    def test_the_monitors_own_share_stands(self):
        """
        Not the clock's quarter.
        """
        found = one(OwnShare(call_j=6.0), FakeCpuClock())["readings"][0]

        assert (8.0, 6.0, 6.0, 6.0) == (found["energy_j"], found["call_j"], found["low_j"], found["high_j"])

    def test_a_share_that_nobody_knows_stays_none(self):
        """
        The machine's joules are there, with the reason why none of them are the call's.
        """
        found = one(OwnShare(reason="the driver does not tell"), FakeCpuClock())["readings"][0]

        assert (8.0, None, None) == (found["energy_j"], found["call_j"], found["low_j"])
        assert "the driver does not tell" == found["reason"]

    def test_a_share_above_the_whole_is_refused(self):
        """
        The plugin's fault is named.
        """
        record = one(OwnShare(call_j=9.0))

        assert "stop: ValueError: call_j = 9.0 is no part of energy_j = 8.0" == record["errors"]["gpu"]

    @given(parts, parts)
    def test_nothing_is_shared_out_twice(self, own, share):
        """
        Whatever the two shares are, the monitor's decides.
        """
        found = reading("gpu", scope=MACHINE, quality=MEASURED, boundary="gpu", energy_j=1.0, call_j=own)

        assert attribute(found, (share, share, share)) is False
        assert own == found["call_j"]


class TestEstimates:
    """
    A model of the machine is shared out like a meter.
    """

    def test_each_boundary_is_a_reading(self):
        """
        The first one stands for the call.
        """
        record = one(TwoBoundaries(), FakeCpuClock())

        assert [("package", 25.0), ("wall", 75.0), ("package", 25.0)] == [
            (each["boundary"], each["call_j"]) for each in record["readings"]
        ]
        assert (25.0, "package", ESTIMATED) == (
            record["energy_j"],
            record["energy_boundary"],
            record["energy_quality"],
        )

    def test_calls_inside_are_subtracted_at_their_own_boundary(self):
        """
        The wall's joules of a call inside are not taken off the package's joules of the call around it.
        """
        inner = tracked_by(TwoBoundaries(), FakeCpuClock(tree_s=0.4))(lambda: None)
        record = one(TwoBoundaries(), FakeCpuClock(tree_s=1.0), function=inner)

        assert (25.0, 15.0) == (record["energy_j"], record["energy_self_j"])


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=5), parts)
def test_a_clocks_domains_add_up_to_its_joules(domains, share):
    """
    Each domain is shared out like the whole.
    """
    whole = sum(domains)
    meter = reading(
        "meter",
        scope=MACHINE,
        quality=MEASURED,
        boundary="package",
        energy_j=whole,
        domains={str(number): joules for number, joules in enumerate(domains)},
    )
    attribute(meter, (share, share, share))
    found = by_clock("clock", [meter], {}, None, {})

    assert pytest.approx(whole * share) == found["energy_j"]
    assert pytest.approx(whole * share, abs=1e-9) == sum(found["domains"].values())
