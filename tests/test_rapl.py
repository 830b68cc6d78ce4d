"""
RAPL on healthy trees: every joule is exact, in windows of any length.
"""

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from tempfile import TemporaryDirectory

import pytest
from greensdk_rapl import RESOLUTION_90, RaplMonitor
from hypothesis import given, settings
from hypothesis import strategies as st
from rapl_kit import joules, opened

from greensdk.errors import MonitorUnavailable
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
        Nine of ten windows are off by less than 0.684 update intervals: 1 ms in 10 ms are 6.8 %.
        """
        reading = joules(tree, {tree.package(0): 10.0}, seconds=0.010)

        assert pytest.approx(10.0 - RESOLUTION_90) == reading["low_j"]
        assert pytest.approx(10.0 + RESOLUTION_90) == reading["high_j"]
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
        A package that draws nothing for 20 updates is a stuck counter or a hypervisor's zeros, not 0 J.
        """
        package = tree.package(0)

        assert 0.0 == joules(tree, {package: 0.0}, seconds=0.019)["energy_j"]
        stuck = joules(tree, {package: 0.0}, seconds=0.021)
        assert None is stuck["energy_j"]
        assert "no counter moved in 21 ms: they are stuck, or a hypervisor's zeros" == stuck["reason"]

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

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_every_joule_is_found_wherever_the_counter_stands(self, data):
        """
        Any range, any start, any energy that 1000 W can draw in the window.
        """
        range_uj = data.draw(st.integers(1_000_000, 300_000_000_000), "range")
        start_uj = data.draw(st.integers(0, range_uj - 1), "start")
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
        with opened(tree) as (monitor, clock):
            tokens, readings = [], []
            for action in (0, 1, "stop 0", 2, "stop 1", "stop 2"):
                if isinstance(action, int):
                    tokens.append(monitor.start())
                else:
                    readings.append(monitor.stop(tokens[int(action[-1])])["energy_j"])
                package.add_j(4.0)
                clock.advance(0.01)

        assert [8.0, 12.0, 8.0] == readings


class TestPoll:
    """
    Windows that are longer than a wrap.
    """

    def test_the_longest_window_without_a_poll_is_half_a_wrap(self, tree):
        """
        Of the zone that goes round first: 65.7 kJ at 5 times 100 W take 131 s.
        """
        package = tree.package(0, max_w=200.0)
        package.dram(range_uj=65_712_999_613, max_w=100.0)
        monitor = RaplMonitor(root=tree.root)

        assert monitor.max_window_s is None
        monitor.open()
        assert pytest.approx(65.713) == monitor.max_window_s
        monitor.close()

    def test_a_setting_overrides_the_published_power(self, tree):
        """
        `max_power_w` is per zone.
        """
        tree.package(0, range_uj=1_000_000_000, max_w=200.0)
        with opened(tree, max_power_w=50.0) as (monitor, _):
            assert 10.0 == monitor.max_window_s

    def test_too_long_without_a_poll_is_unknowable(self, tree):
        """
        The counter may have gone round any number of times, also when it looks as if it had not.
        """
        reading = joules(tree, {tree.package(0, range_uj=1_000_000_000, max_w=20.0): 30.0}, seconds=11.0)

        assert reading["energy_j"] is None
        assert reading["domains"] == {"package-0": None}
        assert "how often it wrapped can't be known" in reading["reason"]
        assert "with resources='full' a thread polls" in reading["reason"]

    def test_polls_carry_a_window_over_many_wraps(self, tree):
        """
        7 wraps in one window, and a short window inside it that knows nothing of them.
        """
        package = tree.package(0, uj=0, range_uj=100_000_000, max_w=20.0)
        with opened(tree) as (monitor, clock):
            outer = monitor.start()
            for _ in range(15):
                package.add_j(49.0)
                clock.advance(0.5)
                monitor.poll()
                inner = monitor.start()
            package.add_j(1.0)
            clock.advance(0.1)
            short, long = monitor.stop(inner), monitor.stop(outer)

        assert 1.0 == short["energy_j"]
        assert 736.0 == long["energy_j"]
        assert {"package-0": 7} == long["attributes"]["wraps"]

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 400_000_000), st.sampled_from("psx")), min_size=3, max_size=25))
    def test_overlapping_windows_stay_exact_through_polls(self, steps):
        """
        Whatever happens between them: counting (c), then a poll (p), a start (s), or the stop of the oldest window (x).
        """
        with TemporaryDirectory() as path:
            tree = PowercapTree(path)
            package = tree.package(0, uj=123, range_uj=1_000_000_000)  # one round takes 1 s at 1000 W
            with opened(tree, update_interval_s=0) as (monitor, clock):
                windows = [(monitor.start(), 0)]
                since_poll_s = 0.0
                for uj, action in steps:
                    package.add_uj(uj)
                    clock.advance(uj / 1e9)
                    since_poll_s += uj / 1e9
                    if action == "p" or since_poll_s > 0.5:
                        monitor.poll()
                        since_poll_s = 0.0
                    if action == "s":
                        windows.append((monitor.start(), package.total_uj))
                    if action == "x" and windows:
                        token, before_uj = windows.pop(0)
                        assert (package.total_uj - before_uj) / 1e6 == monitor.stop(token)["energy_j"]

    def test_a_long_gap_before_a_window_does_not_hurt_it(self, tree):
        """
        Polls of an earlier window may be hours old when the next long window starts.
        """
        package = tree.package(0, range_uj=100_000_000, max_w=20.0)
        with opened(tree) as (monitor, clock):
            monitor.poll()
            clock.advance(3600.0)
            token = monitor.start()
            for _ in range(4):
                package.add_j(40.0)
                clock.advance(0.5)
                monitor.poll()

            assert 160.0 == monitor.stop(token)["energy_j"]

    def test_a_poll_that_was_missed_makes_the_window_unknowable(self, tree):
        """
        The gap between two polls was longer than a round.
        """
        package = tree.package(0, range_uj=100_000_000, max_w=20.0)
        with opened(tree) as (monitor, clock):
            token = monitor.start()
            for seconds in (0.5, 5.0, 0.5):
                package.add_j(10.0)
                clock.advance(seconds)
                monitor.poll()
            later = monitor.start()
            package.add_j(5.0)
            clock.advance(0.5)
            monitor.poll()

            assert "how often it wrapped" in monitor.stop(token)["reason"]
            assert 5.0 == monitor.stop(later)["energy_j"]

    def test_a_poll_in_the_middle_of_start_and_stop_changes_nothing(self, tree):
        """
        The ticker is another thread: here it strikes exactly while the clock is read.
        """
        package = tree.package(0, uj=99_970_000, range_uj=100_000_000)
        with opened(tree) as (monitor, clock):

            def polling_clock():
                monitor.clock = clock
                package.add_j(0.05)
                clock.advance(0.01)
                monitor.poll()
                monitor.clock = polling_clock
                return clock()

            monitor.clock = polling_clock
            token = monitor.start()
            clock.advance(0.05)
            reading = monitor.stop(token)

        assert 0.1 == reading["energy_j"]
        assert (99_970_000, 70_000) == tuple(reading["attributes"][key]["package-0"] for key in ("start_uj", "stop_uj"))


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
        with opened(tree) as (monitor, _):
            token = monitor.start()
            tree.package(1)
            monitor.open()
            with pytest.raises(RuntimeError, match="opened anew"):
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
        code = (
            "import sys; before = set(sys.modules); import greensdk_rapl; "
            "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
        )
        done = subprocess.run(
            [sys.executable, "-S", "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        )

        assert {"greensdk", "greensdk_rapl"} == set(done.stdout.split())
