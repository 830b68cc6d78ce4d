"""
What a test may take: ``@pytest.mark.energy(at_most_j=5)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import exp, log, sqrt
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from greensdk.ab.comparison import ratio
from greensdk.ab.diff import gate, logarithms
from greensdk.ab.stats import spread, student

if TYPE_CHECKING:
    from greensdk.ab.comparison import Verdict
    from greensdk_pytest.baseline import Before

SHORTEST_CPU_S = 0.05
"""
A test below has no budget: joules of the same test differ by a factor of 14 at 9 ms of CPU time, by 1.1 at 90 (20 runs
each, a model), and a package counter moves once a millisecond.
"""
KNOWN = {"at_most_j", "at_most_cpu_s", "above_baseline", "runs", "unclear"}
UNCLEAR = ("warn", "fail", "pass")
ABSOLUTE = (("at_most_j", "energy_j", "J"), ("at_most_cpu_s", "cpu_s", "CPU s"))


class Budget(NamedTuple):
    """
    A mark's arguments.

    Attributes:
        limits: What may not be exceeded, by the mark's names.
        runs: How often the test is run.
        unclear: What to do where it can't be told.
    """

    limits: Mapping[str, float]
    runs: int
    unclear: str

    @classmethod
    def of(cls, mark: pytest.Mark) -> Budget:
        """
        Read a mark.

        Raises:
            pytest.fail.Exception: An argument is unknown or of the wrong kind.
        """
        given = dict(mark.kwargs)
        if mark.args or (unknown := sorted(given.keys() - KNOWN)):
            wrong = f"{mark.args[0]!r} has no name" if mark.args else f"{unknown[0]} is unknown"
            pytest.fail(f"mark energy: {wrong}; known are {', '.join(sorted(KNOWN))}", pytrace=False)
        runs, unclear = given.pop("runs", 5), given.pop("unclear", "warn")
        if runs.__class__ is not int or runs < 1:
            pytest.fail(f"mark energy: runs is {runs!r}, not a whole number above 0", pytrace=False)
        if unclear not in UNCLEAR:
            pytest.fail(f"mark energy: unclear is {unclear!r}, not one of {', '.join(UNCLEAR)}", pytrace=False)
        for name, limit in given.items():
            if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
                pytest.fail(f"mark energy: {name} is {limit!r}, not a number above 0", pytrace=False)
        return cls(given, runs, unclear)

    def verdicts(self, runs: Sequence[Mapping[str, Any]], before: Before | None) -> Iterator[tuple[Verdict, str]]:
        """
        Yield for each limit whether it is kept, and a line that says so.

        Args:
            runs: What each run of the test took.
            before: What the baseline says of it; None without one.
        """
        for name, key, unit in ABSOLUTE:
            if (limit := self.limits.get(name)) is not None:
                yield absolute(runs, key, unit, limit)
        if (share := self.limits.get("above_baseline")) is not None:
            if before is None:
                yield "pass", "not in the baseline yet"
            else:
                yield relative(runs, before, share)


def absolute(runs: Sequence[Mapping[str, Any]], key: str, unit: str, limit: float) -> tuple[Verdict, str]:
    """
    Judge what one run takes: exceeded if the lower end is above the limit, kept if the upper end is not.

    The runs' own scatter and the factor that all have in common (the model's, the meter's) are independent, so their
    logarithms' squares add up.
    """
    known = [run for run in runs if run[key]]
    if not known:
        return "unclear", f"{unit} unknown: {runs[0]['reason']}"
    if too_short := short(runs):
        return "unclear", too_short
    mean, error = spread([log(run[key]) for run in known]) if len(known) > 1 else (log(known[0][key]), 0.0)
    noise = student(0.95, len(known) - 1) * error if len(known) > 1 else 0.0
    low, high = factors(known) if key == "energy_j" else (0.0, 0.0)
    lowest, highest = exp(mean - sqrt(low**2 + noise**2)), exp(mean + sqrt(high**2 + noise**2))
    source = f", {known[0]['energy_source']}" if key == "energy_j" else ""
    text = f"takes {exp(mean):.3g} {unit} [{lowest:.3g}, {highest:.3g}], at most {limit:g} ({len(known)} runs{source})"
    if lowest > limit:
        return "fail", text
    return ("pass", text) if highest <= limit else ("unclear", f"can't be told: {text}")


def factors(runs: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """
    Return the logarithms of the joules' interval: how far its ends are from the middle.
    """
    ends = [run for run in runs if run["energy_low_j"] and run["energy_high_j"]]
    if not ends:
        return 0.0, 0.0
    low = median(log(run["energy_j"] / run["energy_low_j"]) for run in ends)
    return low, median(log(run["energy_high_j"] / run["energy_j"]) for run in ends)


def short(runs: Sequence[Mapping[str, Any]]) -> str | None:
    """
    Return why runs are too short for a budget; None if they are not.
    """
    cpu_s = median(run["cpu_s"] or 0.0 for run in runs)
    if cpu_s >= SHORTEST_CPU_S:
        return None
    least = f"{1000 * SHORTEST_CPU_S:.0f} ms"
    return f"{1000 * cpu_s:.3g} ms of CPU time are too short for a budget, which takes {least}: repeat the work"


def relative(runs: Sequence[Mapping[str, Any]], before: Before, share: float) -> tuple[Verdict, str]:
    """
    Judge what one run takes against the baseline, by the rule of `greensdk diff`.
    """
    if before.unlike:
        return "unclear", f"baseline: {before.unlike}; --energy-update adds this machine's numbers"
    if too_short := short(runs):
        return "unclear", too_short
    key = "energy_j" if before.by_joules(runs) else "cpu_s"
    old, new = before.jobs(key), {"now": logarithms([run[key] for run in runs])}
    if sum(map(len, old.values())) < 2 or len(new["now"]) < 2:
        return "unclear", "baseline: fewer than 2 runs with a number"
    verdict, found = gate(old, new, before.between, share)
    what = "J" if key == "energy_j" else "CPU s"
    text = f"takes {ratio(found)} the {what} of the baseline, at most {1 + share:g}x"
    return verdict, text if verdict != "unclear" else f"can't be told: {text}"
