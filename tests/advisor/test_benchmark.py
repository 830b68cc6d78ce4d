"""
``python -m benchmarks.advisor``: the bars on public profiles, and files that are not as they should be.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GIVEN = ROOT / "benchmarks" / "data" / "jolteon" / "profiles.csv"
HEAD = "app,stage,memory_mb,workers,rep,read_mean,compute_mean,write_mean"


@pytest.fixture(scope="module")
def bench():
    """
    Return the benchmark as a module.
    """
    spec = importlib.util.spec_from_file_location("advisor_benchmark", ROOT / "benchmarks" / "advisor.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


@pytest.fixture(scope="module")
def values(bench):
    """
    Return what it finds on the profiles that come with it.
    """
    return bench.judge(bench.read([GIVEN]))[0]


@pytest.mark.slow
class TestBars:
    """
    What the advisor must reach on eight stages of two workflows on AWS Lambda.
    """

    @pytest.mark.parametrize(
        ("question", "median", "p90"),
        [("workers", 0.05, 0.10), ("memory_mb", 0.085, 0.15), ("energy regret", 0.0, 0.055)],
    )
    def test_errors_are_small_and_below_the_other_forms(self, values, question, median, p90):
        """
        Median and 90th percentile, each no worse than those of a/p + b and of the four terms.
        """
        ours, *others = (np.quantile(values[question][name], [0.5, 0.9]) for name in ("advisor", "a/p + b", "4 terms"))

        assert 8 == len(values[question]["advisor"])
        assert np.all(ours <= [median + 1e-9, p90])
        assert all(np.all(ours <= other) and ours[1] < other[1] for other in others)

    def test_intervals_hold_what_they_promise(self, values):
        """
        90 % of the repetitions at worker counts that were kept out, give or take 5.
        """
        assert 0.85 <= np.mean(values["coverage"]["advisor"]) <= 0.95

    def test_the_table_is_the_same_each_time(self, bench):
        """
        It is seeded.
        """
        stages = bench.read([GIVEN])[:1]
        once, again = (list(bench.lines(bench.judge(stages)[0])) for _ in range(2))

        assert once == again


class TestFiles:
    """
    One clear line, and exit code 2.
    """

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "no column app, stage"),
            ("app,stage\nA,s\n", "no column memory_mb, workers"),
            (f"{HEAD}\n", "no rows"),
            (f"{HEAD}\nA,s,1024,8,0,0.1,,0.1\n", ":2: compute_mean = '': expected a number of at least 0"),
            (f"{HEAD}\nA,s,1024,8,0,0.1\n", ":2: compute_mean = None: expected a number of at least 0"),
            (f"{HEAD}\nA,s,1024,8,0,0.1,nan,0.1\n", ":2: compute_mean = 'nan'"),
            (f"{HEAD}\nA,s,1024,2.5,0,0.1,1,0.1\n", ":2: workers = '2.5': expected a whole number"),
            (f"{HEAD}\nA,s,-5,8,0,0.1,1,0.1\n", ":2: memory_mb = '-5'"),
            (f"{HEAD}\nA,s,1024,8,0,0,0,0\n", ":2: read, compute and write take 0 s together"),
            (f"{HEAD}\n,s,1024,8,0,0,1,0\n", ":2: no app or no stage"),
            (f"{HEAD}\nA,s,1024,8,0,0.1,1,0.1\n", "s (A, aws_lambda, x86_64): left out, 1 worker counts, at least 4"),
        ],
    )
    def test_an_odd_file_is_refused(self, bench, tmp_path, capsys, text, words):
        """
        The line says where it is wrong.
        """
        path = tmp_path / "odd.csv"
        path.write_text(text)

        assert 2 == bench.main([str(path)])
        assert words in (said := capsys.readouterr()).err
        assert ("", 1) == (said.out, said.err.count("\n"))

    def test_a_missing_file_is_named(self, bench, capsys):
        """
        No traceback.
        """
        assert 2 == bench.main(["nowhere.csv"])
        assert "nowhere.csv: No such file" in capsys.readouterr().err


@pytest.mark.slow
def test_it_runs_as_a_module(tmp_path):
    """
    From the root of the tree, with a part of the profiles: a table with all three forms.
    """
    lines = GIVEN.read_text().splitlines()
    part = tmp_path / "part.csv"
    part.write_text("\n".join([lines[0], *(line for line in lines if line.startswith("Video-Analytics,stage0,"))]))

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.advisor", part],
        cwd=ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert all(
        name in done.stdout for name in ("advisor", "a/p + b", "4 terms", "leave one memory size out", "90 % interval")
    )
