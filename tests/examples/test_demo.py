"""
``greensdk demo``: pi, and the energy of real calls.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from greensdk_workloads import demo
from greensdk_workloads.demo import private_temp, show_calls

from greensdk import track
from greensdk.cli import cli
from greensdk.schema.check import problems


@pytest.mark.slow
def test_the_demo_measures_real_calls(command, tmp_path):
    """
    The table, the sum, pi, and a file in which every line is a good record of one call.
    """
    before = set(tmp_path.iterdir())
    done = command("demo", "--points", "400001", "--workers", "2", "--out", "runs/pi.jsonl", ignore="ResourceWarning")
    assert (0, "") == (done.returncode, done.stderr)
    records = [json.loads(line) for line in Path("runs/pi.jsonl", ignore="ResourceWarning").read_text().splitlines()]
    assert 8 == len(records)
    assert [] == [problem for record in records for problem in problems(record)]
    assert {"demo"} == {record["label"] for record in records}
    assert {"greensdk_workloads.pi.count_inside"} == {record["function"] for record in records}
    assert {f"{call:05d}" for call in range(8)} == {record["worker"]["call_id"] for record in records}
    lines = done.stdout.splitlines()
    assert [f"{call:05d}" for call in range(8)] == [line.split()[0] for line in lines[1:9]]
    assert f"records  {tmp_path / 'runs' / 'pi.jsonl'}" in lines
    (said,) = (line for line in lines if line.startswith("energy"))
    known = [record["energy_j"] for record in records if record["energy_j"] is not None]
    assert float(said.split()[1]) == pytest.approx(sum(known), rel=5e-3)  # three digits
    assert {"runs"} == {path.name for path in set(tmp_path.iterdir()) - before}


@pytest.mark.slow
def test_fewer_points_than_calls_make_fewer_calls(command):
    """
    And a file that is there is added to, never replaced.
    """
    Path("energy.jsonl").write_text('{"first": 1}\n')
    done = command("demo", "--points", "2", "--workers", "1", ignore="ResourceWarning")
    assert done.returncode in (0, 1)
    lines = Path("energy.jsonl").read_text().splitlines()
    assert (3, '{"first": 1}') == (len(lines), lines[0])


@pytest.fixture
def records():
    """
    Return two records as Lithops calls leave them, one without joules.
    """
    rows = []
    for number in (1, 0):
        with track("demo", sink="memory:", monitors=[]) as call:
            pass
        rows.append({**call.record, "worker": {"call_id": f"0000{number}"}})
    rows[0] |= {"energy_j": 2.0, "energy_low_j": 1.0, "energy_high_j": 4.0}
    rows[0] |= {"energy_source": "rapl", "energy_quality": "attributed"}
    return rows


def test_the_table_is_in_order_of_calls_with_the_reason_for_unknown_energy(records, capsys):
    """
    None and its reason, never 0.
    """
    show_calls(records)
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("00000")
    assert "clocks only" in first
    assert second.startswith("00001")
    assert second.split()[1:] == ["0.000", "0.000", "2", "J", "[1,", "4]", "rapl", "attributed"]


@pytest.mark.parametrize(("inside", "code"), [(785_398, 0), (785_398 - 2000, 1), (785_398 + 2000, 1)])
def test_an_estimate_too_far_from_pi_exits_1(monkeypatch, records, inside, code):
    """
    A million points leave 1640e-6; 2000 points more or less are 8000e-6, nearly five of them.
    """
    report = SimpleNamespace(records=records, energy_j=2.0, energy_low_j=1.0, energy_high_j=4.0)
    monkeypatch.setattr(demo, "measure", lambda parts, workers: (inside, report))
    done = CliRunner().invoke(cli, ["demo", "--points", "1000000"])
    assert code == done.exit_code, done.output
    assert 2 == len(Path("energy.jsonl").read_text().splitlines())
    assert "2 J [1, 4] in 2 calls" in done.stdout


def test_the_suggested_commands_exist(monkeypatch, records):
    """
    Each suggested command is one of greensdk's.
    """
    report = SimpleNamespace(records=records, energy_j=None, energy_low_j=None, energy_high_j=None)
    monkeypatch.setattr(demo, "measure", lambda parts, workers: (785_398, report))
    done = CliRunner().invoke(cli, ["demo", "--points", "1000000"])
    advice = [line.split("greensdk ")[1].split() for line in done.stdout.splitlines() if "greensdk " in line]
    assert ["validate", "doctor", "run"] == [words[0] for words in advice]
    assert all(cli.get_command(None, words[0]) for words in advice)


def test_an_unwritable_destination_is_reported_before_the_work(monkeypatch, tmp_path):
    """
    Nothing is computed that can't be kept.
    """
    monkeypatch.setattr(demo, "measure", None)
    done = CliRunner().invoke(cli, ["demo", "--out", str(tmp_path)])
    assert (2, f"greensdk: {tmp_path}: Is a directory\n") == (done.exit_code, done.stderr)


def test_with_measuring_switched_off_there_is_nothing_to_show(monkeypatch):
    """
    One line.
    """
    monkeypatch.setenv("GREENSDK_DISABLED", "1")
    done = CliRunner().invoke(cli, ["demo"])
    assert 2 == done.exit_code
    assert "GREENSDK_DISABLED" in done.stderr
    assert not Path("energy.jsonl").exists()


@pytest.mark.parametrize("before", [None, "/var/tmp"])
def test_the_private_temp_folder_comes_and_goes(monkeypatch, before):
    """
    Lithops looks at TMPDIR; afterwards it is as it was, also after an error.
    """
    monkeypatch.setattr("tempfile.tempdir", None)
    if before is None:
        monkeypatch.delenv("TMPDIR", raising=False)
    else:
        monkeypatch.setenv("TMPDIR", before)
    inside = []

    def use_it():
        with private_temp():
            inside.extend((os.environ["TMPDIR"], tempfile.gettempdir()))
            Path(inside[0], "left").write_text("over")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use_it()
    folder, rows = inside
    assert folder == rows
    assert before == os.environ.get("TMPDIR")
    assert not Path(folder).exists()
    assert folder != tempfile.gettempdir()
