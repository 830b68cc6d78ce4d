"""
RAPL on healthy trees: every joule is exact, wherever the counters stand.
"""

import json
import os
import time
from itertools import pairwise
from tempfile import TemporaryDirectory

import pytest
from greensdk_rapl import RaplMonitor
from hypothesis import given
from hypothesis import strategies as st
from meter_kit import joules, opened
from plugins_kit import foreign, imported_by

from greensdk.errors import MonitorUnavailable
from greensdk.monitor import RESOLUTION_90
from greensdk.testing import PowercapTree, check_monitor, ticking


class TestReading:
    """
    What a reading says besides its joules.
    """

    def test_it_carries_the_raw_counters_and_their_range(self, tree):
        """
        A later reader can rebuild the union of overlapping windows from them.
        """
        package = tree.package(0, uj=500, range_uj=10_000_000)

        attributes = joules(tree, {package: 3.0})["attributes"]

        assert ({"package-0": 500}, {"package-0": 3_000_500}) == (attributes["start_uj"], attributes["stop_uj"])
        assert {"package-0": 10_000_000} == attributes["range_uj"]
        assert "wraps" not in attributes

    def test_the_interval_is_the_resolution_of_the_meter(self, tree):
        """
        Nine of ten windows are off by less than 0.684 update intervals: 1 ms in 10 ms are 6.8%.
        """
        reading = joules(tree, {tree.package(0): 10.0}, seconds=0.010)

        assert pytest.approx(10.0 - RESOLUTION_90) == reading["energy_low_j"]
        assert pytest.approx(10.0 + RESOLUTION_90) == reading["energy_high_j"]
        assert pytest.approx(0.684, abs=0.001) == RESOLUTION_90

    def test_a_window_shorter_than_an_update_has_no_number(self, tree):
        """
        It has the reason instead, and still the raw counters.
        """
        package = tree.package(0)

        reading = joules(tree, {package: 1.0, package.dram(): 1.0}, seconds=0.0004)

        assert reading["energy_j"] is None
        assert "the window is shorter than the meter's update interval of 1 ms" == reading["reason"]
        assert {"package-0": None, "dram-0": None} == reading["domains"]
        assert (
            {"package-0", "dram-0"} == set(reading["attributes"]["start_uj"]) == set(reading["attributes"]["stop_uj"])
        )

    def test_counters_that_stand_still_have_no_number(self, tree):
        """
        A package that draws nothing for 20 updates is a stuck counter or a hypervisor's zero, not 0 J.
        """
        package = tree.package(0)

        assert 0.0 == joules(tree, {package: 0.0}, seconds=0.019)["energy_j"]
        stuck = joules(tree, {package: 0.0}, seconds=0.021)
        assert None is stuck["energy_j"]
        assert "package-0: the counter did not move in 21 ms: it is stuck, or a hypervisor's zero" == stuck["reason"]

    @pytest.mark.parametrize(("uj", "text"), [(0, "it has never counted"), (5, "the counter did not move in 30 ms")])
    def test_memory_that_never_counts_has_no_number_in_short_windows_either(self, tree, uj, text):
        """
        Beside a package that counts: it has stood still since it was opened.
        """
        package = tree.package(0)
        dram = package.dram(uj=uj)
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
            clock.advance(0.025)
            token = monitor.start()
            package.add_j(0.2)
            clock.advance(0.005)
            asleep = monitor.stop(token)
            token = monitor.start()
            package.add_j(0.2), dram.add_j(0.1)
            clock.advance(0.005)
            awake = monitor.stop(token)

        assert (0.2, "package", None) == (asleep["energy_j"], asleep["boundary"], asleep["domains"]["dram-0"])
        assert text in asleep["attributes"]["reasons"]["dram-0"]
        assert (pytest.approx(0.3), "package+dram") == (awake["energy_j"], awake["boundary"])

    def test_a_graphics_unit_may_rest(self, tree):
        """
        A part that stands still drew nothing.
        """
        package = tree.package(0)

        assert {"package-0": 1.0, "uncore-0": 0.0} == joules(tree, {package: 1.0, package.uncore(): 0.0})["domains"]

    def test_another_tree_is_another_meter(self, tmp_path):
        """
        Readings of two roots must not be taken for one meter.
        """
        one, two = PowercapTree(tmp_path / "one"), PowercapTree(tmp_path / "two")

        ids = [joules(tree, {tree.package(0): 1.0})["meter_id"] for tree in (one, two)]

        assert [f":rapl:{one.root}", f":rapl:{two.root}"] == [meter[16:] for meter in ids]

    def test_it_keeps_the_contract(self, tree):
        """
        The conformance test of the kit, on everything a machine can have.
        """
        for number in range(2):
            package = tree.package(number, max_w=150.0)
            package.dram(), package.core(), package.uncore()
        tree.psys()
        tree.mmio(0)

        with ticking(tree, {"package-0": 40.0, "package-1": 60.0}):
            metrics = check_monitor(RaplMonitor(root=tree.root))

        assert {"package", "dram", "core", "uncore", "psys"} == {metric.domain for metric in metrics}

    def test_real_time_agrees_with_the_log_of_the_ticker(self, tree):
        """
        No fake clock here: what the windows read is what was counted between their first and last tick.
        """
        tree.package(0, max_w=60.0)
        monitor = RaplMonitor(root=tree.root)
        monitor.open()

        with ticking(tree, {"package-0": 60.0}) as truth:
            token = monitor.start()
            began_ns = monitor.clock()
            time.sleep(0.05)
            reading = monitor.stop(token)
            ended_ns = monitor.clock()
        monitor.close()

        gap_j = max(later["package-0"] - sooner["package-0"] for sooner, later in pairwise(truth.totals_uj)) / 1e6
        assert pytest.approx(truth.joules("package-0", began_ns, ended_ns), abs=2 * gap_j) == reading["energy_j"]


class TestWrap:
    """
    Counters go round.
    """

    @given(st.data())
    def test_every_joule_is_found_wherever_the_counter_stands(self, data):
        """
        Any range, any start, any energy that 1000 W can draw in the window.
        """
        range_uj = data.draw(st.integers(1_000_000, 300_000_000_000), "range")
        start_uj = data.draw(st.integers(1, range_uj - 1), "start")  # at 0 it would never have counted
        delta_uj = data.draw(st.integers(0, range_uj - 1), "delta")
        with TemporaryDirectory() as path:
            tree = PowercapTree(path)
            package = tree.package(0, uj=start_uj, range_uj=range_uj)
            seconds = delta_uj / 1e6 / 1000  # at 1000 W, what a zone without a published limit may draw

            reading = joules(tree, {package: delta_uj / 1e6}, seconds, update_interval_s=0)

        assert delta_uj / 1e6 == reading["energy_j"]
        wrapped = start_uj + delta_uj >= range_uj
        assert ({"package-0": 1} if wrapped else None) == reading["attributes"].get("wraps")

    def test_only_the_wrapped_zone_is_corrected(self, tree):
        """
        Each zone has its own range.
        """
        package = tree.package(0, uj=262143328850 - 1)
        dram = package.dram(uj=65712999613 - 1, range_uj=65712999613)
        core = package.core(uj=7)

        reading = joules(tree, {package: 40.0, dram: 3.0, core: 20.0})

        assert {"package-0": 40.0, "dram-0": 3.0, "core-0": 20.0} == reading["domains"]
        assert {"package-0": 1, "dram-0": 1} == reading["attributes"]["wraps"]

    def test_windows_overlap_and_nest(self, tree):
        """
        Each token knows its own start; the counter wraps in two of the three windows.
        """
        package = tree.package(0, uj=90_000_000, range_uj=100_000_000)
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
            tokens, readings = [], []
            for action in (0, 1, "stop 0", 2, "stop 1", "stop 2"):
                if isinstance(action, int):
                    tokens.append(monitor.start())
                else:
                    readings.append(monitor.stop(tokens[int(action[-1])])["energy_j"])
                package.add_j(4.0)
                clock.advance(0.01)

        assert [8.0, 12.0, 8.0] == readings


class TestLife:
    """
    Opening, closing, importing.
    """

    def test_every_descriptor_is_given_back(self, tree):
        """
        After close, after a second close, and after an open that was refused.
        """
        package = tree.package(0)
        package.dram()
        before = set(os.listdir("/proc/self/fd"))
        monitor = RaplMonitor(root=tree.root)

        monitor.probe()
        monitor.open()
        assert len(before) + 2 == len(os.listdir("/proc/self/fd"))
        monitor.open()
        assert len(before) + 2 == len(os.listdir("/proc/self/fd"))
        monitor.close()
        monitor.close()
        package.vanish()
        with pytest.raises(MonitorUnavailable):
            monitor.open()

        assert before == set(os.listdir("/proc/self/fd"))

    def test_a_closed_monitor_reads_nothing(self, tree):
        """
        It says so instead of returning 0 J, also for a window that was open when it was closed.
        """
        tree.package(0)
        monitor = RaplMonitor(root=tree.root)
        with pytest.raises(RuntimeError, match="not open"):
            monitor.start()
        monitor.open()
        token = monitor.start()
        monitor.close()
        with pytest.raises(RuntimeError, match="closed"):
            monitor.stop(token)

    def test_a_window_does_not_survive_another_open(self, tree):
        """
        The zones may be others by then.
        """
        tree.package(0)
        with opened(RaplMonitor(root=tree.root)) as (monitor, _):
            token = monitor.start()
            tree.package(1)
            monitor.open()
            with pytest.raises(RuntimeError, match="reopened"):
                monitor.stop(token)

    def test_a_reading_goes_into_json_as_it_is(self, tree):
        """
        Also one with faults in it.
        """
        package = tree.package(0, range_uj=0)
        package.dram().garble(b"?")

        assert "null" in json.dumps(joules(tree, {package: 1.0}), allow_nan=False)

    def test_the_measured_path_imports_the_standard_library_only(self):
        """
        A Lithops call pays for every import anew.
        """
        assert {"greensdk", "greensdk_rapl"} == foreign(imported_by("import greensdk_rapl"))
