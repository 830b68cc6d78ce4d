"""
Sensors of the board: counters and watts, what each sees, and what is never added twice.
"""

from __future__ import annotations

import pytest
from greensdk_hwmon import HwmonMonitor
from hypothesis import given
from hypothesis import strategies as st

from greensdk.testing.hwmon import FakeHwmon


class TestCounters:
    """
    Where the driver counts microjoules.
    """

    def test_sockets_are_added_and_cores_are_parts(self, board, opened):
        """
        amd_energy shows both.
        """
        chip = board.chip("amd_energy")
        sockets = [chip.energy(f"Esocket{number}", uj=1 + number) for number in range(2)]
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
        It reads the same registers, so the two must not be added.
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

    def test_a_socket_that_stands_still_has_no_number(self, board, opened):
        """
        As with rapl and msr: 20 updates without a movement are a stuck counter, and a counter at 0 never was one.
        """
        chip = board.chip("amd_energy")
        moving, stuck = chip.energy("Esocket0", uj=5), chip.energy("Esocket1", uj=6)
        dead = chip.energy("Ecore000", uj=0)
        monitor, clock = opened()
        token = monitor.start()
        moving.add_j(10.0)
        clock.advance(0.021)
        found = monitor.stop(token)

        assert (None, {"package-0": 10.0, "package-1": None, "core-0": None}) == (found["energy_j"], found["domains"])
        assert "package-1: the counter did not move in 21 ms: it is stuck, or a hypervisor's zero" == found["reason"]
        assert "the counter stands at 0: it has never counted" == found["attributes"]["reasons"]["core-0"]
        assert (6, 0) == (stuck.uj, dead.uj)

    def test_a_socket_that_never_moves_has_no_number_in_short_windows_either(self, board, opened):
        """
        It has stood still since it was opened.
        """
        chip = board.chip("amd_energy")
        moving, _ = chip.energy("Esocket0", uj=5), chip.energy("Esocket1", uj=6)
        monitor, clock = opened()
        clock.advance(0.025)
        token = monitor.start()
        moving.add_j(0.2)
        clock.advance(0.005)

        assert "package-1: the counter did not move in 30 ms" in monitor.stop(token)["reason"]

    def test_a_counter_that_jumped_has_no_number(self, board, opened):
        """
        A night asleep in a fifth of a second.
        """
        socket = board.chip("amd_energy").energy("Esocket0")
        monitor, clock = opened()
        token = monitor.start()
        socket.add_j(28_800.0)
        clock.advance(0.2)

        assert "package-0: 28800 J in 0.2 s are more than 1000 W" in monitor.stop(token)["reason"]

    @pytest.mark.parametrize("late", [False, True])
    def test_one_sockets_register_shown_for_two_is_counted_once(self, board, opened, late):
        """
        https://github.com/amd/amd_energy/issues/5; the first movement after the opening settles it.
        """
        chip = board.chip("amd_energy")
        sockets = [chip.energy(f"Esocket{number}") for number in range(2)]
        monitor, clock = opened()
        readings = []
        for _ in range(3):
            token = monitor.start()
            if late:
                clock.advance(1.0)
                late = monitor.stop(token)["energy_j"] is not None
                token = monitor.start()
            for socket in sockets:
                socket.add_j(100.0)
            clock.advance(1.0)
            readings.append(monitor.stop(token))

        assert [100.0] * 3 == [reading["energy_j"] for reading in readings]
        for reading in readings:
            assert ({"package-0": 100.0}, ["package-0"]) == (reading["domains"], reading["attributes"]["counted"])
            assert {"package-1": "package-0"} == reading["attributes"]["duplicates"]

    @given(st.lists(st.integers(0, 10**9), min_size=1, max_size=4))
    def test_any_amounts_are_read_exactly(self, tmp_path_factory, amounts):
        """
        Microjoule for microjoule.
        """
        board = FakeHwmon(tmp_path_factory.mktemp("board"))
        chip = board.chip("amd_energy")
        sockets = [chip.energy(f"Esocket{number}", uj=1 + number) for number in range(len(amounts))]
        monitor = HwmonMonitor(root=board.root, update_interval_s=0)
        monitor.open()
        token = monitor.start()
        for socket, uj in zip(sockets, amounts, strict=True):
            socket.add_uj(uj)
        found = monitor.stop(token)
        monitor.close()

        assert [uj / 1e6 for uj in amounts] == list(found["domains"].values())


class TestDrivers:
    """
    Those that are not in the kernel, or not for x86.
    """

    def test_zenergy_is_amd_energy_for_newer_processors(self, board, opened):
        """
        The same labels, and RAPL's registers once more.
        """
        chip = board.chip("zenergy")
        socket, core = chip.energy("Esocket0"), chip.energy("Ecore003")
        monitor, clock = opened()
        token = monitor.start()
        socket.add_j(5.0), core.add_j(1.0)
        clock.advance(1.0)
        found = monitor.stop(token)

        assert (5.0, "package", {"package-0": 5.0, "core-3": 1.0}) == (
            found["energy_j"],
            found["boundary"],
            found["domains"],
        )
        assert found["meter_id"].endswith(f":rapl:{board.root}")

    def test_altras_cores_are_cores(self, board, opened):
        """
        A counter for each: their sum is not the package, and the boundary says so. One of them may sleep.
        """
        chip = board.chip("altra_hwmon")
        cores = [chip.energy(f"Core Energy {number:03}", uj=1) for number in range(3)]
        monitor, clock = opened()
        token = monitor.start()
        cores[0].add_j(2.0), cores[1].add_j(3.0)
        clock.advance(1.0)
        found = monitor.stop(token)
        token = monitor.start()
        clock.advance(1.0)

        assert (5.0, "core", "measured") == (found["energy_j"], found["boundary"], found["quality"])
        assert {"core-0": 2.0, "core-1": 3.0, "core-2": 0.0} == found["domains"]
        assert "it is stuck" in monitor.stop(token)["reason"]

    def test_xgenes_two_powers_are_the_package(self, board, opened):
        """
        The cores and the rest of the chip; its package comes before the cores that altra_hwmon counts.
        """
        board.chip("altra_hwmon").energy("Core Energy 000")
        chip = board.chip("apm_xgene")
        chip.power("CPU power", 60.0), chip.power("IO power", 20.0)
        monitor, clock = opened()
        token = monitor.start()
        clock.advance(2.0)
        found = monitor.stop(token)

        assert (160.0, "package", "estimated") == (found["energy_j"], found["boundary"], found["quality"])
        assert ["package-0-cpu", "package-0-io"] == found["attributes"]["counted"]
        assert not monitor.cheap
