"""
Registers that can't be read: no number, and the reason that a person needs.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from greensdk_msr import MsrMonitor
from meter_kit import opened, window
from rights_kit import need_root, run_as

from greensdk.errors import MonitorUnavailable
from greensdk.testing.msr import AMD, CLIENT, SERVER, STRIDE, MsrTree


def monitor_on(tree):
    """
    A monitor on the devices of a test.
    """
    return MsrMonitor(root=tree.root, stride=STRIDE)


class TestProbe:
    """
    What `greensdk doctor` says.
    """

    def test_without_the_driver_it_names_the_module(self, tmp_path):
        """
        One look at one path, whatever else is there.
        """
        assert (
            False,
            f"there is no {tmp_path}/dev/cpu/0/msr: the kernel's msr driver is not loaded",
            "sudo modprobe msr",
        ) == MsrMonitor(stride=STRIDE, root=str(tmp_path)).probe()

    @pytest.mark.parametrize(
        ("cpu", "named"), [(("CentaurHauls", 7, 1), "CentaurHauls family 0x7"), (("AuthenticAMD", 21, 2), "0x15")]
    )
    def test_an_unknown_processor_is_named(self, tmp_path, cpu, named):
        """
        Its registers may mean anything, so none is read.
        """
        tree = MsrTree(tmp_path, AMD)
        tree.describe(*cpu)

        ok, reason, fix = MsrMonitor(stride=STRIDE, root=tree.root).probe()

        assert (False, "") == (ok, fix)
        assert reason.startswith("no energy registers are known for this processor")
        assert named in reason

    def test_no_cpuinfo_is_no_vendor(self, tmp_path):
        """
        As on Arm, whose cpuinfo has none.
        """
        tree = MsrTree(tmp_path, AMD)
        Path(tree.root, "proc", "cpuinfo").unlink()

        assert MsrMonitor(stride=STRIDE, root=tree.root).probe().reason.endswith("(no vendor in /proc/cpuinfo)")

    @pytest.mark.parametrize("kind", [SERVER, AMD])
    def test_a_healthy_machine_is_fine(self, tmp_path, kind):
        """
        Without a reason.
        """
        assert (True, "", "") == MsrMonitor(stride=STRIDE, root=MsrTree(tmp_path, kind).root).probe()

    def test_an_unprivileged_user_gets_the_reason_and_the_fix(self):
        """
        The devices are root's.
        """
        need_root()
        with TemporaryDirectory(dir="/tmp") as path:  # where everybody may enter
            os.chmod(path, 0o755)
            tree = MsrTree(path, SERVER)

            ok, reason, fix = run_as(MsrMonitor(stride=STRIDE, root=tree.root).probe)
            refused = run_as(refusal, tree.root)

        assert not ok
        assert f"only root may read {path}/dev/cpu/0/msr, since it shows every register of the processor" == reason
        assert "run as root; or give this user the right to read it, and the interpreter CAP_SYS_RAWIO" == fix
        assert f"{reason}; {fix}" == refused

    def test_zeros_of_a_hypervisor_are_no_registers(self, tmp_path):
        """
        What KVM shows a guest.
        """
        tree = MsrTree(tmp_path, CLIENT)
        for register in tree.registers.values():
            tree.remove(register)

        ok, reason, _ = MsrMonitor(stride=STRIDE, root=tree.root).probe()

        assert not ok
        assert "register 0x611 is missing or zero" in reason
        assert reason.endswith("a virtual machine seldom has energy registers")

    def test_registers_that_fail_are_named_with_the_error(self, tmp_path):
        """
        A general protection fault in the kernel comes out as EIO.
        """
        tree = MsrTree(tmp_path, SERVER)
        for cpu in range(4):
            tree.fail(cpu)
        monitor = MsrMonitor(stride=STRIDE, root=tree.root)

        assert "EIO (Input/output error)" in monitor.probe().reason
        with pytest.raises(MonitorUnavailable, match="EIO"):
            monitor.open()

    def test_cpus_without_a_place_are_no_packages(self, tmp_path):
        """
        An offline CPU has no topology.
        """
        tree = MsrTree(tmp_path, SERVER)
        for file in Path(tree.root).glob("sys/devices/system/cpu/cpu*/topology/physical_package_id"):
            file.write_text("-1\n")

        assert "the kernel shows no package of any CPU" == MsrMonitor(stride=STRIDE, root=tree.root).probe().reason


def refusal(root):
    """
    Return the words with which a monitor refuses to open.
    """
    try:
        MsrMonitor(stride=STRIDE, root=root).open()
    except MonitorUnavailable as error:
        return str(error)
    return ""


class TestWindow:
    """
    Faults while a window is open.
    """

    @pytest.mark.parametrize("when", ["start", "stop"])
    @pytest.mark.parametrize(("kind", "text"), [(SERVER, "EIO (Input/output error)"), (AMD, "EIO")])
    def test_a_failing_package_takes_the_total_with_it(self, tmp_path, kind, text, when):
        """
        The reason names it, the moment and the error; the other package keeps its number.
        """
        tree = MsrTree(tmp_path, kind, packages=2)
        with opened(monitor_on(tree)) as (monitor, clock):
            if when == "start":
                tree.fail(0)
            token = monitor.start()
            tree.registers["package-1"].add_counts(5 << 14)
            if when == "stop":
                tree.fail(0)
            clock.advance(1.0)
            found = monitor.stop(token)

        assert (None, None, None) == (found["energy_j"], found["energy_low_j"], found["energy_high_j"])
        assert found["reason"].startswith("package-0: register 0x")
        assert f"could not be read at {when}" in found["reason"]
        assert text in found["reason"]
        assert (None, 5.0) == (found["domains"]["package-0"], found["domains"]["package-1"])

    def test_a_register_that_vanishes_is_not_zero(self, tmp_path):
        """
        A device that has become empty gives nothing, not 0.
        """
        tree = MsrTree(tmp_path, SERVER)
        with opened(monitor_on(tree)) as (monitor, clock):
            token = monitor.start()
            os.truncate(tree.files[0], 0)
            clock.advance(1.0)
            found = monitor.stop(token)

        assert found["energy_j"] is None
        assert "0 bytes instead of 8" in found["reason"]
        assert {"package-0": None, "dram-0": None} == found["domains"]

    def test_a_package_that_can_not_be_opened_leaves_no_smaller_sum(self, tmp_path):
        """
        The other package is shown, and the total has the reason instead of a number.
        """
        tree = MsrTree(tmp_path, SERVER, packages=2)
        for cpu in (2, 3, 6, 7):
            tree.fail(cpu)

        found = window(monitor_on(tree), lambda: tree.registers["package-0"].add_counts(1 << 14))

        assert found["energy_j"] is None
        assert found["reason"].startswith(f"package-1: {tree.files[2]}: EIO")
        assert 1.0 == found["domains"]["package-0"]
        assert "package-1" in MsrMonitor(stride=STRIDE, root=tree.root).probe().reason

    @pytest.mark.parametrize(
        ("counts", "seconds", "text"),
        [(0, 1.0, "the counter did not move in 1e+03 ms: it is stuck"), (28_800 << 16, 0.2, "are more than 1000 W")],
    )
    def test_memory_that_does_not_count_costs_the_memory(self, tmp_path, counts, seconds, text):
        """
        Stuck, or ahead of its clock after a suspend: the packages are the total, and the boundary says so.
        """
        tree = MsrTree(tmp_path, SERVER)

        def count():
            tree.registers["package-0"].add_counts(5 << 14)
            tree.registers["dram-0"].add_counts(counts)

        found = window(monitor_on(tree), count, seconds)

        assert (5.0, "package", None) == (found["energy_j"], found["boundary"], found["reason"])
        assert {"package-0": 5.0, "dram-0": None} == found["domains"]
        assert ["dram-0"] == found["attributes"]["missing"]
        assert text in found["attributes"]["reasons"]["dram-0"]

    def test_a_register_that_never_moves_has_no_number_in_short_windows_either(self, tmp_path):
        """
        It has stood still since it was opened.
        """
        tree = MsrTree(tmp_path, SERVER)
        with opened(monitor_on(tree)) as (monitor, clock):
            clock.advance(0.025)
            token = monitor.start()
            tree.registers["package-0"].add_counts(1 << 13)
            clock.advance(0.005)
            found = monitor.stop(token)

        assert (0.5, "package") == (found["energy_j"], found["boundary"])
        assert "the counter did not move in 30 ms" in found["attributes"]["reasons"]["dram-0"]

    def test_a_poll_that_fails_breaks_the_window(self, tmp_path):
        """
        What was counted on both sides of it can't be joined.
        """
        tree = MsrTree(tmp_path, SERVER)
        with opened(monitor_on(tree)) as (monitor, clock):
            token = monitor.start()
            saved = tree.files[0].read_bytes()
            for content in (saved, b"", saved):
                tree.files[0].write_bytes(content)
                clock.advance(1.0)
                monitor.poll()
            clock.advance(1.0)
            found = monitor.stop(token)

        assert found["energy_j"] is None
        assert "at a poll" in found["reason"]
