"""
What `greensdk doctor` says of RAPL.
"""

import os
from tempfile import TemporaryDirectory

import pytest
from greensdk_rapl import RaplMonitor
from meter_kit import joules
from rights_kit import need_root, run_as

from greensdk.testing import PowercapTree, check_monitor


@pytest.fixture
def public():
    """
    A tree in a folder that everybody may enter.
    """
    need_root()
    with TemporaryDirectory(dir="/tmp") as path:
        os.chmod(path, 0o755)
        yield PowercapTree(path)


class TestProbe:
    """
    What can be done about it.
    """

    def test_no_driver(self, tmp_path):
        """
        Load it; and virtual machines seldom have it.
        """
        found = RaplMonitor(root=str(tmp_path / "none")).probe()

        assert not found.ok
        assert "virtual machine" in found.reason
        assert "modprobe" in found.fix
        assert "intel_rapl_common" in found.fix

    def test_an_empty_tree_is_what_containers_see(self, tmp_path):
        """
        Container runtimes mask the powercap devices.
        """
        found = RaplMonitor(root=str(tmp_path)).probe()

        assert f"no package zone under {tmp_path}" == found.reason
        assert "/sys/devices/virtual/powercap" in found.fix

    def test_this_machine(self):
        """
        Whatever is here, the default root has an answer, and where it works the contract is kept.
        """
        monitor = RaplMonitor()
        if monitor.probe().ok:
            check_monitor(monitor)
        else:
            assert monitor.probe().reason

    def test_root_only_counters_say_how_to_open_them(self, public):
        """
        Asked as a user who is not root: the exact command, and why the kernel does it.
        """
        public.package(0).forbid()
        ok, reason, fix = run_as(lambda: tuple(RaplMonitor(root=public.root).probe()))

        assert not ok
        assert "package-0: only root may read" in reason
        assert "PLATYPUS, CVE-2020-8694" in reason
        assert fix.startswith(f"sudo chmod -R a+r {public.root}/intel-rapl ")

    def test_forbidden_memory_costs_the_memory_only(self, public):
        """
        The administrator has opened the package's counter, and the memory is in a folder below it.
        """
        package = public.package(0)
        package.dram().forbid()
        package.file.chmod(0o666)  # the other user turns it

        def measured():
            return tuple(RaplMonitor(root=public.root).probe()), joules(public, {package: 10.0})

        probed, reading = run_as(measured)

        assert (True, "", "") == probed
        assert (10.0, "package", None) == (reading["energy_j"], reading["boundary"], reading["reason"])
        assert {"package-0": 10.0, "dram-0": None} == reading["domains"]
        assert {"dram-0": "energy_uj could not be opened: EACCES (Permission denied)"} == (
            reading["attributes"]["reasons"]
        )
