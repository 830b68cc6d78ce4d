"""
From what perf printed about a window to its joules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from greensdk_rapl.total import add, doubts
from greensdk_rapl.zones import COUNTED

from greensdk.monitor import RESOLUTION_90
from greensdk_perf.choose import PACKAGE, Setup
from greensdk_perf.meter import kind_of
from greensdk_perf.parse import Count, by_event, parse

ROUNDING_J = {"-j": 0.5e-6, "-x,": 0.005}
"""Half of the last digit that perf prints in each form."""


class Window(NamedTuple):
    """
    What is known of a window beside perf's output.

    Attributes:
        elapsed_s: Seconds from the moment perf was known to count to the moment it was asked to end.
        update_s: The meter's update interval.
        failure: What was wrong with perf; empty if nothing was.
    """

    elapsed_s: float
    update_s: float
    failure: str


class Measured(NamedTuple):
    """
    What goes into the reading; see :class:`greensdk.monitor.Reading`.
    """

    boundary: str
    energy_j: float | None
    low_j: float | None
    high_j: float | None
    domains: Mapping[str, float | None]
    reason: str | None
    attributes: Mapping[str, Any]


def measured(setup: Setup, said: str, window: Window) -> Measured:
    """
    Return the joules in perf's output.

    perf counts a little before and after the window (it starts and ends a shell), for :func:`covered_s`. The number is
    what it counted; the interval reaches down to the part of it that belongs to the window at constant power.
    """
    counts = by_event(parse(said), setup.choice.events)
    domains: dict[str, float | None] = dict.fromkeys(setup.keys_of.values())
    reasons = {key: setup.choice.reasons[event] for (event, _), key in setup.keys_of.items() if event not in counts}
    for event, found in counts.items():
        for package in setup.packages:
            key, count = setup.keys_of[event, package], _of(found, package, setup.packages)
            domains[key] = count.value
            if count.value is None:
                reasons[key] = "; ".join(filter(None, (window.failure, count.reason)))
    kinds = {key: kind_of(key) for key in domains}
    for key, why in doubts(kinds, domains, window.elapsed_s * 1e9, window.update_s * 1e9).items():
        domains[key], reasons[key] = None, why
    energy_j, boundary, missing, reason = add(kinds, domains, reasons)
    if window.elapsed_s < window.update_s:
        energy_j, missing, domains = None, [], dict.fromkeys(domains)
        reason = reason or f"the window is shorter than the meter's update interval of {window.update_s * 1e3:.3g} ms"
    covered = covered_s(counts[PACKAGE])
    about = {"reasons": reasons, "missing": missing, "duplicates": setup.duplicates}
    attributes: dict[str, Any] = {"events": setup.choice.events, "covered_s": covered}
    attributes |= {key: each for key, each in about.items() if each}
    if energy_j is None:
        return Measured(boundary, None, None, None, domains, reason, attributes)
    rounding_j = ROUNDING_J[setup.choice.form[0]] * sum(kind in COUNTED for kind in kinds.values())
    low_j, high_j = interval(energy_j, covered, window, rounding_j)
    return Measured(boundary, energy_j, low_j, high_j, domains, None, attributes)


def _of(found: Sequence[Count], package: str, packages: Sequence[str]) -> Count:
    """Return the count of one package: by its number, or by its place where perf does not know the numbers."""
    numbered = {each.socket.partition("-D")[0].removeprefix("S"): each for each in found}
    if package in numbered:
        return numbered[package]
    place = packages.index(package)
    if len(found) == len(packages):
        return found[place]
    return Count(found[0].event, None, reason=found[0].reason or f"perf says nothing of package {package}")


def covered_s(found: Sequence[Count]) -> float | None:
    """
    Return for how many seconds perf counted; None if it does not say.
    """
    times = [each.run_ns / each.counters / 1e9 for each in found if each.run_ns and each.counters]
    return max(times, default=None)


def interval(energy_j: float, covered: float | None, window: Window, rounding_j: float) -> tuple[float, float]:
    """
    Return the 90% interval of what perf counted in `covered` seconds, None if it does not say; its decimals may be off
    by `rounding_j`.
    """
    length_s = covered or window.elapsed_s
    inside_j = energy_j * window.elapsed_s / length_s if length_s else energy_j
    half_j = rounding_j + (RESOLUTION_90 * window.update_s * energy_j / length_s if length_s else 0.0)
    return max(0.0, min(energy_j, inside_j) - half_j), max(energy_j, inside_j) + half_j
