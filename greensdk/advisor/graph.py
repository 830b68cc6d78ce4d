"""
Which configuration for each stage of a workflow: all combinations, or where there are too many, a mixed-integer
program.

The time of a workflow is its longest path's, joules and dollars are sums. Where combinations are many, only those
configurations are combined that no other one of the same stage beats in everything: nothing that gets better with less
of each can be lost by that.
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

FEW = 5_000
MOST_COMBINATIONS = 100_000

Choice = dict[str, int]


@attrs.frozen(eq=False)
class Stage:
    """
    What the configurations of a stage take.

    Attributes:
        parents: The stages it waits for.
        totals: Time, energy and cost of each configuration; None where unknown.
        risky: The same at the upper quantile that limits are held against.
    """

    parents: tuple[str, ...]
    totals: Mapping[str, Array | None]
    risky: Mapping[str, Array | None]


@attrs.frozen
class Limits:
    """
    What a workflow may take at most.
    """

    deadline_s: float = math.inf
    budget_usd: float = math.inf


@attrs.frozen(eq=False)
class Combinations:
    """
    Choices and what they take.

    Attributes:
        choices: For each stage, the configuration's number in each combination.
        totals: Time, energy and cost of each.
        risky: The same at the upper quantile.
        exhaustive: They are all there are.
    """

    choices: dict[str, NDArray[np.intp]]
    totals: dict[str, Array | None]
    risky: dict[str, Array | None]
    exhaustive: bool


def ordered(stages: Mapping[str, Stage]) -> list[str]:
    """
    Return the stages so that parents come first.

    Raises:
        CannotAdvise: They wait for each other.
    """
    waits = {name: [parent for parent in stage.parents if parent in stages] for name, stage in stages.items()}
    try:
        return list(TopologicalSorter(waits).static_order())
    except CycleError as error:
        raise CannotAdvise(f"stages wait for each other: {' -> '.join(error.args[1])}") from error


def added(
    stages: Mapping[str, Stage], choices: Mapping[str, NDArray[np.intp]], risky: bool = False
) -> dict[str, Array | None]:
    """
    Return what combinations take: the longest path, and sums.
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
    Return the rows that no other row beats: nowhere more, and somewhere less.

    >>> undominated([np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0])]).tolist()
    [0, 1]
    """
    table = np.column_stack(values)
    # From the smallest sum on: it is on the front, and beats the most.
    left = np.argsort(table.sum(axis=1), kind="stable")
    kept = []
    while len(left):
        first = left[0]
        kept.append(int(first))
        left = left[np.any(table[left] < table[first], axis=1)]
    return np.array(sorted(kept), dtype=np.intp)


def combined(stages: Mapping[str, Stage], most: int = MOST_COMBINATIONS) -> Combinations | None:
    """
    Return all combinations, or if there are many, those worth a look; None if these are more than `most`.
    """
    worth = {name: np.arange(_size(stage)) for name, stage in stages.items()}
    if math.prod(map(len, worth.values())) > FEW:
        worth = {name: _worth(stage) for name, stage in stages.items()}
    if math.prod(map(len, worth.values())) > most:
        return None
    grids = np.meshgrid(*worth.values(), indexing="ij")
    choices = {name: grid.ravel() for name, grid in zip(worth, grids, strict=True)}
    return Combinations(choices, added(stages, choices), added(stages, choices, risky=True), True)


def solved(
    stages: Mapping[str, Stage], objective: Objective, limits: Limits, least: Mapping[str, float]
) -> Choice | None:
    """
    Return the best combination within the limits, by mixed-integer programming; None if there is none.

    Energy times delay is no sum: the front of energy against time is walked from its cheap end, one program for each
    step, until what is left can't be better.
    """
    if not objective.edp:
        return _program(stages, objective.weights, limits, least)
    best, found, deadline_s = math.inf, None, math.inf
    while choice := _program(stages, {ENERGY: 1.0}, limits, least, deadline_s):
        totals = added(stages, {name: np.array([place]) for name, place in choice.items()})
        energy_j, time_s = (float(value[0]) for value in (totals[ENERGY], totals[TIME]) if value is not None)
        if energy_j * time_s < best:
            best, found = energy_j * time_s, choice
        if energy_j * least[TIME] >= best:
            break
        deadline_s = time_s * (1 - 1e-4)
    return found


def _size(stage: Stage) -> int:
    seconds = stage.totals[TIME]
    assert seconds is not None
    return len(seconds)


def _worth(stage: Stage) -> NDArray[np.intp]:
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

    A variable for each configuration (taken or not), and for each stage the time of its end, once as expected and once
    at the quantile that the deadline is held against; the last two are the ends of all.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    names = list(stages)
    worth = {name: _worth(stage) for name, stage in stages.items()}
    starts = dict(zip(names, np.cumsum([0, *(len(worth[name]) for name in names)]).tolist(), strict=False))
    taken = sum(map(len, worth.values()))
    ends = {False: taken, True: taken + len(names) + 1}
    width = taken + 2 * (len(names) + 1)
    scale = least[TIME]
    rows, lows, highs = [], [], []

    def add(row: Array, low: float, high: float) -> None:
        rows.append(row)
        lows.append(low)
        highs.append(high)

    for number, name in enumerate(names):
        span = slice(starts[name], starts[name] + len(worth[name]))
        one = np.zeros(width)
        one[span] = 1
        add(one, 1, 1)
        for risky, first in ends.items():
            seconds = (stages[name].risky if risky else stages[name].totals)[TIME]
            assert seconds is not None
            after = np.zeros(width)
            after[first + number], after[span] = 1, -seconds[worth[name]] / scale
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
        span = slice(starts[name], starts[name] + len(worth[name]))
        for key in (ENERGY, COST):
            part = stages[name].totals[key]
            if weights.get(key) and part is not None:
                cost[span] += weights[key] * part[worth[name]] / least[key]
        dollars = stages[name].risky[COST]
        if dollars is not None:
            money[span] = dollars[worth[name]]
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
        name: int(worth[name][int(np.argmax(answer.x[starts[name] : starts[name] + len(worth[name])]))])
        for name in names
    }
