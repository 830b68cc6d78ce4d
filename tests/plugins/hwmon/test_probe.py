"""
What the sensors of a board are good for, and why not.
"""

from __future__ import annotations

import os

import pytest
from greensdk_hwmon import HwmonMonitor
from greensdk_hwmon.channels import find
from rights_kit import need_root, run_as

from greensdk import capture
from greensdk.errors import MonitorUnavailable
from greensdk.testing import check_monitor, tracked_by


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

    def test_an_unknown_sensor_is_not_counted(self, board):
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
