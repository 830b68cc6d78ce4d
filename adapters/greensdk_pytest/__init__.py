"""
``pytest --energy``: joules of each test, and budgets for them.

A package of its own, because pytest imports it with every run: nothing of greensdk is imported unless it is asked for,
and the coverage of greensdk itself stays what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

MARKER = (
    "energy(at_most_j, at_most_cpu_s, above_baseline, runs=5, unclear='warn'): with --energy, what the test may take: "
    "joules, CPU seconds, a share above the baseline; how often it is run for that; 'warn', 'fail' or 'pass' where it "
    "can't be told"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """
    Add the options.
    """
    group = parser.getgroup("energy", "joules of tests (greensdk)")
    group.addoption("--energy", action="store_true", help="measure each test, and check the budgets of energy marks")
    group.addoption("--energy-json", metavar="FILE", help="with --energy: write what each test took")
    group.addoption("--energy-top", type=int, default=20, metavar="N", help="with --energy: tests in the table (20)")
    group.addoption(
        "--energy-baseline",
        metavar="FILE",
        help="with --energy: what tests took before, for above_baseline; tests that are not in it are added",
    )
    group.addoption("--energy-update", action="store_true", help="with --energy-baseline: add what tests take now")


def pytest_configure(config: pytest.Config) -> None:
    """
    Register the marker; with ``--energy`` what measures, too.
    """
    config.addinivalue_line("markers", MARKER)
    wanted = [name for name in ("json", "baseline", "update") if config.getoption(f"energy_{name}")]
    if wanted and not config.getoption("energy"):
        raise pytest.UsageError(f"--energy-{wanted[0]} needs --energy")
    if config.getoption("energy") and not config.getoption("collectonly"):
        from greensdk_pytest.session import Energy

        config.pluginmanager.register(Energy(config), "greensdk-energy")


@pytest.fixture
def energy(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """
    Measure a part of a test: ``with energy("load") as call: ...``, then ``call.energy_j``, ``call.record``.

    Returns:
        What makes a :class:`greensdk.track`, labelled by the test and the part; its record goes nowhere else.
    """
    from greensdk import track

    name = request.node.nodeid

    def part(label: str = "block", **arguments: Any) -> track:
        return track(f"{name}::{label}", **{"sink": [], **arguments})

    return part
