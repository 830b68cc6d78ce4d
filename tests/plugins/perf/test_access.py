"""
Who may count, and what the others get as a reason and a fix.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from greensdk_perf import PerfMonitor
from greensdk_perf.access import forbidden, module, no_events, no_number, paranoid
from perf_kit import counting, two_cpus, window, without_perf_events
from rights_kit import CAP_PERFMON, need, need_root, run_as

from greensdk.errors import MonitorUnavailable
from greensdk.monitor import Availability
from greensdk.testing.pmu import FakePmu

HERE = "pmu"
"""Under the folder of the test, in which everybody may look; a relative path leads there past the folders above."""


def counted(pmu):
    """
    The joules of a window of three calls.
    """
    return window(pmu, lambda: pmu.count(3))["energy_j"]


def probed(root):
    """
    What the monitor says of itself, and of being opened.
    """
    monitor = PerfMonitor(root=root)
    try:
        monitor.open()
        error = ""
    except MonitorUnavailable as refused:
        error = str(refused)
    finally:
        monitor.close()
    return monitor.probe(), error


@pytest.fixture
def pmu(tmp_path):
    """
    A counting PMU that every user can see.
    """
    tmp_path.chmod(0o755)
    return counting(HERE)


class TestRights:
    """
    The matrix.
    """

    def test_root_counts(self, pmu):
        """
        As long as it is the machine's.
        """
        assert (3.0, (Availability(True), "")) == (counted(pmu), probed(pmu.root))

    def test_the_capability_alone_is_enough(self, pmu):
        """
        Nobody with CAP_PERFMON, and nothing else.
        """
        assert 3.0 == run_as(counted, pmu, caps=[CAP_PERFMON])
        assert (Availability(True), "") == run_as(probed, pmu.root, caps=[CAP_PERFMON])

    def test_an_unprivileged_user_gets_the_setting_and_both_ways_out(self, tmp_path):
        """
        The reason has the kernel's setting as it is, and the fix its two commands.
        """
        tmp_path.chmod(0o755)
        need_root()
        pmu = FakePmu(HERE, watts=1.0)
        level = paranoid()
        need(level is not None and level > 0, "kernel.perf_event_paranoid above 0")

        found, error = run_as(probed, pmu.root)

        assert not found.ok
        assert (
            f"kernel.perf_event_paranoid is {level}: above 0 only those with CAP_PERFMON may count for the whole "
            "machine (root of a container is not among them)"
        ) == found.reason
        assert found.fix.startswith("sudo sysctl kernel.perf_event_paranoid=0  (until the next boot, ")
        assert "or: sudo setcap cap_perfmon=ep /" in found.fix
        assert f"{found.reason}; {found.fix}" == error

    def test_a_container_is_told_of_seccomp(self, pmu):
        """
        A filter answers EPERM, which no setting of the kernel does.
        """
        found, _ = run_as(without_perf_events, probed, pmu.root, uid=0)

        assert "perf_event_open is refused with EPERM: a seccomp filter, as containers have it" == found.reason
        assert found.fix.startswith("docker run --cap-add PERFMON --security-opt seccomp=")

    def test_descriptors_are_kept_by_those_who_drop_their_rights(self, pmu):
        """
        Open as root, count as nobody.
        """
        monitor = PerfMonitor(root=pmu.root, update_interval_s=0)
        monitor.open()

        def count():
            token = monitor.start()
            pmu.count(5)
            return monitor.stop(token)["energy_j"]

        assert 5.0 == run_as(count)
        monitor.close()

    def test_the_default_root_is_the_real_sysfs(self, tmp_path):
        """
        With a PMU put in the place of the real ones, invisible to other processes, no setting is needed.
        """
        pmu = counting(tmp_path / "sys")
        code = (
            "from greensdk_perf import PerfMonitor; from greensdk.machine.hardware import host_id; "
            "monitor = PerfMonitor(update_interval_s=0); assert monitor.probe().ok; monitor.open(); "
            "found = monitor.stop(monitor.start()); "
            "print(found['energy_j'], *found['domains'], found['meter_id'] == host_id() + ':rapl')"
        )
        script = 'mount --bind "$0/bus/event_source/devices" /sys/bus/event_source/devices && exec "$1" -c "$2"'
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, pmu.root, sys.executable, code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        package = Path(f"/sys/devices/system/cpu/cpu{pmu.cpus[0]}/topology/physical_package_id").read_text().strip()

        assert (f"0.0 package-{package} True\n", "") == (done.stdout, done.stderr)


class TestAbsent:
    """
    Machines without the counters.
    """

    def test_without_the_pmu_there_is_a_module_to_load(self, tmp_path):
        """
        Its name changed in Linux 5.8; a processor of another maker has none to load.
        """
        reason, fix = no_events(str(tmp_path), "x86_64", "6.1.0-18-amd64")

        assert f"there is no {tmp_path}/bus/event_source/devices/power: the driver is not loaded, or this" in reason
        assert "sudo modprobe rapl" == fix
        assert "sudo modprobe intel_rapl_perf" == no_events(str(tmp_path), "x86_64", "5.4.0-200-generic")[1]
        assert ["rapl", "rapl", "intel_rapl_perf"] == [module(each) for each in ("5.8.1", "10.0", "4.19-rc1")]
        reason, fix = no_events(str(tmp_path), "aarch64", "6.1")
        assert reason.endswith("RAPL counters belong to Intel and AMD processors, this one is aarch64")
        assert "" == fix
        assert PerfMonitor(root=str(tmp_path)).probe().reason
        with pytest.raises(MonitorUnavailable, match="there is no"):
            PerfMonitor(root=str(tmp_path)).open()

    def test_a_pmu_without_the_package_is_not_enough(self, tmp_path):
        """
        psys counts the platform, so it can't stand for the processor.
        """
        pmu = FakePmu(tmp_path, watts=1.0, events=["energy-psys", "energy-ram"])

        assert "has no event energy-pkg, only energy-psys, energy-ram" in PerfMonitor(root=pmu.root).probe().reason
        for name in ("energy-psys", "energy-ram"):
            pmu.remove(name)
        assert "has no event energy-pkg, only none of energy" in PerfMonitor(root=pmu.root).probe().reason

    def test_other_settings_have_other_reasons(self):
        """
        A permissive kernel that refuses has a security module; one that hides the setting may have any.
        """
        assert "a security module (SELinux) refuses" in forbidden(0)[0]
        assert "kernel.perf_event_paranoid is unknown" in forbidden(None)[0]

    def test_an_unknown_machine_says_which_are_known(self):
        """
        The numbers of system calls differ.
        """
        reason, _ = no_number("riscv64")

        assert "perf_event_open is known here for 64-bit x86_64 and aarch64, not for this Python on riscv64" == reason


class TestWidestSet:
    """
    What works is used, what does not has a reason.
    """

    @pytest.mark.parametrize("name", ["energy-ram", "energy-cores", "energy-gpu", "energy-psys"])
    def test_an_event_that_the_kernel_refuses_costs_itself_only(self, tmp_path, name):
        """
        Kernels before 5.17 list on AMD what the processor does not have.
        """
        two_cpus()
        pmu = counting(tmp_path, packages=2, events=["energy-pkg", "energy-ram", "energy-cores", "energy-psys"])
        pmu.event(name, refused=True)

        reading = window(pmu, lambda: pmu.count(5))

        assert (10.0 if name != "energy-ram" else 5.0) == reading["energy_j"]
        assert ("package" if name == "energy-ram" else "package+dram") == reading["boundary"]
        lost = {key for key, joules in reading["domains"].items() if joules is None}
        assert 2 == len(lost)
        assert lost == set(reading["attributes"]["reasons"])
        assert all(reason.startswith(f"{name}: E") for reason in reading["attributes"]["reasons"].values())
        assert name not in reading["attributes"]["events"]

    @pytest.mark.parametrize(
        ("unit", "reason"), [("", "its unit is not given"), ("Watts", "its unit is 'Watts' instead of 'Joules'")]
    )
    def test_an_odd_unit_is_not_taken_for_joules(self, tmp_path, unit, reason):
        """
        Nor is one that is not given.
        """
        pmu = counting(tmp_path, events=["energy-pkg"])
        pmu.event("energy-ram", unit=unit)

        reading = window(pmu, lambda: pmu.count(5))

        assert (5.0, {"dram-0": f"energy-ram: {reason}"}) == (reading["energy_j"], reading["attributes"]["reasons"])
        pmu.event("energy-pkg", unit=unit)
        assert PerfMonitor(root=pmu.root).probe().reason.endswith(f"energy-pkg: {reason}")

    def test_a_scale_of_nothing_is_refused(self, tmp_path):
        """
        Every joule would be lost without a word.
        """
        pmu = counting(tmp_path)
        pmu.event("energy-pkg", factor=0.0)

        assert PerfMonitor(root=pmu.root).probe().reason.endswith("its scale is 0.0")

    def test_a_package_that_can_not_be_counted_is_no_machine(self, tmp_path):
        """
        One of two CPUs of the mask does not exist: there is no total, and nothing stays open.
        """
        pmu = counting(tmp_path)
        mask = tmp_path / "bus" / "event_source" / "devices" / "power" / "cpumask"
        mask.write_text(f"{pmu.cpus[0]},4095\n")
        before = os.listdir("/proc/self/fd")

        found, error = probed(pmu.root)

        assert "events/energy-pkg: E" in found.reason
        assert error == found.reason
        assert before == os.listdir("/proc/self/fd")
        for text, reason in (("\n", "its cpumask is empty"), ("x\n", "invalid literal")):
            mask.write_text(text)
            assert reason in PerfMonitor(root=pmu.root).probe().reason
        mask.unlink()
        assert "ENOENT" in PerfMonitor(root=pmu.root).probe().reason

    def test_a_limit_of_descriptors_is_named(self, tmp_path):
        """
        Large machines hit it first.
        """
        two_cpus()
        pmu = counting(tmp_path, packages=2)

        def limited():
            import resource

            limit = max(map(int, os.listdir("/proc/self/fd"))) + 8
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            held = []
            with suppress(OSError):
                while True:
                    held.append(os.open("/dev/null", os.O_RDONLY))
            os.close(held.pop())
            return probed(pmu.root)[1]

        assert "events/energy-pkg: EMFILE (Too many open files)" in run_as(limited, uid=0)
