"""
Reading records back: from anywhere, and with the file and line of whatever is wrong.
"""

from __future__ import annotations

import gzip
import subprocess
import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk import RecordError, track
from greensdk.logs import check, read, verdicts

TORN = "torn line: its writer was stopped in the middle of it"


def test_records_come_back_as_they_were_written(tmp_path):
    """
    What the file sink writes is what read() yields.
    """
    out = tmp_path / "energy.jsonl"
    written = []
    for label in ("a", "b"):
        with track(label, sink=str(out)) as call:
            pass
        written.append(orjson.loads(orjson.dumps(call.record)))
    assert written == list(read(out))
    assert [] == list(check(out))


def test_a_folder_is_read_file_by_file_at_any_depth(tmp_path, line):
    """
    Sorted by path; compressed files too, other files not.
    """
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "2.jsonl").write_bytes(line * 2)
    (tmp_path / "a.jsonl").write_bytes(line)
    (tmp_path / "z.jsonl.gz").write_bytes(gzip.compress(line * 3))
    (tmp_path / "notes.txt").write_bytes(b"not a record")
    assert 6 == len(list(read(tmp_path)))


def test_a_glob_names_several_files(tmp_path, line):
    """
    The shell's way, for sources that come from a script.
    """
    for name in ("a1.jsonl", "a2.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(line)
    assert 2 == len(list(read(str(tmp_path / "a*.jsonl"))))


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path, line):
    """
    A literal name comes first.
    """
    (tmp_path / "run[1].jsonl").write_bytes(line)
    (tmp_path / "run1.jsonl").write_bytes(line * 5)
    assert 1 == len(list(read(str(tmp_path / "run[1].jsonl"))))


def test_a_dash_is_standard_input(line):
    """
    As in ``cat x | python -c ...``.
    """
    code = "from greensdk.logs import read; print(len(list(read('-'))))"
    done = subprocess.run([sys.executable, "-c", code], input=line * 4, capture_output=True, check=True)
    assert b"4\n" == done.stdout


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("nothing.jsonl", "nothing.jsonl: no such file or folder"),
        ("no*.jsonl", "no*.jsonl: no file matches"),
        (".", ".: no *.jsonl in this folder"),
    ],
)
def test_a_source_that_is_not_there_is_said(source, expected):
    """
    An empty result would look like no calls.
    """
    with pytest.raises(RecordError) as caught:
        list(read(source))
    assert expected == str(caught.value)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (b'{"schema":\n', "not JSON: "),
        (b"[]\n", "not a JSON object"),
        (b"{}\n", "schema: is missing"),
        (b'{"schema":"greensdk.record/2"}\n', "schema: written by a newer greensdk: pip install -U greensdk"),
        (b'{"schema":NaN}\n', "not JSON: "),
        (b'{"schema":"greensdk.rec', TORN),
    ],
)
def test_a_bad_line_is_named_by_file_and_line(tmp_path, line, bad, expected):
    """
    read() stops there; with `skip` it goes on, and nothing is lost without a report.
    """
    file = tmp_path / "energy.jsonl"
    file.write_bytes(line + b"\n" + bad)
    with pytest.raises(RecordError) as caught:
        list(read(file))
    assert str(caught.value).startswith(f"{file}:3: {expected}")
    skipped = []
    assert 1 == len(list(read(file, skip=skipped.append)))
    assert skipped == list(check(file))
    assert [(str(file), 3)] == [(problem.file, problem.line) for problem in skipped]
    assert str(caught.value) == str(skipped[0])


def test_a_whole_last_line_without_newline_is_read(tmp_path, line):
    """
    An editor may have taken the newline away.
    """
    (tmp_path / "e.jsonl").write_bytes(line.rstrip(b"\n"))
    assert 1 == len(list(read(tmp_path / "e.jsonl")))


def test_an_older_major_is_read(tmp_path, line):
    """
    A file of yesterday stays readable.
    """
    (tmp_path / "e.jsonl").write_bytes(line.replace(b"record/1", b"record/0"))
    assert ["greensdk.record/0"] == [record["schema"] for record in read(tmp_path / "e.jsonl")]


def test_check_finds_every_fault_of_every_line(tmp_path, line):
    """
    All faults of a line, and the lines after it.
    """
    record = orjson.loads(line)
    bad = orjson.dumps({**record, "status": "fine", "depth": "0"}) + b"\n"
    file = tmp_path / "e.jsonl"
    file.write_bytes(line + bad + line + bad)
    found = [str(problem).partition(": ")[0] for problem in check(file)]
    assert [f"{file}:2", f"{file}:2", f"{file}:4", f"{file}:4"] == found
    assert [(2, 2, 4)] == [(each.good, each.bad, len(each.problems)) for each in verdicts(file)]


@pytest.mark.parametrize("keep", [20, -9])
def test_a_damaged_gz_file_is_named(tmp_path, line, keep):
    """
    Cut off in the middle of the data, and before the check sum.
    """
    file = tmp_path / "e.jsonl.gz"
    file.write_bytes(gzip.compress(line)[:keep])
    with pytest.raises(RecordError, match=r"e\.jsonl\.gz(:2)?: Compressed file ended"):
        list(read(file))


def test_a_file_that_is_no_gz_is_named(tmp_path, line):
    """
    A suffix that lies.
    """
    file = tmp_path / "e.jsonl.gz"
    file.write_bytes(line)
    with pytest.raises(RecordError, match=r"e\.jsonl\.gz: Not a gzipped file"):
        list(read(file))


@given(st.integers(0, 400), st.binary(max_size=30))
def test_no_damage_makes_the_reader_fail_otherwise(tmp_path_factory, cut, junk):
    """
    Any bytes in the middle of a file are problems with a line number, never another exception.
    """
    file = tmp_path_factory.mktemp("logs") / "e.jsonl"
    good = b'{"schema":"greensdk.record/1","label":"\xc3\xa9"}\n' * 10
    file.write_bytes(good[:cut] + junk + good[cut:])
    problems = list(check(file))
    assert all(problem.line >= 1 and problem.text for problem in problems)
    kept = list(read(file, skip=lambda problem: None))
    assert all(isinstance(record, dict) for record in kept)
    assert len(kept) >= 10 - 2 - junk.count(b"\n")


def test_the_names_of_the_package_are_functions_whoever_imports_first():
    """
    The modules ``read`` and ``worker_func`` have the names of their functions; the package's names stay functions.
    """
    for first in ("greensdk.logs.read", "greensdk.logs.worker_func", "greensdk.logs.validate", "greensdk.logs"):
        code = f"import {first}, greensdk.logs as l; assert all(map(callable, (l.read, l.check, l.worker_func)))"
        subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_of_the_package_is_refused():
    """
    As with any module.
    """
    import greensdk.logs

    with pytest.raises(AttributeError, match="no attribute 'reed'"):
        greensdk.logs.reed  # noqa: B018 - looking is the test


def test_the_column_of_a_fault_is_told(tmp_path):
    """
    A line may be long.
    """
    (tmp_path / "e.jsonl").write_bytes(b'{"schema":?}\n')
    with pytest.raises(RecordError, match=r":1: not JSON: .* \(column 11\)$"):
        list(read(tmp_path / "e.jsonl"))


def test_importing_the_package_costs_a_worker_nothing():
    """
    Neither orjson nor gzip nor the table of fields comes along.
    """
    unwanted = {"orjson", "gzip", "greensdk.schema.fields", "glob"}
    code = f"import sys, greensdk.logs; print(sorted({unwanted} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert b"[]\n" == done.stdout
