"""
``pytest --energy`` in suites of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest_plugins = "pytester"

BURN = """
import time

import pytest

from greensdk import capture, energy_tracked


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(200))
"""


@pytest.fixture
def suite(pytester):
    """
    Return a function that runs a suite and returns its result.
    """

    def run(code: str, *words: str):
        pytester.makepyfile(test_it=f"{BURN}\n{code}")
        return pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", "-W", "always", *words)

    return run


def test_each_test_has_a_row_with_its_joules(suite, pytester):
    """
    The dearest first; skipped ones have none; fixtures' work is not in it.
    """
    found = suite(
        """
@pytest.fixture
def dear():
    burn(0.2)

def test_small(dear): burn(0.01)
def test_large(): burn(0.06)
def test_left_out(): pytest.skip("not here")
""",
        "--energy",
        "--energy-json=e.json",
    )
    found.assert_outcomes(passed=2, skipped=1)
    found.stdout.re_match_lines([r".*=+ energy =+", r".* J \[.*\] .* CPU s  test_it.py::test_large", ".*::test_small"])
    rows = json.loads(pytester.path.joinpath("e.json").read_text())["tests"]
    assert {"test_it.py::test_small", "test_it.py::test_large"} == rows.keys()
    assert [True, True] == [
        0.05 < rows["test_it.py::test_large"]["cpu_s"] < 0.12,
        rows["test_it.py::test_small"]["cpu_s"] < 0.05,
    ]


def test_what_a_test_asserts_of_its_own_records_stays_true(suite, pytester):
    """
    The window is no parent, and what measured calls inside took is in the test's number.
    """
    found = suite(
        """
@energy_tracked(sink=[])
def inside(): burn(0.06)

def test_records():
    with capture() as records:
        inside()
    assert [None, 0, 1] == [records[0]["parent_id"], records[0]["depth"], len(records)]
""",
        "--energy",
        "--energy-json=e.json",
    )
    found.assert_outcomes(passed=1)
    (row,) = json.loads(pytester.path.joinpath("e.json").read_text())["tests"].values()
    assert row["cpu_s"] > 0.055


def test_budgets_fail_pass_or_warn(suite):
    """
    Surely exceeded fails; surely kept passes; too short for any word warns.
    """
    found = suite(
        """
@pytest.mark.energy(at_most_cpu_s=0.02, runs=2)
def test_exceeded(): burn(0.06)

@pytest.mark.energy(at_most_cpu_s=0.6, runs=2)
def test_kept(): burn(0.06)

@pytest.mark.energy(at_most_j=5)
def test_short(): pass

@pytest.mark.energy(at_most_j=5, unclear="fail", runs=1)
def test_strict(): pass
""",
        "--energy",
    )
    found.assert_outcomes(passed=2, failed=2, warnings=1)
    found.stdout.fnmatch_lines(["takes 0.06* CPU s [[]0.0*, 0.*], at most 0.02 (2 runs)"])
    found.stdout.fnmatch_lines(
        ["*EnergyWarning: * of CPU time are too short for a budget, which takes 50 ms: repeat the work"]
    )


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("at_most=5", "at_most is unknown; known are above_baseline, at_most_cpu_s"),
        ("5", "5 has no name"),
        ("at_most_j=0", "at_most_j is 0, not a number above 0"),
        ("runs=0", "runs is 0, not a whole number above 0"),
        ("unclear='maybe'", "unclear is 'maybe', not one of warn, fail, pass"),
    ],
)
def test_a_wrong_mark_fails_its_test_in_one_line(suite, mark, text):
    """
    Without a traceback.
    """
    found = suite(f"@pytest.mark.energy({mark})\ndef test_it(): pass", "--energy")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines([f"mark energy: {text}*"])


def test_without_the_option_a_mark_does_nothing(suite):
    """
    The suite runs as it did.
    """
    suite("@pytest.mark.energy(at_most_cpu_s=1e-9)\ndef test_it(): burn(0.06)", "--strict-markers").assert_outcomes(
        passed=1
    )


def test_a_baseline_is_written_then_held(suite, pytester):
    """
    The same work passes; four times the work fails, by the rule of `greensdk diff`.
    """
    code = "@pytest.mark.energy(above_baseline=0.5, runs=3)\ndef test_it(): burn({})"
    first = suite(code.format(0.06), "--energy", "--energy-baseline=b.json")
    same = suite(code.format(0.06), "--energy", "--energy-baseline=b.json")
    more = suite(code.format(0.24), "--energy", "--energy-baseline=b.json")
    first.stdout.fnmatch_lines(["baseline b.json: 1 added"])
    same.stdout.fnmatch_lines(["baseline b.json: unchanged"])
    more.stdout.fnmatch_lines(["takes * the CPU s of the baseline, at most 1.5x"])
    assert [1, 1, 0] == [each.parseoutcomes().get("passed", 0) for each in (first, same, more)]
    kept = json.loads(pytester.path.joinpath("b.json").read_text())
    assert ["greensdk.baseline/1", 1] == [kept["schema"], len(kept["tests"]["test_it.py::test_it"])]


def test_a_baseline_of_another_cpu_judges_nothing(suite, pytester):
    """
    It warns, and says how to go on.
    """
    code = "@pytest.mark.energy(above_baseline=0.1, runs=2)\ndef test_it(): burn({})"
    suite(code.format(0.06), "--energy", "--energy-baseline=b.json")
    path = pytester.path.joinpath("b.json")
    kept = json.loads(path.read_text())
    kept["machine"]["cpu_model"] = "Another CPU"
    path.write_text(json.dumps(kept))
    found = suite(code.format(0.3), "--energy", "--energy-baseline=b.json")
    found.assert_outcomes(passed=1, warnings=1)
    found.stdout.fnmatch_lines(
        ["*baseline: cpu_model was Another CPU, is *; --energy-update adds this machine's numbers"]
    )


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "greensdk.baseline/1", "machine": {}, "tests": {"a": [1]}}'])
def test_what_is_no_baseline_is_refused(suite, pytester, text):
    """
    One line, and nothing runs.
    """
    pytester.path.joinpath("b.json").write_text(text)
    found = suite("def test_it(): pass", "--energy", "--energy-baseline=b.json")
    assert pytest.ExitCode.USAGE_ERROR == found.ret
    found.stderr.fnmatch_lines(["ERROR: --energy-baseline b.json: *; remove it to begin a new one"])


def test_a_part_of_a_test_is_measured_by_the_fixture(suite):
    """
    With or without the option.
    """
    suite(
        """
def test_it(energy):
    with energy("part") as call:
        burn(0.02)
    assert call.record["label"] == "test_it.py::test_it::part"
    assert call.record["cpu_s"] > 0.015
"""
    ).assert_outcomes(passed=1)


def test_junit_has_plain_properties(suite, pytester):
    """
    One for each number.
    """
    suite("def test_it(): burn(0.01)", "--energy", "--junitxml=j.xml")
    text = pytester.path.joinpath("j.xml").read_text()
    assert [True, True] == ['<property name="energy.cpu_s" value="0.0' in text, "energy.energy_j" in text]


def test_a_plain_run_imports_nothing_of_greensdk(tmp_path):
    """
    The plugin is a package of its own.
    """
    tmp_path.joinpath("test_it.py").write_text(
        "import sys\ndef test_it():\n    assert 'greensdk' not in {name.partition('.')[0] for name in sys.modules}\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert [0, True] == [done.returncode, "1 passed" in done.stdout]
