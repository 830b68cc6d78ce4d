"""
RAPL when something is wrong: no number without the energy, no number that is not the energy.
"""

import pytest
from greensdk_rapl import RaplMonitor
from meter_kit import opened

from greensdk.errors import MonitorUnavailable
from greensdk.testing import FakeClock, PowercapTree, check_monitor, ticking


@pytest.fixture
def tree(two_packages):
    """
    The machine with two packages.
    """
    return two_packages


@pytest.fixture
def monitor(tree):
    """
    An open monitor whose clock the test moves.
    """
    with opened(RaplMonitor(root=tree.root)) as (monitor, _):
        yield monitor


def window(monitor, tree, *, before=None, inside=None):
    """
    The reading of one second in which every zone counts 10 J, with faults before and inside it.
    """
    if before:
        before()
    token = monitor.start()
    for zone in tree.zones.values():
        zone.add_j(10.0)
    if inside:
        inside()
    monitor.clock.advance(1.0)
    return monitor.stop(token)


def faulty_window(monitor, tree, zone, fault, when):
    """
    The same, with a fault of `zone` that begins before the window's ``start`` or ``stop``.
    """
    if when == "start":
        return window(monitor, tree, before=lambda: fault(zone), inside=zone.repair)
    return window(monitor, tree, inside=lambda: fault(zone))


FAULTS = [
    (lambda zone: zone.fail("EIO"), "EIO (Input/output error)"),
    (lambda zone: zone.fail("EISDIR"), "EISDIR (Is a directory)"),
    (lambda zone: zone.garble(b"energy\n"), "no counter value"),
    (lambda zone: zone.garble(b"-5\n"), "no counter value"),
    (lambda zone: zone.garble(), "no counter value"),
    (lambda zone: zone.vanish(), "no counter value"),
]


class TestReadFaults:
    """
    A counter that can't be read.
    """

    @pytest.mark.parametrize(("fault", "text"), FAULTS)
    @pytest.mark.parametrize("when", ["start", "stop"])
    def test_a_package_takes_the_total_with_it(self, tree, monitor, fault, text, when):
        """
        The reason names the zone, the moment and the error; the other domains keep their numbers.
        """
        reading = faulty_window(monitor, tree, tree.zones["package-1"], fault, when)

        assert reading["energy_j"] is reading["energy_low_j"] is reading["energy_high_j"] is None
        assert reading["reason"].startswith("package-1: ")
        assert f"at {when}" in reading["reason"]
        assert text in reading["reason"]
        assert dict.fromkeys(tree.zones, 10.0) | {"package-1": None} == reading["domains"]

    @pytest.mark.parametrize(("fault", "text"), FAULTS)
    @pytest.mark.parametrize("when", ["start", "stop"])
    def test_memory_costs_the_memory_only(self, tree, monitor, fault, text, when):
        """
        The packages are the total, the boundary says so, and the reason stands in the attributes.
        """
        reading = faulty_window(monitor, tree, tree.zones["dram-1"], fault, when)

        assert (20.0, "package", None) == (reading["energy_j"], reading["boundary"], reading["reason"])
        assert dict.fromkeys(tree.zones, 10.0) | {"dram-1": None} == reading["domains"]
        assert ["dram-1"] == reading["attributes"]["missing"]
        assert text in reading["attributes"]["reasons"]["dram-1"]

    @pytest.mark.parametrize(("fault", "text"), FAULTS)
    def test_a_part_of_a_package_does_not(self, tree, monitor, fault, text):
        """
        Without the cores the total is as good as ever; the reason is in the attributes.
        """
        reading = window(monitor, tree, inside=lambda: fault(tree.zones["core-0"]))

        assert 30.0 == reading["energy_j"]
        assert reading["reason"] is None
        assert reading["domains"]["core-0"] is None
        assert text in reading["attributes"]["reasons"]["core-0"]

    def test_both_ends_and_two_zones_are_all_named(self, tree, monitor):
        """
        Nothing is hidden behind the first error.
        """
        reading = window(
            monitor, tree, before=tree.zones["package-0"].fail, inside=lambda: tree.zones["package-1"].garble(b"x")
        )

        assert "package-0: energy_uj could not be read at start: EIO" in reading["reason"]
        assert "at stop: EIO" in reading["reason"]
        assert "package-1: energy_uj held no counter value at stop: b'x'" in reading["reason"]

    def test_the_next_window_is_healthy_again(self, tree, monitor):
        """
        A fault leaves nothing behind.
        """
        zone = tree.zones["package-0"]
        window(monitor, tree, inside=zone.fail)

        assert 30.0 == window(monitor, tree, before=zone.repair)["energy_j"]

    @pytest.mark.parametrize("fault", [lambda zone: zone.fail("EIO"), lambda zone: zone.garble(b"x")])
    def test_a_poll_that_fails_breaks_the_windows_around_it_only(self, tree, monitor, fault):
        """
        What was counted on both sides of it can't be joined.
        """
        zone = tree.zones["package-0"]
        outer = monitor.start()
        for act in (lambda: None, lambda: fault(zone), zone.repair, lambda: None):
            act()
            tree.zones["package-1"].add_j(1.0)
            monitor.clock.advance(1.0)
            monitor.poll()
        later = monitor.start()
        zone.add_j(5.0)
        monitor.clock.advance(1.0)
        monitor.poll()

        broken = monitor.stop(outer)
        assert "package-0" in broken["reason"]
        assert "at a poll" in broken["reason"]
        assert 4.0 == broken["domains"]["package-1"]
        assert 5.0 == monitor.stop(later)["domains"]["package-0"]


class TestOpenFaults:
    """
    A zone that is broken from the beginning.
    """

    @pytest.mark.parametrize(
        ("fault", "text"),
        [
            (lambda zone: zone.fail("EIO"), "EIO"),
            (lambda zone: zone.vanish(), "ENOENT"),
            (lambda zone: zone.fail("EISDIR"), "EISDIR"),
        ],
    )
    def test_a_lost_package_is_not_a_smaller_sum(self, tree, fault, text):
        """
        The zone is left out with its reason, and the total has that reason instead of a number.
        """
        fault(tree.zones["package-1"])
        with opened(RaplMonitor(root=tree.root)) as (monitor, _):
            reading = window(monitor, tree)

        assert reading["energy_j"] is None
        assert f"package-1: energy_uj could not be opened: {text}" in reading["reason"]
        assert dict.fromkeys(tree.zones, 10.0) | {"package-1": None} == reading["domains"]
        assert "package-1" in monitor.probe().reason
        assert text in monitor.probe().reason

    @pytest.mark.parametrize(
        ("fault", "text"), [(lambda zone: zone.fail("EIO"), "EIO"), (lambda zone: zone.vanish(), "ENOENT")]
    )
    def test_lost_memory_changes_the_boundary(self, tree, fault, text):
        """
        Also where that of another package works: half of the memory is no boundary.
        """
        tree.zones["package-0"].dram()
        fault(tree.zones["dram-1"])
        with opened(RaplMonitor(root=tree.root)) as (monitor, _):
            reading = window(monitor, tree)

        assert monitor.probe().ok
        assert (20.0, "package", None) == (reading["energy_j"], reading["boundary"], reading["reason"])
        assert {"dram-0": 10.0, "dram-1": None}.items() <= reading["domains"].items()
        assert ["dram-1"] == reading["attributes"]["missing"]
        assert f"energy_uj could not be opened: {text}" in reading["attributes"]["reasons"]["dram-1"]

    def test_a_meter_with_a_hole_keeps_the_contract(self, tree):
        """
        Each domain of its readings is a metric that open() has named.
        """
        tree.zones["dram-1"].fail()

        with ticking(tree, {"package-0": 40.0, "package-1": 60.0}):
            metrics = check_monitor(RaplMonitor(root=tree.root))

        assert {"package-0", "core-0", "package-1", "dram-1"} == {metric.name for metric in metrics}

    def test_a_lost_part_of_a_package_costs_nothing_else(self, tree):
        """
        The monitor can still give its energy, so the probe is content.
        """
        tree.zones["core-0"].fail()
        with opened(RaplMonitor(root=tree.root)) as (monitor, _):
            reading = window(monitor, tree)

        assert monitor.probe().ok
        assert 30.0 == reading["energy_j"]
        assert reading["domains"]["core-0"] is None
        assert "EIO" in reading["attributes"]["reasons"]["core-0"]

    @pytest.mark.parametrize("text", ["", None])
    def test_a_zone_of_unknown_name_could_be_a_package(self, tree, text):
        """
        So there is no total as long as that is unknown.
        """
        name = tree.zones["package-1"].path / "name"
        name.unlink()
        if text is None:
            name.symlink_to("/proc/self/mem")
        else:
            name.write_text(text)
        with opened(RaplMonitor(root=tree.root)) as (monitor, clock):
            token = monitor.start()
            tree.zones["package-0"].add_j(10.0)
            clock.advance(1.0)
            reading = monitor.stop(token)

        assert reading["energy_j"] is None
        assert "intel-rapl:1: its name could not be read" in reading["reason"]
        assert 10.0 == reading["domains"]["package-0"]
        assert not monitor.probe().ok

    def test_with_every_package_broken_it_refuses_to_open(self, tree):
        """
        With the words of the probe.
        """
        for number in range(2):
            tree.zones[f"package-{number}"].fail()
        monitor = RaplMonitor(root=tree.root)

        with pytest.raises(MonitorUnavailable, match="package-0: energy_uj can't be read: EIO") as caught:
            monitor.open()
        assert monitor.probe().reason == caught.value.reason

    @pytest.mark.parametrize("content", [None, "", "many\n", "0\n"])
    def test_without_a_range_only_a_wrap_has_no_number(self, tmp_path, content):
        """
        As long as the counter goes forward nothing is missing.
        """
        tree = PowercapTree(tmp_path)
        package = tree.package(0, range_uj=0, uj=50_000_000)
        if content is not None:
            (package.path / "max_energy_range_uj").write_text(content)
        monitor = RaplMonitor(root=tree.root)
        monitor.clock = FakeClock()
        monitor.open()
        assert monitor.max_window_s is None
        forward = window(monitor, tree)
        back = window(monitor, tree, inside=lambda: package.set_uj(3))
        monitor.close()

        assert 10.0 == forward["energy_j"]
        assert {"package-0": None} == forward["attributes"]["range_uj"]
        assert back["energy_j"] is None
        assert "max_energy_range_uj does not say where it wraps" in back["reason"]
