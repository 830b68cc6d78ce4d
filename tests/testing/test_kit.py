"""
The kit that plugin authors test with is tested, too.
"""

import errno
import os
import threading
import time
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk.monitor import CALL, Monitor
from greensdk.testing import FakeClock, FakeMonitor, PowercapTree, check_monitor, ticking


@pytest.fixture
def tree(tmp_path):
    """
    A tree with one package.
    """
    tree = PowercapTree(tmp_path)
    tree.package(0)
    return tree


@contextmanager
def reader(zone):
    """
    A descriptor on a counter, as monitors keep it.
    """
    fd = os.open(zone.file, os.O_RDONLY)
    try:
        yield lambda: os.pread(fd, 32, 0)
    finally:
        os.close(fd)


class TestTree:
    """
    It looks like sysfs.
    """

    def test_the_class_directory_links_to_nested_devices(self, tree):
        """
        A sub-zone is seen flat in the class and nested in its package, and links lead back.
        """
        dram = tree.zones["package-0"].dram()
        flat = f"{tree.root}/intel-rapl:0:0"

        assert os.path.islink(flat)
        assert str(dram.path) == os.path.realpath(flat)
        assert os.path.samefile(tree.root, f"{flat}/subsystem")
        assert os.path.samefile(f"{tree.root}/intel-rapl:0", f"{flat}/device")
        assert os.path.isdir(f"{tree.root}/intel-rapl/intel-rapl:0/intel-rapl:0:0")

    def test_the_files_read_as_the_kernel_writes_them(self, tree):
        """
        One value and a newline each.
        """
        zone = tree.package(1, die=2, uj=42, range_uj=65712999613, max_w=125.0)
        texts = {file: (zone.path / file).read_text() for file in ("name", "max_energy_range_uj", "energy_uj")}

        assert "package-1-die-2\n" == texts["name"]
        assert "65712999613\n" == texts["max_energy_range_uj"]
        assert 42 == int(texts["energy_uj"])
        assert "125000000\n" == (zone.path / "constraint_0_max_power_uw").read_text()
        assert not (tree.zones["package-0"].path / "constraint_0_max_power_uw").exists()

    def test_zones_are_found_by_their_key_in_readings(self, tree):
        """
        Which is what `ticking` takes.
        """
        tree.package(1, die=0).core()
        tree.psys()

        assert ["package-0", "package-1-die-0", "core-1-die-0", "psys"] == list(tree.zones)

    def test_a_mirror_and_mmio_move_with_their_original(self, tree):
        """
        They are one more view of its counter.
        """
        package = tree.zones["package-0"]
        paths = [tree.mirror(package, "package-0-die-1"), tree.mmio(0)]
        package.set_uj(77)

        assert [77, 77] == [int((path / "energy_uj").read_text()) for path in paths]
        assert ["intel-rapl:1", "intel-rapl-mmio:0"] == [path.name for path in paths]

    @given(st.integers(1, 10**9), st.lists(st.integers(0, 10**10), max_size=6))
    def test_a_counter_stays_below_its_range_and_keeps_the_truth(self, tmp_path_factory, range_uj, steps):
        """
        Whatever is added, and however often it goes round.
        """
        zone = PowercapTree(tmp_path_factory.mktemp("tree")).package(0, uj=0, range_uj=range_uj)
        for uj in steps:
            zone.add_uj(uj)

        assert sum(steps) == zone.total_uj
        assert sum(steps) % range_uj == zone.uj == int(zone.file.read_text())

    def test_a_reader_never_sees_a_torn_value(self, tree):
        """
        The number is replaced in one write of one length, and its last 8 digits in one word.
        """
        zone = tree.zones["package-0"]
        values = [9, 10**7, 3, 99_999_999]
        zone.set_uj(values[0])
        done = threading.Event()

        def write():
            while not done.is_set():
                for uj in values:
                    zone.set_uj(uj)

        thread = threading.Thread(target=write)
        thread.start()
        with reader(zone) as read:
            seen = {int(read()) for _ in range(2000)}
        done.set()
        thread.join()

        assert seen <= set(values)

    def test_reset_is_not_energy(self, tree):
        """
        The truth is what was added, before and after.
        """
        zone = tree.zones["package-0"]
        zone.add_j(2.0)
        zone.reset()
        zone.add_j(3.0)

        assert 5_000_000 == zone.total_uj
        assert 3_000_000 == zone.uj


class TestFaults:
    """
    Real errors of the kernel, and back.
    """

    @pytest.mark.parametrize("error", ["EIO", "EISDIR"])
    def test_reads_fail_for_open_descriptors_and_new_ones(self, tree, error):
        """
        Afterwards both see what was counted meanwhile.
        """
        zone = tree.zones["package-0"]
        with reader(zone) as old:
            zone.fail(error)
            with reader(zone) as new:
                for read in (old, new):
                    with pytest.raises(OSError) as caught:
                        read()
                    assert error == errno.errorcode[caught.value.errno]
            zone.set_uj(5)
            zone.repair()
            assert 5 == int(old())
            with reader(zone) as new:
                assert 5 == int(new())
            zone.set_uj(6)
            assert 6 == int(old())

    def test_an_error_that_no_file_can_give_is_refused(self, tree):
        """
        Instead of something else happening silently.
        """
        with pytest.raises(ValueError, match="no way to get ENODEV: it is one of EIO, EISDIR"):
            tree.zones["package-0"].fail("ENODEV")

    def test_a_descriptor_that_became_another_file_is_left_alone(self, tree):
        """
        Numbers of descriptors are used again.
        """
        zone = tree.zones["package-0"]
        with reader(zone):
            zone.fail()
        fd = os.open(os.devnull, os.O_RDONLY)
        zone.repair()

        assert os.devnull == os.readlink(f"/proc/self/fd/{fd}")
        os.close(fd)

    @pytest.mark.parametrize("text", [b"", b"x\n", b"a text that is longer than any counter\n"])
    def test_garbage_reaches_open_descriptors(self, tree, text):
        """
        And stays until the repair, whatever is counted.
        """
        zone = tree.zones["package-0"]
        with reader(zone) as read:
            zone.garble(text)
            zone.add_j(1.0)
            assert text[:32] == read()
            zone.repair()
            assert zone.uj == int(read())
            assert 25 == zone.file.stat().st_size

    def test_a_vanished_file_is_gone_and_empty(self, tree):
        """
        ENOENT for whoever opens it, nothing for whoever has it open.
        """
        zone = tree.zones["package-0"]
        with reader(zone) as read:
            zone.vanish()
            assert b"" == read()
        with pytest.raises(FileNotFoundError):
            os.open(zone.file, os.O_RDONLY)
        zone.repair()
        with reader(zone) as read:
            assert zone.uj == int(read())

    def test_a_forbidden_file_has_no_permissions(self, tree):
        """
        Descriptors that are open go on; root may do everything, so this asks for the mode.
        """
        zone = tree.zones["package-0"]
        with reader(zone) as read:
            zone.forbid()
            assert 0 == zone.file.stat().st_mode & 0o777
            assert zone.uj == int(read())
            zone.repair()
            zone.set_uj(8)
            assert 8 == int(read())


class TestTicking:
    """
    Counters that turn by themselves.
    """

    def test_the_log_is_what_the_counters_say(self, tree):
        """
        Each zone gets its own power, and all of them stop with the block.
        """
        package = tree.zones["package-0"]
        dram = package.dram()
        before = package.uj, dram.uj
        with ticking(tree, {"package-0": 40.0, "dram-0": 4.0}) as truth:
            time.sleep(0.05)
        counted = (package.uj - before[0]) / 1e6, (dram.uj - before[1]) / 1e6

        assert (truth.joules("package-0"), truth.joules("dram-0")) == counted
        assert pytest.approx(counted[0] / 10, abs=2e-6) == counted[1]
        assert counted[0] > 0
        assert not [thread for thread in threading.enumerate() if thread.name == "powercap-ticker"]

    def test_parts_of_the_log_add_up(self, tree):
        """
        From any moment to any other.
        """
        with ticking(tree, {"package-0": 100.0}) as truth:
            time.sleep(0.02)
            middle_ns = time.perf_counter_ns()
            time.sleep(0.02)
        halves = truth.joules("package-0", until_ns=middle_ns), truth.joules("package-0", since_ns=middle_ns)

        assert pytest.approx(truth.joules("package-0")) == sum(halves)
        assert min(halves) > 0
        assert all(sooner < later for sooner, later in pairwise(truth.times_ns))

    def test_it_ends_when_the_block_fails(self, tree):
        """
        The error goes on to the test.
        """
        with pytest.raises(KeyError, match="as wanted"), ticking(tree, {"package-0": 1.0}):
            raise KeyError("as wanted")

        assert not [thread for thread in threading.enumerate() if thread.name == "powercap-ticker"]


class TestFakes:
    """
    Stand-ins.
    """

    def test_a_clock_moves_only_by_hand(self):
        """
        Nanoseconds out, seconds in.
        """
        clock = FakeClock(1.0)
        clock.advance(0.25)

        assert 1_250_000_000 == clock() == clock()

    def test_windows_get_the_script_in_the_order_of_their_start(self):
        """
        Also when they end in another order; the last value goes on.
        """
        monitor = FakeMonitor(joules=[5.0, None, 7.0])
        first, second, third, fourth = (monitor.start() for _ in range(4))
        readings = [monitor.stop(token) for token in (second, first, fourth, third)]

        assert [None, 5.0, 7.0, 7.0] == [found["energy_j"] for found in readings]
        assert "the script has no number here" == readings[0]["reason"]

    def test_monitors_share_a_list_of_calls(self):
        """
        So that a test can see who started first.
        """
        calls = []
        one, two = FakeMonitor("one", calls=calls), FakeMonitor("two", calls=calls)
        one.start(), two.start(), two.poll()

        assert [("one", "start"), ("two", "start"), ("two", "poll")] == calls
        assert 1 == two.count("poll")

    @pytest.mark.parametrize("method", ["probe", "open", "start", "poll", "close"])
    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit(3)])
    def test_any_method_raises_anything(self, method, error):
        """
        The call is counted all the same.
        """
        monitor = FakeMonitor(fail_in=(method,), error=error)
        with pytest.raises(error if isinstance(error, type) else type(error)):
            getattr(monitor, method)()

        assert 1 == monitor.count(method)

    def test_it_is_a_monitor(self):
        """
        By the protocol and by the conformance test.
        """
        assert isinstance(FakeMonitor(), Monitor)
        assert ["mine"] == [metric.name for metric in check_monitor(FakeMonitor("mine", max_window_s=3.0, scope=CALL))]
        assert check_monitor(FakeMonitor(joules=None))


def test_everything_that_is_offered_is_there():
    """
    Each public name of the kit can be imported, and each has a docstring.
    """
    from greensdk import testing

    assert [] == [name for name in testing.__all__ if not getattr(testing, name).__doc__]
