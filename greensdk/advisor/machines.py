"""
Runs of several machines, made comparable by one factor per machine for time and one for energy, relative to a
reference machine.

The factor is the median, over the machine's runs, of the measured value over the value of a form fitted to all runs;
fit and factors alternate until they converge. One factor per machine preserves every ranking of configurations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np

from greensdk.advisor.profile import Point
from greensdk.advisor.surface import SHARED, TIME, Array, fit_form

ROUNDS = 50
TOLERANCE = 1e-6
LEAST_CONFIGS = 2
"""Fewest configurations of a machine: with one, machine and configuration can't be separated."""


@attrs.frozen
class Machines:
    """
    The factors between machines.

    Attributes:
        reference: The machine that predictions refer to.
        time: Time of each machine relative to the reference.
        energy: Energy of each machine relative to the reference, where known.
        left_out: Machines that can't be compared.
    """

    reference: str
    time: Mapping[str, float]
    energy: Mapping[str, float]
    left_out: tuple[str, ...]


def compare(points: Sequence[Point]) -> Machines:
    """
    Return the factors of each machine.
    """
    configs: dict[str, set[tuple[int, float | None]]] = {}
    for point in points:
        configs.setdefault(point.machine, set()).add((point.workers, point.memory_mb))
    if len(configs) == 1:
        only = points[0].machine
        return Machines(only, {only: 1.0}, {only: 1.0}, ())
    runs = Counter(point.machine for point in points)
    reference = max(sorted(configs), key=lambda name: (len(configs[name]), runs[name]))
    left_out = tuple(name for name in sorted(configs) if len(configs[name]) < LEAST_CONFIGS and name != reference)
    kept = [point for point in points if point.machine not in left_out]
    with_energy = [point for point in kept if point.energy_j is not None]
    return Machines(
        reference,
        _factors(kept, reference, TIME, lambda point: point.time_s),
        _factors(with_energy, reference, SHARED, lambda point: point.energy_j or 0.0),
        left_out,
    )


def normalised(points: Sequence[Point], machines: Machines) -> list[Point]:
    """
    Return the runs scaled to the reference machine.
    """
    scaled = []
    for point in points:
        if point.machine not in machines.left_out:
            time_factor, energy_factor = machines.time[point.machine], machines.energy.get(point.machine, 1.0)
            scaled.append(
                attrs.evolve(
                    point,
                    time_s=point.time_s / time_factor,
                    billed_s=point.billed_s / time_factor,
                    energy_j=_over(point.energy_j, energy_factor),
                    energy_low_j=_over(point.energy_low_j, energy_factor),
                    energy_high_j=_over(point.energy_high_j, energy_factor),
                )
            )
    return scaled


def _over(value: float | None, factor: float) -> float | None:
    return None if value is None else value / factor


def _factors(points: Sequence[Point], reference: str, kind: str, value: Callable[[Point], float]) -> dict[str, float]:
    names = sorted({point.machine for point in points})
    if reference not in names or len(names) == 1:
        return dict.fromkeys(names, 1.0)
    p, m = arrays(points)
    y = np.array([value(point) for point in points])
    rows = {name: np.array([point.machine == name for point in points]) for name in names}
    factors = dict.fromkeys(names, 1.0)
    for _ in range(ROUNDS):
        scaled = y / np.array([factors[point.machine] for point in points])
        missed = np.log(y) - fit_form(kind, p, m, scaled)
        medians = {name: float(np.exp(np.median(missed[rows[name]]))) for name in names}
        new = {name: factor / medians[reference] for name, factor in medians.items()}
        if all(abs(new[name] / factors[name] - 1) < TOLERANCE for name in names):
            break
        factors = new
    return new


def arrays(points: Sequence[Point]) -> tuple[Array, Array]:
    """
    Return workers and memory; without a memory limit, that of one vCPU.
    """
    from greensdk.advisor.surface import VCPU_MB

    p = np.array([point.workers for point in points], float)
    m = np.array([VCPU_MB if point.memory_mb is None else point.memory_mb for point in points], float)
    return p, m
