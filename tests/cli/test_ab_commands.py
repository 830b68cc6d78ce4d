"""
``greensdk compare --ab`` and ``greensdk diff`` as people type them.
"""

from __future__ import annotations

import json
import sys

import orjson
import pytest
from click.testing import CliRunner

from greensdk import energy_tracked
from greensdk.cli import cli

ONE, TWO = (f"{sys.executable} -c 'sum(range({n}))'" for n in (3_000_000, 12_000_000))


def ended(*words: str):
    """
    Run a command line in this process.
    """
    return CliRunner().invoke(cli, list(words), prog_name="greensdk")


@pytest.mark.slow
def test_two_commands_are_compared_and_the_gate_has_its_code(command):
    """
    More work takes more CPU seconds; a limit of 1.05 is exceeded, and the code is 3.
    """
    done = command("compare", "--ab", ONE, TWO, "--budget", "20s", "--at-most", "1.05", "--by", "cpu")
    first, second, _, sentence, *_ = done.stdout.splitlines()
    assert [f"a: {ONE}", f"b: {TWO}"] == [first, second]
    assert sentence.startswith("b takes ")
    assert [3, "b: the limit of 1.05x is exceeded\n"] == [done.returncode, done.stderr]


@pytest.mark.slow
def test_as_json_it_has_every_sample(command):
    """
    What the commands print is dropped, so the JSON stands alone.
    """
    said = f"{sys.executable} -c 'print(1)'"
    done = command("compare", "--ab", said, said, "--json", "--budget", "1s", "--at-most", "9")
    found = json.loads(done.stdout)
    (comparison,) = found["comparisons"]
    assert [[said, said], 6] == [found["commands"], len(comparison["samples"]["a"])]
    assert {"at_most": 9.0, "verdict": found["gates"][0]["verdict"]} == found["gates"][0]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--ab", "true"), "takes two commands or more"),
        (("--ab", "true", "no-such-command"), "no such command; nothing was run"),
        (("--ab", "true", "'"), "No closing quotation; nothing was run"),
        (("--ab", "true", ""), "an empty command"),
        (("--ab", "true", "true", "--least", "much"), "'much' is no share; write 2% or 0.02"),
        (("--ab", "true", "true", "--budget", "-1s"), "'-1s' is no time; write 60s or 2m"),
        (("--by", "cpu", "true"), "--by is for --ab"),
        (("--ab", "true", "false"), "ended with exit code 1; nothing is compared"),
    ],
)
def test_what_is_wrong_is_one_line(words, text):
    """
    And the code is 2.
    """
    done = ended("compare", *words)
    assert 2 == done.exit_code
    assert text in done.stderr
    assert 1 == done.stderr.count("\n")


@pytest.fixture
def logs(tmp_path):
    """
    Return a function that writes a log of a function whose CPU seconds are as given.
    """

    @energy_tracked(label="work", sink=f"file:{tmp_path / 'real.jsonl'}", monitors=["psutil-tdp"])
    def work():
        return sum(range(1000))

    work()
    (line,) = (tmp_path / "real.jsonl").read_bytes().splitlines()

    def write(name: str, cpu_s: float, n: int = 20, **keys: object) -> str:
        made = []
        for place in range(n):
            taken = cpu_s * (1 + place % 5 / 100)
            made.append({**orjson.loads(line), "record_id": f"{name}{place:031}", "cpu_s": taken, **keys})
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in made))
        return str(path)

    return write


def test_logs_of_the_same_code_pass_and_slower_code_fails(logs):
    """
    One clear line each.
    """
    old, same, slower = logs("a", 1.0), logs("b", 1.0), logs("c", 1.2)
    passed, failed = ended("diff", old, same, "--fail-above", "10%"), ended("diff", old, slower, "--fail-above", "10%")
    assert [0, ""] == [passed.exit_code, passed.stderr]
    assert "1 function compared: none takes more than 10% above" == passed.stdout.splitlines()[-1]
    assert 3 == failed.exit_code
    assert failed.stderr.startswith("work: 1.2x [1.1")
    assert failed.stderr.endswith("] the CPU seconds, surely more than 10% above\n")


def test_what_may_be_more_is_a_warning_and_strict_fails_it(logs):
    """
    10% more than a limit of 10% can't be told.
    """
    old, new = logs("a", 1.0), logs("b", 1.1)
    loose, strict = (ended("diff", old, new, "--fail-above", "10%", *more) for more in ((), ("--strict",)))
    assert [0, 3] == [loose.exit_code, strict.exit_code]
    assert "warning: 1 function may take more than 10% above; run more calls\n" == loose.stderr
    assert "may be more than 10% above" in strict.stderr


def test_for_a_ci_job_it_prints_markdown(logs):
    """
    Names of others make no cells and no markup.
    """
    old, new = logs("a", 1.0, label="a|<b>"), logs("b", 1.0, label="a|<b>")
    lines = ended("diff", old, new, "--markdown").stdout.splitlines()
    assert "| function | calls | compared | new/old (90%) |" == lines[0]
    assert lines[2].startswith("| a\\|&lt;b&gt; | 20, 20 | CPU seconds | 1x [")


def test_as_json_it_has_the_interval(logs):
    """
    And what stands in one log alone.
    """
    found = json.loads(ended("diff", logs("a", 1.0), logs("b", 1.2), "--json", "--fail-above", "0.1").stdout)
    (row,) = found["functions"]
    assert [0.1, "fail", 0, 0] == [found["limit"], row["verdict"], found["only_old"], found["only_new"]]
    assert row["interval"]["low"] < row["interval"]["ratio"] < row["interval"]["high"]


def test_logs_without_a_common_function_are_refused(logs):
    """
    One line, code 2.
    """
    done = ended("diff", logs("a", 1.0, label="x"), logs("b", 1.0, label="y"))
    assert [2, True] == [done.exit_code, "have no function in common" in done.stderr]
