"""
What the machine draws at rest, and the joules above it.
"""

from __future__ import annotations

import json
import time

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from greensdk import capture, energy_tracked, reset
from greensdk.cli import cli
from greensdk.machine.calibration import FRESH_DAYS, active, default_path, load, save
from greensdk.machine.hardware import host_id
from greensdk.report import EnergyReport
from greensdk.report.drift import compare
from greensdk.testing import FakeCpuClock, FakeMonitor, PowercapTree, ticking, tracked_by

ROW = {"rapl package": {"idle_w": 12.5}}
amounts = st.floats(0, 1e6)


@pytest.fixture
def file(tmp_path):
    """
    A place for a calibration.
    """
    return str(tmp_path / "deep" / "calibration.json")


class TestFile:
    """
    Kept for one machine, one kernel and a quarter of a year.
    """

    def test_what_was_saved_is_loaded(self, file):
        """
        The watts, and no reason.
        """
        save(file, "host", ROW, 20)

        assert ({"rapl package": 12.5}, "") == load(file, "host")

    def test_nothing_was_measured_yet(self, file):
        """
        No watts, and the command that measures them.
        """
        assert ({}, "not measured yet: greensdk calibrate") == load(file, "host")

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"host_id": "other"}, "of another machine (other, this is host): greensdk calibrate"),
            ({"kernel": "2.6"}, "of another kernel (2.6, this is "),
            ({"schema": "greensdk.calibration/9"}, "of another version (greensdk.calibration/9)"),
            ({"measured_s": 0.0}, " days old, of 2"),
            ({"meters": None}, "can't be read (AttributeError"),
            ({"meters": {"rapl package": {}}}, "can't be read (KeyError: 'idle_w')"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_what_does_not_fit_is_named_and_left_alone(self, file, changes, reason):
        """
        Never the watts of something else.
        """
        made = save(file, "host", ROW, 20)
        with open(file, "w", encoding="utf-8") as out:
            json.dump({**made, **changes}, out)
        idle_w, said = load(file, "host")

        assert {} == idle_w
        assert reason in said

    def test_garbage_is_named(self, file, tmp_path):
        """
        With the file's name.
        """
        save(file, "host", ROW, 20)
        with open(file, "w", encoding="utf-8") as out:
            out.write("{")

        assert file in load(file, "host")[1]

    def test_it_grows_old(self, file):
        """
        A day before the end it holds, a day after it no more.
        """
        save(file, "host", ROW, 20)
        day_s = 86400

        assert "" == load(file, "host", time.time() + (FRESH_DAYS - 1) * day_s)[1]
        assert f"{FRESH_DAYS + 1} days old" in load(file, "host", time.time() + (FRESH_DAYS + 1) * day_s + 60)[1]

    def test_the_place_is_the_users_own(self, monkeypatch, tmp_path):
        """
        As the XDG specification says.
        """
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

        assert str(tmp_path / "greensdk" / "calibration.json") == default_path()


class TestActive:
    """
    The joules above rest.
    """

    @given(amounts, amounts, amounts, st.floats(0, 1))
    def test_they_are_between_nothing_and_the_calls_part(self, machine_j, idle_w, duration_s, share):
        """
        Whatever was calibrated.
        """
        assert 0.0 <= active(machine_j, idle_w, duration_s, share) <= machine_j * share

    def record(self, file, monitor):
        """
        Return the record of a call that sleeps.
        """
        with capture() as records:
            tracked_by(monitor, FakeCpuClock(tree_s=1.0, host_s=2.0), calibration=file)(lambda: time.sleep(0.05))()
        return records[0]

    def test_a_calibrated_meter_tells_them(self, file):
        """
        20 J of the machine, less what it takes at rest, times a half.
        """
        save(file, host_id(), {"fake package": {"idle_w": 100.0}}, 20)
        record = self.record(file, FakeMonitor(joules=20.0))

        assert pytest.approx((20.0 - 100.0 * record["duration_s"]) / 2) == record["active_j"]
        assert 10.0 == record["energy_j"]

    def test_another_meter_has_none(self, file):
        """
        The package's watts say nothing of the wall's.
        """
        save(file, host_id(), {"fake package": {"idle_w": 100.0}}, 20)

        assert self.record(file, FakeMonitor(boundary="wall"))["active_j"] is None

    def test_a_foreign_calibration_has_none(self, file):
        """
        Rather than a number from somewhere else.
        """
        save(file, "elsewhere", {"fake package": {"idle_w": 100.0}}, 20)

        assert self.record(file, FakeMonitor())["active_j"] is None


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
        assert "rapl and perf read one meter and differ by +10.0 % over 3 windows: one of them is wrong" == str(drift)

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

        assert "differ by +100.0 %" in str(EnergyReport(records))


@pytest.mark.slow
class TestCommand:
    """
    ``greensdk calibrate``.
    """

    @pytest.fixture
    def tree(self, tmp_path, monkeypatch, file):
        """
        A package that draws 25 W, and nothing else to measure with.
        """
        tree = PowercapTree(tmp_path / "tree")
        tree.package(0)
        for key, value in {"RAPL_ROOT": tree.root, "MONITORS": "rapl", "CALIBRATION": file}.items():
            monkeypatch.setenv(f"GREENSDK_{key}", value)
        reset()
        return tree

    def test_it_measures_keeps_and_is_used(self, tree, file, tmp_path):
        """
        25 W within a tenth, a counter that moves about once a millisecond, and then a record with active_j.
        """
        with ticking(tree, {"package-0": 25.0}):
            done = CliRunner().invoke(cli, ["calibrate", "--seconds", "3", "--json"])
        found = json.loads(done.output)
        row = found["meters"]["rapl package"]

        assert (0, file, 3) == (done.exit_code, found["path"], row["windows"])
        assert pytest.approx(25.0, rel=0.1) == row["idle_w"]
        assert 0.0005 < row["update_interval_s"] < 0.01
        reset()
        with ticking(tree, {"package-0": 60.0}), capture() as records:
            energy_tracked(sink="memory:")(lambda: time.sleep(0.3))()
        record = records[0]
        above_j = record["readings"][0]["energy_j"] - row["idle_w"] * record["duration_s"]
        assert pytest.approx(above_j * record["cpu_share"]) == record["active_j"]

    def test_it_prints_a_table(self, tree, file):
        """
        And where the numbers are kept.
        """
        with ticking(tree, {"package-0": 25.0}):
            done = CliRunner().invoke(cli, ["calibrate", "--seconds", "3"])

        assert 0 == done.exit_code
        assert "rapl package" in done.output
        assert f"kept in {file}" in done.output

    def test_without_a_meter_it_says_so(self, monkeypatch):
        """
        One line, exit code 2.
        """
        monkeypatch.setenv("GREENSDK_MONITORS", "psutil-tdp")
        done = CliRunner().invoke(cli, ["calibrate", "--seconds", "3"])

        assert 2 == done.exit_code
        assert "no meter of the whole machine works here" in done.output

    def test_a_place_that_can_not_be_written_is_named_first(self, tmp_path):
        """
        Before anything is measured.
        """
        (tmp_path / "file").write_text("")
        done = CliRunner().invoke(cli, ["calibrate", "--out", str(tmp_path / "file" / "c.json")])

        assert 2 == done.exit_code
        assert "is not a folder; name another file with --out" in done.output
