"""
The configuration of each stage of a workflow: by comparing all combinations or, if there are too many, by a
mixed-integer program.

The time of a workflow is that of its longest path; energy and cost are sums. With many combinations, only the
Pareto-optimal configurations of each stage are combined, which loses nothing for an objective that decreases with each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import attrs
import numpy as np
from numpy.typing import NDArray

from greensdk.advisor.model import CannotAdvise
from greensdk.advisor.objective import COST, ENERGY, TIME, Objective
from greensdk.advisor.surface import Array

FEW_COMBINATIONS = 5_000
MAX_COMBINATIONS = 100_000

Choice = dict[str, int]


@attrs.frozen(eq=False)
class Stage:
    """
    The predictions for the configurations of a stage.

    Attributes:
        parents: The stages it depends on.
        totals: Time, energy and cost of each configuration; None if unknown.
        risky: The same at the upper quantile that is compared with limits.
    """

    parents: tuple[str, ...]
    totals: Mapping[str, Array | None]
    risky: Mapping[str, Array | None]


@attrs.frozen
class Limits:
    """
    The limits of a workflow.
    """

    deadline_s: float = math.inf
    budget_usd: float = math.inf


@attrs.frozen(eq=False)
class Combinations:
    """
    Combinations of configurations and their totals.

    Attributes:
        choices: For each stage, the index of its configuration in each combination.
        totals: Time, energy and cost of each.
        risky: The same at the upper quantile.
        exhaustive: Whether these are all combinations.
    """

    choices: dict[str, NDArray[np.intp]]
    totals: dict[str, Array | None]
    risky: dict[str, Array | None]
    exhaustive: bool


def ordered(stages: Mapping[str, Stage]) -> list[str]:
    """
    Return the stages in topological order.

    Raises:
        CannotAdvise: They depend on each other in a circle.
    """
    parents = {name: [parent for parent in stage.parents if parent in stages] for name, stage in stages.items()}
    try:
        return list(TopologicalSorter(parents).static_order())
    except CycleError as error:
        raise CannotAdvise(f"stages depend on each other: {' -> '.join(error.args[1])}") from error


def added(
    stages: Mapping[str, Stage], choices: Mapping[str, NDArray[np.intp]], risky: bool = False
) -> dict[str, Array | None]:
    """
    Return the totals of combinations: time along the longest path, sums of energy and cost.
    """
    values = {name: stage.risky if risky else stage.totals for name, stage in stages.items()}
    done: dict[str, Array] = {}
    for name in ordered(stages):
        seconds = values[name][TIME]
        assert seconds is not None
        own = seconds[choices[name]]
        before = [done[parent] for parent in stages[name].parents if parent in stages]
        done[name] = own + (np.maximum.reduce(before) if before else 0.0)
    totals: dict[str, Array | None] = {TIME: np.maximum.reduce(list(done.values()))}
    for key in (ENERGY, COST):
        parts = [values[name][key] for name in stages]
        known = [part[choices[name]] for name, part in zip(stages, parts, strict=True) if part is not None]
        totals[key] = np.sum(known, axis=0) if len(known) == len(stages) else None
    return totals


def undominated(values: Sequence[Array]) -> NDArray[np.intp]:
    """
    Return the Pareto-optimal rows: no other row is nowhere greater and somewhere less.

    >>> undominated([np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0])]).tolist()
    [0, 1]
    """
    table = np.column_stack(values)
    # Start with the smallest sum: it is Pareto-optimal and dominates most.
    left = np.argsort(table.sum(axis=1), kind="stable")
    kept = []
    while len(left):
        first = left[0]
        kept.append(int(first))
        left = left[np.any(table[left] < table[first], axis=1)]
    return np.array(sorted(kept), dtype=np.intp)


def combined(stages: Mapping[str, Stage], limit: int = MAX_COMBINATIONS) -> Combinations | None:
    """
    Return all combinations or, if there are many, those of Pareto-optimal configurations; None above `limit`.
    """
    candidates = {name: np.arange(_size(stage)) for name, stage in stages.items()}
    if math.prod(map(len, candidates.values())) > FEW_COMBINATIONS:
        candidates = {name: _pareto(stage) for name, stage in stages.items()}
    if math.prod(map(len, candidates.values())) > limit:
        return None
    grids = np.meshgrid(*candidates.values(), indexing="ij")
    choices = {name: grid.ravel() for name, grid in zip(candidates, grids, strict=True)}
    return Combinations(choices, added(stages, choices), added(stages, choices, risky=True), True)


def solved(
    stages: Mapping[str, Stage], objective: Objective, limits: Limits, least: Mapping[str, float]
) -> Choice | None:
    """
    Return the best combination within the limits, by mixed-integer programming; None if there is none.

    Energy times time is not a sum: the front of energy and time is followed from its low-energy end, with one program
    per step, until no further point can be better.
    """
    if not objective.edp:
        return _program(stages, objective.weights, limits, least)
    best, best_choice, deadline_s = math.inf, None, math.inf
    while choice := _program(stages, {ENERGY: 1.0}, limits, least, deadline_s):
        totals = added(stages, {name: np.array([place]) for name, place in choice.items()})
        energy_j, time_s = (float(value[0]) for value in (totals[ENERGY], totals[TIME]) if value is not None)
        if energy_j * time_s < best:
            best, best_choice = energy_j * time_s, choice
        if energy_j * least[TIME] >= best:
            break
        deadline_s = time_s * (1 - 1e-4)
    return best_choice


def _size(stage: Stage) -> int:
    seconds = stage.totals[TIME]
    assert seconds is not None
    return len(seconds)


def _pareto(stage: Stage) -> NDArray[np.intp]:
    columns = [value for table in (stage.totals, stage.risky) for value in table.values() if value is not None]
    return undominated(columns)


def _program(
    stages: Mapping[str, Stage],
    weights: Mapping[str, float],
    limits: Limits,
    least: Mapping[str, float],
    deadline_s: float = math.inf,
) -> Choice | None:
    """
    Return the combination with the least weighted sum.

    There is a variable for each configuration (taken or not) and, for each stage, its end time, once as expected and
    once at the quantile that is compared with the deadline; the last two are the end times of the workflow.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    names = list(stages)
    candidates = {name: _pareto(stage) for name, stage in stages.items()}
    starts = dict(zip(names, np.cumsum([0, *(len(candidates[name]) for name in names)]).tolist(), strict=False))
    taken = sum(map(len, candidates.values()))
    ends = {False: taken, True: taken + len(names) + 1}
    width = taken + 2 * (len(names) + 1)
    scale = least[TIME]
    rows, lows, highs = [], [], []

    def add(row: Array, low: float, high: float) -> None:
        rows.append(row)
        lows.append(low)
        highs.append(high)

    for number, name in enumerate(names):
        span = slice(starts[name], starts[name] + len(candidates[name]))
        one = np.zeros(width)
        one[span] = 1
        add(one, 1, 1)
        for risky, first in ends.items():
            seconds = (stages[name].risky if risky else stages[name].totals)[TIME]
            assert seconds is not None
            after = np.zeros(width)
            after[first + number], after[span] = 1, -seconds[candidates[name]] / scale
            add(after, 0, np.inf)
            for parent in stages[name].parents:
                if parent in stages:
                    row = after.copy()
                    row[first + names.index(parent)] = -1
                    add(row, 0, np.inf)
            last = np.zeros(width)
            last[first + len(names)], last[first + number] = 1, -1
            add(last, 0, np.inf)
    cost = np.zeros(width)
    cost[ends[False] + len(names)] = weights.get(TIME, 0.0)
    money = np.zeros(width)
    for name in names:
        span = slice(starts[name], starts[name] + len(candidates[name]))
        for key in (ENERGY, COST):
            part = stages[name].totals[key]
            if weights.get(key) and part is not None:
                cost[span] += weights[key] * part[candidates[name]] / least[key]
        dollars = stages[name].risky[COST]
        if dollars is not None:
            money[span] = dollars[candidates[name]]
    if math.isfinite(limits.budget_usd):
        add(money / limits.budget_usd, -np.inf, 1)
    upper = np.concatenate([np.ones(taken), np.full(width - taken, np.inf)])
    upper[ends[False] + len(names)] = deadline_s / scale
    upper[ends[True] + len(names)] = limits.deadline_s / scale
    answer = milp(
        cost,
        integrality=np.concatenate([np.ones(taken), np.zeros(width - taken)]),
        bounds=Bounds(np.zeros(width), upper),
        constraints=LinearConstraint(np.array(rows), np.array(lows), np.array(highs)),
        options={"mip_rel_gap": 1e-9},
    )
    if answer.x is None:
        return None
    return {
        name: int(candidates[name][int(np.argmax(answer.x[starts[name] : starts[name] + len(candidates[name])]))])
        for name in names
    }
