"""
The law on perf events: counters that each process has for itself.

The machine's CPU clock stands in for the energy counter, so the truth is watts times the time between two reads.
"""

from __future__ import annotations

from functools import partial

import law_kit
import pytest
from law_kit import read_log, spans
from rights_kit import need

from greensdk.report import EnergyReport
from greensdk.testing.pmu import FakePmu

pytestmark = pytest.mark.slow

WATTS = 60.0
LAW = 0.001
FAIR = 0.05


@pytest.fixture
def tool(tmp_path):
    """
    A machine of one package that draws constant power.
    """
    from greensdk_perf import PerfMonitor

    pmu = FakePmu(tmp_path / "sys", watts=WATTS)
    need(PerfMonitor(root=pmu.root).probe().ok, "the right to count events of a whole CPU")
    return partial(law_kit.perf_tool, pmu.root, str(tmp_path / "law.jsonl"))


def check(report):
    """
    Hold a report to the law.

    Processes are tied together by readings of either, as well as the record tells when these were made; with one
    process there is nothing to tie.
    """
    pairs = spans(report.counted)
    low_j = WATTS * sum(stop.from_ns - start.to_ns for start, stop in pairs) / 1e9
    high_j = WATTS * sum(stop.to_ns - start.from_ns for start, stop in pairs) / 1e9
    processes = {record["readings"][0]["attributes"]["counts_since_ns"] for record in report.counted}
    reading_s = [sum(record["phases"].values()) for record in report.counted] if len(processes) > 1 else []
    blur_j = 2 * WATTS * sum(reading_s)
    (metered,) = report.meters
    found_j = report.energy_j + report.unattributed_j

    assert pytest.approx(metered.meter_j, rel=1e-9) == found_j
    assert low_j * (1 - LAW) - blur_j <= found_j <= high_j * (1 + LAW) + blur_j


@pytest.mark.parametrize(
    "scenario",
    [
        partial(law_kit.threads, number=8, seconds=0.25),
        partial(law_kit.processes, number=4, seconds=0.4),
        partial(law_kit.coroutines, number=8, seconds=0.25),
    ],
    ids=["8 threads", "4 processes", "8 coroutines"],
)
def test_the_law_holds_and_each_gets_its_fair_share(tool, tmp_path, scenario):
    """
    Also where every process counts from a zero of its own.

    Power is constant here, so it matters when the machine's CPU clock says that it was busy, which may be a tick of the
    scheduler late (10 ms at most): the calls are so long that this is less than their fair share may be off.
    """
    scenario(tool)
    report = EnergyReport(read_log(tmp_path / "law.jsonl"))
    equal_j = report.energy_j / len(report.counted)

    assert ["perf"] * len(report.counted) == [record["energy_source"] for record in report.counted]
    check(report)
    assert [pytest.approx(equal_j, rel=FAIR)] * len(report.counted) == list(report.calls_j.values())


def test_processes_that_begin_and_end_apart(tool, tmp_path):
    """
    Each begins while another runs, which is all that ties their counters together.
    """
    import multiprocessing
    import time

    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=law_kit.one_in_worker, args=(tool, 0.6)) for _ in range(4)]
    for worker in workers:
        worker.start()
        time.sleep(0.3)
    for worker in workers:
        worker.join()
    report = EnergyReport(read_log(tmp_path / "law.jsonl"))

    assert 4 == len(report.counted)
    check(report)
