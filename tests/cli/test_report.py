"""
``greensdk report``: in a pipe, in a terminal, as JSON, as a page.
"""

from __future__ import annotations

import gc
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from page_kit import EPYC, EVIL, XEON, call, metered, read, run, worker, write

from greensdk.cli import cli
from greensdk.deliver import spool
from greensdk.errors import SinkError


def invoke(*arguments):
    """
    Return the lines that the command prints.
    """
    done = CliRunner().invoke(cli, ["report", *arguments])
    assert 0 == done.exit_code, done.output
    return done.output.splitlines()


@pytest.fixture
def log(tmp_path):
    """
    Three calls on two machines: a number, ten runs, none.
    """
    records = [
        call(1, label="a", worker=worker()),
        call(2, host=EPYC, runs=10, label="b", worker=worker(call_id="00001"), status="error"),
        call(3, readings=[], label="b"),
    ]
    return write(tmp_path / "log.jsonl", records)


class TestText:
    """
    For people.
    """

    def test_the_sum_says_coverage_and_joules_per_call_and_run(self, log):
        """
        Of the calls that have a number.
        """
        lines = invoke(log)

        assert "energy    20 J [18, 22] (90%)" in lines
        assert "calls     3, 2 with known energy (66.7%)" in lines
        assert "mean      10 J per call, 1.818 J per run" in lines
        assert "quality   2 attributed" in lines
        assert "failed    1 error" in lines
        assert "1 with unknown energy: no monitor can measure here" in lines

    @pytest.mark.parametrize(
        ("key", "names"),
        [
            ("function", {"f"}),
            ("label", {"a", "b"}),
            ("host.host_id", {XEON["host_id"], EPYC["host_id"]}),
            ("worker.backend", {"k8s", "-"}),
        ],
    )
    def test_calls_are_added_up_by_any_key(self, log, key, names):
        """
        Nested ones too; a call without it has a row of its own.
        """
        header, *lines = invoke(log, "--by", key)

        assert key == header.split()[0]
        assert {*names, "total"} == {line.split()[0] for line in lines[: len(names) + 1]}

    def test_machines_are_ranked(self, log):
        """
        The one with the fewest joules per run first.
        """
        _, first, second, *_ = invoke(log, "--rank")

        assert ["1", "f", "package", EPYC["host_id"]] == first.split()[:4]
        assert ["2", "f", "package", XEON["host_id"]] == second.split()[:4]
        assert second.split()[-2:] == ["×10", "yes"]

    def test_meters_say_what_is_nobodys(self, tmp_path):
        """
        In joules and as a share; the machine has the name by which --by host.host_id knows it.
        """
        lines = invoke(write(tmp_path / "log.jsonl", [metered(1, 0.0, 2.0, 10.0)]))

        assert ["rapl", XEON["host_id"][:8], "20", "10", "10", "(50%)"] == lines[-1].split()

    def test_what_waits_in_the_spool_is_said(self, log):
        """
        With the command that reads it.
        """
        with pytest.warns(RuntimeWarning, match="could not write"):
            spool.keep(call(9), log, SinkError("full"))
        line = invoke(log)[-1]

        assert line.startswith(f"1 records for {log} wait in ")
        assert "greensdk report" in line

    def test_what_others_left_in_the_spool_is_theirs(self, log):
        """
        Another program's records have no part in this log.
        """
        with pytest.warns(RuntimeWarning, match="could not write"):
            spool.keep(call(9), "s3://bucket/x", SinkError("no route"))

        assert not any("wait in" in line for line in invoke(log))
        assert [] == json.loads("\n".join(invoke(log, "--json")))["undelivered"]

    def test_names_can_do_nothing_to_a_terminal(self, tmp_path):
        """
        Control characters are spelt out, and markup is text.
        """
        records = [call(number, function=evil, label=evil) for number, evil in enumerate(EVIL)]
        out = "\n".join(invoke(write(tmp_path / "log.jsonl", records)))

        assert not set("\x1b\x00\r\u202e") & set(out)
        assert r"two\nlines\r\x1b[2J\x00" in out
        assert "[red]bold[/red]" in out
        assert max(map(len, out.splitlines())) < 1000

    @pytest.mark.parametrize(("columns", "framed"), [(160, True), (60, False)])
    def test_a_narrow_terminal_gets_a_block_for_each_row(self, log, tmp_path, columns, framed):
        """
        And nothing is wider than it.
        """
        parent, child = pty.openpty()
        os.set_blocking(parent, False)
        environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "TMPDIR": str(tmp_path)}
        words = [sys.executable, "-m", "greensdk", "report", log]
        done = subprocess.run(words, stdout=child, stdin=child, env=environment, timeout=600, check=False)
        out = re.sub(r"\x1b\[[0-9;]*m", "", os.read(parent, 1 << 16).decode())
        os.close(parent), os.close(child)

        assert 0 == done.returncode
        assert framed == ("─" in out)
        assert framed != ("  energy (90%)  20 J [18, 22]" in out)
        assert framed != out.startswith("function or block:")
        assert max(map(len, out.splitlines())) <= columns


class TestJson:
    """
    For programs.
    """

    def test_it_holds_what_the_tables_hold(self, log):
        """
        And what they leave out.
        """
        found = json.loads("\n".join(invoke(log, "--json", "--by", "label", "--rank")))

        assert {"a": 10.0, "b": 10.0} == {group["name"]: group["j_per_call"] for group in found["groups"]}
        assert (11, pytest.approx(20 / 11)) == (found["total"]["runs"], found["total"]["j_per_run"])
        assert pytest.approx(2 / 3) == found["coverage"]
        assert {"ok": 2, "error": 1} == found["status"]
        assert ["b", "a"] == [machine["name"] for machine in found["ranking"]]
        assert [] == found["undelivered"]

    def test_no_calls_are_no_numbers(self, tmp_path):
        """
        None, never 0.
        """
        found = json.loads("\n".join(invoke(write(tmp_path / "log.jsonl", []), "--json")))

        assert (None, None, 0) == (found["total"]["energy_j"], found["coverage"], found["total"]["calls"])


class TestPage:
    """
    For a browser.
    """

    def test_it_writes_a_page_and_says_where(self, log, tmp_path):
        """
        Beside the tables.
        """
        pytest.importorskip("matplotlib")
        lines = invoke(log, "--html", "page.html")
        text = Path("page.html").read_text(encoding="utf-8")

        assert "page      page.html" == lines[-1]
        assert text.startswith("<!DOCTYPE html>")
        assert log in text.replace("<wbr>", "")

    def test_without_matplotlib_it_says_what_to_install(self, log, monkeypatch):
        """
        Before anything is read.
        """
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        monkeypatch.setattr("greensdk.cli.extras.find_spec", lambda name: None)
        done = CliRunner().invoke(cli, ["report", log, "--html", "page.html"])

        assert 2 == done.exit_code
        assert 'pip install "greensdk[report]"' in done.stderr
        assert not Path("page.html").exists()

    @pytest.mark.parametrize("page", ["log.jsonl", "other.jsonl", "link.html"])
    def test_a_log_is_never_written_over(self, log, page):
        """
        Neither a source under whatever name, nor what is named as logs are.
        """
        Path("link.html").symlink_to(log)
        before = Path(log).read_bytes()
        done = CliRunner().invoke(cli, ["report", log, "--html", page])

        assert 2 == done.exit_code
        assert f"--html {page}: this is a log" in done.stderr
        assert before == Path(log).read_bytes()

    def test_the_garbage_collector_is_as_it_was(self, log):
        """
        It rests while the command runs, also when that fails.
        """
        CliRunner().invoke(cli, ["report", log])
        CliRunner().invoke(cli, ["report", "nothing"])

        assert gc.isenabled()

    def test_an_unwritable_place_is_one_line(self, log):
        """
        With its name.
        """
        done = CliRunner().invoke(cli, ["report", log, "--html", "none/page.html"])

        assert (2, "greensdk: none/page.html: No such file or directory\n") == (done.exit_code, done.stderr)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("functoin", "--by functoin: no record has this key; try one of function, label"),
        ("host", "--by host: holds several values; name one of them, as in --by host.NAME"),
    ],
)
def test_a_wrong_key_is_one_line(log, key, text):
    """
    With what would do.
    """
    done = CliRunner().invoke(cli, ["report", log, "--by", key])

    assert 2 == done.exit_code
    assert text in done.stderr
    assert 1 == len(done.stderr.splitlines())


def test_a_known_key_that_no_call_has_is_no_mistake(log):
    """
    Nor is a tag.
    """
    assert "-" == invoke(log, "--by", "worker.stage")[1].split()[0]
    assert "-" == invoke(log, "--by", "tags.team")[1].split()[0]


def test_a_run_of_many_calls_is_told_apart_by_method(tmp_path):
    """
    And the mixture is said.
    """
    lines = invoke(write(tmp_path / "log.jsonl", run(100)))

    assert any("mixes numbers of different meters or boundaries" in line for line in lines)
    assert any("estimated by lambda-estimator: 12 hosts" in line for line in lines)


def test_readings_without_a_reason_do_not_stop_it(tmp_path):
    """
    They are counted all the same.
    """
    record = call(1, readings=[read("nvml", "gpu", None)], reason=None)

    assert "1 with unknown energy: None" in invoke(write(tmp_path / "log.jsonl", [record]))
