"""
Cycles and instructions beside the joules, on a fake core PMU with real counters.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from perf_kit import counting, descriptors, two_cpus, window


class TestOperations:
    """
    Cycles and instructions.
    """

    def test_they_come_with_the_joules(self, tmp_path):
        """
        Of the whole machine, whichever CPU they happened on.
        """
        pmu = counting(tmp_path, core=True)

        attributes = window(pmu, lambda: (pmu.operate(cycles=2000, instructions=3000), pmu.count(6)))["attributes"]

        assert (2000, 3000) == (attributes["cycles"], attributes["instructions"])
        assert (1.5, 0.002) == (attributes["ipc"], attributes["joules_per_instruction"])
        assert "operations_reason" not in attributes

    def test_several_kinds_of_cores_are_added(self, tmp_path):
        """
        Each PMU counts on its own CPUs; their events have Arm's names here.
        """
        two_cpus()
        pmu = counting(tmp_path, core=True)
        home = tmp_path / "bus" / "event_source" / "devices"
        (home / "cpu").rename(home / "armv8_big")
        for old, new in (("cpu-cycles", "cpu_cycles"), ("instructions", "inst_retired")):
            (home / "armv8_big" / "events" / old).rename(home / "armv8_big" / "events" / new)
        subprocess.run(["cp", "-r", home / "armv8_big", home / "armv8_little"], check=True)
        (home / "armv8_big" / "cpus").write_text(f"{pmu.cpus[0]}\n")
        rest = os.sched_getaffinity(0) - set(pmu.cpus)
        (home / "armv8_little" / "cpus").write_text(",".join(map(str, sorted(rest))) + "\n")

        attributes = window(pmu, lambda: pmu.operate(cycles=200, instructions=100))["attributes"]

        assert (200, 100, 0.5) == (attributes["cycles"], attributes["instructions"], attributes["ipc"])
        assert 0.0 == attributes["joules_per_instruction"]

    @pytest.mark.parametrize(
        ("operations", "reason"),
        [
            (None, "virtual machines hide theirs"),
            (True, "virtual machines hide"),
            (False, "switched off by operations"),
        ],
    )
    def test_without_them_there_is_a_reason(self, pmu, operations, reason):
        """
        And null, not 0.
        """
        attributes = window(pmu, operations=operations)["attributes"]

        assert [None] * 4 == [attributes[key] for key in ("cycles", "instructions", "ipc", "joules_per_instruction")]
        assert reason in attributes["operations_reason"]

    def test_large_machines_are_asked_first(self, tmp_path):
        """
        Each CPU costs an interrupt in every window, so above 16 it has to be asked for.
        """
        pmu = counting(tmp_path, core=True)
        online = tmp_path / "devices" / "system" / "cpu" / "online"
        online.write_text("0-16\n")

        assert "17 CPUs, each to be read" in window(pmu)["attributes"]["operations_reason"]

    def test_a_part_of_the_machine_is_not_the_machine(self, tmp_path):
        """
        One CPU that can't be counted costs all of them; joules stay, descriptors don't.
        """
        pmu = counting(tmp_path, core=True)
        (tmp_path / "devices" / "system" / "cpu" / "online").write_text("0,4095\n")
        before = descriptors()

        reading = window(pmu, lambda: pmu.count(4))

        assert (4.0, None) == (reading["energy_j"], reading["attributes"]["cycles"])
        assert "cycles and instructions can't be counted: E" in reading["attributes"]["operations_reason"]
        assert before == descriptors()
