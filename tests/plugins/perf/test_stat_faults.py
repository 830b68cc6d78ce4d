"""
Which events perf is asked for, and a perf that does not do what it should: a fake one, which a test configures.
"""

from __future__ import annotations

import os
import signal
from itertools import combinations

import pytest
from greensdk_perf.choose import PACKAGE, way
from greensdk_perf.stat import PerfStatMonitor
from perf_kit import SUDO, children, descriptors, fake_perf, program, stat_window

from greensdk.errors import MonitorUnavailable
from greensdk.testing.pmu import FakePmu

NAMES = ("energy-pkg", "energy-ram", "energy-cores", "energy-gpu", "energy-psys")
EVENTS = tuple(f"power/{name}/" for name in NAMES)
SUBSETS = [subset for size in range(len(EVENTS) + 1) for subset in combinations(EVENTS, size)]


@pytest.fixture
def bin_folder(tmp_path, monkeypatch):
    """
    A folder whose programs are found first.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def fake(tmp_path, bin_folder):
    """
    Return a function that puts a fake perf in front; the monitor it makes looks at a tree of all events.
    """
    tree = FakePmu(tmp_path / "tree", watts=1.0, events=NAMES)

    def make(known=EVENTS, *, unsupported=(), forms=("-j", "-x,"), **options):
        fake_perf(bin_folder, known, unsupported=unsupported, forms=forms)
        return PerfStatMonitor(root=tree.root, **{"update_interval_s": 0, **options})

    return make


class TestWidestSet:
    """
    Any perf, whatever it knows.
    """

    @pytest.mark.parametrize("known", SUBSETS, ids=lambda known: "+".join(each[13:-1] for each in known) or "nothing")
    def test_all_that_it_knows_is_counted(self, fake, known):
        """
        One event that it does not know loses no other one; without the package, nothing is of use.
        """
        monitor = fake(known)
        if PACKAGE not in known:
            with pytest.raises(MonitorUnavailable, match=f"Cannot find PMU of {PACKAGE}"):
                monitor.open()
            return

        reading = stat_window(monitor)

        assert known == reading["attributes"]["events"]
        counted = {"power/energy-pkg/": "package-0", "power/energy-ram/": "dram-0", "power/energy-cores/": "core-0"}
        counted |= {"power/energy-gpu/": "uncore-0", "power/energy-psys/": "psys"}
        assert {key: 12.5 if event in known else None for event, key in counted.items()} == reading["domains"]
        assert (25.0 if "power/energy-ram/" in known else 12.5) == reading["energy_j"]
        lost = reading["attributes"].get("reasons", {})
        assert {counted[event] for event in EVENTS if event not in known} == set(lost)
        assert all("Cannot find PMU" in reason for reason in lost.values())

    def test_what_is_not_supported_is_left_out(self, fake):
        """
        perf ends well then, and says so in the place of the number.
        """
        reading = stat_window(fake(EVENTS[:2], unsupported=EVENTS[2:]))

        assert (25.0, EVENTS[:2]) == (reading["energy_j"], reading["attributes"]["events"])
        assert "perf says <not supported>" in reading["attributes"]["reasons"]["psys"]

    def test_a_package_that_is_not_supported_is_refused(self, fake):
        """
        With perf's word for it.
        """
        assert "perf says <not supported>" in fake(EVENTS[1:], unsupported=[PACKAGE]).probe().reason

    def test_an_old_perf_has_fields(self, fake, bin_folder):
        """
        Before 5.18 it knows no -j; its two decimals are in the interval.
        """
        reading = stat_window(fake(EVENTS[:1], forms=("-x,",)))

        assert 12.5 == reading["energy_j"]
        assert reading["energy_high_j"] >= 12.505
        assert "-x, -a --per-socket -e power/energy-pkg/ -- sh" in (bin_folder / "perf.log").read_text()

    def test_it_is_started_in_the_c_locale(self, fake, bin_folder, monkeypatch):
        """
        Whatever the user's country; another root goes along.
        """
        monkeypatch.setenv("LC_ALL", "es_ES.UTF-8")
        monitor = fake()
        stat_window(monitor)

        assert {"LC_ALL=C", f"SYSFS_PATH={monitor.root}"} == set((bin_folder / "perf.env").read_text().splitlines())


class TestFailures:
    """
    A perf that does not do what it should.
    """

    def test_one_that_hangs_is_killed(self, fake, bin_folder):
        """
        When it is opened: once is enough to know. The user waits no longer than the time-out.
        """
        before = children()
        monitor = fake(timeout_s=0.2)
        (bin_folder / "perf.hang").touch()

        found = monitor.probe()

        assert "did not begin to count within 0.2 s, and was killed" in found.reason
        assert 1 == len((bin_folder / "perf.log").read_text().splitlines())
        assert before == children()

    @pytest.mark.parametrize(
        ("sign", "reason"),
        [
            ("hang", "did not begin to count within 0.3 s, and was killed"),
            ("deaf", "perf did not end in time, and was killed"),
            ("mute", "perf's output has no line for it, or was cut off"),
        ],
    )
    def test_in_a_window_it_costs_the_number_only(self, fake, bin_folder, sign, reason):
        """
        None, and why; nothing is left of it, and the next window is healthy.
        """
        before, held = children(), descriptors()
        monitor = fake(timeout_s=0.3)
        monitor.open()
        (bin_folder / f"perf.{sign}").touch()
        broken = monitor.stop(monitor.start())
        assert (before, held) == (children(), descriptors())
        (bin_folder / f"perf.{sign}").unlink()
        healthy = monitor.stop(monitor.start())
        monitor.close()

        assert broken["energy_j"] is broken["energy_low_j"] is None
        assert reason in broken["reason"]
        assert {None} == set(broken["domains"].values())
        assert 25.0 == healthy["energy_j"]

    def test_a_process_that_holds_its_output_is_not_waited_for(self, fake, bin_folder):
        """
        A process that perf has left behind, out of reach.
        """
        before = children()
        monitor = fake(timeout_s=0.3)
        monitor.open()
        (bin_folder / "perf.hold").touch()
        (bin_folder / "perf.deaf").touch()

        reading = monitor.stop(monitor.start())
        monitor.close()
        os.kill(int((bin_folder / "perf.held").read_text()), signal.SIGKILL)

        assert "perf did not end in time, and was killed" in reading["reason"]
        assert before == children()

    def test_one_that_is_taken_away(self, fake, bin_folder):
        """
        Between opening and the window.
        """
        monitor = fake()
        monitor.open()
        (bin_folder / "perf").unlink()

        reading = monitor.stop(monitor.start())
        monitor.close()

        assert "package-0: " in reading["reason"]
        assert "perf can't be started: No such file or directory" in reading["reason"]

    def test_without_the_program_there_is_a_package_to_install(self, tmp_path):
        """
        And without the PMU the program is not searched.
        """
        pmu = FakePmu(tmp_path, watts=1.0)

        found = PerfStatMonitor(root=pmu.root, program="perf-of-nowhere").probe()

        assert "there is no program perf-of-nowhere on PATH" == found.reason
        assert "sudo apt install linux-perf" in found.fix
        assert "there is no /nowhere/bus" in PerfStatMonitor(root="/nowhere").probe().reason
        (tmp_path / "bus" / "event_source" / "devices" / "power" / "cpumask").unlink()
        assert "ENOENT" in PerfStatMonitor(root=pmu.root).probe().reason

    def test_a_short_or_frozen_window_has_no_number(self, fake):
        """
        As with every RAPL meter.
        """
        reading = stat_window(fake(update_interval_s=60.0))

        assert "the window is shorter than the meter's update interval of 6e+04 ms" == reading["reason"]
        assert {None} == set(reading["domains"].values())


class TestSudo:
    """
    Never without being asked, and never with a question.
    """

    def test_it_is_not_called(self, fake, bin_folder):
        """
        Whatever perf says.
        """
        program(bin_folder, SUDO, "sudo")
        stat_window(fake())
        fake(()).probe()

        assert not (bin_folder / "sudo.log").exists()

    def test_it_is_called_with_n_when_it_is_asked_for(self, fake, bin_folder):
        """
        In every run; perf and its environment go behind it.
        """
        program(bin_folder, SUDO, "sudo")
        monitor = fake(sudo=True)

        reading = stat_window(monitor)

        lines = (bin_folder / "sudo.log").read_text().splitlines()
        begin = f"-n env LC_ALL=C SYSFS_PATH={monitor.root} {bin_folder}/perf stat -j "
        assert 25.0 == reading["energy_j"]
        assert 2 <= len(lines)
        assert all(line.startswith(begin) for line in lines)

    def test_a_refusal_is_the_reason(self, fake, bin_folder):
        """
        It would need a password, and there is no terminal to ask on.
        """
        program(bin_folder, SUDO, "sudo")
        (bin_folder / "sudo.refuses").touch()

        found = fake(sudo=True).probe()

        assert "sudo: a password is required" == found.reason
        assert f"let sudo run {bin_folder}/perf without a password (a NOPASSWD line in sudoers)" == found.fix

    def test_the_real_root_needs_no_variable(self):
        """
        sudo passes LC_ALL on by itself, so that one line in sudoers for perf is enough.
        """
        assert ("sudo", "-n", "/usr/bin/perf") == way("/sys", "/usr/bin/perf", True, (), 5.0).program
        assert (("/usr/bin/perf",), {"LC_ALL": "C"}) == way("/sys", "/usr/bin/perf", False, (), 5.0)[:2]
