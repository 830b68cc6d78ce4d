"""
A signal's exception gets through every monitor that there is, at each of its lines: it is the user's time-out.
"""

from __future__ import annotations

import pytest
from greensdk_hwmon import HwmonMonitor
from greensdk_msr import MsrMonitor
from greensdk_rapl import RaplMonitor
from nvml_kit import Gpu, machine
from perf_kit import counting, fake_perf

from greensdk.configure.builtin import MONITORS
from greensdk.configure.targets import load
from greensdk.testing import FakeHwmon, FakeMonitor, MsrTree, PowercapTree
from greensdk.testing.faults import check_interrupts, methods_of
from greensdk.testing.msr import SERVER, STRIDE


def rapl(path):
    """
    A package with memory.
    """
    tree = PowercapTree(path)
    tree.package(0).dram()
    return lambda: RaplMonitor(root=tree.root, update_interval_s=0)


def msr(path):
    """
    The registers of two packages.
    """
    tree = MsrTree(path, SERVER, packages=2)
    return lambda: MsrMonitor(root=tree.root, stride=STRIDE, update_interval_s=0)


def hwmon(path):
    """
    One counter, whose windows have a number.
    """
    board = FakeHwmon(path)
    board.chip("amd_energy").energy("Esocket0")
    return lambda: HwmonMonitor(root=board.root)


def perf(path):
    """
    One package.
    """
    pmu = counting(path)
    return lambda: load(MONITORS["perf"])(root=pmu.root)


def perf_stat(path):
    """
    A program that says what perf would.
    """
    pmu = counting(path / "sys")
    program = fake_perf(path, ["power/energy-pkg/"])
    return lambda: load(MONITORS["perf-stat"])(root=pmu.root, program=str(program))


def nvml(path):
    """
    Two GPUs.
    """
    monitor = machine(path, Gpu(), Gpu())
    return lambda: monitor


MAKERS = {"rapl": rapl, "msr": msr, "hwmon": hwmon, "perf": perf, "perf-stat": perf_stat, "nvml": nvml}


def of_no_files(name):
    """
    Return the maker of one that needs no tree, with what it takes by default.
    """
    return lambda _: load(MONITORS[name])


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a perf that was started at the very moment
@pytest.mark.parametrize("name", MONITORS)
def test_what_a_handler_raises_gets_through(tmp_path, name):
    """
    And the record of the interrupted call is whole.
    """
    make = MAKERS.get(name, of_no_files(name))(tmp_path)
    found = make().probe()
    if not found.ok:
        pytest.skip(found.reason)
    for method in methods_of(make()):
        assert check_interrupts(make, method)


def test_a_monitor_that_takes_it_for_its_own_is_found():
    """
    A third party's, too.
    """

    class Deaf(FakeMonitor):
        def stop(self, token):
            try:
                reading = super().stop(token)
            except OSError:
                reading = super().stop(token)
            return reading

    with pytest.raises(AssertionError, match=r"stop\(\) interrupted at test_monitors.py:\d+: .* is swallowed"):
        check_interrupts(Deaf, "stop")
