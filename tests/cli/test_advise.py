"""
``greensdk advise``.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from advisor_kit import jobs, record, write
from click.testing import CliRunner

from greensdk.advisor import Model, advise
from greensdk.cli import cli

FUNCTION = {"backend": "aws_lambda", "memory_mb": 1769}
BILLED = {
    "gb_s": 1.0,
    "compute_usd": 1.66667e-5,
    "requests_usd": 2e-7,
    "price_source": "list",
    "price_date": "2026-01-01",
}


def run(*arguments):
    """
    Run the command.
    """
    return CliRunner().invoke(cli, ["advise", *map(str, arguments)])


@pytest.fixture
def log(tmp_path):
    """
    Return the name of a log with a sweep from 1 to 32 workers.
    """
    return write(tmp_path / "energy.jsonl", jobs())


class TestText:
    """
    The text output.
    """

    def test_it_recommends_a_number_of_workers(self, log):
        """
        Workers, seconds, joules with their intervals, confidence, and what to measure next.
        """
        done = run(log)

        assert 0 == done.exit_code
        first, head, row, *rest = done.output.splitlines()
        assert "module.work (localhost, x86_64): 12 runs, least energy" == first
        assert [
            "stage",
            "workers",
            "memory",
            "MB",
            "seconds",
            "(90%)",
            "joules",
            "(90%)",
            "USD",
        ] == head.split()
        assert row.split()[0] == "module.work"
        assert row.split()[1] in {"6", "7", "8"}
        assert ["confidence:", "alternative:", "measure", "energy"] == [
            rest[0].split()[0],
            *(rest[n].split()[0] for n in (1, 4, 5)),
        ]
        assert "energy from estimator (vcpu+memory)" in rest

    def test_a_deadline_stands_in_the_first_line(self, log):
        """
        So does the risk.
        """
        done = run(log, "--deadline", 20, "--risk", 0.05)

        assert "least energy within 20 s at a risk of 0.05" in done.output.splitlines()[0]

    def test_a_workflow_has_a_row_for_each_stage_and_a_total(self, tmp_path):
        """
        Stages are known by their names.
        """
        records = [
            *jobs(name="A", worker={"workflow": "w", "stage": "one"}),
            *jobs(name="B", worker={"workflow": "w", "stage": "two", "parents": ["one"]}),
        ]

        lines = run(write(tmp_path / "w.jsonl", records)).output.splitlines()

        assert "w (localhost, x86_64): 24 runs, least energy" == lines[0]
        assert ["one", "two", "total"] == [line.split()[0] for line in lines[2:5]]

    def test_dollars_come_from_the_records_or_from_a_region(self, tmp_path):
        """
        Both have prices; without prices cost can't be minimised.
        """
        billed = write(tmp_path / "billed.jsonl", jobs(worker=FUNCTION, cost=BILLED))
        plain = write(tmp_path / "plain.jsonl", jobs(worker=FUNCTION))

        assert 0 == run(billed, "--objective", "cost").exit_code
        assert 0 == run(plain, "--objective", "cost", "--region", "us-east-1").exit_code
        assert "price of a GB-second unknown" in run(plain, "--objective", "cost").output

    def test_a_stage_that_can_t_be_fitted_is_left_out_with_a_remark(self, tmp_path):
        """
        Without limits the others have a plan; with a deadline there is none.
        """
        records = [
            *jobs(name="A", worker={"workflow": "w", "stage": "map"}),
            *jobs((1,), name="B", worker={"workflow": "w", "stage": "reduce", "parents": ["map"]}),
        ]
        log = write(tmp_path / "w.jsonl", records)

        assert "left out of all sums: reduce (w, localhost, x86_64): 1 worker count measured (1)" in run(log).output
        assert 2 == run(log, "--deadline", 100).exit_code

    def test_two_architectures_are_compared(self, tmp_path):
        """
        Where their joules come from one kind of estimate; seconds in any case.
        """
        arm = {"host": {"host_id": "h", "boot_id": "b", "arch": "aarch64", "cpu_model": "N1"}}
        same = write(tmp_path / "same.jsonl", [*jobs(name="A"), *jobs(name="B", scale=0.5, **arm)])
        other = write(tmp_path / "other.jsonl", [*jobs(name="A"), *jobs(name="B", energy_source="rapl", **arm)])

        assert "module.work: least energy on localhost, aarch64; 2" in run(same).output
        assert "module.work: least energy on" not in run(other).output
        assert "module.work: least time on localhost" in run(other, "--objective", "time").output

    def test_lines_that_can_t_be_read_are_counted(self, tmp_path):
        """
        As in a report.
        """
        path = tmp_path / "torn.jsonl"
        write(path, jobs())
        with path.open("a") as lines:
            lines.write("{\n")

        assert "1 unreadable line, first: " in run(path).output


class TestRefusal:
    """
    One line on standard error, exit code 2, no number.
    """

    @pytest.mark.parametrize(
        ("records", "words"),
        [
            ([], "no usable records"),
            ([record(1, worker=None)], "1 run left out: neither a job nor a tag 'workers'"),
            (jobs((1, 2, 4)), "3 worker counts measured (1, 2, 4): at least 4 are needed"),
            (jobs(noise=2.0, repetitions=3), "differ by ×"),
        ],
        ids=["none", "no workers", "too few", "contradictory"],
    )
    def test_too_little_or_contradictory_records(self, tmp_path, records, words):
        """
        The line says what is missing.
        """
        done = run(write(tmp_path / "few.jsonl", records))

        assert 2 == done.exit_code
        assert words in done.stderr
        assert 1 == done.stderr.count("\n")
        assert "" == done.stdout

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--objective", "speed"), "objective 'speed': expected energy, time, cost, edp"),
            (("--deadline", "3"), "the fastest takes"),
            (("--deadline", "-1"), "expected a number above 0"),
            (("--risk", "2"), "expected a number above 0 and up to 0.5"),
            (("--workers", "a,b"), "expected numbers such as 1,2,4,8"),
            (("--workers", "500"), "none of the given configurations is within the measured range"),
            (("--region", "mars"), "no AWS Lambda price for mars"),
        ],
    )
    def test_what_can_t_be_done(self, log, arguments, words):
        """
        The line says why, and what could.
        """
        done = run(log, *arguments)

        assert (2, 1) == (done.exit_code, done.stderr.count("\n"))
        assert words in done.stderr

    def test_a_missing_file(self):
        """
        It is named.
        """
        assert (2, True) == ((done := run("nowhere.jsonl")).exit_code, "nowhere.jsonl" in done.stderr)


class TestMachines:
    """
    What a program reads.
    """

    def test_json_has_choice_front_and_provenance(self, log):
        """
        Plain values with intervals.
        """
        data = json.loads(run(log, "--json").output)
        (workflow,) = data["workflows"]

        assert workflow["choice"]["configs"]["module.work"]["workers"] in {6, 7, 8}
        assert workflow["total"]["energy_j"]["low"] < workflow["total"]["energy_j"]["value"]
        assert len(workflow["pareto"]) > 3
        assert 64 == len(workflow["stages"][0]["records_digest"])
        assert [1, 2, 4, 8, 16, 32] == workflow["stages"][0]["worker_counts"]

    def test_json_has_the_reason_for_no_choice(self, tmp_path):
        """
        The exit code does, too.
        """
        done = run(write(tmp_path / "few.jsonl", jobs((1, 2))), "--json")

        assert 2 == done.exit_code
        assert "at least 4 are needed" in json.loads(done.stdout)["workflows"][0]["reason"]

    def test_models_are_saved(self, log, tmp_path):
        """
        One file for each stage, which can be loaded.
        """
        run(log, "--save", tmp_path / "models")

        (path,) = (tmp_path / "models").iterdir()
        assert "module.work_localhost_x86_64.json" == path.name
        assert 12 == len(Model.from_json(path.read_text()).profile.points)

    def test_everything_a_picture_needs_is_there(self):
        """
        Curves with intervals on a grid, points, front.
        """
        (workflow,) = advise(jobs()).workflows
        (stage,) = workflow.stages
        (curve,) = stage.curves.values()

        assert 12 == len(stage.points)
        assert [1, 32] == [curve[0].workers, curve[-1].workers]
        assert all(each.time_low_s < each.time_s < each.time_high_s for each in curve)
        assert all(each.energy_low_j < each.energy_j < each.energy_high_j for each in curve)
        assert np.all(np.diff([option.time_s for option in workflow.plan.pareto]) >= 0)
