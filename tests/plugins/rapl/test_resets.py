"""
RAPL counters that were set back, or that jumped: a number is only given where the zone can draw it.
"""

from tempfile import TemporaryDirectory

import pytest
from greensdk_rapl import RaplMonitor
from greensdk_rapl.total import SLACK_S
from hypothesis import given
from hypothesis import strategies as st
from meter_kit import joules, opened, window

from greensdk.testing import PowercapTree


@pytest.fixture
def tree(two_packages):
    """
    The machine with two packages.
    """
    return two_packages


class TestReset:
    """
    A counter that was set back is not a wrap.
    """

    def test_a_reset_counter_gives_no_number(self, tree):
        """
        200 kJ to 1 J: as a wrap it would have been 62 kJ in a second.
        """
        zone = tree.zones["package-0"]
        zone.set_uj(200_000_000_000)

        def count():
            for each in tree.zones.values():
                each.add_j(10.0)
            zone.reset(1_000_000)

        reading = window(RaplMonitor(root=tree.root), count)

        assert reading["energy_j"] is None
        assert reading["reason"].startswith("package-0: the counter went back from 200000000000 to 1000000 uJ")
        assert "a wraparound would mean 62144.3 J, which a zone of 1000 W can't draw: it was reset" in reading["reason"]
        assert {"package-0": None, "core-0": 10.0, "package-1": 10.0, "dram-1": 10.0} == reading["domains"]
        assert "wraps" not in reading["attributes"]

    @given(st.data())
    def test_a_number_is_only_given_when_the_zone_can_draw_it(self, data):
        """
        Any small range, any two values, any published limit: what is given is possible, what is not given is not.
        """
        range_uj = data.draw(st.integers(1_000_000, 2_000_000_000), "range")
        start_uj = data.draw(st.integers(1, range_uj - 1), "start")
        stop_uj = data.draw(st.integers(0, start_uj - 1), "stop")
        limit_w = data.draw(st.integers(1, min(400, range_uj // 5_000)), "limit")
        longest_s = range_uj / 1e6 / (5 * limit_w)  # a longer window may hold a whole turn
        seconds = data.draw(st.floats(0.001, min(2.0, longest_s)), "seconds")
        with TemporaryDirectory() as path:
            tree = PowercapTree(path)
            zone = tree.package(0, uj=start_uj, range_uj=range_uj, max_w=limit_w)
            found = window(RaplMonitor(root=tree.root), lambda: zone.set_uj(stop_uj), seconds)["energy_j"]

        corrected_j = (stop_uj - start_uj + range_uj) / 1e6
        allowed_j = 5 * limit_w * seconds + range_uj / 1e9
        if abs(corrected_j - allowed_j) > 1e-5:
            assert (corrected_j if corrected_j < allowed_j else None) == found

    @pytest.mark.parametrize(("max_power_w", "expected"), [(30.0, None), (300.0, 100.0)])
    def test_the_setting_moves_the_line(self, tmp_path, max_power_w, expected):
        """
        100 J in a second are a wrap where 300 W can be drawn and a reset where 30 W can.
        """
        tree = PowercapTree(tmp_path)
        zone = tree.package(0, uj=960_000_000, range_uj=1_000_000_000)

        reading = window(RaplMonitor(root=tree.root, max_power_w=max_power_w), lambda: zone.add_j(100.0))

        assert expected == reading["energy_j"]

    def test_a_reset_between_polls_is_seen_although_the_counter_is_ahead_again(self, tree):
        """
        Start 1000 J, reset to 0, then past 1000 J once more: only the poll in between has seen it.
        """
        zone = tree.zones["package-0"]
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
            token = monitor.start()
            for uj in (0, 1_100_000_000):
                zone.set_uj(uj)
                clock.advance(2.0)
                monitor.poll()

            assert "it was reset" in monitor.stop(token)["reason"]


class TestJump:
    """
    A counter that went on while the clock stood still, as in a suspend, or that belongs to another host now.
    """

    @given(st.data())
    def test_no_number_is_more_than_the_zone_can_draw(self, data):
        """
        Any published limit, any time, any energy: never more than that power in the window and a tenth of a second.
        """
        limit_w = data.draw(st.integers(1, 400), "limit")
        seconds = data.draw(st.floats(0.001, 20.0), "seconds")
        joules_added = data.draw(st.floats(0.001, 100_000.0), "joules")
        with TemporaryDirectory() as path:
            tree = PowercapTree(path)
            reading = joules(tree, {tree.package(0, max_w=limit_w): joules_added}, seconds)

        allowed_j = 5 * limit_w * (seconds + SLACK_S)
        if abs(joules_added - allowed_j) > 1e-5:
            assert (joules_added < allowed_j) == (reading["energy_j"] is not None)

    def test_a_night_asleep_is_not_a_fifth_of_a_second(self, tmp_path):
        """
        8 hours at 1 W in a window of 0.2 s: 144 kW, on a part of 15 W.
        """
        reading = joules(tree := PowercapTree(tmp_path), {tree.package(0, max_w=15.0): 28_800.0}, seconds=0.2)

        assert (None, {"package-0": None}) == (reading["energy_j"], reading["domains"])
        assert "package-0: 28800 J in 0.2 s are more than 75 W: the counter jumped, or the clock" in reading["reason"]

    def test_memory_that_jumped_costs_the_memory(self, tree):
        """
        The packages did not.
        """
        package, dram = tree.zones["package-1"], tree.zones["dram-1"]

        reading = joules(tree, {tree.zones["package-0"]: 10.0, package: 10.0, dram: 28_800.0})

        assert (20.0, "package") == (reading["energy_j"], reading["boundary"])
        assert "28800 J in 1 s are more than 1000 W" in reading["attributes"]["reasons"]["dram-1"]

    def test_a_jump_between_two_polls_is_one(self, tmp_path):
        """
        Over the whole window it would pass.
        """
        tree = PowercapTree(tmp_path)
        package = tree.package(0, max_w=15.0)
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
            token = monitor.start()
            for joules_added in (100.0, 5000.0, 100.0):
                package.add_j(joules_added)
                clock.advance(30.0)
                monitor.poll()
            reading = monitor.stop(token)

        assert "5000 J in 30 s are more than 75 W" in reading["reason"]

    def test_without_an_update_interval_nothing_rests_on_time(self, tmp_path):
        """
        As on the counters of a test that has no clock.
        """
        tree = PowercapTree(tmp_path)

        assert 28_800.0 == joules(tree, {tree.package(0): 28_800.0}, update_interval_s=0)["energy_j"]
