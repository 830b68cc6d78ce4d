"""
``greensdk doctor``: what works here, what does not, why, and where every setting comes from.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from greensdk import version
from greensdk.cli import cli
from greensdk.deliver import spool
from greensdk.machine import hardware

# A file with plugins of all kinds: one that measures, one that raises in probe, one that can't be imported.
PLUGIN = """
from greensdk.hookspecs import hookimpl
from greensdk.monitor import Availability

class Good:
    name, cheap, max_window_s = "good", True, None
    def __init__(self, *, port: int = 1): self.port = port
    def probe(self):
        return Availability(False, "port 9 is closed", "set port") if self.port == 9 else Availability(True)

class Rude(Good):
    name = "rude"
    def probe(self): raise SystemExit("no manners")

@hookimpl
def greensdk_register_monitors(registry):
    registry.monitor("good", Good)
    registry.monitor("rude", Rude)
    registry.monitor("gone", "no_such_module_anywhere:Gone")
"""


IDENTITY = cache(hardware.identify)


@pytest.fixture(autouse=True)
def identified_once(monkeypatch):
    """
    py-cpuinfo takes a second, and the CPU stays the same.
    """
    monkeypatch.setattr("greensdk.machine.hardware.identify", IDENTITY)


def doctor():
    """
    Run ``greensdk doctor --json`` in this process; return its exit code and what it says.
    """
    done = CliRunner().invoke(cli, ["doctor", "--json"])
    return done.exit_code, json.loads(done.stdout)


def monitors(facts):
    """
    Return the monitors' rows by name.
    """
    return {row["name"]: row for row in facts["monitors"]}


@pytest.fixture
def third_party(tmp_path):
    """
    Install a plugin package, as pip would, and return the variables under which it is facts.
    """
    site = tmp_path / "site"
    (site / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text("[greensdk]\nacme = acme\ntorn = acme_torn\n")
    (site / "acme.py").write_text(PLUGIN)
    (site / "acme_torn.py").write_text("import nothing_like_this\n")
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def test_the_json_has_exactly_the_promised_keys():
    """
    Scripts depend on them.
    """
    _, facts = doctor()
    assert {
        "host",
        "monitors",
        "sinks",
        "adapters",
        "primary",
        "basis",
        "notes",
        "calibration",
        "config",
    } == facts.keys()
    assert all({"name", "ok", "reason", "fix"} == row.keys() for row in facts["monitors"])
    assert all({"uri", "path", "ok", "reason", "fix"} == row.keys() for row in facts["sinks"])
    assert all({"name", "ok", "active", "reason", "fix"} == row.keys() for row in facts["adapters"])


def test_a_missing_bytecode_is_noted(monkeypatch, tmp_path):
    """
    With the command that compiles it, for every process would do that again.
    """
    (tmp_path / "there.pyc").touch()
    noted = []
    for name in ("there.pyc", "missing.pyc"):
        monkeypatch.setattr(version.__spec__, "cached", str(tmp_path / name))
        noted.append([note for note in doctor()[1]["notes"] if "compileall -q" in note])
    assert [0, 1] == [len(notes) for notes in noted]


def test_what_does_not_work_has_a_reason(monkeypatch):
    """
    And what works has none.
    """
    monkeypatch.setenv("GREENSDK_RAPL_ROOT", "/nonexistent")
    _, facts = doctor()
    rapl = monitors(facts)["rapl"]
    assert not rapl["ok"]
    assert "/nonexistent" in rapl["reason"]
    for row in [*facts["monitors"], *facts["sinks"], *facts["adapters"]]:
        assert row["ok"] == (row["reason"] == "")


def test_with_an_estimator_it_exits_0_and_names_the_primary(monkeypatch):
    """
    The estimator needs only watts.
    """
    monkeypatch.setenv("GREENSDK_PSUTIL_TDP_TDP_W", "65")
    monkeypatch.setenv("GREENSDK_ORDER", "psutil-tdp")
    code, facts = doctor()
    assert (0, "psutil-tdp") == (code, facts["primary"])
    assert {"value": "65", "from": "environment"} == facts["config"]["psutil-tdp.tdp_w"]


def test_with_nothing_that_works_it_exits_1(monkeypatch):
    """
    All switched off.
    """
    monkeypatch.setenv("GREENSDK_PLUGINS", "nothing")
    code, facts = doctor()
    assert (1, None) == (code, facts["primary"])
    assert {"switched off by GREENSDK_DISABLE or GREENSDK_PLUGINS"} == {row["reason"] for row in facts["monitors"]}


def test_clocks_only_has_no_primary(monkeypatch):
    """
    A monitor that works but is not configured provides no energy.
    """
    monkeypatch.setenv("GREENSDK_MONITORS", ",")
    _, facts = doctor()
    assert facts["primary"] is None


def test_the_primary_is_the_one_that_a_record_names(monkeypatch):
    """
    The forecast and a real call agree.
    """
    from greensdk import track

    for order in ("rapl,psutil-tdp", "psutil-tdp,rapl"):
        monkeypatch.setenv("GREENSDK_ORDER", order)
        _, facts = doctor()
        with track("x", sink="memory:") as call:
            sum(range(300_000))
        assert facts["primary"] == call.record["energy_source"]


def test_where_each_setting_comes_from(tmp_path, monkeypatch):
    """
    Built-in, file, environment.
    """
    Path("greensdk.toml").write_text('label = "mine"\nsink = "a.jsonl"\n[rapl]\nupdate_interval_s = 0.002\n')
    monkeypatch.setenv("GREENSDK_SINK", "b.jsonl")
    _, facts = doctor()
    config = facts["config"]
    assert {"value": "mine", "from": str(tmp_path / "greensdk.toml")} == config["label"]
    assert {"value": "b.jsonl", "from": "environment"} == config["sink"]
    assert {"value": 0.002, "from": str(tmp_path / "greensdk.toml")} == config["rapl.update_interval_s"]
    assert "auto" == config["monitors"]["value"]


@pytest.mark.parametrize(
    ("sink", "ok", "reason"),
    [
        ("energy.jsonl", True, ""),
        ("new/folder/energy.jsonl", True, ""),
        ("folder", False, "is a folder"),
        ("file/energy.jsonl", False, "file is not a folder"),
        ("stdout:", True, ""),
    ],
)
def test_a_sink_is_said_to_work_without_making_a_file(tmp_path, monkeypatch, sink, ok, reason):
    """
    With its absolute path.
    """
    Path("folder").mkdir()
    Path("file").write_text("")
    monkeypatch.setenv("GREENSDK_SINK", sink)
    _, facts = doctor()
    (row,) = facts["sinks"]
    assert row["path"] == (None if sink == "stdout:" else str(tmp_path / sink))
    assert ok == row["ok"]
    assert row["reason"].endswith(reason)
    assert {"folder", "file"} == {path.name for path in tmp_path.iterdir()}


def test_what_waits_in_the_spool_is_shown_with_a_way_to_merge_it(tmp_path, monkeypatch):
    """
    The suggested command does it.
    """
    with pytest.warns(RuntimeWarning, match="could not write"):
        spool.keep({"record_id": "1"}, "lithops://bucket/x", OSError("no route"))
    spool.keep({"record_id": "2"}, "lithops://bucket/x", OSError("no route"))
    _, facts = doctor()
    row = facts["sinks"][-1]
    assert ("lithops://bucket/x", False) == (row["uri"], row["ok"])
    assert "2 records not delivered to lithops://bucket/x" == row["reason"]
    assert 0 == os.system(row["fix"].replace("FILE", "merged.jsonl"))
    assert ["1", "2"] == [json.loads(line)["record_id"] for line in Path("merged.jsonl").read_text().splitlines()]
    assert [] == spool.waiting()


def test_plugins_that_fail_are_rows_and_the_others_go_on(command, third_party):
    """
    One misconfigured, one whose probe exits, one whose target is missing, one that can't be imported.
    """
    Path("greensdk.toml").write_text("[good]\nport = 9\n")
    done = command("doctor", "--json", **third_party)
    assert "" == done.stderr
    rows = monitors(json.loads(done.stdout))
    assert {"name": "good", "ok": False, "reason": "port 9 is closed", "fix": "set port"} == rows["good"]
    assert "probe failed: SystemExit: no manners" == rows["rude"]["reason"]
    assert rows["gone"]["reason"].startswith("can't be imported: ModuleNotFoundError")
    assert (
        "broken plugin of acme 1.0: ModuleNotFoundError: No module named 'nothing_like_this'" == rows["torn"]["reason"]
    )
    assert "GREENSDK_DISABLE=torn" in rows["torn"]["fix"]


def test_in_a_pipe_it_is_plain_text_without_wrapping(command, third_party):
    """
    No escape codes, no frames, whole paths, whatever the width.
    """
    done = command("doctor", COLUMNS="20", **third_party)
    assert "\x1b" not in done.stdout
    assert not re.search("[\u2500-\u257f]", done.stdout)
    assert str(Path.cwd() / "energy.jsonl") in done.stdout
    assert re.search(r"^good +yes +- +-$", done.stdout, re.MULTILINE)
    assert re.search(r"^CPU +\S", done.stdout)
    assert re.search(r"^clock +\S", done.stdout, re.MULTILINE)


def test_an_invalid_setting_of_an_enricher_is_reported(monkeypatch):
    """
    One line with the nearest valid value, and exit code 2.
    """
    monkeypatch.setenv("GREENSDK_COST_REGION", "us-easst-1")
    done = CliRunner().invoke(cli, ["doctor"])

    assert 2 == done.exit_code
    assert "did you mean 'us-east-1'?" in done.output
    assert "Traceback" not in done.output
