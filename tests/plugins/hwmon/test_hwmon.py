"""
Sensors of the board: counters and watts, what each sees, and what is never added twice.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from greensdk_hwmon import HwmonMonitor
from greensdk_hwmon.channels import find
from greensdk_hwmon.states import totals
from hypothesis import given
from hypothesis import strategies as st
from rights_kit import need_root, run_as

from greensdk import capture
from greensdk.errors import MonitorUnavailable
from greensdk.testing import FakeClock, check_monitor, tracked_by
from greensdk.testing.hwmon import FakeHwmon


@pytest.fixture
def board(tmp_path):
    """
    A sysfs without sensors.
    """
    return FakeHwmon(tmp_path)


@pytest.fixture
def opened(board):
    """
    Open monitors with a clock of the test, and close them.
    """
    made = []

    def make(**options):
        monitor = HwmonMonitor(root=board.root, **options)
        monitor.clock = clock = FakeClock()
        monitor.open()
        made.append(monitor)
        return monitor, clock

    yield make
    for monitor in made:
        monitor.close()


class TestCounters:
    """
    Where the driver counts microjoules.
    """

    def test_sockets_are_added_and_cores_are_parts(self, board, opened):
        """
        amd_energy shows both.
        """
        chip = board.chip("amd_energy")
        sockets = [chip.energy(f"Esocket{number}") for number in range(2)]
        core = chip.energy("Ecore000")
        monitor, clock = opened()
        token = monitor.start()
        sockets[0].add_j(20.0), sockets[1].add_j(10.0), core.add_j(5.0)
        clock.advance(1.0)
        found = monitor.stop(token)

        assert (30.0, "package", "measured", "machine") == (
            found["energy_j"],
            found["boundary"],
            found["quality"],
            found["scope"],
        )
        assert {"package-0": 20.0, "package-1": 10.0, "core-0": 5.0} == found["domains"]
        assert ["package-0", "package-1"] == found["attributes"]["counted"]
        assert pytest.approx(30.0 * 0.000684, rel=1e-3) == found["energy_j"] - found["energy_low_j"]

    def test_it_is_cheap(self, board, opened):
        """
        A file or two, and no sensor that would have to be asked over a bus.
        """
        board.chip("amd_energy").energy("Esocket0")
        board.chip("amdgpu").power("PPT", 30.0)
        monitor, _ = opened()

        assert monitor.cheap is True
        assert ["package-0"] == list(monitor.stop(monitor.start())["domains"])

    def test_amd_energy_is_raps_meter_once_more(self, board, opened):
        """
        It reads the same registers, so nobody shall add the two.
        """
        board.chip("amd_energy").energy("Esocket0")
        monitor, _ = opened()

        assert monitor.stop(monitor.start())["meter_id"].endswith(f":rapl:{board.root}")

    def test_a_counter_that_went_back_has_no_number(self, board, opened):
        """
        64 bits don't wrap: it was reset.
        """
        socket = board.chip("amd_energy").energy("Esocket0", uj=5_000_000)
        monitor, clock = opened()
        token = monitor.start()
        socket.set_uj(1)
        clock.advance(1.0)
        found = monitor.stop(token)

        assert found["energy_j"] is None
        assert "package-0: the counter went back from 5000000 to 1 uJ: it was reset" == found["reason"]

    def test_a_sensor_that_fails_in_the_window_has_no_number(self, board, opened):
        """
        Here: a text where a number should be.
        """
        socket = board.chip("amd_energy").energy("Esocket0")
        monitor, clock = opened()
        token = monitor.start()
        with open(socket.file, "w", encoding="ascii") as file:
            file.write("broken\n")
        clock.advance(1.0)

        assert "package-0: the sensor could not be read" == monitor.stop(token)["reason"]

    def test_a_window_below_an_update_has_no_number(self, board, opened):
        """
        The counter may not have moved yet.
        """
        board.chip("amd_energy").energy("Esocket0")
        monitor, clock = opened()
        token = monitor.start()
        clock.advance(0.0005)

        assert "the window is shorter than the sensor's 1 ms" == monitor.stop(token)["reason"]

    @given(st.lists(st.integers(0, 10**9), min_size=1, max_size=4))
    def test_any_amounts_are_read_exactly(self, tmp_path_factory, amounts):
        """
        Microjoule for microjoule.
        """
        board = FakeHwmon(tmp_path_factory.mktemp("board"))
        chip = board.chip("amd_energy")
        sockets = [chip.energy(f"Esocket{number}") for number in range(len(amounts))]
        monitor = HwmonMonitor(root=board.root, update_interval_s=0)
        monitor.open()
        token = monitor.start()
        for socket, uj in zip(sockets, amounts, strict=True):
            socket.add_uj(uj)
        found = monitor.stop(token)
        monitor.close()

        assert [uj / 1e6 for uj in amounts] == list(found["domains"].values())


class TestWatts:
    """
    Where the driver tells what it draws now.
    """

    def test_watts_go_evenly_from_one_look_to_the_next(self, board, opened):
        """
        100 W at the beginning, 200 W at the end: 150 W for two seconds.
        """
        supply = board.chip("power_meter").power(watts=100.0)
        monitor, clock = opened()
        token = monitor.start()
        supply.set_w(200.0)
        clock.advance(2.0)
        found = monitor.stop(token)

        assert (300.0, "wall", "estimated") == (found["energy_j"], found["boundary"], found["quality"])
        assert (150.0, 600.0) == (found["energy_low_j"], found["energy_high_j"])

    def test_looks_in_between_count(self, board, opened):
        """
        A burst that lies between two polls is seen.
        """
        supply = board.chip("power_meter").power(watts=100.0)
        monitor, clock = opened()
        assert 1.0 == monitor.max_window_s
        token = monitor.start()
        for watts in (300.0, 300.0, 100.0):
            supply.set_w(watts)
            clock.advance(1.0)
            monitor.poll()

        assert pytest.approx(700.0) == monitor.stop(token)["energy_j"]

    def test_windows_overlap(self, board, opened):
        """
        Each has the watts of its own time.
        """
        supply = board.chip("power_meter").power(watts=10.0)
        monitor, clock = opened()
        outer = monitor.start()
        clock.advance(1.0)
        inner = monitor.start()
        supply.set_w(30.0)
        clock.advance(1.0)

        assert [pytest.approx(20.0), pytest.approx(30.0)] == [
            monitor.stop(inner)["energy_j"],
            monitor.stop(outer)["energy_j"],
        ]

    def test_a_window_shorter_than_the_sensors_mean_has_no_number(self, board, opened):
        """
        It tells the mean of the last second.
        """
        board.chip("power_meter").power(watts=100.0, average_s=1.0)
        monitor, clock = opened()
        token = monitor.start()
        clock.advance(0.5)

        assert "the window is shorter than the sensor's 1e+03 ms" == monitor.stop(token)["reason"]

    def test_it_is_not_cheap(self, board):
        """
        Such a sensor may ask a controller over a slow bus.
        """
        board.chip("power_meter").power(watts=100.0)

        assert HwmonMonitor(root=board.root).cheap is False

    def test_counters_of_the_packages_come_before_watts_of_the_wall(self, board, opened):
        """
        The wall holds the packages, and is not even asked.
        """
        board.chip("power_meter").power(watts=100.0)
        socket = board.chip("amd_energy").energy("Esocket0")
        monitor, clock = opened()
        token = monitor.start()
        socket.add_j(5.0)
        clock.advance(1.0)
        found = monitor.stop(token)

        assert (5.0, {"package-0": 5.0}) == (found["energy_j"], found["domains"])

    @pytest.mark.parametrize("healthy_again", [True, False])
    def test_a_look_that_fails_leaves_no_smaller_number(self, board, opened, healthy_again):
        """
        Nobody knows what was drawn around it; the next window does not suffer.
        """
        supply = board.chip("power_meter").power(watts=100.0)
        monitor, clock = opened()
        token = monitor.start()
        for text in ("garbage\n", "100000000\n" if healthy_again else ""):
            supply.file.write_text(text)
            clock.advance(1.0)
            monitor.poll()
        found = monitor.stop(token)
        supply.set_w(100.0)
        later = monitor.start()
        clock.advance(1.0)

        assert (None, "wall: the sensor could not be read") == (found["energy_j"], found["reason"])
        assert 100.0 == pytest.approx(monitor.stop(later)["energy_j"])

    def test_the_sockets_of_grace_are_added_and_their_rails_are_not(self, board, opened):
        """
        Each is an ACPI meter of its own, told apart by the firmware's words alone.
        """
        texts = ("CPU Power Socket 0", "Grace Power Socket 0", "SysIO Power Socket 0", "Grace Power Socket 1")
        for text, watts in zip((*texts, "Module Power Socket 0"), (50.0, 100.0, 10.0, 90.0, 600.0), strict=True):
            chip = board.chip("power_meter")
            chip.power(watts=watts, average_s=1.0)
            (chip.path / "power1_oem_info").write_text(f"{text}\n")
        monitor, clock = opened()
        token = monitor.start()
        clock.advance(2.0)
        found = monitor.stop(token)

        assert (380.0, "package", "estimated") == (found["energy_j"], found["boundary"], found["quality"])
        assert ["package-0", "package-1"] == found["attributes"]["counted"]
        assert 100.0 == found["domains"]["core-0"]

    def test_older_kernels_have_the_acpi_meter_one_folder_further(self, board, opened):
        """
        There its files, the name too, were those of the ACPI device.
        """
        chip = board.chip("power_meter")
        chip.power(watts=100.0, average_s=1.0)
        chip.path.rename(chip.path.parent / "device")
        chip.path.mkdir()
        (chip.path.parent / "device").rename(chip.path / "device")
        monitor, clock = opened()
        token = monitor.start()
        clock.advance(1.0)

        assert (100.0, "wall") == tuple(monitor.stop(token)[key] for key in ("energy_j", "boundary"))

    def test_a_window_does_not_survive_a_close(self, board, opened):
        """
        It says so.
        """
        board.chip("power_meter").power(watts=100.0)
        monitor, _ = opened()
        token = monitor.start()
        monitor.close()

        with pytest.raises(RuntimeError, match="hwmon was closed"):
            monitor.stop(token)

    def test_two_sensors_of_the_machine_are_not_added(self, board, opened):
        """
        The first stands for it.
        """
        board.chip("power_meter").power(watts=100.0)
        board.chip("power_meter").power(watts=100.0)
        monitor, clock = opened()
        token = monitor.start()
        clock.advance(1.0)
        found = monitor.stop(token)

        assert (100.0, ["wall", "wall-2"]) == (found["energy_j"], list(found["domains"]))


class TestProbe:
    """
    What can be measured, and why not.
    """

    def test_a_machine_without_sensors_says_so(self, board):
        """
        As most virtual ones are.
        """
        assert (
            f"no energy or power sensor under {board.root}/class/hwmon" == HwmonMonitor(root=board.root).probe().reason
        )

    def test_a_sensor_that_nobody_knows_is_not_counted(self, board):
        """
        A rail of some board may be a tenth of it, or all.
        """
        board.chip("ina226").power("VDD_IN", 3.0)
        monitor = HwmonMonitor(root=board.root)

        assert "no sensor is known to see the processor or the whole machine, only other-ina226-vdd_in" == (
            monitor.probe().reason
        )
        with pytest.raises(MonitorUnavailable, match="no sensor is known"):
            monitor.open()

    def test_a_graphics_cards_sensor_is_not_the_processors(self, board):
        """
        It is shown beside what is counted.
        """
        board.chip("amdgpu").power("PPT", 30.0)

        assert [("gpu-amdgpu-ppt", "gpu")] == [(channel.key, channel.sees) for channel in find(board.root)]
        assert not HwmonMonitor(root=board.root).probe().ok

    def test_a_sensor_of_roots_has_its_command(self, board, tmp_path):
        """
        amd_energy's are, since PLATYPUS.
        """
        need_root()
        socket = board.chip("amd_energy").energy("Esocket0")
        os.chmod(socket.file, 0o400)
        for folder in (tmp_path, *list(tmp_path.parents)[:3]):
            os.chmod(folder, 0o755)
        ok, reason, fix = run_as(lambda: tuple(HwmonMonitor(root=board.root).probe()))

        assert (False, f"only root may read {socket.file}", f"sudo chmod a+r {socket.file}") == (ok, reason, fix)

    @pytest.mark.parametrize(("driver", "name"), [("amd_energy", "package-0"), ("power_meter", "wall")])
    def test_it_keeps_to_the_contract(self, board, driver, name):
        """
        Counters and watts.
        """
        chip = board.chip(driver)
        chip.energy("Esocket0") if driver == "amd_energy" else chip.power(watts=100.0)

        assert [name] == [metric.name for metric in check_monitor(HwmonMonitor(root=board.root))]

    def test_every_descriptor_is_given_back(self, board):
        """
        After any number of openings.
        """
        board.chip("amd_energy").energy("Esocket0")
        before = len(os.listdir("/proc/self/fd"))
        monitor = HwmonMonitor(root=board.root)
        monitor.open(), monitor.open(), monitor.close(), monitor.close()

        assert before == len(os.listdir("/proc/self/fd"))

    def test_it_measures_a_call(self, board):
        """
        Through the window.
        """
        socket = board.chip("amd_energy").energy("Esocket0")
        with capture() as records:
            tracked_by(HwmonMonitor(root=board.root, update_interval_s=0))(lambda: socket.add_j(9.0))()

        assert [9.0] == [reading["energy_j"] for reading in records[0]["readings"]]


class TestStates:
    """
    Frequencies, idle states, throttling.
    """

    @pytest.fixture
    def cpu(self, board):
        """
        Return a writer of a CPU's counters.
        """

        def write(number, changes, entries, throttles):
            folder = os.path.join(board.root, "devices/system/cpu", f"cpu{number}")
            for file, value in {
                "cpufreq/stats/total_trans": changes,
                "cpuidle/state0/usage": entries,
                "cpuidle/state1/usage": entries,
                "thermal_throttle/core_throttle_count": throttles,
            }.items():
                os.makedirs(os.path.dirname(f"{folder}/{file}"), exist_ok=True)
                with open(f"{folder}/{file}", "w", encoding="ascii") as out:
                    out.write(f"{value}\n")

        return write

    def test_they_are_summed_over_cpus(self, board, cpu):
        """
        What the kernel does not count is None.
        """
        cpu(0, 1, 10, 0), cpu(1, 2, 20, 3)

        assert {"frequency_changes": 3, "idle_entries": 60, "core_throttles": 3, "package_throttles": None} == totals(
            board.root
        )

    def test_what_several_cpus_show_is_counted_once(self, board, cpu):
        """
        Four CPUs with one frequency policy, in two cores of one package.
        """
        policy = Path(board.root, "devices/system/cpu/cpufreq/policy0/stats")
        policy.mkdir(parents=True)
        (policy / "total_trans").write_text("7\n")
        for number in range(4):
            cpu(number, 7, 10, 2)
            home = Path(board.root, "devices/system/cpu", f"cpu{number}")
            shutil.rmtree(home / "cpufreq")
            (home / "cpufreq").symlink_to("../cpufreq/policy0")
            (home / "thermal_throttle/package_throttle_count").write_text("3\n")
            (home / "topology").mkdir()
            (home / "topology/physical_package_id").write_text("0\n")
            (home / "topology/core_id").write_text(f"{number // 2}\n")

        assert {"frequency_changes": 7, "idle_entries": 80, "core_throttles": 4, "package_throttles": 3} == totals(
            board.root
        )

    def test_a_reading_tells_their_growth_when_asked(self, board, cpu, opened):
        """
        And says nothing of them otherwise.
        """
        board.chip("amd_energy").energy("Esocket0")
        cpu(0, 1, 10, 0)
        monitor, clock = opened(states=True)
        token = monitor.start()
        cpu(0, 5, 11, 1)
        clock.advance(1.0)

        assert {"frequency_changes": 4, "idle_entries": 2, "core_throttles": 1, "package_throttles": None} == (
            monitor.stop(token)["attributes"]["states"]
        )
        plain, _ = opened()
        assert "states" not in plain.stop(plain.start())["attributes"]
