"""
The program perf as a meter: the real one, on a fake PMU.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from greensdk_perf.stat import PerfStatMonitor
from perf_kit import children, counting, descriptors, real_perf, stat_window, two_cpus
from rights_kit import CAP_PERFMON, need, need_root, run_as

from greensdk.testing import capture, check_monitor, tracked_by
from greensdk.testing.pmu import FakePmu

NAMES = ("energy-pkg", "energy-ram", "energy-cores", "energy-gpu", "energy-psys")


@pytest.fixture
def pmu(tmp_path):
    """
    One package that counts what the test does, for the real perf.
    """
    real_perf()
    return counting(tmp_path / "sys")


def gone(pids) -> bool:
    """
    Wait for these processes to end; a zombie that its new parent has yet to reap has ended.
    """
    deadline = time.monotonic() + 600
    left = set(pids)
    while left and time.monotonic() < deadline:
        for pid in list(left):
            try:
                if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                    left.discard(pid)
            except psutil.NoSuchProcess:
                left.discard(pid)
        time.sleep(0.01)
    return not left


class TestRealPerf:
    """
    End to end.
    """

    def test_a_thousand_calls_are_a_thousand_joules(self, pmu):
        """
        Everything in the window is counted, from the first call to the last.
        """
        reading = stat_window(PerfStatMonitor(root=pmu.root, update_interval_s=0), lambda: pmu.count(1000))

        assert (1000.0, {"package-0": 1000.0}) == (reading["energy_j"], reading["domains"])
        assert ("machine", "measured", "package") == (reading["scope"], reading["quality"], reading["boundary"])
        assert reading["meter_id"].endswith(f":rapl:{pmu.root}")

    def test_packages_and_memory_are_added(self, tmp_path):
        """
        Each package has its own number, an event that the kernel refuses has a reason.
        """
        real_perf()
        two_cpus()
        pmu = counting(tmp_path, packages=2, events=NAMES)
        pmu.event("energy-gpu", refused=True)
        pmu.event("energy-ram", factor=0.5)

        reading = stat_window(
            PerfStatMonitor(root=pmu.root, update_interval_s=0), lambda: (pmu.count(10), pmu.count(20, package=1))
        )

        assert (45.0, "package+dram") == (reading["energy_j"], reading["boundary"])
        expected = {"package-0": 10.0, "dram-0": 5.0, "core-0": 10.0, "uncore-0": None, "psys-0": 10.0}
        expected |= {"package-1": 20.0, "dram-1": 10.0, "core-1": 20.0, "uncore-1": None, "psys-1": 20.0}
        assert expected == reading["domains"]
        assert {"uncore-0", "uncore-1"} == set(reading["attributes"]["reasons"])

    def test_the_interval_holds_what_belongs_to_the_stat_window(self, tmp_path):
        """
        perf counts some milliseconds more; the watts of the window alone are in the interval.
        """
        real_perf()
        need_root()
        pmu = FakePmu(tmp_path, watts=1000.0)
        monitor = PerfStatMonitor(root=pmu.root)
        monitor.open()
        token = monitor.start()
        began = time.monotonic()
        time.sleep(0.1)
        inner_s = time.monotonic() - began
        reading = monitor.stop(token)
        monitor.close()

        assert reading["energy_low_j"] <= 1000.0 * inner_s <= reading["energy_high_j"]
        assert pytest.approx(1000.0 * reading["attributes"]["covered_s"], rel=1e-3) == reading["energy_j"]
        assert inner_s <= reading["attributes"]["covered_s"]

    def test_dies_of_amd_are_counted_once(self, tmp_path):
        """
        perf is asked to count on the first CPU of each package only.
        """
        real_perf()
        two_cpus()
        pmu = counting(tmp_path, dies=2, amd=True)

        def both():
            pmu.count(5)
            pmu.count(5, package=1)

        reading = stat_window(PerfStatMonitor(root=pmu.root, update_interval_s=0), both)

        assert (5.0, {"package-0": 5.0}) == (reading["energy_j"], reading["domains"])
        assert {f"cpu{pmu.cpus[1]}": "package-0"} == reading["attributes"]["duplicates"]

    def test_windows_overlap(self, pmu):
        """
        Each is a perf of its own.
        """
        monitor = PerfStatMonitor(root=pmu.root, update_interval_s=0)
        monitor.open()
        first = monitor.start()
        pmu.count(1)
        second = monitor.start()
        pmu.count(2)
        joules = [monitor.stop(first)["energy_j"]]
        pmu.count(4)
        joules.append(monitor.stop(second)["energy_j"])
        monitor.close()

        assert [3.0, 6.0] == joules

    def test_windows_of_threads_are_their_own(self, pmu):
        """
        Starting and ending at the same time.
        """
        monitor = PerfStatMonitor(root=pmu.root, update_interval_s=0)
        monitor.open()
        joules = []

        def work():
            token = monitor.start()
            pmu.count(10)
            joules.append(monitor.stop(token)["energy_j"])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        monitor.close()

        assert 4 == len(joules)
        assert all(10.0 <= each <= 40.0 for each in joules)

    def test_counters_that_stand_still_have_no_number(self, pmu):
        """
        Stuck, or a hypervisor's zero.
        """
        reading = stat_window(PerfStatMonitor(root=pmu.root), lambda: time.sleep(0.025))

        assert reading["energy_j"] is None
        assert reading["reason"].startswith("package-0: the counter did not move in ")

    def test_memory_that_jumped_costs_the_memory(self, tmp_path):
        """
        The package is the total, and the boundary says so.
        """
        real_perf()
        need_root()
        pmu = FakePmu(tmp_path, watts=100.0, events=["energy-pkg"])
        pmu.event("energy-ram", factor=1e6)
        reading = stat_window(PerfStatMonitor(root=pmu.root), lambda: time.sleep(0.025))

        assert ("package", reading["domains"]["package-0"]) == (reading["boundary"], reading["energy_j"])
        assert "are more than 1000 W" in reading["attributes"]["reasons"]["dram-0"]

    def test_it_keeps_the_contract(self, tmp_path):
        """
        The conformance test of the kit.
        """
        real_perf()
        need_root()

        (metric,) = check_monitor(PerfStatMonitor(root=FakePmu(tmp_path, watts=50.0).root))

        assert ("package-0", "J", "package") == metric[:3]

    def test_through_a_window(self, pmu):
        """
        In a record.
        """
        with capture() as records:
            tracked_by(PerfStatMonitor(root=pmu.root, update_interval_s=0))(lambda: pmu.count(8))()

        assert ("perf-stat", 8.0) == tuple(records[0]["readings"][0][key] for key in ("monitor", "energy_j"))

    def test_who_may_not_count_is_told_what_to_do(self, tmp_path):
        """
        Nobody is refused, CAP_PERFMON of this process does not pass on to perf, and root counts.
        """
        path = real_perf()
        tmp_path.chmod(0o755)
        pmu = FakePmu("pmu", watts=1.0)
        level = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
        need(level > 0, "kernel.perf_event_paranoid above 0")

        for caps in ([], [CAP_PERFMON]):
            found = run_as(lambda: PerfStatMonitor(root="pmu").probe(), caps=caps)
            assert not found.ok
            assert f"perf: kernel.perf_event_paranoid is {level}: above 0 only those with CAP_PERFMON" in found.reason
            assert f"sudo setcap cap_perfmon=ep {Path(path).resolve()}, or the setting sudo = true" in found.fix
        assert PerfStatMonitor(root=pmu.root).probe().ok


class TestNothingIsLeft:
    """
    No process, no zombie, no descriptor.
    """

    @pytest.mark.slow
    def test_after_a_hundred_windows(self, pmu):
        """
        Each leaves nothing, not even a zombie.
        """
        before, held = children(), descriptors()
        monitor = PerfStatMonitor(root=pmu.root, update_interval_s=0)
        monitor.open()
        for _ in range(100):
            token = monitor.start()
            pmu.count(2)
            assert 2.0 == monitor.stop(token)["energy_j"]
        assert (before, held) == (children(), descriptors())
        monitor.close()

    def test_after_close(self, pmu):
        """
        Windows that are still open are ended, and can't be read any more.
        """
        before, held = children(), descriptors()
        monitor = PerfStatMonitor(root=pmu.root)
        monitor.open()
        tokens = [monitor.start() for _ in range(2)]
        assert len(children()) >= len(before) + 2
        monitor.close()

        assert (before, held) == (children(), descriptors())
        with pytest.raises(RuntimeError, match="closed"):
            monitor.stop(tokens[0])
        with pytest.raises(RuntimeError, match="not open"):
            monitor.start()

    def test_after_the_measuring_process_is_killed(self, pmu):
        """
        By SIGKILL, which gives it no chance to tidy up.
        """
        code = (
            "import sys, time; from greensdk_perf.stat import PerfStatMonitor; "
            f"monitor = PerfStatMonitor(root={pmu.root!r}); monitor.open(); token = monitor.start(); "
            "print('counting', flush=True); time.sleep(60)"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout.readline() == b"counting\n"
            left = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
            assert len(left) >= 2
            process.kill()

        assert gone(left)

    def test_after_ctrl_c(self, pmu):
        """
        The terminal's interrupt goes to the foreground processes, of which perf is none.
        """
        monitor = PerfStatMonitor(root=pmu.root, update_interval_s=0)
        monitor.open()
        others = set(children())
        token = monitor.start()
        sessions = {os.getsid(pid) for pid in set(children()) - others}
        pmu.count(3)
        reading = monitor.stop(token)
        monitor.close()

        assert os.getsid(0) not in sessions
        assert 3.0 == reading["energy_j"]

    def test_a_forked_child_leaves_its_parents_alone(self, pmu):
        """
        It closes its copies; and although it holds the pipes until then, the window ends.
        """
        monitor = PerfStatMonitor(root=pmu.root, update_interval_s=0)
        monitor.open()
        token = monitor.start()

        def closed():
            before = len(os.listdir("/proc/self/fd"))
            monitor.close()
            return before - len(os.listdir("/proc/self/fd"))

        assert 3 == run_as(closed, uid=os.getuid())
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        pmu.count(6)
        reading = monitor.stop(token)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        monitor.close()

        assert 6.0 == reading["energy_j"]
