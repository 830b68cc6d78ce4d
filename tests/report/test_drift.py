"""
Two monitors that read one meter and differ.
"""

from __future__ import annotations

import time

import pytest

from greensdk import capture
from greensdk.report import EnergyReport
from greensdk.report.drift import compare
from greensdk.testing import FakeMonitor, tracked_by


class TestDrift:
    """
    Two monitors of one meter.
    """

    def rows(self, second_j, duration_s=1.0, **changes):
        """
        Return records in which two monitors read 10 J and `second_j` of one meter.
        """
        one = {"monitor": "rapl", "boundary": "package", "scope": "machine", "meter_id": "m", "energy_j": 10.0}
        return [
            {"duration_s": duration_s, "readings": [one, {**one, "monitor": "perf", "energy_j": second_j, **changes}]}
        ]

    def test_agreement_is_no_news(self):
        """
        A hundredth is reading error.
        """
        (drift,) = compare(self.rows(10.1))

        assert (1, False) == (drift.windows, drift.disagree)

    def test_disagreement_is_told(self):
        """
        With both names and by how much.
        """
        (drift,) = compare(self.rows(11.0) * 3)

        assert drift.disagree
        assert "rapl and perf read one meter and differ by +10.0% over 3 windows: one of them is wrong" == str(drift)

    @pytest.mark.parametrize(
        "rows",
        [
            {"duration_s": 0.01, "second_j": 11.0},
            {"second_j": 11.0, "meter_id": "other"},
            {"second_j": 11.0, "boundary": "wall"},
            {"second_j": None},
        ],
        ids=str,
    )
    def test_what_can_not_be_compared_is_not(self, rows):
        """
        Short windows, other meters, other boundaries, no number.
        """
        assert [] == compare(self.rows(**rows))

    def test_a_report_tells_it(self):
        """
        Below the table.
        """
        with capture() as records:
            tracked_by(FakeMonitor("rapl", joules=10.0), FakeMonitor("perf", joules=20.0))(lambda: time.sleep(0.11))()
        for each in records[0]["readings"]:
            each["meter_id"] = "one meter"

        assert "differ by +100.0%" in str(EnergyReport(records))
