"""
The studies: their statistics, their output, and that they continue where they stopped.
"""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest
from click.testing import CliRunner
from greensdk_lambda_estimator.watts import ARM, INTEL
from greensdk_workloads import Workload, load
from greensdk_workloads.studies import characterise, compare_arch, dte, lithops, measure, methods, parallelism
from greensdk_workloads.studies.command import Settings, _numbers
from greensdk_workloads.studies.table import Table
from greensdk_workloads.studies.targets import targets
from hypothesis import given
from hypothesis import strategies as st
from rights_kit import need_root

from greensdk.cli import cli
from greensdk.errors import GreensdkError

CELLS = st.lists(st.fixed_dictionaries({"x": st.integers(0, 9), "y": st.integers(0, 9)}), min_size=1, max_size=12)


def study(*arguments, cwd):
    """
    Run ``greensdk study`` and return its output.
    """
    command = [sys.executable, "-m", "greensdk", "study", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=600)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


class TestTable:
    """
    Rows on the disk.
    """

    def test_added_rows_are_read_back(self, tmp_path):
        """
        Numbers as numbers, texts as texts, None as None.
        """
        row = {"name": "pi", "rep": 1, "seconds": 0.25, "reason": None}
        Table(tmp_path / "t.csv", ("name", "rep"), ("seconds", "reason")).add(row)
        again = Table(tmp_path / "t.csv", ("name", "rep"), ("seconds", "reason"))

        assert [row] == again.rows
        assert {"name": "pi", "rep": 1} in again
        assert {"name": "pi", "rep": 2} not in again

    def test_a_row_that_was_cut_short_is_run_again(self, tmp_path):
        """
        Ctrl-C, or a full disk, in the middle of a write.
        """
        (tmp_path / "t.csv").write_text("name,seconds\npi,1.0\nmem")

        assert [{"name": "pi", "seconds": 1.0}] == Table(tmp_path / "t.csv", ("name",), ("seconds",)).rows

    def test_another_studys_file_is_refused(self, tmp_path):
        """
        One line that says what to do.
        """
        (tmp_path / "t.csv").write_text("a,b\n")

        with pytest.raises(GreensdkError, match="choose another --out"):
            Table(tmp_path / "t.csv", ("name",), ("seconds",))


class TestTargets:
    """
    The workloads of a study.
    """

    def test_workloads_go_by_name(self):
        """
        The bundled ones.
        """
        assert [load("pi"), load("prime")] == targets(["pi", "prime"])

    def test_an_own_function_does_its_parts(self, tmp_path, monkeypatch):
        """
        (part, parts), for every part.
        """
        (tmp_path / "own_work.py").write_text("def work(part, parts):\n    return part, parts\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", ["", *sys.path])
        (workload,) = targets(["own_work:work"])

        assert isinstance(workload, Workload)
        assert [(0, 3), (1, 3), (2, 3)] == workload.run(lambda fn, items, *_: [fn(*item) for item in items], 3, 1.0)

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("pii", "did you mean 'pi'"),
            ("no_module:f", "No module named 'no_module'"),
            ("math:nothing", "no attribute 'nothing'"),
            ("math:pi", "neither a Workload nor a function"),
        ],
    )
    def test_a_missing_target_is_one_line(self, name, text):
        """
        With its reason.
        """
        with pytest.raises(GreensdkError, match=text):
            targets([name])


class TestNumbers:
    """
    The statistics of the studies.
    """

    def test_students_interval_of_five_known_values(self):
        """
        Mean 3, standard error 0.7071, t of 0.95 with 4 degrees of freedom 2.1318.
        """
        assert pytest.approx((3.0, 3.0 - 1.50744, 3.0 + 1.50744), abs=1e-4) == measure.mean_and_interval(
            [1, 2, 3, 4, 5]
        )

    def test_a_single_value_has_no_spread(self):
        """
        Its interval is the value.
        """
        assert (2.0, 2.0, 2.0) == measure.mean_and_interval([2.0])

    @given(cells=CELLS)
    def test_pareto_points_are_those_that_no_other_dominates(self, cells):
        """
        No worse in both columns, and better in one.
        """
        best = dte.pareto(cells, "x", "y")

        def is_dominated(row):
            return any(
                other["x"] <= row["x"] and other["y"] <= row["y"] and (other["x"], other["y"]) != (row["x"], row["y"])
                for other in cells
            )

        assert best == [row for row in cells if not is_dominated(row)]
        assert best

    def test_a_cell_is_the_estimators_formula_and_the_price_list(self):
        """
        One call of 10 s in 1769 MB that is busy all the time, on either architecture.
        """
        run = {
            "workload": "w",
            "memory_mb": 1769,
            "stage": "all",
            "seconds": 10.0,
            "busiest_s": 10.0,
            "cpu_s": 10.0,
            "calls": 1,
        }
        x86, arm = (dte.cell([run], "w", arch, 1769) for arch in ("x86_64", "arm64"))
        memory_j = 0.1 * 1769 / 1024 * 10.0

        assert pytest.approx(INTEL.busy_w * 10.0 + memory_j) == x86["energy_j"]
        assert pytest.approx(dte.ARM_TIME * (ARM.busy_w * 10.0 + memory_j)) == arm["energy_j"]
        assert pytest.approx(1000 * (17.275390625 * 0.0000166667 + 2e-7)) == x86["usd_per_1000"]
        assert ("run", "run on x86_64 x 0.962") == (x86["time_is"], arm["time_is"])

    def test_with_equal_watts_the_difference_is_all_time(self):
        """
        And with equal times all watts.
        """
        assert 0.0 == compare_arch.part_of_watts(0.9, 1.0)
        assert 1.0 == compare_arch.part_of_watts(1.0, 0.6)
        assert 0.0 == compare_arch.part_of_watts(1.0, 1.0)

    def test_a_pair_has_the_differences_in_per_cent(self):
        """
        Half of the time at 0.8 of the price is 60% less.
        """
        row = compare_arch.pair("w", "f", 1024, 0.5, "measured")

        assert pytest.approx((-50.0, -60.0), abs=0.01) == (row["time_pct"], row["cost_pct"])
        assert row["energy_pct_intel"] < row["energy_pct_amd"] < -45.0

    def test_estimates_twice_as_high_are_100_per_cent_off(self):
        """
        A factor of 2, in the right order.
        """
        assert pytest.approx((100.0, 2.0, 1.0)) == methods.accuracy([(2.0, 1.0), (6.0, 3.0), (4.0, 2.0)])

    @pytest.mark.parametrize(
        ("key", "value", "name"),
        [
            ("cpu_intensity", 0.75, "high"),
            ("cpu_intensity", 0.749, "medium"),
            ("memory_mb", 0.0, "low"),
            ("io_mb_per_s", None, None),
        ],
    )
    def test_classes_go_by_rule(self, key, value, name):
        """
        A limit belongs to the class above it.
        """
        assert name == characterise.level(key, value)

    def test_lithops_over_a_plain_loop_is_a_ratio_of_pairs(self):
        """
        Repetition by repetition; one without both numbers is left out.
        """
        rows = [
            {"workload": "pi", "rep": rep, "way": way, "seconds": seconds}
            for rep, pair in enumerate([(2.0, 1.0), (6.0, 2.0), (None, 1.0)])
            for way, seconds in zip((lithops.LITHOPS, lithops.NATIVE), pair, strict=True)
        ]

        assert 2.5 == lithops.ratios(rows, "pi", "seconds")[0]
        assert lithops.ratios(rows, "other", "seconds") is None

    def test_the_lowest_mean_is_reported(self):
        """
        With the counts whose intervals overlap its own.
        """
        rows = [
            {"workers": workers, "machine_j": joules + noise, "seconds": 1.0}
            for workers, joules in [(1, 9.0), (2, 5.0), (4, 5.05), (8, 20.0)]
            for noise in (-0.1, 0.0, 0.1)
        ]
        curve = parallelism.summary(rows, "machine_j")
        best = min(curve, key=lambda point: point["energy"][0])

        assert 2 == best["workers"]
        assert (
            "pi: 2 workers had the lowest mean, 5 J; 3 runs can't distinguish 2 and 4 workers"
            == parallelism._verdict("pi", curve, best, 3)
        )


class TestCommand:
    """
    ``greensdk study``.
    """

    def test_the_help_lists_every_study(self):
        """
        By name.
        """
        text = CliRunner().invoke(cli, ["study", "--help"]).output

        assert all(
            name in text for name in ("parallelism", "dte", "compare-arch", "methods", "characterise", "lithops")
        )

    @pytest.mark.parametrize("text", ["0", "1,x", "", "-2"])
    def test_numbers_of_workers_are_checked(self, text):
        """
        One line with the expected form.
        """
        with pytest.raises(GreensdkError, match="expected positive integers"):
            _numbers(text)

    @pytest.mark.slow
    def test_methods_are_compared_on_a_simulated_meter(self, tmp_path):
        """
        Where this machine has none; the estimate is compared with it.
        """
        text = study("methods", "prime", "--scale", "0.01", "--reps", "1", "--out", "m", cwd=tmp_path)

        assert "psutil-tdp        package" in text
        rows = list(csv.DictReader((tmp_path / "m" / "methods.csv").read_text().splitlines()))
        assert {"rapl", "psutil-tdp"} <= {row["method"] for row in rows}
        page = (tmp_path / "m" / "methods.html").read_text()
        assert "data:image/svg+xml" in page
        assert "<script" not in page

    @pytest.mark.slow
    def test_parallelism_continues_where_it_stopped(self, tmp_path):
        """
        The second start runs nothing: the rows are those of the first, to the last digit.
        """
        arguments = ("parallelism", "prime", "--workers", "1,2", "--scale", "0.005", "--reps", "1", "--out", "p")
        first = study(*arguments, cwd=tmp_path)
        rows = (tmp_path / "p" / "parallelism.csv").read_bytes()

        assert "had the lowest mean" in first
        assert "is an estimate: 90% of its errors lie between" in first
        assert first == study(*arguments, cwd=tmp_path)
        assert rows == (tmp_path / "p" / "parallelism.csv").read_bytes()
        assert {"parallelism-prime.svg", "parallelism-prime.png", "parallelism.html"} <= {
            p.name for p in (tmp_path / "p").iterdir()
        }

    @pytest.mark.slow
    def test_dollars_time_and_energy_fill_all_cells(self, tmp_path):
        """
        Two architectures, three sizes of memory; less CPU takes longer.
        """
        need_root()
        text = study("dte", "prime", "--scale", "0.03", "--reps", "1", "--workers", "1", "--out", "d", cwd=tmp_path)
        rows = list(csv.DictReader((tmp_path / "d" / "dte.csv").read_text().splitlines()))
        seconds = {(row["arch"], int(row["memory_mb"])): float(row["seconds"]) for row in rows}

        assert {(arch, mb) for arch in ("arm64", "x86_64") for mb in (512, 1024, 2048)} == seconds.keys()
        assert seconds["x86_64", 512] > 1.3 * seconds["x86_64", 2048]
        assert "arm64 is that times 0.962" in text

    @pytest.mark.slow
    def test_the_other_studies_write_a_page_with_a_picture(self, tmp_path):
        """
        Each with the command that made it.
        """
        need_root()
        for arguments in (
            ("compare-arch", "prime", "--scale", "0.002", "--reps", "1", "--workers", "1", "--out", "o"),
            ("characterise", "prime", "sleep", "--scale", "0.002", "--out", "o"),
            ("lithops", "prime", "--scale", "0.002", "--reps", "1", "--out", "o"),
        ):
            assert f"o/{arguments[0]}.html" in study(*arguments, cwd=tmp_path)
            page = (tmp_path / "o" / f"{arguments[0]}.html").read_text()
            assert f"greensdk study {arguments[0]} prime" in page
            assert "data:image/svg+xml" in page

    def test_settings_have_defaults(self, tmp_path):
        """
        Nothing but the folder is needed.
        """
        assert (None, (), False) == (Settings(tmp_path).scale, Settings(tmp_path).targets, Settings(tmp_path).quick)
