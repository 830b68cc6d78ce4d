"""
``greensdk calibrate``, with a meter, with a model, and with a reference.
"""

from __future__ import annotations

import json
import time

import pytest
from click.testing import CliRunner

from greensdk import capture, energy_tracked, reset
from greensdk.cli import cli
from greensdk.cli.reference import battery_w
from greensdk.errors import GreensdkError
from greensdk.machine.calibration import references
from greensdk.machine.hardware import host_id
from greensdk.testing import PowercapTree, ticking


@pytest.fixture
def file(tmp_path):
    """
    A place for a calibration.
    """
    return str(tmp_path / "deep" / "calibration.json")


class TestBattery:
    """
    The gauge of a laptop.
    """

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
        At the load that the machine has when idle, at both boundaries; then records have active_j.
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
