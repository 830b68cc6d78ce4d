"""
What ``--energy`` does: a window around each test, budgets, and the table at the end.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from greensdk_pytest.baseline import Baseline
from greensdk_pytest.budget import Budget

KEYS = (
    "energy_j",
    "energy_low_j",
    "energy_high_j",
    "cpu_s",
    "duration_s",
    "energy_source",
    "energy_boundary",
    "reason",
)
"""What of a record is kept of each test. JUnit takes plain values only, one property each."""
PREFIX = "energy."


class EnergyWarning(UserWarning):
    """
    A budget can neither be shown to be kept nor to be exceeded.
    """


@contextmanager
def measured(name: str) -> Generator[dict[str, Any]]:
    """
    Measure a test, and hand out what it took, filled at the end.

    The window is no call's parent: records of the code under test look as they would without it. Their joules are added
    at the end.
    """
    from greensdk import capture, track
    from greensdk.measure.state import current

    taken: dict[str, Any] = dict.fromkeys(KEYS)
    with capture() as inside:
        call = track(name, sink=[])
        with call:
            around = current.get()
            current.set(getattr(around, "parent", None))
            yield taken
    own = call.record
    taken.update({key: own.get(key) for key in KEYS})
    outermost = [record for record in inside if record["parent_id"] is None and record["record_id"] != own["record_id"]]
    for record in outermost:
        for key in ("energy_j", "energy_low_j", "energy_high_j", "cpu_s"):
            taken[key] = None if taken[key] is None or record[key] is None else taken[key] + record[key]
    if own["energy_j"] is not None and taken["energy_j"] is None:
        taken["reason"] = "the energy of a measured call inside is unknown"


class Energy:
    """
    The plugin of a session.

    Args:
        config: Its configuration.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.rows: dict[str, Mapping[str, Any]] = {}
        path = config.getoption("energy_baseline")
        self.baseline = Baseline(path) if path else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """
        Measure a test; then, if it has a budget, run it again and check.
        """
        with measured(item.nodeid) as taken:
            result = yield
        item.user_properties.extend((PREFIX + key, value) for key, value in taken.items() if value is not None)
        mark = item.get_closest_marker("energy")
        if mark is not None:
            self._check(item, Budget.of(mark), taken)
        return result

    def _check(self, item: pytest.Item, budget: Budget, taken: dict[str, Any]) -> None:
        runs = [taken]
        if budget.limits and repeatable(item):
            runs = []  # pytest's own run was the warm-up
            for _ in range(budget.runs):
                with measured(item.nodeid) as again:
                    item.obj(**{name: item.funcargs[name] for name in item._fixtureinfo.argnames})  # type: ignore[attr-defined]
                runs.append(again)
        if self.baseline is not None:
            item.user_properties.append(("energy-runs", json.dumps(runs)))
        before = None if self.baseline is None else self.baseline.of(item.nodeid)
        for verdict, text in budget.verdicts(runs, before):
            if verdict == "fail" or (verdict == "unclear" and budget.unclear == "fail"):
                pytest.fail(text, pytrace=False)
            if verdict == "unclear" and budget.unclear == "warn":
                item.warn(EnergyWarning(text))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """
        Keep what a test took; under xdist this runs in the controller.
        """
        if report.when != "call":
            return
        found = dict(report.user_properties)
        if report.outcome != "skipped" and any(name.startswith(PREFIX) for name in found):
            self.rows[report.nodeid] = {key: found.get(PREFIX + key) for key in KEYS}
        if self.baseline is not None and "energy-runs" in found:
            self.baseline.seen[report.nodeid] = json.loads(str(found["energy-runs"]))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """
        Print the tests that took most, and write the files.
        """
        write = terminalreporter.write_line
        terminalreporter.section("energy")
        top = sorted(self.rows.items(), key=lambda row: -(row[1]["energy_j"] or 0.0))
        most = self.config.getoption("energy_top")
        for name, row in top[:most]:
            write(f"{energy_of(row):>24}  {number(row['cpu_s'])} CPU s  {name}")
        if len(top) > most:
            write(f"... and {len(top) - most} others (--energy-top)")
        if reasons := sorted({str(row["reason"]) for row in self.rows.values() if row["energy_j"] is None}):
            write(f"energy unknown: {reasons[0]}")
        if sources := sorted({str(row["energy_source"]) for row in self.rows.values() if row["energy_source"]}):
            write(f"by {', '.join(sources)}; fixtures are not included")
        if path := self.config.getoption("energy_json"):
            Path(path).write_text(json.dumps({"schema": "greensdk.tests/1", "tests": self.rows}, indent=1) + "\n")
        if self.baseline is not None:
            write(self.baseline.write(update=self.config.getoption("energy_update")))


def repeatable(item: pytest.Item) -> bool:
    """
    Say whether a test is a plain function that can be called again with the same fixtures.
    """
    return (
        type(item) is pytest.Function
        and not inspect.iscoroutinefunction(item.obj)
        and not hasattr(item.obj, "hypothesis")
    )


def energy_of(row: Mapping[str, Any]) -> str:
    """
    Return joules with their interval.

    Example:
        >>> energy_of({"energy_j": 1.234, "energy_low_j": 1.0, "energy_high_j": 2.0}), energy_of({"energy_j": None})
        ('1.23 J [1, 2]', '-')
    """
    if row["energy_j"] is None:
        return "-"
    if row["energy_low_j"] is None:
        return f"{row['energy_j']:.3g} J"
    return f"{row['energy_j']:.3g} J [{row['energy_low_j']:.3g}, {row['energy_high_j']:.3g}]"


def number(value: float | None) -> str:
    """
    Return a number with three decimals.
    """
    return "-" if value is None else f"{value:.3f}"
