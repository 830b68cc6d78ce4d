"""
Logs that hold anything: every command ends in one line and says nothing to the terminal that the log put there.

One bad line never costs the good ones.
"""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys

import pytest
from hostile_kit import LINES, VALUES, mutants, run, steers
from records_kit import call

from greensdk.cli import COMMANDS
from greensdk.configure.targets import load
from greensdk.deliver.lines import encode

GOOD = 20
SUM_J = float(sum(range(1, GOOD + 1)))
QUERIES = {
    "calls": "SELECT * FROM calls",
    "records": "SELECT * FROM records",
    "readings": "SELECT * FROM readings",
    "functions": "SELECT * FROM functions",
    "workers": "SELECT * FROM workers",
    "lines": "SELECT * FROM lines",
}
FORMS = ("table", "json", "csv")
ASKED: dict[str, list[list[str]]] = {
    "report": [
        ["LOG"],
        ["LOG", "--json", "--by", "label"],
        ["LOG", "--by", "tags.a"],
        ["LOG", "--by", "worker.stage"],
        ["LOG", "--rank"],
        ["LOG", "--html", "page.html"],
    ],
    "query": [[sql, "LOG", "--format", form] for sql, form in zip(QUERIES.values(), FORMS * 2, strict=True)],
    "export": [
        ["--to", form, "LOG", out, "--force"]
        for form, out in [
            ("sqlite", "out.db"),
            ("csv", "out.csv"),
            ("parquet", "out.parquet"),
            ("powerapi", "out.jsonl.txt"),
            ("powerapi", "out.csv"),
            ("flexecutor", "out"),
        ]
    ],
    "advise": [["LOG"], ["LOG", "--json", "--objective", "edp"]],
    "validate": [["LOG"]],
    "verify": [["LOG"]],
}
"""Command to how it is asked about a log: each of its words in some question, not all of them with each other."""
PARTS = 12
"""Each question is about one of so many parts of the wrong records, in which each key has some of the wrong values."""


def good(number: int) -> bytes:
    """
    Return the line of a good record, of `number` joules.
    """
    return encode(call(1000 + number, float(number), function="good", label="good", host={"host_id": "good"}))


def write(path: str, bad: list[bytes]) -> str:
    """
    Write a log of good lines with bad ones between them, and return its path.
    """
    step = max(1, len(bad) // (GOOD - 1))
    with open(path, "wb") as file:
        for number in range(GOOD):
            file.write(good(number + 1))
            file.writelines(line + b"\n" for line in bad[number * step : (number + 1) * step])
        file.writelines(line + b"\n" for line in bad[GOOD * step :])
    return path


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """
    Return the paths of logs: records with one wrong value each, in parts, and lines that are no records at all.
    """
    folder = tmp_path_factory.mktemp("hostile")
    bad = [line for _, line in mutants()]
    parts = [write(str(folder / f"values{number}.jsonl"), bad[number::PARTS]) for number in range(PARTS)]
    whole = write(str(folder / "all.jsonl"), bad)
    lines = write(str(folder / "lines.jsonl"), list(LINES.values()))
    return {"values": parts, "all": [whole] * PARTS, "lines": [lines] * PARTS}


def test_every_command_that_reads_logs_is_asked():
    """
    A new command that takes logs needs a row in the table above.
    """
    takes = {
        name
        for name, target in COMMANDS.items()
        if any(each.name == "sources" for each in getattr(load(target), "params", ()))
    }
    assert takes == set(ASKED)


@pytest.mark.parametrize("log", ["values", "lines", pytest.param("all", marks=pytest.mark.slow)])
@pytest.mark.parametrize("command", ASKED)
def test_a_command_ends_in_order_whatever_the_log_holds(logs, log, command):
    """
    Exit code 0, 1 or 2; errors are one line; nothing in the log reaches the terminal as it is.
    """
    for path, arguments in zip(logs[log], ASKED[command], strict=False):
        done = run(command, *(path if each == "LOG" else each for each in arguments))

        assert done.code in {0, 1, 2}, arguments
        assert len(done.err.splitlines()) <= 2, arguments
        assert not steers(done.err), arguments
        assert not steers(done.out) or "csv" in arguments, arguments


@pytest.mark.parametrize("log", ["values", "lines"])
class TestGoodLines:
    """
    The good records are all there.
    """

    def test_report(self, logs, log):
        """
        With their sum.
        """
        groups = {each["name"]: each for each in json.loads(run("report", logs[log][0], "--json").out)["groups"]}
        assert (GOOD, SUM_J) == (groups["good"]["calls"], groups["good"]["energy_j"])

    @pytest.mark.parametrize("table", ["calls", "records"])
    def test_query(self, logs, log, table):
        """
        In both tables.
        """
        sql = f"SELECT count(*) AS calls, sum(energy_j) AS joules FROM {table} WHERE function = 'good'"
        assert [{"calls": GOOD, "joules": SUM_J}] == json.loads(run("query", sql, logs[log][0], "--format", "json").out)

    def test_csv(self, logs, log):
        """
        And no cell begins like a formula, but for numbers.
        """
        run("export", "--to", "csv", logs[log][0], "out.csv", "--force")
        with open("out.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert SUM_J == sum(float(row["energy_j"]) for row in rows if row["function"] == "good")
        assert [] == [cell for row in rows for cell in row.values() if is_formula(cell)]

    def test_validate(self, logs, log):
        """
        Each line that is not good is named with its number.
        """
        done = run("validate", logs[log][0])
        with open(logs[log][0], "rb") as file:
            lines = [line for line in file if not line.isspace()]
        number_good, number_bad = (int(text.split()[0]) for text in done.err.split(", "))
        assert number_good >= GOOD
        assert len(lines) == number_good + number_bad


def is_formula(cell: str | None) -> bool:
    """
    Say whether a spreadsheet would run a cell.
    """
    if not cell or not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("name", VALUES)
def test_a_query_prints_formulas_as_texts(tmp_path, name):
    """
    What people load into a spreadsheet comes from ``query``, too.
    """
    log = tmp_path / "log.jsonl"
    label = json.loads(VALUES[name])
    log.write_bytes(encode(call(1, label=label if isinstance(label, str) else str(label))))
    out = run("query", "SELECT label, energy_j - 3 AS less FROM records", str(log), "--format", "csv").out
    rows = list(csv.reader(out.splitlines()))
    assert "-2.0" == rows[-1][-1]
    assert not is_formula(rows[1][0])


def test_a_table_is_in_no_danger_from_its_texts(tmp_path):
    """
    A label in SQL is a label in SQLite.
    """
    import sqlite3

    log = tmp_path / "log.jsonl"
    log.write_bytes(encode(call(1, function="x'); DROP TABLE energy_consumption; --")))
    assert 0 == run("export", "--to", "sqlite", str(log), "out.db").code
    with sqlite3.connect("out.db") as database:
        names = database.execute("SELECT function_name FROM energy_consumption").fetchall()
    database.close()
    assert [("x'); DROP TABLE energy_consumption; --",)] == names


def test_a_page_holds_no_script_of_a_log():
    """
    Texts are escaped, whichever key they stand under.
    """
    log = write("log.jsonl", [line for name, line in mutants() if "HTML" in name])
    assert 0 == run("report", log, "--html", "page.html").code
    with open("page.html", encoding="utf-8") as file:
        assert "<script>alert" not in file.read()


@pytest.mark.parametrize("command", ["validate", "report", "verify"])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_archive_is_one_line(tmp_path, command, damage):
    """
    Cut off by a full disk, or with a wrong byte in the middle.
    """
    packed = bytearray(gzip.compress(b"".join(good(number) for number in range(1, 500))))
    middle = len(packed) // 2
    packed[middle:] = b"" if damage == "cut" else bytes(each ^ 0xFF for each in packed[middle:])
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(packed)

    done = run(command, str(path))

    assert 2 == done.code
    assert 1 == len(done.err.splitlines())
    assert "log.jsonl.gz" in done.err


LIMIT_BYTES = 1 << 30


@pytest.mark.slow
@pytest.mark.parametrize("command", ["validate", "verify", "report", "export", "advise"])
def test_a_bomb_takes_no_memory(tmp_path, command):
    """
    One line of 1.1 GiB in an archive of 5 MB, between two good lines, in a process that may not take as much.
    """
    path = tmp_path / "bomb.jsonl.gz"
    members = [gzip.compress(each, 1) for each in (good(1), b"x" * (1 << 24), b"\n" + good(2))]
    path.write_bytes(members[0] + 72 * members[1] + members[2])
    more = {"export": ["--to", "csv", str(path), "out.csv"]}.get(command, [str(path)])
    script = (
        "import resource, sys, greensdk.cli as cli\n"
        f"resource.setrlimit(resource.RLIMIT_DATA, ({LIMIT_BYTES}, {LIMIT_BYTES}))\n"
        "cli.cli.main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, command, *more], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode in {0, 1, 2}
    assert "Traceback" not in done.stderr
    assert "MemoryError" not in done.stderr
    if command == "report":
        assert "calls     2, 2 with known energy" in done.stdout
