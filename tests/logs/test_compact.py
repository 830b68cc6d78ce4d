"""
Small logs become Parquet: each record once and unchanged, wherever a run is stopped, and the sums stay the same.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from greensdk.cli import cli
from greensdk.errors import GreensdkError
from greensdk.logs import compact, read
from greensdk.report import EnergyReport
from greensdk.report.sql import rows, tables

pytest.importorskip("duckdb")

KILLED = """
import sys
from greensdk.logs import compact
compact.BATCH_RECORDS = 40
compact.compact(sys.argv[1], sys.argv[2], skip=print)
"""


class StoppedError(BaseException):
    """
    What stands for the end of a process.
    """


def record(number: int, **more) -> dict[str, object]:
    """
    Return a record with a key that no schema knows, and a number that only its text holds exactly.
    """
    return {
        "schema": "greensdk.record/1",
        "record_id": f"{number:032x}",
        "parent_id": None,
        "depth": 0,
        "function": f"f{number % 3}",
        "label": None,
        "tags": {"team": "data" if number % 2 else "web"},
        "status": "ok",
        "started_at": f"2026-11-{21 + number % 2}T10:30:36.956224Z",
        "duration_s": 0.1,
        "cpu_s": 0.1,
        "energy_j": 0.1 + number,
        "energy_low_j": 0.1,
        "energy_high_j": 200.0,
        "energy_source": "lambda-estimator",
        "energy_quality": "estimated",
        "energy_boundary": "vcpu+memory",
        "reason": None,
        "readings": [],
        "host": {"host_id": f"h{number % 2}"},
        "worker": None,
        "errors": {},
        "from_the_future": 1e-7,
        **more,
    }


def write(folder: Path, numbers: range, size: int = 1) -> None:
    """
    Write records to files of some lines each.
    """
    folder.mkdir(exist_ok=True)
    for first in numbers[::size]:
        lines = b"".join(orjson.dumps(record(number)) + b"\n" for number in range(first, first + size))
        (folder / f"{first:06}.new").write_bytes(lines)
        (folder / f"{first:06}.new").rename(folder / f"{first:06}.jsonl")


def ids(target: Path) -> Counter[str]:
    """
    Return how often each record is in a folder of Parquet.
    """
    return Counter(each["record_id"] for each in read(target))


def committed(target: Path) -> int:
    """
    Return the number of the last batch that was done.
    """
    return max([int(path.stem) for path in (target / "_greensdk").glob("*.json")], default=-1)


def stopping(plain: Callable[..., object], left: Iterator[bool]) -> Callable[..., object]:
    """
    Return a function that is another one as often as there is something left.
    """

    def run(*args, **more):
        if next(left, True):
            raise StoppedError
        return plain(*args, **more)

    return run


def refuse(problem: object) -> None:
    """
    Fail: every line is a record.
    """
    raise AssertionError(problem)


@pytest.fixture
def source(tmp_path):
    """
    Twelve objects of ten records.
    """
    write(tmp_path / "runs", range(120), 10)
    return tmp_path / "runs"


def test_records_come_back_as_they_were(source, tmp_path):
    """
    Unknown keys too. They lie by day and host, and what came later is added.
    """
    target = tmp_path / "table"
    done = compact.compact(str(source), str(target), skip=refuse)
    assert (120, 0) == done[:2]
    by_id = {each["record_id"]: each for each in read(target)}
    assert {each["record_id"]: each for each in read(source)} == by_id
    names = {str(path.relative_to(target).parent) for path in target.rglob("*.parquet")}
    assert {"day=2026-11-21/host_id=h0", "day=2026-11-22/host_id=h1"} == names
    write(source, range(120, 125))
    assert (5, 0) == compact.compact(str(source), str(target), skip=refuse)[:2]
    assert (0, 0) == compact.compact(str(source), str(target), skip=refuse)[:2]
    assert {f"{number:032x}": 1 for number in range(125)} == ids(target)


def test_sums_and_sql_are_those_of_the_lines(source, tmp_path):
    """
    Of the Parquet alone, and of both together, where every record is there twice.
    """
    target = tmp_path / "table"
    compact.compact(str(source), str(target), skip=refuse)
    whole = EnergyReport.load([source])
    for sources in ([target], [source, target]):
        assert whole.energy_j == pytest.approx(EnergyReport.load(sources).energy_j, rel=1e-12)
    sql = "SELECT function, calls, joules FROM functions ORDER BY 1"
    with tables([source]) as lines, tables([target]) as found:
        assert [each[:2] for each in rows(lines.ask(sql))] == [each[:2] for each in rows(found.ask(sql))]
        ((joules,),) = rows(found.ask("SELECT sum(energy_j) FROM records"))
        assert whole.energy_j == pytest.approx(joules)
        assert [(120,)] == list(rows(found.ask("SELECT count(line) FROM lines")))


@pytest.mark.slow
@pytest.mark.parametrize("operation", range(14))
def test_wherever_it_is_stopped_each_record_is_there_once(source, tmp_path, monkeypatch, operation):
    """
    At each change of the file system, twice, and then it runs to its end. What is visible in between is never doubled.
    """
    target = tmp_path / "table"
    monkeypatch.setattr(compact, "BATCH_RECORDS", 50)
    for stop in (operation, operation // 2):
        with monkeypatch.context() as patched:
            left = iter([False] * stop)
            for name in ("replace", "makedirs", "unlink"):
                patched.setattr(os, name, stopping(getattr(os, name), left))
            with suppress(StoppedError):
                compact.compact(str(source), str(target), skip=refuse)
        if list(target.rglob("*.parquet")):
            assert {1} == set(ids(target).values())
    compact.compact(str(source), str(target), skip=refuse)
    assert {f"{number:032x}": 1 for number in range(120)} == ids(target)


def test_a_log_that_grows_is_taken_line_by_line(tmp_path):
    """
    A line that is being written waits for the next time.
    """
    log, target = tmp_path / "energy.jsonl", tmp_path / "table"
    lines = [orjson.dumps(record(number)) + b"\n" for number in range(3)]
    log.write_bytes(lines[0] + b"\n" + lines[1] + lines[2][:50])
    assert 2 == compact.compact(str(log), str(target), skip=refuse).records
    log.write_bytes(lines[0] + b"\n" + lines[1] + lines[2])
    assert (1, 0) == compact.compact(str(log), str(target), skip=refuse)[:2]
    assert 3 == len(ids(target))


def test_a_copy_is_left_out_and_a_final_record_follows_an_interim_one(tmp_path):
    """
    A delivery that was repeated brings a record again; an interim one is no copy of the final one.
    """
    target = tmp_path / "table"
    for name, some in (("a", [record(1, status="interim"), record(2)]), ("b", [record(1), record(2)])):
        (tmp_path / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in some))
        done = compact.compact(str(tmp_path / f"{name}.jsonl"), str(target), skip=refuse)
    assert (1, 1) == done[:2]
    assert Counter({f"{1:032x}": 2, f"{2:032x}": 1}) == ids(target)
    assert 2 == len(EnergyReport.load([target]).records)


def test_the_command_partitions_and_deletes_as_asked(source, tmp_path):
    """
    A file with a line that is no record stays.
    """
    target = tmp_path / "table"
    (source / "bad.jsonl").write_bytes(b"{}\n" + orjson.dumps(record(200)) + b"\n")
    command = ["compact", str(source), str(target), "--by", "tags.team,status", "--delete"]
    said = CliRunner().invoke(cli, command)
    assert 0 == said.exit_code, said.output
    assert "121 records" in said.output
    assert "12 deleted" in said.output
    assert "1 lines are no records and were left out, the first:" in said.stderr
    assert [source / "bad.jsonl"] == list(source.iterdir())
    names = {str(path.relative_to(target).parent) for path in target.rglob("*.parquet")}
    assert {"tags_team=data/by_status=ok", "tags_team=web/by_status=ok"} == names
    with pytest.raises(GreensdkError, match=r"is partitioned by tags\.team,status"):
        compact.compact(str(source), str(target), skip=refuse)


def test_another_files_parquet_is_refused_in_one_line(tmp_path):
    """
    Damaged, or made by something else.
    """
    (tmp_path / "a.parquet").write_bytes(b"PAR1 is not enough")
    said = CliRunner().invoke(cli, ["report", str(tmp_path)])
    assert 2 == said.exit_code
    assert 1 == len(said.stderr.splitlines())
    assert "a.parquet: " in said.stderr


@pytest.mark.slow
def test_two_kills_while_a_writer_writes(tmp_path):
    """
    Ten thousand objects, of which the last ones are written meanwhile: each record is there once.
    """
    runs, target = tmp_path / "runs", tmp_path / "table"
    write(runs, range(2_000))
    for least in (1, 3):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(runs), str(target)]) as process:
            while process.poll() is None and committed(target) < least:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            write(runs, range(2_000 * least, 2_000 * least + 4_000))
    compact.compact(str(runs), str(target), skip=refuse)
    assert {f"{number:032x}": 1 for number in range(10_000)} == ids(target)
    assert json.loads(next((target / "_greensdk").glob("*.json")).read_text())["sources"]
