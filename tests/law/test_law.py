"""
The law: calls and the rest are what the meter counted, on a meter that keeps a log of what it was given.

``spans`` of the kit says between which two moments the first and the last counter of a group of calls were read, and
``Truth.joules`` what the log allows them to have shown then. Those two bounds are equal unless a tick of the meter, one
millisecond of these seconds, fell into the read itself; so the law is held to a thousandth of the truth beyond them.

The meter draws its joules by busy CPU seconds, of whomever. So a call's own truth is known too, whatever else ran on
the machine: watts times its CPU seconds. On that rests what is said here about fair shares.
"""

from __future__ import annotations

import os
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import law_gpu
import law_kit
import pytest
from law_kit import Power, measuring_with, read_log, spans, turning
from lithops_kit import collect_leftovers

from greensdk import energy_tracked
from greensdk.machine.calibration import save
from greensdk.machine.hardware import host_id
from greensdk.report import EnergyReport
from greensdk.testing.powercap import RANGE_UJ

pytestmark = pytest.mark.slow

LAW = 0.001
FAIR = 0.05

PER_CPU = {"package-0": Power(0.0, 20.0), "dram-0": Power(0.0, 1.0)}
CPU_W = 21.0
"""What a busy CPU draws of both zones."""


@pytest.fixture
def machine(tree):
    """
    One package with its memory.
    """
    tree.package(0).dram()
    return tree


@pytest.fixture
def meter(machine):
    """
    The log of a machine that draws by its busy CPUs.
    """
    with turning(machine, PER_CPU) as truth:
        yield truth


@pytest.fixture
def log(tmp_path):
    """
    Where the records go.
    """
    return tmp_path / "law.jsonl"


def check(report, truth):
    """
    Hold a report to the law.
    """
    low_j, high_j = truth.joules(spans(report.counted))
    (metered,) = report.meters
    found_j = report.energy_j + report.unattributed_j

    assert pytest.approx(metered.meter_j, rel=1e-9) == found_j
    assert low_j * (1 - LAW) <= found_j <= high_j * (1 + LAW)


def check_fair(report):
    """
    Hold each call to what its CPU seconds drew: equal shares for equally busy calls.

    But for what all CPUs drew while its counters were being read: a thread that waits for a CPU, or for the
    interpreter, between two reads can't say what belongs together.
    """
    for record in report.counted:
        own_j = CPU_W * record["cpu_s"]
        blur_j = CPU_W * os.cpu_count() * sum(record["phases"].values())
        assert pytest.approx(own_j, abs=FAIR * own_j + blur_j) == report.calls_j[record["record_id"]]


SCENARIOS = {
    "1 thread": (1, partial(law_kit.threads, number=1, seconds=1.0)),
    "2 threads": (2, partial(law_kit.threads, number=2, seconds=0.6)),
    "8 threads": (8, partial(law_kit.threads, number=8, seconds=0.15)),
    "32 threads": (32, partial(law_kit.threads, number=32, seconds=0.05)),
    "50 coroutines": (50, partial(law_kit.coroutines, number=50, seconds=0.025)),
    "4 processes": (4, partial(law_kit.processes, number=4, seconds=0.5)),
}


class TestFair:
    """
    Calls that are as busy as each other.
    """

    @pytest.mark.parametrize("name", SCENARIOS)
    def test_the_law_holds_and_each_gets_its_fair_share(self, machine, meter, log, name):
        """
        To a thousandth all together, and to a twentieth each.
        """
        number, scenario = SCENARIOS[name]
        scenario(measuring_with(machine, log))
        report = EnergyReport(read_log(log))

        assert number == len(report.counted)
        check(report, meter)
        check_fair(report)

    def test_the_records_alone_would_count_the_meter_over_and_over(self, machine, meter, log):
        """
        What each of eight calls says of the machine is near eight times what there was.
        """
        law_kit.threads(measuring_with(machine, log), 8, 0.1)
        records = read_log(log)
        low_j, _ = meter.joules(spans(records))

        assert sum(record["readings"][0]["energy_j"] for record in records) > 6 * low_j

    def test_three_levels_have_a_third_each(self, machine, meter, log):
        """
        The outermost holds all; what each is without the one inside is its own.
        """
        law_kit.nested(measuring_with(machine, log), 3, 0.4)
        records = read_log(log)
        report = EnergyReport(records)
        own_j = [record["energy_self_j"] for record in records]

        assert [2, 1, 0] == [record["depth"] for record in records]
        check(report, meter)
        assert pytest.approx(report.energy_j, rel=LAW) == sum(own_j)
        assert [pytest.approx(report.energy_j / 3, rel=FAIR)] * 3 == own_j

    def test_calls_that_begin_and_end_apart(self, machine, meter, log):
        """
        Each gets what its CPU seconds drew, though hardly two windows are the same.
        """
        law_kit.staggered(measuring_with(machine, log), 6, 0.1)
        report = EnergyReport(read_log(log))

        check(report, meter)
        check_fair(report)


class TestGpu:
    """
    Two meters, of which each has a truth of its own.
    """

    def test_each_meter_and_their_sum_hold_to_the_law(self, machine, meter, log, tmp_path, monkeypatch):
        """
        Two processes, of which one has the GPU: all of it is its, while it runs.
        """
        monkeypatch.setenv(law_gpu.ROOT, "")  # so that it is taken back
        with turning(law_gpu.made(tmp_path / "gpu"), {"package-0": Power(300.0)}) as gpu:
            law_gpu.on_gpu(partial(law_gpu.gpu_tool, machine.root, str(log)), 2, 0.5)
            report = EnergyReport(read_log(log))
            around = spans(report.counted)
            ends = {"rapl": meter.joules(around), "nvml": gpu.joules(around)}

        assert {"rapl", "nvml"} == {each.source for each in report.meters}
        for each in report.meters:
            low_j, high_j = ends[each.source]
            assert low_j * (1 - LAW) <= each.calls_j + each.unattributed_j <= high_j * (1 + LAW)
        assert pytest.approx(sum(each.meter_j for each in report.meters)) == report.energy_j + report.unattributed_j
        user, other = sorted(report.counted, key=lambda record: -record["energy_parts_j"]["gpu"])
        assert 0.0 == other["energy_parts_j"]["gpu"]
        assert pytest.approx(300 * user["duration_s"], rel=FAIR) == user["energy_parts_j"]["gpu"]


class TestOthers:
    """
    Calls that leave the work to others, or that do none.
    """

    def test_a_pool_belongs_to_the_call_that_waits_for_it(self, machine, meter, log):
        """
        All its workers' CPU seconds, and the joules of these.
        """
        law_kit.pool(measuring_with(machine, log), workers=2, tasks=4, seconds=0.4)
        (record,) = records = read_log(log)
        report = EnergyReport(records)

        check(report, meter)
        assert record["cpu_s"] >= 4 * 0.4
        check_fair(report)

    def test_a_sleeping_call_gets_nothing_of_a_busy_one(self, machine, meter, log):
        """
        Less than a hundredth; and the busy one all but the rest of the system.
        """
        law_kit.asleep_and_busy(measuring_with(machine, log), 1.0)
        report = EnergyReport(read_log(log))
        asleep_j, busy_j = sorted(report.calls_j.values())

        check(report, meter)
        assert asleep_j < busy_j / 100
        assert pytest.approx(CPU_W, rel=FAIR) == busy_j

    def test_above_rest_too(self, machine, log, tmp_path):
        """
        On a machine that draws 30 W at rest: the sleeping call's active joules are nothing, the busy one's its watts.
        """
        path = str(tmp_path / "calibration.json")
        save(path, host_id(), {"rapl package+dram": {"idle_w": 30.0}}, 20.0)
        tool = partial(calibrated_tool, machine.root, str(log), path)
        powers = {"package-0": Power(25.0, 20.0), "dram-0": Power(5.0, 1.0)}
        with turning(machine, powers) as truth:
            law_kit.asleep_and_busy(tool, 1.0)
        records = read_log(log)
        asleep_j, busy_j = sorted(record["active_j"] for record in records)

        check(EnergyReport(records), truth)
        assert asleep_j < busy_j / 100
        assert pytest.approx(CPU_W, rel=FAIR) == busy_j


def calibrated_tool(root, log, path):
    """
    Return the decorator of a machine whose rest is known.
    """
    return energy_tracked(monitors=["rapl"], sink=log, plugins={"rapl": {"root": root}}, calibration=path)


class TestMeters:
    """
    Other meters than one that draws by the CPU.
    """

    def test_constant_power_is_split_to_the_last_joule(self, machine, log):
        """
        Two packages of different power, and calls of different lengths.
        """
        machine.package(1)
        with turning(machine, {"package-0": Power(40.0), "package-1": Power(15.0), "dram-0": Power(3.0)}) as truth:
            law_kit.staggered(measuring_with(machine, log), 6, 0.05)

        check(EnergyReport(read_log(log)), truth)

    def test_a_wraparound_in_the_middle_of_everything(self, tree, log):
        """
        The counter goes round while eight calls have a window open; some began before, and all end after.
        """
        tree.package(0, uj=RANGE_UJ - 30_000_000)
        with turning(tree, {"package-0": Power(100.0)}) as truth:
            law_kit.staggered(measuring_with(tree, log), 8, 0.03)
        records = read_log(log)
        wrapped = [bool(record["readings"][0]["attributes"].get("wraps")) for record in records]

        assert {True, False} == set(wrapped) or all(wrapped)
        check(EnergyReport(records), truth)


@pytest.mark.skipif(find_spec("lithops") is None, reason="lithops is not installed")
# Lithops leaves streams and sockets to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_eight_lithops_calls_on_two_workers(machine, meter, tmp_path, monkeypatch):
    """
    As users have it: an undecorated function, and the records that the executor brings back.
    """
    from greensdk_lithops import EnergyFunctionExecutor

    variables = law_kit.lithops_environment()
    monkeypatch.setattr("tempfile.tempdir", str(Path(variables["TMPDIR"]).parent))
    for name, value in {**variables, "GREENSDK_RAPL_ROOT": machine.root, "GREENSDK_MONITORS": "rapl"}.items():
        monkeypatch.setenv(name, value)
    with EnergyFunctionExecutor(config=law_kit.lithops_config(tmp_path, 2), log_level=None) as executor:
        law_kit.lithops_calls(executor, law_kit.burn, 8, 0.4)
        report = executor.energy_report()
    del executor
    collect_leftovers()

    assert ["ok"] * 8 == [record["status"] for record in report.counted]
    check(report, meter)
    check_fair(report)
