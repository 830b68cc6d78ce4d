"""
``greensdk export``: records in other people's forms.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import stat

import pytest
from click.testing import CliRunner
from records_kit import call, lithops, reading, write

from greensdk.cli import cli

BY_FUNCTION = """
SELECT function_name, AVG(energy_pkg) as avg_energy
FROM energy_consumption
GROUP BY function_name
ORDER BY avg_energy DESC;
"""
BY_CPU = """
SELECT e.function_name, c.cpu_id, AVG(c.cpu_percent) as avg_cpu
FROM energy_consumption e
JOIN cpu_usage c ON e.job_key = c.job_key AND e.call_id = c.call_id
GROUP BY e.function_name, c.cpu_id
ORDER BY e.function_name, c.cpu_id;
"""
"""As they stand in the notes of those who first wanted these tables."""


def export(form, log, out, *more):
    """
    Run the command in this process.
    """
    return CliRunner().invoke(cli, ["export", "--to", form, log, str(out), *more])


def exported(form, log, out, *more):
    """
    Return what the command says when it works.
    """
    done = export(form, log, out, *more)
    assert 0 == done.exit_code, done.output
    return done.stdout


def used(joules, percents, **changes):
    """
    Return what changes in a record of a call whose CPUs were that busy.
    """
    return {"readings": [reading(joules)], "resources": {"cpu_percent_per_core": percents}, **changes}


@pytest.fixture
def log(tmp_path):
    """
    Two calls of a job, one of no job, one inside it, and two lines that are no good.
    """
    return write(
        tmp_path / "e.jsonl",
        call(1, 8.0, **used(8.0, [100.0, 0.0], function="prime", worker=lithops("00000"), duration_s=2.0)),
        call(2, 4.0, **used(4.0, [50.0, 30.0], function="prime", worker=lithops("00001"))),
        call(3, 1.0, **used(1.0, [10.0, None], function="sleep", mine={"a": 1})),
        call(4, 0.5, function="inner", parent_id=f"{3:032x}", depth=1),
        call(5, 0.5, status="fine"),
        end=b'{"schema":"gree',
    )


class TestSqlite:
    """
    ``energy_consumption`` and ``cpu_usage``.
    """

    @pytest.fixture
    def ask(self, tmp_path, log):
        """
        Return a function that asks the exported file.
        """
        said = exported("sqlite", log, tmp_path / "e.db")
        assert f"{tmp_path / 'e.db'}: 3 calls\n" == said
        database = sqlite3.connect(tmp_path / "e.db")
        yield lambda sql: database.execute(sql).fetchall()
        database.close()

    def test_the_three_queries_of_the_notes(self, ask):
        """
        Word for word.
        """
        assert [("prime", 6.0), ("sleep", 1.0)] == ask(BY_FUNCTION)
        assert [("prime", 0, 75.0), ("prime", 1, 15.0), ("sleep", 0, 10.0), ("sleep", 1, None)] == ask(BY_CPU)
        assert [(13.0 / 3,)] == ask("SELECT AVG(energy_pkg) FROM energy_consumption")

    def test_the_derived_columns(self, ask):
        """
        Each is a formula over the others.
        """
        (row,) = ask(
            "SELECT job_key, call_id, energy_cores, core_percentage, energy_efficiency, energy_per_cpu, active_cpus, "
            "max_cpu_usage, avg_cpu_usage FROM energy_consumption WHERE call_id = '00000'"
        )

        assert ("ab12-0-M000", "00000", 2.0, 25.0, 4.0, 8.0, 1, 100.0, 50.0) == row

    def test_a_call_of_no_job_goes_by_its_machine_and_its_id(self, ask):
        """
        So that it can be joined as well.
        """
        assert [("host", f"{3:032x}")] == ask("SELECT job_key, call_id FROM energy_consumption WHERE energy_pkg = 1")

    def test_a_second_record_of_a_call_is_not_joined_with_the_first(self, tmp_path):
        """
        Another attempt has the same number in the job.
        """
        rows = [call(n, 1.0, **used(1.0, [10.0 * n], worker=lithops("00000"))) for n in (1, 2)]
        exported("sqlite", write(tmp_path / "two.jsonl", *rows), tmp_path / "two.db")
        database = sqlite3.connect(tmp_path / "two.db")
        joined = database.execute(
            "SELECT e.call_id, c.cpu_percent FROM energy_consumption e JOIN cpu_usage c USING (job_key, call_id)"
        ).fetchall()
        database.close()

        assert [("00000", 10.0), (f"00000/{2:032x}", 20.0)] == sorted(joined)

    @pytest.mark.parametrize(("boundary", "joules"), [("package", 3.0), ("vcpu+memory", None)])
    def test_joules_of_something_else_are_no_package(self, tmp_path, boundary, joules):
        """
        They are in ``energy``, with their source; a package's total is one without any domain.
        """
        log = write(tmp_path / "x.jsonl", call(1, 3.0, energy_boundary=boundary))
        exported("sqlite", log, tmp_path / "x.db")
        database = sqlite3.connect(tmp_path / "x.db")
        row = database.execute("SELECT energy_pkg, energy, energy_boundary FROM energy_consumption").fetchone()
        database.close()

        assert (joules, 3.0, boundary) == row


class TestCsv:
    """
    A row a record.
    """

    def test_columns_are_dotted_names(self, tmp_path, log):
        """
        Numbers come back as they were; what is nested is JSON.
        """
        exported("csv", log, tmp_path / "e.csv")
        with open(tmp_path / "e.csv", newline="") as file:
            rows = list(csv.DictReader(file))

        assert ["8.0", "4.0", "1.0", "0.5"] == [row["energy_j"] for row in rows]
        assert ("00001", "ab12-0", "") == tuple(rows[1][f"worker.{key}"] for key in ("call_id", "executor_id", "pod"))
        assert [50.0, 30.0] == json.loads(rows[1]["resources.cpu_percent_per_core"])
        assert {"mine": {"a": 1}} == json.loads(rows[2]["extra"])

    def test_a_label_with_everything_in_it(self, tmp_path):
        """
        Commas, quotes and newlines.
        """
        label = 'a,"b"\nc;é'
        exported("csv", write(tmp_path / "x.jsonl", call(1, label=label)), tmp_path / "x.csv")
        with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
            (row,) = csv.DictReader(file)

        assert label == row["label"]


class TestParquet:
    """
    The table of ``greensdk query``.
    """

    def test_it_holds_the_same_in_the_same_types(self, tmp_path, log):
        """
        Nested columns stay nested.
        """
        import duckdb

        exported("parquet", log, tmp_path / "e.parquet")
        with duckdb.connect() as connection:
            rows = connection.execute(
                f"SELECT energy_j, worker.call_id, readings[1].domains['core-0'] FROM '{tmp_path}/e.parquet' ORDER BY 1"
            ).fetchall()

        assert [
            (0.5, None, None),
            (0.5, None, None),
            (1.0, None, 0.5),
            (4.0, "00001", 2.0),
            (8.0, "00000", 4.0),
        ] == rows


class TestPowerApi:
    """
    Power reports.
    """

    def test_lines_of_json(self, tmp_path, log):
        """
        Mean watts at the end of the call, with their origin.
        """
        said = exported("powerapi", log, tmp_path / "e.jsonl.powerapi")
        first = json.loads((tmp_path / "e.jsonl.powerapi").read_text().splitlines()[0])

        assert said.endswith(": 3 reports\n")
        assert ("2026-01-31T12:00:02.500+00:00", "host", "prime", 4.0) == tuple(
            first[key] for key in ("timestamp", "sensor", "target", "power")
        )
        assert ("rapl", "package", 2.0) == tuple(first["metadata"][key] for key in ("source", "boundary", "duration_s"))

    def test_csv_has_the_four_columns(self, tmp_path, log):
        """
        And what has no power is counted.
        """
        path = write(tmp_path / "x.jsonl", call(1, 8.0, duration_s=2.0), call(2, None, reason="none"))
        said = exported("powerapi", path, tmp_path / "x.csv")

        assert said.endswith(": 1 reports; 1 calls have no energy or no duration\n")
        assert (
            "timestamp,sensor,target,power\n2026-01-31T12:00:02.500+00:00,host,f,4.0\n"
            == (tmp_path / "x.csv").read_text()
        )


def test_profiles_of_flexexecutor(tmp_path, log):
    """
    A file a stage.
    """
    said = exported("flexecutor", log, tmp_path / "profiles")
    profile = json.loads((tmp_path / "profiles" / "workflow" / "prime.json").read_text())

    assert said.endswith(": 1 profiles\n")
    assert [[8.0, 4.0]] == next(iter(profile.values()))["energy"]
    assert 2 == export("flexecutor", log, tmp_path / "profiles").exit_code
    exported("flexecutor", log, tmp_path / "profiles", "--force")


class TestAll:
    """
    What holds for every form.
    """

    FORMS = ("sqlite", "csv", "parquet", "powerapi")

    @pytest.mark.parametrize("form", FORMS)
    def test_nothing_is_written_over_unasked(self, tmp_path, log, form):
        """
        With --force it is, whole.
        """
        out = tmp_path / "out"
        out.write_text("precious")
        done = export(form, log, out)

        assert (2, f"greensdk: {out}: exists; --force writes over it\n") == (done.exit_code, done.stderr)
        assert "precious" == out.read_text()
        exported(form, log, out, "--force")
        assert b"precious" not in out.read_bytes()

    @pytest.mark.parametrize("form", FORMS)
    def test_a_failure_leaves_nothing_behind(self, tmp_path, form):
        """
        Neither half of a file nor a name.
        """
        done = export(form, "missing.jsonl", tmp_path / "out")

        assert (2, "greensdk: missing.jsonl: no such file or folder\n") == (done.exit_code, done.stderr)
        assert [] == list(tmp_path.iterdir())

    @pytest.mark.parametrize("form", ["sqlite", "csv", "powerapi"])
    def test_bad_lines_are_counted(self, tmp_path, log, form):
        """
        The first by its place.
        """
        done = export(form, log, tmp_path / "out")

        assert 0 == done.exit_code
        assert done.stderr.startswith(f"2 lines are no good records and were left out, the first: {log}:5: status: ")

    @pytest.mark.parametrize("form", FORMS)
    def test_only_its_owner_can_read_it(self, tmp_path, log, form):
        """
        As all logs.
        """
        exported(form, log, tmp_path / "out")

        assert 0o600 == stat.S_IMODE((tmp_path / "out").stat().st_mode)

    def test_a_folder_is_no_file(self, tmp_path, log):
        """
        Nor is a folder made.
        """
        assert f"greensdk: {tmp_path}: is a folder; name a file\n" == export("csv", log, tmp_path).stderr
        assert "there is no such folder" in export("csv", log, tmp_path / "no" / "out").stderr
