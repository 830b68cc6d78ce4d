"""
RAPL in windows that are longer than a wrap: polls keep them exact, and without polls they have no number.
"""

from tempfile import TemporaryDirectory

import pytest
from greensdk_rapl import RaplMonitor
from hypothesis import given
from hypothesis import strategies as st
from meter_kit import joules, opened

from greensdk.testing import PowercapTree


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
        with opened(RaplMonitor(root=tree.root, max_power_w=50.0)) as (monitor, _):
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
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
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

    @given(st.lists(st.tuples(st.integers(0, 400_000_000), st.sampled_from("psx")), min_size=3, max_size=25))
    def test_overlapping_windows_stay_exact_through_polls(self, steps):
        """
        Whatever happens between them: counting (c), then a poll (p), a start (s), or the stop of the oldest window (x).
        """
        with TemporaryDirectory() as path:
            tree = PowercapTree(path)
            package = tree.package(0, uj=123, range_uj=1_000_000_000)  # one round takes 1 s at 1000 W
            with opened(RaplMonitor(root=tree.root, update_interval_s=0)) as (monitor, clock):
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
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
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
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
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
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):

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
