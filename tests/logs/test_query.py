"""
``greensdk query``: SQL over logs, and nothing but logs.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from records_kit import call, lithops, reading, write
from s3_kit import seaweed

from greensdk.cli import cli
from greensdk.logs.columns import flat_columns, flat_row, sql_columns
from greensdk.report.sql import VIEWS, tables
from greensdk.schema.fields import FIELDS


def query(sql, *sources, form="json"):
    """
    Return what a query found, with the command's other words.
    """
    done = CliRunner().invoke(cli, ["query", sql, *map(str, sources), "--format", form])
    assert 0 == done.exit_code, done.output
    return json.loads(done.stdout) if form == "json" else done.stdout


def refused(sql, *sources):
    """
    Return the one line that says why a query is not run.
    """
    done = CliRunner().invoke(cli, ["query", sql, *map(str, sources)])
    assert (2, "") == (done.exit_code, done.stdout)
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture
def log(tmp_path):
    """
    Two functions, a call inside a call, a job, a failure, and a torn last line.
    """
    return write(
        tmp_path / "e.jsonl",
        call(1, 8.0, function="big", readings=[reading(8.0), reading(4.0, monitor="perf")], tags={"team": "a"}),
        call(2, 3.0, function="small", parent_id=f"{1:032x}", depth=1),
        call(3, 1.0, function="small", runs=2, worker=lithops("00000", cold_start=True)),
        call(4, None, function="small", status="error", reason="no meter", errors={"rapl": "gone"}, rack=7),
        end=b'{"schema":"greensdk.rec',
    )


class TestAnswers:
    """
    What comes out.
    """

    def test_a_group_by_adds_up(self, log):
        """
        Over all records, those inside others too.
        """
        rows = query("select function, sum(energy_j) j, count(*) n from records group by 1 order by 1", log)

        assert [{"function": "big", "j": 8.0, "n": 1}, {"function": "small", "j": 4.0, "n": 3}] == rows

    def test_nested_keys_are_reached_by_their_names(self, log):
        """
        Structs, maps, lists and JSON.
        """
        (row,) = query(
            "select worker.backend b, host.arch a, readings[1].domains['core-0'] c, tags->>'team' t, tags, readings[1]"
            ".attributes->'start_uj'->>'package-0' u from records where tags->>'team' = 'a'",
            log,
        )

        assert {"b": None, "a": "x86_64", "c": 4.0, "t": "a", "tags": {"team": "a"}, "u": "7"} == row

    def test_errors_are_a_map(self, log):
        """
        By plugin.
        """
        assert [{"e": "gone"}] == query("select errors['rapl'] e from records where status = 'error'", log)

    def test_times_are_times(self, log):
        """
        In UTC.
        """
        sql = "select started_at s, started_at + interval 1 hour t from records limit 1"

        assert [{"s": "2026-01-31T12:00:00.500000Z", "t": "2026-01-31T13:00:00.500000Z"}] == query(sql, log)

    def test_keys_that_the_schema_does_not_name_are_in_lines(self, log):
        """
        With the record's id, so that they can be joined.
        """
        sql = "select function, line->>'rack' r from records join lines using (record_id) where r is not null"

        assert [{"function": "small", "r": "7"}] == query(sql, log)

    def test_calls_leave_out_what_is_inside_others(self, log):
        """
        Their joules are in the outer ones; power comes with it.
        """
        rows = query("select function, energy_j, power_w, host_id from calls order by record_id", log)

        assert [("big", 8.0), ("small", 1.0), ("small", None)] == [(row["function"], row["power_w"]) for row in rows]

    def test_functions_have_their_sums(self, log):
        """
        Joules per run count only runs whose joules are known. Calls inside others have theirs, too.
        """
        big, small = query("from functions order by function", log)

        assert {"function": "small", "calls": 3, "runs": 4, "known": 2, "joules": 4.0} == dict(list(small.items())[:5])
        assert (3.0, 4.0 / 3, 8.0) == (small["seconds"], small["joules_per_run"], small["high_j"])
        assert (8.0, 5.0, 4.0) == (big["inclusive_j"], big["joules"], small["joules"])

    def test_all_calls_know_what_is_around_them(self, log):
        """
        And their own joules add up to those of `calls`.
        """
        rows = query("select name, depth, parent_id, energy_j, own_j from all_calls order by record_id", log)

        assert ("big", 0, None, 8.0, 5.0) == tuple(rows[0].values())
        assert ("small", 1, f"{1:032x}", 3.0, 3.0) == tuple(rows[1].values())
        assert [{"own": 9.0}] == query("select sum(own_j) own from all_calls", log)
        assert [{"all": 9.0}] == query('select sum(energy_j) "all" from calls', log)

    def test_workers_are_counted(self, log):
        """
        With their cold starts.
        """
        rows = query("select backend, calls, cold_starts, joules from workers order by backend nulls last", log)

        assert [("localhost", 1, 1, 1.0), (None, 2, 0, 8.0)] == [tuple(row.values()) for row in rows]

    def test_readings_are_a_row_each(self, log):
        """
        With the id of their record.
        """
        rows = query("select record_id, monitor, call_j, domains from readings order by monitor", log)

        assert [("perf", 4.0), ("rapl", 8.0)] == [(row["monitor"], row["call_j"]) for row in rows]
        assert [{"package-0": 8.0, "core-0": 2.0}, {"package-0": 16.0, "core-0": 4.0}] == [r["domains"] for r in rows]
        assert {f"{1:032x}"} == {row["record_id"] for row in rows}

    def test_a_list_that_is_empty_has_columns_all_the_same(self, tmp_path):
        """
        Types come from the schema, not from what the first lines hold.
        """
        path = write(tmp_path / "e.jsonl", call(1))

        assert [] == query("select monitor, energy_j from readings", path)
        assert [{"t": "DOUBLE"}] == query("select typeof(carbon.g_co2e) t from records", path)

    def test_a_value_of_another_type_is_null(self, tmp_path):
        """
        And the rest of its line is there.
        """
        path = write(tmp_path / "e.jsonl", call(1, depth="deep", worker=7))

        assert [{"depth": None, "function": "f"}] == query("select depth, function from records", path)

    def test_a_table_is_aligned_and_harmless(self, tmp_path):
        """
        Whatever a function is called.
        """
        path = write(tmp_path / "e.jsonl", call(1, function="\x1b[2Jf\n"))
        out = query("select function, tags, label, true x from records", path, form="table")

        assert "function    tags  label  x\n\\x1b[2Jf\\n  {}    -      true\n" == out

    def test_csv_can_be_read_back(self, log):
        """
        Nothing where there is nothing, JSON for what is nested.
        """
        out = query("select function, energy_j, tags, readings from records order by record_id", log, form="csv")
        rows = list(csv.DictReader(io.StringIO(out)))

        assert ["8.0", "3.0", "1.0", ""] == [row["energy_j"] for row in rows]
        assert "perf" == json.loads(rows[0]["readings"])[1]["monitor"]

    def test_numbers_without_a_place_in_json_become_floats(self, log):
        """
        Whole numbers of 128 bits, and decimals.
        """
        assert [{"big": 1e20, "part": 0.1}] == query("select 100000000000000000000 big, 0.1 part", log)

    def test_nothing_found_is_an_empty_list(self, log):
        """
        Still JSON.
        """
        assert [] == query("select 1 from records where false", log)


class TestSources:
    """
    Where lines come from.
    """

    def test_several_files_folders_and_gzip(self, tmp_path):
        """
        All at once.
        """
        write(tmp_path / "a.jsonl", call(1))
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "b.jsonl.gz").write_bytes(gzip.compress(Path(write(tmp_path / "x", call(2))).read_bytes()))
        (tmp_path / "d" / "empty.jsonl").write_bytes(b"")

        assert [{"n": 2}] == query("select count(*) n from records", tmp_path / "a.jsonl", tmp_path / "d")

    def test_a_name_that_looks_like_a_pattern_is_a_name(self, tmp_path):
        """
        And a quote in it is a letter.
        """
        path = write(tmp_path / "it's [1]*.jsonl", call(1))
        write(tmp_path / "it's 1.jsonl", call(2), call(3))

        assert [{"n": 1}] == query("select count(*) n from records", path)

    @pytest.mark.slow
    def test_standard_input(self, tmp_path):
        """
        Copied to a private folder that is gone afterwards.
        """
        with open(write(tmp_path / "e.jsonl", call(1, 5.0)), "rb") as file:
            done = subprocess.run(
                [sys.executable, "-m", "greensdk", "query", "select energy_j from records", "-", "--format", "csv"],
                stdin=file,
                capture_output=True,
                text=True,
                env={**os.environ, "TMPDIR": str(tmp_path)},
                check=False,
            )

        assert ("energy_j\n5.0\n", "") == (done.stdout, done.stderr)
        assert ["e.jsonl"] == os.listdir(tmp_path)

    def test_a_pipe(self, tmp_path):
        """
        As a shell's ``<(...)`` makes one.
        """
        path = tmp_path / "pipe"
        os.mkfifo(path)
        writer = subprocess.Popen(["cp", write(tmp_path / "e.jsonl", call(1)), path])
        try:
            assert [{"n": 1}] == query("select count(*) n from records", path)
        finally:
            assert 0 == writer.wait(10)

    @pytest.mark.slow
    def test_objects_in_storage(self, tmp_path, monkeypatch):
        """
        Under a prefix, compressed or not.
        """
        with seaweed(tmp_path) as s3:
            for name, value in s3.environment().items():
                monkeypatch.setenv(name, value)
            line = Path(write(tmp_path / "e.jsonl", call(1, 5.0))).read_bytes()
            s3.client().put_object(Bucket=s3.bucket, Key="run/a.jsonl", Body=line)
            s3.client().put_object(Bucket=s3.bucket, Key="run/b.jsonl.gz", Body=gzip.compress(line))

            assert [{"j": 10.0}] == query("select sum(energy_j) j from records", f"s3://{s3.bucket}/run")

    def test_a_log_that_was_cut_off_in_the_middle_of_gzip_is_one_line(self, tmp_path):
        """
        Its end can't be known.
        """
        path = tmp_path / "e.jsonl.gz"
        path.write_bytes(gzip.compress(Path(write(tmp_path / "e", call(1))).read_bytes())[:200])

        assert str(path) in refused("select count(*) from records", path)

    def test_what_is_no_record_is_counted_and_left_out(self, tmp_path):
        """
        A torn line, another object, a list, and a record of a newer major version.
        """
        newer = call(2, schema="greensdk.record/9")
        path = write(tmp_path / "e.jsonl", call(1), newer, end=b'{"a": 1}\n[1]\n\nnot json\n{"schema":"green')
        done = CliRunner().invoke(cli, ["query", "select count(*) n from records", path])

        assert (0, "n\n1\n") == (done.exit_code, done.stdout)
        assert "5 lines are no records and were left out; greensdk validate says why\n" == done.stderr

    def test_nothing_is_said_of_good_lines(self, tmp_path):
        """
        Nor does a view that looks twice count twice.
        """
        path = write(tmp_path / "e.jsonl", call(1), end=b"torn")
        with tables([path]) as found:
            found.ask("select 1 from records a, records b, calls").fetchall()
            assert 1 == found.left_out()
        with tables([write(tmp_path / "good.jsonl", call(1))]) as found:
            found.ask("select sum(energy_j) from records").fetchall()
            assert 0 == found.left_out()


class TestWalls:
    """
    What a query can't do.
    """

    @pytest.mark.parametrize(
        "sql",
        [
            "select * from read_text('/etc/passwd')",
            "select * from read_csv('/etc/passwd', sep=':')",
            "select * from glob('/etc/*')",
            "from '/etc/other.csv'",
            "from 'https://example.org/x.csv'",
        ],
    )
    def test_no_other_file_is_read(self, log, sql):
        """
        Nor listed, nor fetched.
        """
        assert "file system operations are disabled" in refused(sql, log)

    @pytest.mark.parametrize(
        "sql",
        [
            "copy (select 1) to '{log}'",
            "copy (select 1) to '{folder}/new.csv'",
            "explain analyze copy (select 1) to '{log}'",
            "attach '{folder}/new.db' as new",
            "export database '{folder}/new'",
            "set enable_external_access = true",
            "install httpfs",
            "create table t as select 1",
            "select 1; copy (select 1) to '{folder}/new.csv'",
            "",
        ],
    )
    def test_nothing_is_written_or_set(self, tmp_path, log, sql):
        """
        The log is as it was, and nothing is beside it.
        """
        before = Path(log).read_bytes()

        assert "greensdk: query: expected one SELECT; nothing else is run" == refused(
            sql.format(log=log, folder=tmp_path), log
        )
        assert before == Path(log).read_bytes()
        assert ["e.jsonl"] == os.listdir(tmp_path)

    def test_secrets_that_are_kept_on_this_machine_are_not_there(self, log):
        """
        DuckDB would load them from the home folder.
        """
        assert [] == query("from duckdb_secrets()", log)

    def test_python_variables_are_no_tables(self, log):
        """
        DuckDB would take them for some.
        """
        assert "Table with name secret does not exist" in refused("from secret", log)

    @pytest.mark.parametrize(
        ("sql", "text"),
        [
            ("selct 1", 'greensdk: query: Parser Error: syntax error at or near "selct"'),
            ("select nope from records", "nope"),
            ("select 'a'::int from records", "Conversion Error"),
        ],
    )
    def test_a_mistake_is_one_line(self, log, sql, text):
        """
        And exit code 2.
        """
        assert text in refused(sql, log)

    def test_sql_behind_the_logs_is_told_its_place(self, log):
        """
        It would be taken for the name of one.
        """
        done = CliRunner().invoke(cli, ["query", log, "SELECT 1"])

        assert (2, "") == (done.exit_code, done.stdout)
        assert "the SQL comes first, then the logs" in done.stderr

    def test_a_log_may_be_called_like_sql(self, log):
        """
        It is one where there is such a file.
        """
        Path(log).rename("with love.jsonl")

        assert [{"n": 1}] == query("select 1 n", "with love.jsonl")

    def test_a_time_with_a_zone_is_a_time_or_one_line_says_what_is_missing(self, log):
        """
        DuckDB before 2.0 needs a library for it. Ours have no zone: they are all UTC.
        """
        done = CliRunner().invoke(cli, ["query", "select now() as t", log, "--format", "json"])

        if done.exit_code == 0:
            assert datetime.fromisoformat(json.loads(done.stdout)[0]["t"]).tzinfo is not None
        else:
            assert (2, 1) == (done.exit_code, len(done.stderr.splitlines()))
            assert done.stderr.startswith("greensdk: query: ")

    def test_two_columns_of_one_name_would_be_one_in_json(self, log):
        """
        So they are refused there, and only there.
        """
        done = CliRunner().invoke(cli, ["query", "select 1 a, 2 a", log, "--format", "json"])

        assert (2, "") == (done.exit_code, done.stdout)
        assert "two columns have the same name" in done.stderr
        assert "a,a\n1,2\n" == query("select 1 a, 2 a", log, form="csv")

    def test_a_source_that_is_not_there_is_one_line(self):
        """
        As for every command.
        """
        assert "greensdk: nothing.jsonl: no such file or folder" == refused("select 1", "nothing.jsonl")


class TestColumns:
    """
    What follows from the schema.
    """

    def test_every_field_is_in_a_type_or_a_column(self):
        """
        A key that is added to the schema is a column at once.
        """
        types, flat = sql_columns(), flat_columns()

        assert {name for name in FIELDS if "." not in name and "[" not in name} == types.keys()
        assert "MAP(VARCHAR, VARCHAR)" == types["errors"]
        assert ("JSON", "TIMESTAMP", "BIGINT") == (types["tags"], types["started_at"], types["depth"])
        for name in ("host.arch", "worker.backend", "resources.cpu_user_s", "cost.usd", "tags", "readings", "extra"):
            assert name in flat

    def test_every_view_is_in_the_help(self):
        """
        Names are not guessed.
        """
        words = CliRunner().invoke(cli, ["query", "--help"]).output

        assert [] == [name for name in VIEWS if name not in words]

    def test_a_flat_row_loses_nothing(self):
        """
        What has no column is in ``extra``; what should be an object and is not, too.
        """
        row = flat_row({"host": {"arch": "arm", "rack": 7}, "cost": 3, "mine": [1], "label": None, "tags": {"a": None}})

        assert {"host.arch": "arm", "tags": {"a": None}, "extra": {"host.rack": 7, "cost": 3, "mine": [1]}} == row
