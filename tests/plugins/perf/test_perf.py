"""
perf events on a fake PMU with real counters: every joule is exact.
"""

from __future__ import annotations

import json
import threading
import time

import pytest
from greensdk_perf import PerfMonitor
from greensdk_perf.run import begin, end
from perf_kit import counting, descriptors, opened, real_perf, two_cpus, window
from plugins_kit import foreign, imported_by
from rights_kit import need_root

from greensdk.errors import MonitorUnavailable
from greensdk.monitor import RESOLUTION_90
from greensdk.testing import check_monitor
from greensdk.testing.pmu import FakePmu

ALL = ("energy-pkg", "energy-ram", "energy-cores", "energy-gpu", "energy-psys")


class TestJoules:
    """
    The number.
    """

    def test_a_thousand_calls_are_a_thousand_joules(self, pmu):
        """
        Not one more or less, and the interval of a meter without an update interval is the number itself.
        """
        reading = window(pmu, lambda: pmu.count(1000))

        assert (1000.0, 1000.0, 1000.0) == (reading["energy_j"], reading["energy_low_j"], reading["energy_high_j"])
        assert {"package-0": 1000.0} == reading["domains"]
        assert ("machine", "measured", "package") == (reading["scope"], reading["quality"], reading["boundary"])

    @pytest.mark.parametrize("packages", [1, 2])
    def test_watts_times_seconds(self, tmp_path, packages):
        """
        100 W for half a second, against CLOCK_MONOTONIC.
        """
        need_root()
        two_cpus()
        with opened(FakePmu(tmp_path, watts=100.0, packages=packages)) as monitor:
            outer = time.monotonic()
            token = monitor.start()
            inner = time.monotonic()
            time.sleep(0.5)
            inner_s = time.monotonic() - inner
            energy_j = monitor.stop(token)["energy_j"]
            outer_s = time.monotonic() - outer

        assert 0.999 * 100.0 * packages * inner_s <= energy_j <= 1.001 * 100.0 * packages * outer_s

    def test_packages_and_memory_are_added_and_nothing_else(self, tmp_path):
        """
        Cores and graphics are inside the package, the platform is around it.
        """
        two_cpus()
        pmu = counting(tmp_path, packages=2, events=ALL)
        pmu.event("energy-ram", factor=0.5)
        pmu.event("energy-psys", factor=3.0)

        reading = window(pmu, lambda: (pmu.count(10), pmu.count(20, package=1)))

        assert 45.0 == reading["energy_j"]
        assert "package+dram" == reading["boundary"]
        expected = {"package-0": 10.0, "dram-0": 5.0, "core-0": 10.0, "uncore-0": 10.0, "psys-0": 30.0}
        expected |= {"package-1": 20.0, "dram-1": 10.0, "core-1": 20.0, "uncore-1": 20.0, "psys-1": 60.0}
        assert expected == reading["domains"]

    def test_the_platform_of_one_package_has_no_number(self, tmp_path):
        """
        As with powercap.
        """
        pmu = counting(tmp_path, events=["energy-pkg", "energy-psys"])

        assert {"package-0": 2.0, "psys": 2.0} == window(pmu, lambda: pmu.count(2))["domains"]

    def test_dies_of_intel_are_meters_of_their_own(self, tmp_path):
        """
        And carry the die in their name, as with powercap.
        """
        two_cpus()
        pmu = counting(tmp_path, dies=2)

        reading = window(pmu, lambda: (pmu.count(2), pmu.count(3, package=1)))

        assert (5.0, {"package-0-die-0": 2.0, "package-0-die-1": 3.0}) == (reading["energy_j"], reading["domains"])

    def test_dies_of_amd_are_one_meter(self, tmp_path):
        """
        Each shows the register of the package: the first is counted, the other named.
        """
        two_cpus()
        pmu = counting(tmp_path, dies=2, amd=True)

        reading = window(pmu, lambda: pmu.count(2))

        assert {"package-0": 2.0} == reading["domains"]
        assert {f"cpu{pmu.cpus[1]}": "package-0"} == reading["attributes"]["duplicates"]

    def test_perf_agrees(self, tmp_path):
        """
        The unmodified program and this monitor, on the same counts.
        """
        two_cpus()
        perf = real_perf()
        pmu = counting(tmp_path, packages=2)
        words = [perf, "stat", "-j", "-a", "-e", "power/energy-pkg/"]
        with opened(pmu) as monitor:
            process = begin(words, {"SYSFS_PATH": pmu.root}, 10.0)
            token = monitor.start()
            pmu.count(123)
            pmu.count(456, package=1)
            energy_j = monitor.stop(token)["energy_j"]
            said = end(process, 10.0)

        assert 579.0 == energy_j
        assert '"counter-value" : "579.000000"' in said


class TestReading:
    """
    What a reading says besides its joules.
    """

    def test_it_carries_the_raw_counts_and_their_scale(self, pmu):
        """
        A later reader rebuilds the union of overlapping windows from them, and knows which opening they belong to.
        """
        pmu.event("energy-pkg", factor=0.5)
        opened_ns = time.monotonic_ns()
        with opened(pmu) as monitor:
            pmu.count(40)
            token = monitor.start()
            pmu.count(10)
            attributes = monitor.stop(token)["attributes"]

        assert ({"package-0": 40}, {"package-0": 50}) == (attributes["start_counts"], attributes["stop_counts"])
        assert {"package-0": 0.5} == attributes["scale_j"]
        assert ("energy-pkg",) == attributes["events"]
        assert opened_ns <= attributes["counts_since_ns"] <= time.monotonic_ns()
        assert "reasons" not in attributes

    def test_the_interval_is_the_resolution_of_the_meter(self, tmp_path):
        """
        Nine of ten windows are off by less than 0.684 update intervals, at constant power.
        """
        pmu = FakePmu(tmp_path, watts=1000.0)
        need_root()

        reading = window(pmu, lambda: time.sleep(0.02), update_interval_s=0.001)

        assert pytest.approx(RESOLUTION_90, rel=1e-3) == reading["energy_j"] - reading["energy_low_j"]
        assert pytest.approx(RESOLUTION_90, rel=1e-3) == reading["energy_high_j"] - reading["energy_j"]

    def test_a_window_shorter_than_an_update_has_no_number(self, pmu):
        """
        It has the reason instead, and still the raw counts.
        """
        reading = window(pmu, lambda: pmu.count(1), update_interval_s=60.0)

        assert reading["energy_j"] is reading["energy_low_j"] is reading["energy_high_j"] is None
        assert "the window is shorter than the meter's update interval of 6e+04 ms" == reading["reason"]
        assert {"package-0": None} == reading["domains"]
        assert {"package-0": 1} == reading["attributes"]["stop_counts"]

    def test_counters_that_stand_still_have_no_number(self, pmu):
        """
        A package that draws nothing for 20 updates is a stuck counter or a hypervisor's zero, not 0 J.
        """
        stuck = window(pmu, lambda: time.sleep(0.025), update_interval_s=0.001)

        assert stuck["energy_j"] is None
        assert stuck["reason"].startswith("package-0: the counter did not move in ")

    @pytest.mark.parametrize(
        ("wrong", "text"), [({"config": 9}, "the counter did not move in "), ({"factor": 1e6}, "are more than 1000 W")]
    )
    def test_memory_that_does_not_count_costs_the_memory(self, tmp_path, wrong, text):
        """
        Stuck, or ahead of its clock: the package is the total, and the boundary says so.
        """
        need_root()
        pmu = FakePmu(tmp_path, watts=100.0, events=["energy-pkg"])
        pmu.event("energy-ram", **wrong)

        reading = window(pmu, lambda: time.sleep(0.025), update_interval_s=0.001)

        assert ("package", None) == (reading["boundary"], reading["reason"])
        assert reading["domains"]["package-0"] == reading["energy_j"] > 0
        assert (None, ["dram-0"]) == (reading["domains"]["dram-0"], reading["attributes"]["missing"])
        assert text in reading["attributes"]["reasons"]["dram-0"]

    def test_memory_that_never_counts_has_no_number_in_short_windows_either(self, tmp_path):
        """
        It is where it was when it was opened.
        """
        need_root()
        pmu = FakePmu(tmp_path, watts=100.0, events=["energy-pkg"])
        pmu.event("energy-ram", config=9)
        with opened(pmu, update_interval_s=0.001) as monitor:
            time.sleep(0.03)
            token = monitor.start()
            time.sleep(0.002)
            reading = monitor.stop(token)

        assert ("package", None) == (reading["boundary"], reading["domains"]["dram-0"])

    def test_it_is_the_meter_of_rapl(self, pmu, tmp_path):
        """
        The same registers, so that the two are never added; another root is another meter.
        """
        from greensdk_rapl import RaplMonitor

        from greensdk.testing import PowercapTree

        tree = PowercapTree(tmp_path / "powercap")
        tree.package(0)
        rapl = RaplMonitor(root=tree.root, update_interval_s=0)
        rapl.open()
        theirs = rapl.stop(rapl.start())["meter_id"].removesuffix(f":{tree.root}")
        rapl.close()

        assert f"{theirs}:{pmu.root}" == window(pmu)["meter_id"]

    def test_it_keeps_the_contract(self, tmp_path):
        """
        The conformance test of the kit, on everything a machine can have.
        """
        two_cpus()
        need_root()
        pmu = FakePmu(tmp_path, watts=50.0, packages=2, events=ALL, core=True)
        pmu.event("energy-gpu", refused=True)

        metrics = check_monitor(PerfMonitor(root=pmu.root))

        assert {"package", "dram", "core", "uncore", "psys"} == {metric.domain for metric in metrics}

    def test_a_reading_goes_into_json_as_it_is(self, tmp_path):
        """
        Also one with faults in it.
        """
        pmu = counting(tmp_path, core=True)
        pmu.event("energy-ram", unit="")

        assert "null" in json.dumps(window(pmu), allow_nan=False)


class TestLife:
    """
    Opening, closing, windows at the same time.
    """

    def test_every_descriptor_is_given_back(self, tmp_path):
        """
        After close, after a second close and open, and after an open that was refused.
        """
        two_cpus()
        pmu = counting(tmp_path, packages=2, events=ALL)
        before = descriptors()
        monitor = PerfMonitor(root=pmu.root)

        monitor.probe()
        assert before == descriptors()
        monitor.open()
        monitor.open()
        assert len(before) + 10 == len(descriptors())
        monitor.close()
        monitor.close()
        pmu.event("energy-pkg", refused=True)
        with pytest.raises(MonitorUnavailable):
            monitor.open()

        assert before == descriptors()

    def test_a_closed_monitor_reads_nothing(self, pmu):
        """
        It says so, also for a window that was open when it was closed, or reopened.
        """
        monitor = PerfMonitor(root=pmu.root)
        with pytest.raises(RuntimeError, match="not open"):
            monitor.start()
        monitor.open()
        token = monitor.start()
        monitor.open()
        with pytest.raises(RuntimeError, match="reopened"):
            monitor.stop(token)
        token = monitor.start()
        monitor.close()
        with pytest.raises(RuntimeError, match="closed"):
            monitor.stop(token)

    def test_windows_overlap_and_nest(self, pmu):
        """
        Each token knows its own start.
        """
        with opened(pmu) as monitor:
            tokens, joules = [], []
            for action in (0, 1, "stop 0", 2, "stop 1", "stop 2"):
                if isinstance(action, int):
                    tokens.append(monitor.start())
                else:
                    joules.append(monitor.stop(tokens[int(action[-1])])["energy_j"])
                pmu.count(4)

        assert [8.0, 12.0, 8.0] == joules

    def test_windows_of_threads_are_their_own(self, pmu):
        """
        Four threads at once: each window holds its own calls, and the outer one all of them.
        """
        joules = []

        def work(monitor):
            token = monitor.start()
            pmu.count(100)
            joules.append(monitor.stop(token)["energy_j"])

        with opened(pmu) as monitor:
            token = monitor.start()
            threads = [threading.Thread(target=work, args=(monitor,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            total_j = monitor.stop(token)["energy_j"]

        assert 400.0 == total_j
        assert all(100.0 <= each <= 400.0 for each in joules)

    def test_the_measured_path_imports_the_standard_library_only(self):
        """
        Neither ctypes nor a parser is loaded before it is needed.
        """
        new = imported_by("import greensdk_perf; greensdk_perf.PerfMonitor(root='/x').probe()")

        assert set() == {"ctypes", "subprocess", "json"} & new
        assert {"greensdk", "greensdk_perf"} == foreign(new)
