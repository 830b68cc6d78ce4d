"""
RAPL when something is wrong: no number without the energy, no number that is not the energy.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from greensdk_rapl import RaplMonitor
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from greensdk.errors import MonitorUnavailable
from greensdk.testing import FakeClock, PowercapTree, check_monitor


@pytest.fixture
def tree(tmp_path):
    """
    Two packages, the memory of the second, and the cores of the first.
    """
    tree = PowercapTree(tmp_path)
    tree.package(0).core()
    tree.package(1).dram()
    return tree


@pytest.fixture
def monitor(tree):
    """
    An open monitor whose clock the test moves.
    """
    monitor = RaplMonitor(root=tree.root)
    monitor.clock = FakeClock()
    monitor.open()
    yield monitor
    monitor.close()


def window(monitor, tree, *, before=None, inside=None):
    """
    The reading of one second in which every zone counts 10 J, with faults before and inside it.
    """
    if before:
        before()
    token = monitor.start()
    for zone in tree.zones.values():
        zone.add_j(10.0)
    if inside:
        inside()
    monitor.clock.advance(1.0)
    return monitor.stop(token)


FAULTS = [
    (lambda zone: zone.fail("EIO"), "EIO (Input/output error)"),
    (lambda zone: zone.fail("EISDIR"), "EISDIR (Is a directory)"),
    (lambda zone: zone.garble(b"energy\n"), "no counter value"),
    (lambda zone: zone.garble(b"-5\n"), "no counter value"),
    (lambda zone: zone.garble(), "no counter value"),
    (lambda zone: zone.vanish(), "no counter value"),
]


class TestReadFaults:
    """
    A counter that can't be read.
    """

    @pytest.mark.parametrize(("fault", "text"), FAULTS)
    @pytest.mark.parametrize("key", ["package-1", "dram-1"])
    @pytest.mark.parametrize("when", ["start", "stop"])
    def test_a_part_of_the_total_takes_the_total_with_it(self, tree, monitor, fault, text, key, when):
        """
        The reason names the zone, the moment and the error; the other domains keep their numbers.
        """
        zone = tree.zones[key]
        if when == "start":
            reading = window(monitor, tree, before=lambda: fault(zone), inside=zone.repair)
        else:
            reading = window(monitor, tree, inside=lambda: fault(zone))

        assert reading["energy_j"] is reading["energy_low_j"] is reading["energy_high_j"] is None
        assert reading["reason"].startswith(f"{key}: ")
        assert f"at {when}" in reading["reason"]
        assert text in reading["reason"]
        assert dict.fromkeys(tree.zones, 10.0) | {key: None} == reading["domains"]

    @pytest.mark.parametrize(("fault", "text"), FAULTS)
    def test_a_part_of_a_package_does_not(self, tree, monitor, fault, text):
        """
        Without the cores the total is as good as ever; the reason is in the attributes.
        """
        reading = window(monitor, tree, inside=lambda: fault(tree.zones["core-0"]))

        assert 30.0 == reading["energy_j"]
        assert reading["reason"] is None
        assert reading["domains"]["core-0"] is None
        assert text in reading["attributes"]["reasons"]["core-0"]

    def test_both_ends_and_two_zones_are_all_named(self, tree, monitor):
        """
        Nothing is hidden behind the first error.
        """
        reading = window(
            monitor, tree, before=tree.zones["package-0"].fail, inside=lambda: tree.zones["dram-1"].garble(b"x")
        )

        assert "package-0: energy_uj could not be read at start: EIO" in reading["reason"]
        assert "at stop: EIO" in reading["reason"]
        assert "dram-1: energy_uj held no counter value at stop: b'x'" in reading["reason"]

    def test_the_next_window_is_healthy_again(self, tree, monitor):
        """
        A fault leaves nothing behind.
        """
        zone = tree.zones["package-0"]
        window(monitor, tree, inside=zone.fail)

        assert 30.0 == window(monitor, tree, before=zone.repair)["energy_j"]

    @pytest.mark.parametrize("fault", [lambda zone: zone.fail("EIO"), lambda zone: zone.garble(b"x")])
    def test_a_poll_that_fails_breaks_the_windows_around_it_only(self, tree, monitor, fault):
        """
        What was counted on both sides of it can't be joined.
        """
        zone = tree.zones["package-0"]
        outer = monitor.start()
        for act in (lambda: None, lambda: fault(zone), zone.repair, lambda: None):
            act()
            monitor.clock.advance(1.0)
            monitor.poll()
        later = monitor.start()
        zone.add_j(5.0)
        monitor.clock.advance(1.0)
        monitor.poll()

        broken = monitor.stop(outer)
        assert "package-0" in broken["reason"]
        assert "at a poll" in broken["reason"]
        assert 0.0 == broken["domains"]["package-1"]
        assert 5.0 == monitor.stop(later)["energy_j"]


class TestOpenFaults:
    """
    A zone that is broken from the beginning.
    """

    @pytest.mark.parametrize(
        ("fault", "text"),
        [
            (lambda zone: zone.fail("EIO"), "EIO"),
            (lambda zone: zone.vanish(), "ENOENT"),
            (lambda zone: zone.fail("EISDIR"), "EISDIR"),
        ],
    )
    @pytest.mark.parametrize("key", ["package-1", "dram-1"])
    def test_the_sum_is_not_silently_smaller(self, tree, fault, text, key):
        """
        The zone is left out with its reason, and the total has that reason instead of a number.
        """
        fault(tree.zones[key])
        monitor = RaplMonitor(root=tree.root)
        monitor.clock = FakeClock()
        names = [metric.name for metric in monitor.open()]
        reading = window(monitor, tree)
        monitor.close()

        assert key not in names
        assert reading["energy_j"] is None
        assert f"{key}: energy_uj could not be opened: {text}" in reading["reason"]
        assert dict.fromkeys(tree.zones, 10.0) | {key: None} == reading["domains"]
        assert "package+dram" == reading["boundary"]
        assert key in monitor.probe().reason
        assert text in monitor.probe().reason

    def test_a_lost_part_of_a_package_costs_nothing_else(self, tree):
        """
        The monitor can still give its energy, so the probe is content.
        """
        tree.zones["core-0"].fail()
        monitor = RaplMonitor(root=tree.root)
        monitor.clock = FakeClock()
        assert monitor.probe().ok
        monitor.open()
        reading = window(monitor, tree)
        monitor.close()

        assert 30.0 == reading["energy_j"]
        assert reading["domains"]["core-0"] is None
        assert "EIO" in reading["attributes"]["reasons"]["core-0"]

    @pytest.mark.parametrize("text", ["", None])
    def test_a_zone_of_unknown_name_could_be_a_package(self, tree, text):
        """
        So there is no total as long as nobody knows.
        """
        name = tree.zones["package-1"].path / "name"
        name.unlink()
        if text is None:
            name.symlink_to("/proc/self/mem")
        else:
            name.write_text(text)
        monitor = RaplMonitor(root=tree.root)
        monitor.clock = FakeClock()
        monitor.open()
        token = monitor.start()
        monitor.clock.advance(1.0)
        reading = monitor.stop(token)
        monitor.close()

        assert reading["energy_j"] is None
        assert "intel-rapl:1: its name could not be read" in reading["reason"]
        assert 0.0 == reading["domains"]["package-0"]
        assert not monitor.probe().ok

    def test_with_every_package_broken_it_refuses_to_open(self, tree):
        """
        With the words of the probe.
        """
        for number in range(2):
            tree.zones[f"package-{number}"].fail()
        monitor = RaplMonitor(root=tree.root)

        with pytest.raises(MonitorUnavailable, match="package-0: energy_uj can't be read: EIO") as caught:
            monitor.open()
        assert monitor.probe().reason == caught.value.reason

    @pytest.mark.parametrize("content", [None, "", "many\n", "0\n"])
    def test_without_a_range_only_a_wrap_has_no_number(self, tmp_path, content):
        """
        As long as the counter goes forward nothing is missing.
        """
        tree = PowercapTree(tmp_path)
        package = tree.package(0, range_uj=0, uj=50_000_000)
        if content is not None:
            (package.path / "max_energy_range_uj").write_text(content)
        monitor = RaplMonitor(root=tree.root)
        monitor.clock = FakeClock()
        monitor.open()
        assert monitor.max_window_s is None
        forward = window(monitor, tree)
        back = window(monitor, tree, inside=lambda: package.set_uj(3))
        monitor.close()

        assert 10.0 == forward["energy_j"]
        assert {"package-0": None} == forward["attributes"]["range_uj"]
        assert back["energy_j"] is None
        assert "max_energy_range_uj does not say where it wraps" in back["reason"]


class TestReset:
    """
    A counter that was set back is not a wrap.
    """

    def test_a_reset_counter_gives_no_number(self, tree, monitor):
        """
        200 kJ to 1 J: as a wrap it would have been 62 kJ in a second.
        """
        zone = tree.zones["package-0"]
        zone.set_uj(200_000_000_000)

        reading = window(monitor, tree, inside=lambda: zone.reset(1_000_000))

        assert reading["energy_j"] is None
        assert reading["reason"].startswith("package-0: the counter went back from 200000000000 to 1000000 uJ")
        assert "a wraparound would mean 62144.3 J, which a zone of 1000 W can't draw: it was reset" in reading["reason"]
        assert {"package-0": None, "core-0": 10.0, "package-1": 10.0, "dram-1": 10.0} == reading["domains"]
        assert "wraps" not in reading["attributes"]

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_a_number_is_only_given_when_the_zone_can_draw_it(self, data):
        """
        Any small range, any two values, any published limit: what is given is possible, what is not given is not.
        """
        range_uj = data.draw(st.integers(1_000_000, 2_000_000_000), "range")
        start_uj = data.draw(st.integers(1, range_uj - 1), "start")
        stop_uj = data.draw(st.integers(0, start_uj - 1), "stop")
        limit_w = data.draw(st.integers(1, 400), "limit")
        seconds = data.draw(st.floats(0.001, 2.0), "seconds")
        assume(seconds <= range_uj / 1e6 / (5 * limit_w))
        with TemporaryDirectory() as path:
            tree = PowercapTree(path)
            zone = tree.package(0, uj=start_uj, range_uj=range_uj, max_w=limit_w)
            monitor = RaplMonitor(root=tree.root)
            monitor.clock = FakeClock()
            monitor.open()
            token = monitor.start()
            zone.set_uj(stop_uj)
            monitor.clock.advance(seconds)
            found = monitor.stop(token)["energy_j"]
            monitor.close()

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
        monitor = RaplMonitor(root=tree.root, max_power_w=max_power_w)
        monitor.clock = FakeClock()
        monitor.open()

        reading = window(monitor, tree, inside=lambda: zone.set_uj(60_000_000))
        monitor.close()

        assert expected == reading["energy_j"]

    def test_a_reset_between_polls_is_seen_although_the_counter_is_ahead_again(self, tree, monitor):
        """
        Start 1000 J, reset to 0, then past 1000 J once more: only the poll in between has seen it.
        """
        zone = tree.zones["package-0"]
        token = monitor.start()
        for uj in (0, 1_100_000_000):
            zone.set_uj(uj)
            monitor.clock.advance(2.0)
            monitor.poll()

        assert "it was reset" in monitor.stop(token)["reason"]


class TestProbe:
    """
    What can be done about it.
    """

    def test_no_driver(self, tmp_path):
        """
        Load it; and virtual machines seldom have it.
        """
        found = RaplMonitor(root=str(tmp_path / "none")).probe()

        assert not found.ok
        assert "virtual machine" in found.reason
        assert "modprobe" in found.fix
        assert "intel_rapl_common" in found.fix

    def test_an_empty_tree_is_what_containers_see(self, tmp_path):
        """
        Container runtimes mask the powercap devices.
        """
        found = RaplMonitor(root=str(tmp_path)).probe()

        assert f"no package zone under {tmp_path}" == found.reason
        assert "/sys/devices/virtual/powercap" in found.fix

    def test_this_machine(self):
        """
        Whatever is here, the default root has an answer, and where it works the contract is kept.
        """
        monitor = RaplMonitor()
        if monitor.probe().ok:
            check_monitor(monitor)
        else:
            assert monitor.probe().reason

    def test_root_only_counters_say_how_to_open_them(self):
        """
        Asked as a user who is not root: the exact command, and why the kernel does it.
        """
        with TemporaryDirectory(dir="/tmp") as path:  # where everybody may enter
            Path(path).chmod(0o755)
            tree = PowercapTree(path)
            tree.package(0).forbid()
            ok, reason, fix = _as_nobody(tree.root)

            assert "False" == ok
            assert "package-0: only root may read" in reason
            assert "PLATYPUS, CVE-2020-8694" in reason
            assert fix.startswith(f"sudo chmod -R a+r {tree.root}/intel-rapl ")

    def test_one_forbidden_memory_counter_is_enough(self):
        """
        The packages alone would be a smaller sum than yesterday's.
        """
        with TemporaryDirectory(dir="/tmp") as path:  # where everybody may enter
            Path(path).chmod(0o755)
            tree = PowercapTree(path)
            tree.package(0).dram().forbid()
            ok, reason, _ = _as_nobody(tree.root)

            assert "False" == ok
            assert "dram-0: only root may read" in reason


def _as_nobody(root):
    # Everything is imported before the privileges go: the user may not be able to read the code.
    code = (
        "import os, sys; from greensdk_rapl import RaplMonitor; import errno, encodings.idna\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(*RaplMonitor(root=sys.argv[1]).probe(), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, root],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()
