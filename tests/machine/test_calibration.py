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
from greensdk.cli.reference import battery_w
from greensdk.errors import GreensdkError
from greensdk.machine.calibration import (
    FRESH_DAYS,
    METER,
    WORK,
    active,
    add_reference,
    default_path,
    load,
    reference,
    references,
    save,
)
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


def point(watts=30.0, model_w=20.0, days_ago=0.0):
    """
    Return a reading of a plug.
    """
    taken_s = time.time() - days_ago * 86400
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(taken_s))
    return {"watts": watts, "model_w": model_w, "source": "plug", "measured_at": at, "measured_s": taken_s}


class TestReference:
    """
    What a plug or a battery reads over what a model says.
    """

    def test_one_reading_scales_by_its_ratio(self):
        """
        Its interval is that of other loads, and of the meter.
        """
        found = reference([point()], time.time())

        assert pytest.approx(1.5) == found.factor
        assert 1 / (WORK * METER) < found.low < 1 / WORK
        assert WORK < found.high < WORK * METER
        assert found.words.startswith("scaled x1.50 by 1 reading (plug, ")
        assert ", 0 days ago), 90 % between x0.77 and x1.31 of that" in found.words

    def test_more_readings_narrow_it(self):
        """
        The middle is the geometric mean, and four that agree halve the doubt about other loads.
        """
        one, four = (reading.high for reading in (reference([point()] * n, time.time()) for n in (1, 4)))

        assert METER < four < one
        assert pytest.approx(3.0) == reference([point(20.0), point(180.0)], time.time()).factor

    @given(st.lists(st.tuples(st.floats(0.1, 1e4), st.floats(0.1, 1e4)), min_size=1, max_size=6))
    def test_readings_that_differ_widen_it(self, pairs):
        """
        A single one off by more than work explains is no reason to trust the rest.
        """
        found = reference([point(watts, model_w) for watts, model_w in pairs], time.time())

        assert 0 < found.low < 1 / METER * 1.001
        assert found.high > METER * 0.999
        ratios = [watts / model_w for watts, model_w in pairs]
        assert min(ratios) * 0.999 <= found.factor <= max(ratios) * 1.001

    def test_old_readings_do_not_count(self):
        """
        Neither alone nor beside others.
        """
        old = point(200.0, days_ago=FRESH_DAYS + 1)

        assert reference([old], time.time()) is None
        assert reference([point()], time.time()).factor == reference([old, point()], time.time()).factor

    def test_it_is_kept_beside_the_watts_at_rest(self, file):
        """
        Measuring rest keeps references; a reference keeps the rest of other meters, but not of the model it scales.
        """
        save(file, "host", {**ROW, "psutil-tdp wall": {"idle_w": 5.0}}, 20)
        add_reference(file, "host", "psutil-tdp", 30.0, 20.0, "battery")

        assert {"rapl package": 12.5} == load(file, "host")[0]
        save(file, "host", ROW, 20)
        assert pytest.approx(1.5) == references(file, "host")["psutil-tdp"].factor

    def test_without_watts_at_rest_it_stands_alone(self, file):
        """
        And what is missing is said.
        """
        add_reference(file, "host", "psutil-tdp", 30.0, 20.0, "battery")

        assert ({}, "without watts at rest: greensdk calibrate") == load(file, "host")
        assert "battery" in references(file, "host")["psutil-tdp"].words

    @pytest.mark.parametrize("changes", [{"host_id": "other"}, {"kernel": "2.6"}, {"references": 7}, {"schema": "x"}])
    def test_what_does_not_fit_scales_nothing(self, file, changes):
        """
        Another machine's, another kernel's, or nonsense.
        """
        add_reference(file, "host", "psutil-tdp", 30.0, 20.0, "battery")
        with open(file, encoding="utf-8") as text:
            made = json.load(text)
        with open(file, "w", encoding="utf-8") as out:
            json.dump({**made, **changes}, out)

        assert {} == references(file, "host")

    def test_a_battery_tells_its_watts(self, tmp_path):
        """
        By power, or by current and voltage; a full one, a charging one and the mains tell nothing.
        """
        for name, facts in {
            "BAT0": {"type": "Battery", "status": "Discharging", "power_now": "7250000"},
            "BAT1": {"type": "Battery", "status": "Discharging", "current_now": "500000", "voltage_now": "12000000"},
            "BAT2": {"type": "Battery", "status": "Full", "power_now": "9000000"},
            "AC": {"type": "Mains", "online": "0"},
        }.items():
            (tmp_path / name).mkdir()
            for key, value in facts.items():
                (tmp_path / name / key).write_text(f"{value}\n")

        assert pytest.approx(7.25 + 6.0) == battery_w(str(tmp_path))

    @pytest.mark.parametrize(
        ("status", "message"), [(None, "no battery under"), ("Charging", "no battery runs down: pull the plug")]
    )
    def test_no_battery_is_one_line(self, tmp_path, status, message):
        """
        And what helps.
        """
        if status:
            (tmp_path / "BAT0").mkdir()
            (tmp_path / "BAT0" / "type").write_text("Battery\n")
            (tmp_path / "BAT0" / "status").write_text(f"{status}\n")
        with pytest.raises(GreensdkError, match=message):
            battery_w(str(tmp_path))


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

    @pytest.fixture
    def model(self, monkeypatch, file):
        """
        A machine without a meter: a model of 65 W, and where its calibration is kept.
        """
        for key, value in {"MONITORS": "psutil-tdp", "PSUTIL_TDP_TDP_W": "65", "CALIBRATION": file}.items():
            monkeypatch.setenv(f"GREENSDK_{key}", value)
        reset()
        yield file
        reset()

    def test_without_a_meter_the_model_tells_the_rest(self, model):
        """
        At the load that the machine has when nobody uses it, at both boundaries; then records tell active_j.
        """
        done = CliRunner().invoke(cli, ["calibrate", "--seconds", "3", "--json"])
        meters = json.loads(done.output)["meters"]
        with capture() as records:
            energy_tracked(sink="memory:")(lambda: sum(range(3_000_000)))()

        assert {"psutil-tdp package", "psutil-tdp wall"} == set(meters)
        assert 0 < meters["psutil-tdp package"]["idle_w"] < meters["psutil-tdp wall"]["idle_w"]
        assert records[0]["active_j"] is not None
        assert 0 <= records[0]["active_j"] <= records[0]["energy_j"]

    def test_a_reference_scales_the_model_from_then_on(self, model):
        """
        The record's wall is the reference's, narrower, and says when it was read; doctor says it too.
        """

        def call():
            reset()
            with capture() as records:
                energy_tracked(sink="memory:")(lambda: time.sleep(0.2))()
            return next(each for each in records[0]["readings"] if each["boundary"] == "wall")

        before = call()
        done = CliRunner().invoke(cli, ["calibrate", "--seconds", "3", "--reference", "1000"])
        after, found = call(), references(model, host_id())["psutil-tdp"]
        doctor = CliRunner().invoke(cli, ["doctor"])

        assert 0 == done.exit_code
        assert "1e+03 W by the reference" in done.output
        assert found.factor > 1.0
        assert found.words in after["attributes"]["basis"]
        assert found.words in doctor.output
        narrow, wide = (each["energy_high_j"] / each["energy_low_j"] for each in (after, before))
        assert narrow < wide

    @pytest.mark.parametrize("text", ["0", "-5", "nan", "many"])
    def test_a_reference_that_is_no_watts_is_one_line(self, model, text):
        """
        Before anything is measured.
        """
        done = CliRunner().invoke(cli, ["calibrate", "--reference", text])

        assert 2 == done.exit_code
        assert "must be watts above 0, or battery" in done.output

    def test_without_meter_and_model_it_says_so(self, monkeypatch):
        """
        One line, exit code 2.
        """
        monkeypatch.setenv("GREENSDK_MONITORS", "nvml")
        reset()
        done = CliRunner().invoke(cli, ["calibrate", "--seconds", "3"])

        assert 2 == done.exit_code
        assert "no meter and no model of the whole machine works here" in done.output

    def test_a_place_that_can_not_be_written_is_named_first(self, tmp_path):
        """
        Before anything is measured.
        """
        (tmp_path / "file").write_text("")
        done = CliRunner().invoke(cli, ["calibrate", "--out", str(tmp_path / "file" / "c.json")])

        assert 2 == done.exit_code
        assert "is not a folder; name another file with --out" in done.output
