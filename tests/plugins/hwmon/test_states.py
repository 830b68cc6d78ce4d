"""
Frequencies, idle states and throttling, from sysfs.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from greensdk_hwmon import HwmonMonitor
from greensdk_hwmon.states import totals
from meter_kit import window


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

    def test_a_reading_tells_their_growth_when_asked(self, board, cpu):
        """
        And says nothing of them otherwise.
        """
        board.chip("amd_energy").energy("Esocket0")
        cpu(0, 1, 10, 0)
        asked = window(HwmonMonitor(root=board.root, states=True), lambda: cpu(0, 5, 11, 1))

        assert {"frequency_changes": 4, "idle_entries": 2, "core_throttles": 1, "package_throttles": None} == (
            asked["attributes"]["states"]
        )
        assert "states" not in window(HwmonMonitor(root=board.root))["attributes"]
