"""
Zones that show one counter twice, and zones that only look so.
"""

import os

import pytest
from greensdk_rapl import RaplMonitor
from greensdk_rapl.mirrors import agreed
from hypothesis import given
from hypothesis import strategies as st
from meter_kit import joules, opened

from greensdk.testing import FakeClock, PowercapTree, ticking


class TestDies:
    """
    AMD's dies list one socket-wide counter each.
    """

    def test_mirrored_dies_are_one_meter(self, tree):
        """
        Dies that agree, and agree again after a movement, show one counter: the second is named, not added.
        """
        original = tree.package(0, die=0)
        tree.mirror(original, "package-0-die-1")
        tree.mirror(original, "package-0-die-2")
        before = os.listdir("/proc/self/fd")

        with ticking(tree, {original.key: 50.0}):
            monitor = RaplMonitor(root=tree.root)
            metrics = monitor.open()
        token = monitor.start()
        original.add_j(7.0)
        monitor.clock = FakeClock(monitor.clock() / 1e9 + 1)
        reading = monitor.stop(token)
        monitor.close()

        assert before == os.listdir("/proc/self/fd")
        assert ["package-0-die-0"] == [metric.name for metric in metrics]
        assert 7.0 == reading["energy_j"]
        assert {"package-0-die-1": original.key, "package-0-die-2": original.key} == reading["attributes"]["duplicates"]

    @pytest.mark.parametrize("watts", [{}, {"package-0-die-0": 50.0, "package-0-die-1": 30.0}])
    def test_dies_that_only_start_alike_are_both_counted(self, tree, watts):
        """
        Without a movement, or when they move apart, equal counters prove nothing.
        """
        tree.package(0, die=0, uj=5)
        tree.package(0, die=1, uj=5)

        with ticking(tree, watts):
            monitor = RaplMonitor(root=tree.root)
            metrics = monitor.open()
        monitor.close()

        assert ["package-0-die-0", "package-0-die-1"] == [metric.name for metric in metrics]

    def test_equal_packages_are_never_mirrors(self, tree):
        """
        Two sockets are two meters, even if a counter was seen to agree.
        """
        original = tree.package(0)
        tree.mirror(original, "package-1")

        with ticking(tree, {original.key: 50.0}):
            monitor = RaplMonitor(root=tree.root)
            metrics = monitor.open()
        monitor.close()

        assert 2 == len(metrics)

    @pytest.mark.parametrize("updates", [1, 5])
    def test_mirrors_that_move_after_the_opening_are_one_meter_from_then_on(self, tree, updates):
        """
        As on an idle machine, or on copies that the agent renews every 100 ms: the first movement settles it.
        """
        original = tree.package(0, die=0)
        tree.mirror(original, "package-0-die-1")
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
            readings = []
            outer = monitor.start()
            for _ in range(updates):
                token = monitor.start()
                original.add_j(10.0)
                clock.advance(0.1)
                readings.append(monitor.stop(token))
            whole = monitor.stop(outer)

        assert [10.0] * updates == [reading["energy_j"] for reading in readings]
        assert 10.0 * updates == whole["energy_j"]
        for reading in (*readings, whole):
            assert [original.key] == list(reading["domains"]) == list(reading["attributes"]["start_uj"])
            assert {"package-0-die-1": original.key} == reading["attributes"]["duplicates"]

    def test_dies_that_stand_still_are_not_settled(self, tree):
        """
        Their joules are unknown, and the next window that sees them move apart counts both.
        """
        one, two = tree.package(0, die=0, uj=5), tree.package(0, die=1, uj=5)
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
            token = monitor.start()
            clock.advance(1.0)
            asleep = monitor.stop(token)
            token = monitor.start()
            one.add_j(10.0), two.add_j(12.0)
            clock.advance(1.0)
            awake = monitor.stop(token)

        assert (None, 22.0) == (asleep["energy_j"], awake["energy_j"])
        assert "duplicates" not in awake["attributes"]

    def test_memory_follows_its_dies(self, tree):
        """
        Where the dies differ, memory that happens to agree is two meters; else it is compared as the dies are.
        """
        one, two = tree.package(0, die=0, uj=5), tree.package(0, die=1, uj=6)
        reading = joules(tree, {one: 10.0, two: 10.0, one.dram(): 1.0, two.dram(): 1.0})

        assert 22.0 == reading["energy_j"]

    @given(st.integers(0, 2**62), st.integers(0, 2**62))
    def test_counters_agree_when_they_are_equal(self, tmp_path_factory, one_uj, other_uj):
        """
        Any two values.
        """
        tree = PowercapTree(tmp_path_factory.mktemp("tree"))
        files = [tree.package(number, uj=uj).file for number, uj in enumerate((one_uj, other_uj))]
        fds = [os.open(file, os.O_RDONLY) for file in files]
        try:
            assert (one_uj if one_uj == other_uj else None) == agreed(*fds)
            assert one_uj == agreed(fds[0], fds[0])
        finally:
            for fd in fds:
                os.close(fd)
