"""
``greensdk validate`` and ``greensdk schema``.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import jsonschema
from click.testing import CliRunner

from greensdk.cli import cli


def validate(*sources):
    """
    Run the command in this process.
    """
    return CliRunner().invoke(cli, ["validate", *map(str, sources)])


def test_good_lines_are_counted(tmp_path, line):
    """
    Over all sources; nothing else is printed.
    """
    (tmp_path / "a.jsonl").write_bytes(line * 3)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(line * 2))
    done = validate(tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz")
    assert (0, "5 good, 0 bad\n") == (done.exit_code, done.output)


def test_each_fault_is_a_line_and_the_exit_code_is_1(tmp_path, line):
    """
    ``file:line: key: what is wrong``; the good lines around it still count.
    """
    file = tmp_path / "e.jsonl"
    bad = line.replace(b'"status":"ok"', b'"status":"fine"').replace(b'"depth":0', b'"depth":"0"')
    file.write_bytes(line + bad + line + b"not json\n" + line[:50])
    done = validate(file)
    assert 1 == done.exit_code
    lines = done.stdout.splitlines()
    assert f"{file}:2: depth: expected integer, found '0'" == lines[0]
    assert (
        f"{file}:2: status: expected one of ok, error, cancelled, lost, unmeasured, interim, found 'fine'" == lines[1]
    )
    assert lines[2].startswith(f"{file}:4: not JSON: ")
    assert f"{file}:5: torn line: its writer was stopped in the middle of it" == lines[3]
    assert "2 good, 3 bad\n" == done.stderr


def test_a_newer_record_is_refused_with_the_way_out(tmp_path, line):
    """
    And not picked to pieces by rules that are not its own.
    """
    (tmp_path / "e.jsonl").write_bytes(line.replace(b"record/1", b"record/2"))
    done = validate(tmp_path / "e.jsonl")
    assert f"{tmp_path / 'e.jsonl'}:1: schema: written by a newer greensdk: pip install -U greensdk\n" == done.stdout


def test_a_source_that_is_not_there_is_one_line_and_2(tmp_path, line, command):
    """
    Reported before any checking, even if other sources are valid.
    """
    (tmp_path / "e.jsonl").write_bytes(line)
    done = command("validate", "e.jsonl", "nothing.jsonl")
    assert (2, "", "greensdk: nothing.jsonl: no such file or folder\n") == (done.returncode, done.stdout, done.stderr)


def test_standard_input_is_a_source(line):
    """
    ``... | greensdk validate -``.
    """
    done = subprocess.run(
        [sys.executable, "-m", "greensdk", "validate", "-"], input=line + b"{}\n", capture_output=True, check=False
    )
    assert 1 == done.returncode
    assert b"-:2: schema: is missing\n" == done.stdout


def test_without_a_source_it_prints_the_usage(command):
    """
    One line.
    """
    done = command("validate")
    assert 2 == done.returncode
    assert "greensdk: Missing argument 'SOURCE...'. See 'greensdk validate --help'.\n" == done.stderr


def test_what_run_writes_validates(command):
    """
    The two commands fit together.
    """
    command("run", "true")
    done = command("validate", "energy.jsonl")
    assert (0, "1 good, 0 bad\n") == (done.returncode, done.stdout)


def test_a_long_path_is_not_wrapped_in_a_pipe(tmp_path, line, command):
    """
    Editors and scripts take ``file:line:`` apart.
    """
    deep = tmp_path / ("x" * 120) / ("y" * 120)
    deep.mkdir(parents=True)
    (deep / "e.jsonl").write_bytes(b"{}\n")
    done = command("validate", str(deep), COLUMNS="40")
    assert f"{deep / 'e.jsonl'}:1: schema: is missing\n" == done.stdout


def test_schema_prints_the_json_schema(command, line):
    """
    A file that other tools can use as it is.
    """
    done = command("schema")
    schema = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(line), schema, cls=jsonschema.Draft202012Validator)


def test_a_reader_that_has_seen_enough_ends_it_quietly():
    """
    ``greensdk schema | head -1``: no traceback.
    """
    script = f"{sys.executable} -m greensdk schema | head -c 1"
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=False)
    assert (b"{", b"") == (done.stdout, done.stderr)
