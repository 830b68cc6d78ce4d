"""
``greensdk compare``: one run, every method, and why the others have no number.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from greensdk.cli import cli
from greensdk.testing import ticking

BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint('done')"


@pytest.fixture
def found(command, tree):
    """
    Compare on a machine with one package of 50 W, and return what the JSON says.
    """
    tree.package(0)
    with ticking(tree, {"package-0": 50.0}):
        done = command("compare", "--json", "--", sys.executable, "-c", BURN, GREENSDK_RAPL_ROOT=tree.root)
    assert (0, "done\n") == (done.returncode, done.stderr)
    return json.loads(done.stdout)


@pytest.mark.slow
def test_each_method_has_a_row_or_a_reason(found):
    """
    The meter is the primary; the model's package is compared with it, its wall only with a word of warning.
    """
    rows = {(row["monitor"], row["boundary"]): row for row in found["methods"]}
    rapl, tdp, wall = rows["rapl", "package"], rows["psutil-tdp", "package"], rows["psutil-tdp", "wall"]

    assert ("rapl", 0, True, 1.0) == (found["primary"], found["exit_code"], rapl["primary"], rapl["ratio"])
    assert rapl["low_j"] <= rapl["energy_j"] <= rapl["high_j"] <= rapl["machine_j"] * 1.1
    assert pytest.approx(tdp["energy_j"] / rapl["energy_j"]) == tdp["ratio"]
    assert ("attributed", "estimated") == (rapl["quality"], tdp["quality"])
    assert (True, False) == (tdp["comparable"], wall["comparable"])
    assert all(row["energy_j"] is not None or row["reason"] for row in found["methods"])
    assert {"rapl", "perf", "nvml", "psutil-tdp", "lambda-estimator"} <= {row["monitor"] for row in found["methods"]}
    assert found["record"]["energy_j"] == rapl["energy_j"]


@pytest.mark.slow
def test_the_table_comes_after_the_commands_output_and_the_code_is_its_own(command, tree):
    """
    Nothing is written anywhere.
    """
    tree.package(0)
    with ticking(tree, {"package-0": 50.0}):
        script = f"{BURN}\nraise SystemExit(7)"
        done = command("compare", "--", sys.executable, "-c", script, GREENSDK_RAPL_ROOT=tree.root)
    lines = done.stdout.splitlines()
    words = {line.split()[0]: line for line in reversed(lines) if line}

    assert (7, "") == (done.returncode, done.stderr)
    assert "done" == lines[0]
    assert "primary" in words["rapl"]
    assert "package" in words["rapl"]
    assert any(line.startswith("psutil-tdp") and "*" in line for line in lines)
    assert "* counts a different part of the machine: not comparable" in done.stdout
    assert "no energy from" in done.stdout
    assert not Path("energy.jsonl").exists()


@pytest.mark.slow
def test_the_record_can_be_kept(command):
    """
    With its label, and all its readings.
    """
    done = command("compare", "--out", "kept.jsonl", "--label", "mine", "--", "true")
    (record,) = map(json.loads, Path("kept.jsonl").read_text().splitlines())

    assert 0 == done.returncode
    assert ("mine", "true") == (record["label"], record["function"])
    assert len(record["readings"]) >= 2


@pytest.mark.parametrize(
    ("arguments", "environment", "text"),
    [
        (["--", "no-such-command"], {}, "no such command"),
        (["--", "true"], {"GREENSDK_DISABLED": "1"}, "switches measuring off"),
        (["--out", "/proc/none/x.jsonl", "--", "true"], {}, "--out"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_run(monkeypatch, arguments, environment, text):
    """
    And exit code 2.
    """
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, ["compare", *arguments])

    assert 2 == done.exit_code
    assert text in done.stderr
    assert 1 == len(done.stderr.splitlines())
