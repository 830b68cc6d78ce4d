"""
Sensors that show watts: what they come to between two looks.
"""

from __future__ import annotations

import pytest
from greensdk_hwmon import HwmonMonitor


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
        What was drawn around it is unknown; the next window does not suffer.
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

    @pytest.mark.parametrize("watts", [0.0, 4294967.295])
    def test_what_a_running_machine_can_not_draw_is_no_number(self, board, opened, watts):
        """
        A controller that doesn't know shows 0; the ACPI meter's error looks like four megawatts.
        """
        board.chip("power_meter").power(watts=watts)
        monitor, clock = opened()
        token = monitor.start()
        clock.advance(1.0)

        assert "wall: the sensor could not be read" == monitor.stop(token)["reason"]

    def test_the_sockets_of_grace_are_added_and_their_rails_are_not(self, board, opened):
        """
        Each is an ACPI meter of its own, distinguished by the firmware's words alone.
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
