"""
Which zones a powercap tree has, and which of them count.
"""

import pytest
from greensdk_rapl import RaplMonitor
from meter_kit import joules

from greensdk.errors import MonitorUnavailable
from greensdk.testing import PowercapTree


class TestTopology:
    """
    What is in the total, and under which name.
    """

    def test_two_sockets_add_packages_and_drams_only(self, tree):
        """
        core and uncore are parts of the package and psys contains it: they have domains but are never added.
        """
        one, two, psys = tree.package(0), tree.package(1), tree.psys()
        zones = (one, two, one.dram(), two.dram(), one.core(), one.uncore(), psys)

        reading = joules(tree, dict(zip(zones, (10.0, 20.0, 3.0, 4.0, 6.0, 1.5, 60.0), strict=True)))

        assert 37.0 == reading["energy_j"]
        assert "package+dram" == reading["boundary"]
        assert {
            "package-0": 10.0,
            "package-1": 20.0,
            "dram-0": 3.0,
            "dram-1": 4.0,
            "core-0": 6.0,
            "uncore-0": 1.5,
            "psys": 60.0,
        } == reading["domains"]

    def test_without_memory_counters_the_boundary_is_the_package(self, tree):
        """
        The boundary says what is inside, so that packages are never compared with packages and memory.
        """
        package = tree.package(0)
        package.core()

        reading = joules(tree, {package: 5.0})

        assert "package" == reading["boundary"]
        assert 5.0 == reading["energy_j"]

    def test_zones_are_known_by_their_names_not_their_numbers(self, tree):
        """
        psys may be intel-rapl:0 and the packages may start at any id; sub-zones follow their package.
        """
        tree.psys()
        package = tree.package(3)
        dram = package.dram()

        reading = joules(tree, {package: 8.0, dram: 1.0})

        assert "intel-rapl:1:0" == dram.path.name
        assert 9.0 == reading["energy_j"]
        assert {"package-3": 8.0, "dram-3": 1.0, "psys": 0.0} == reading["domains"]

    def test_sixteen_packages_keep_their_order(self, tree):
        """
        More than nine zones: the tenth is not sorted behind the first.
        """
        packages = [tree.package(number) for number in range(16)]

        reading = joules(tree, {package: 1.0 + number for number, package in enumerate(packages)})

        assert 136.0 == reading["energy_j"]
        assert [f"package-{number}" for number in range(16)] == list(reading["domains"])

    def test_a_copy_of_sysfs_without_links_counts_each_zone_once(self, tmp_path):
        """
        There a sub-zone is two directories, but its id tells that it is one zone.
        """
        for place, name in (("0", "package-0"), ("0:0", "dram"), ("0/intel-rapl:0:0", "dram")):
            zone = tmp_path / f"intel-rapl:{place}"
            zone.mkdir(parents=True)
            (zone / "name").write_text(name)
            (zone / "energy_uj").write_text("5")
        monitor = RaplMonitor(root=str(tmp_path))

        metrics = monitor.open()
        monitor.close()

        assert ["package-0", "dram-0"] == [metric.name for metric in metrics]

    def test_links_in_a_circle_are_walked_once(self, tree):
        """
        sysfs links back from every zone; a mounted copy may do so under any name.
        """
        package = tree.package(0)
        (package.path / "around").symlink_to(tree.root)

        assert {"package-0": 1.0} == joules(tree, {package: 1.0})["domains"]

    def test_dies_are_meters_of_their_own(self, tree):
        """
        Two dies that move apart are added, and their memory carries the die in its name.
        """
        one, two = tree.package(0, die=0), tree.package(0, die=1)
        dram = two.dram()

        reading = joules(tree, {one: 10.0, two: 20.0, dram: 2.0})

        assert 32.0 == reading["energy_j"]
        assert {"package-0-die-0": 10.0, "package-0-die-1": 20.0, "dram-0-die-1": 2.0} == reading["domains"]

    def test_the_mmio_interface_is_the_same_meter_again(self, tree):
        """
        It is named, and left out of the total and the domains.
        """
        package = tree.package(0)
        tree.mmio(0)

        reading = joules(tree, {package: 12.0})

        assert 12.0 == reading["energy_j"]
        assert {"package-0": 12.0} == reading["domains"]
        assert {"intel-rapl-mmio:0": "package-0"} == reading["attributes"]["duplicates"]

    def test_an_unknown_zone_is_shown_but_not_added(self, tree):
        """
        What it overlaps with is unknown.
        """
        package = tree.package(0)
        reading = joules(tree, {package: 2.0, package.zone("npu"): 1.0, tree.zone("soc"): 9.0})

        assert 2.0 == reading["energy_j"]
        assert {"package-0": 2.0, "npu-0": 1.0, "soc": 9.0} == reading["domains"]

    def test_amds_core_is_one_core(self, tmp_path):
        """
        Its register is each core's own, and the kernel reads that of one CPU: it must not be taken for all cores.
        """
        tree = PowercapTree(tmp_path / "sys", amd=True)
        package = tree.package(0)
        core = package.core()
        metrics = {metric.name: metric for metric in RaplMonitor(root=tree.root).open()}

        assert {"package-0": 68.0, "one-core-0": 1.7} == joules(tree, {package: 68.0, core: 1.7})["domains"]
        assert "core" == metrics["one-core-0"].domain
        assert metrics["one-core-0"].description.startswith("Joules of a single core,")

    def test_two_zones_of_one_name_stay_apart(self, tree):
        """
        A kernel that gives a name twice in one control type has two zones all the same.
        """
        first = tree.package(0)
        second = tree.package(0)

        reading = joules(tree, {first: 1.0, second: 2.0})

        assert 3.0 == reading["energy_j"]
        assert {"package-0": 1.0, "package-0@intel-rapl:1": 2.0} == reading["domains"]

    def test_psys_alone_is_no_package(self, tree):
        """
        psys counts the platform, so it can't stand for the processor.
        """
        tree.psys()
        monitor = RaplMonitor(root=tree.root)

        assert not monitor.probe().ok
        assert monitor.probe().reason.endswith("only psys")
        with pytest.raises(MonitorUnavailable, match="no package zone"):
            monitor.open()
