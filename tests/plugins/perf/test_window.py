"""
perf events in a record, and overlapping calls in a report.
"""

from __future__ import annotations

from greensdk_perf import PerfMonitor

from greensdk import capture, energy_tracked
from greensdk.report import EnergyReport
from greensdk.testing import tracked_by

ALL = ("energy-pkg", "energy-ram", "energy-cores", "energy-gpu", "energy-psys")


class TestWindow:
    """
    In a record.
    """

    def test_through_the_decorator(self, pmu, monkeypatch):
        """
        The environment points it at the tree, and the record holds the joules and the raw counts.
        """
        monkeypatch.setenv("GREENSDK_PERF_ROOT", pmu.root)
        monkeypatch.setenv("GREENSDK_PERF_UPDATE_INTERVAL_S", "0")

        @energy_tracked(monitors=["perf"], sink="memory:")
        def work():
            pmu.count(250)

        with capture() as records:
            work()

        (reading,) = records[0]["readings"]
        assert ("perf", 250.0, {}) == (reading["monitor"], reading["energy_j"], records[0]["errors"])

    def test_a_report_separates_overlapping_calls(self, pmu):
        """
        The union of two windows is what was counted, not the sum of both.
        """
        monitor = PerfMonitor(root=pmu.root, update_interval_s=0)
        tracked = tracked_by(monitor)

        @tracked
        def work(inner):
            pmu.count(50)
            inner()
            pmu.count(50)

        with capture() as records:
            work(lambda: work(lambda: None))
        monitor.close()

        inner, outer = records
        assert (100.0, 200.0) == (inner["readings"][0]["energy_j"], outer["readings"][0]["energy_j"])
        assert [200.0] == [meter.meter_j for meter in EnergyReport([outer, inner]).meters]
