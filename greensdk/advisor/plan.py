"""
From fitted stages to what to run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from greensdk.advisor.doubt import confidence, intervals, profile_next
from greensdk.advisor.graph import Combinations, Limits, Stage, added, combined, solved, undominated
from greensdk.advisor.model import Config, Model
from greensdk.advisor.objective import COST, ENERGY, QUANTITY, TIME, Objective, parse
from greensdk.advisor.prediction import Draws, Prediction, draw, is_outside, predict
from greensdk.advisor.surface import Array
from greensdk.errors import ConfigError

GRID = 64
"""Worker counts to look at: all, or so many, evenly spread in logarithms, and the measured ones."""

LOOKED_AT = 1000
"""Combinations that the bootstrap's fits judge, the best first."""

SHOWN = 5


@attrs.frozen
class Option:
    """
    A combination, one configuration for each stage, and what it takes.

    Attributes:
        configs: The configuration of each stage.
        time_s: Wall seconds, along the longest path.
        energy_j: Joules of all stages; None where one's are not known.
        usd: Dollars of all stages.
        score: What the objective makes of it; less is better.
    """

    configs: dict[str, Config]
    time_s: float
    energy_j: float | None
    usd: float | None
    score: float


@attrs.frozen(eq=False)
class Plan:
    """
    What to run for one workflow.

    Attributes:
        objective: What was wanted.
        deadline_s: What the time was held against.
        budget_usd: The same for the dollars.
        risk: How often a limit may be missed; None: limits were held against the prediction itself.
        choice: The best; None if there is none, and `reason` says why.
        stages: What the choice takes, stage by stage.
        total: What all of it takes, with intervals.
        alternatives: The next best.
        ranked: All that were looked at, the best first, at most a thousand.
        pareto: Those that no other one beats in time, energy and cost at once, by time.
        confidence: In how many of the bootstrap's fits no other combination is better by more than 5 %.
        profile_next: Configurations near the optimum, the least sure first, by stage.
        exhaustive: All combinations were compared; a mixed-integer program else.
        reason: Why there is no choice.
        remarks: What a reader should know, one line each.
    """

    objective: str
    deadline_s: float | None
    budget_usd: float | None
    risk: float | None
    choice: Option | None = None
    stages: dict[str, Prediction] = attrs.field(factory=dict)
    total: dict[str, tuple[float, float, float]] = attrs.field(factory=dict)
    alternatives: tuple[Option, ...] = ()
    ranked: tuple[Option, ...] = ()
    pareto: tuple[Option, ...] = ()
    confidence: float | None = None
    profile_next: dict[str, tuple[Prediction, ...]] = attrs.field(factory=dict)
    exhaustive: bool = True
    reason: str | None = None
    remarks: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """
        The objective and the limits, in words.
        """
        parts = [f"least {self.objective}"]
        if self.deadline_s is not None:
            parts.append(f"within {self.deadline_s:g} s")
        if self.budget_usd is not None:
            parts.append(f"for at most {self.budget_usd:g} USD")
        if len(parts) > 1 and self.risk is not None:
            parts.append(f"at a risk of {self.risk:g}")
        return " ".join(parts)


def recommend(
    models: Model | Sequence[Model],
    objective: str = ENERGY,
    *,
    deadline_s: float | None = None,
    budget_usd: float | None = None,
    risk: float | None = None,
    candidates: Iterable[Config] | None = None,
    workers: Iterable[int] | None = None,
) -> Plan:
    """
    Choose a configuration for each stage.

    Args:
        models: A stage, or all stages of one workflow.
        objective: ``energy``, ``time``, ``cost``, ``edp``, or weights such as ``energy=0.5,time=0.5``.
        deadline_s: How long it may take.
        budget_usd: What it may cost.
        risk: How often a limit may be missed: limits are then held against the upper quantile of each stage. None:
            against the prediction, which is missed about every other time where it is close.
        candidates: What can be run; None: every worker count within the measured ones, with every measured memory
            size.
        workers: The worker counts that can be run.

    Raises:
        ConfigError: The objective or a limit makes no sense.
        CannotAdvise: Stages wait for each other.
    """
    wanted = parse(objective)
    _check(deadline_s, budget_usd, risk)
    plan = Plan(objective, deadline_s, budget_usd, risk)
    every = [models] if isinstance(models, Model) else list(models)
    told = None if candidates is None else list(candidates)
    allowed = None if workers is None else set(workers)
    configs, remarks = {}, []
    for model in every:
        inside, remark = _candidates(model, told, allowed)
        configs[model.profile.stage] = inside
        remarks += [remark] * bool(remark)
    plan = attrs.evolve(plan, remarks=(*remarks, *_waits(every)))
    if empty := [name for name, inside in configs.items() if not inside]:
        return attrs.evolve(
            plan, reason=f"{empty[0]}: none of the configurations asked for was measured or lies between"
        )
    if why := _unknown(every, wanted, budget_usd):
        return attrs.evolve(plan, reason=why)
    draws = {model.profile.stage: draw(model, configs[model.profile.stage]) for model in every}
    stages = {model.profile.stage: _stage(model, draws[model.profile.stage], risk) for model in every}
    limits = Limits(math.inf if deadline_s is None else deadline_s, math.inf if budget_usd is None else budget_usd)
    return _planned(plan, every, wanted, limits, configs, draws, stages)


def _check(deadline_s: float | None, budget_usd: float | None, risk: float | None) -> None:
    for name, value in {"deadline": deadline_s, "budget": budget_usd}.items():
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{name} {value!r}: expected a number above 0")
    if risk is not None and not 0 < risk <= 0.5:
        raise ConfigError(f"risk {risk!r}: expected a number above 0 and up to 0.5")


def _candidates(model: Model, told: Sequence[Config] | None, workers: set[int] | None) -> tuple[list[Config], str]:
    """
    Return the configurations to choose from, and what was asked for in vain.
    """
    counts = sorted({point.workers for point in model.points})
    sizes: list[float | None] = sorted({point.memory_mb for point in model.points}, key=lambda size: size or 0.0)
    if told is not None:
        asked = [config for config in told if workers is None or config[0] in workers]
    else:
        asked = [(count, size) for count in sorted(workers or _grid(counts)) for size in sizes]
    inside = [config for config in asked if not is_outside(model, config)]
    beyond = sorted({count for count, _ in asked if not counts[0] <= count <= counts[-1]})
    if not beyond:
        return inside, ""
    names = ", ".join(map(str, beyond[:SHOWN]))
    return inside, (
        f"{model.profile.name}: {names} workers are beyond the measured {counts[0]} to {counts[-1]}: no number for them"
    )


def _grid(counts: Sequence[int]) -> set[int]:
    low, high = counts[0], counts[-1]
    if high - low < GRID:
        return set(range(low, high + 1))
    return {*counts, *(round(count) for count in np.geomspace(low, high, GRID))}


def _waits(models: Sequence[Model]) -> list[str]:
    names = {model.profile.stage for model in models}
    return [
        f"{model.profile.stage} waits for {parent}, of which there is no model: the time leaves it out"
        for model in models
        for parent in model.profile.parents
        if parent not in names
    ]


def _unknown(models: Sequence[Model], wanted: Objective, budget_usd: float | None) -> str | None:
    needs = {*wanted.needs, *([COST] if budget_usd is not None else [])}
    for model in models:
        if ENERGY in needs and model.energy is None:
            return f"{model.profile.name}: {model.no_energy}"
        if COST in needs and (model.profile.price is None or any(size is None for _, size in model.configs)):
            missing = "price of a GB-second" if model.profile.price is None else "memory size"
            return f"{model.profile.name}: no {missing} is known"
    return None


def _stage(model: Model, draws: Draws, risk: float | None) -> Stage:
    totals = {TIME: draws.time_s, ENERGY: draws.energy_j, COST: draws.usd}
    drawn = {TIME: draws.time_draws, ENERGY: draws.energy_draws, COST: draws.usd_draws}
    if risk is None:
        return Stage(model.profile.parents, totals, totals)
    risky = {name: None if rows is None else np.quantile(rows, 1 - risk, axis=0) for name, rows in drawn.items()}
    return Stage(model.profile.parents, totals, risky)


def _planned(
    plan: Plan,
    models: Sequence[Model],
    wanted: Objective,
    limits: Limits,
    configs: Mapping[str, Sequence[Config]],
    draws: Mapping[str, Draws],
    stages: Mapping[str, Stage],
) -> Plan:
    least = _least(stages)
    every = combined(stages)
    if every is None:
        choice = solved(stages, wanted, limits, least)
        if choice is None:
            return attrs.evolve(plan, exhaustive=False, reason=_infeasible(plan, stages, configs))
        found = {name: np.array([place], dtype=np.intp) for name, place in choice.items()}
        every = Combinations(found, added(stages, found), added(stages, found, risky=True), exhaustive=False)
        fits = np.array([0], dtype=np.intp)
    else:
        fits = np.flatnonzero(_within(every, limits))
        if not len(fits):
            return attrs.evolve(plan, reason=_infeasible(plan, stages, configs))
    score = wanted.score(every.totals, least)
    order = fits[np.lexsort((_total(every, TIME)[fits], score[fits]))][:LOOKED_AT]
    ranked = [_option(every, score, configs, int(place)) for place in order]
    best = ranked[0]
    chosen = {name: int(every.choices[name][order[0]]) for name in stages}
    by_name = {model.profile.stage: model for model in models}
    return attrs.evolve(
        plan,
        choice=best,
        stages={name: predict(by_name[name], [config])[0] for name, config in best.configs.items()},
        total=intervals(by_name, stages, draws, chosen),
        alternatives=tuple(ranked[1:4]),
        ranked=tuple(ranked),
        pareto=tuple(_front(every, score, configs)),
        confidence=confidence(every, order, wanted, stages, draws) if every.exhaustive else None,
        profile_next={
            name: profile_next(by_name[name], configs[name], wanted, stages[name], chosen[name]) for name in stages
        },
        exhaustive=every.exhaustive,
    )


def _total(every: Combinations, key: str) -> Array:
    value = every.totals[key]
    return np.zeros(len(next(iter(every.choices.values())))) if value is None else value


def _within(every: Combinations, limits: Limits) -> Any:
    seconds, dollars = every.risky[TIME], every.risky[COST]
    assert seconds is not None
    inside = seconds <= limits.deadline_s
    return inside if dollars is None else inside & (dollars <= limits.budget_usd)


def _least(stages: Mapping[str, Stage]) -> dict[str, float]:
    """
    Return the least time, joules and dollars that a workflow can take, each by itself.
    """
    found = {}
    for key in QUANTITY:
        if all(stage.totals[key] is not None for stage in stages.values()):
            lows = {name: _argmin(stage.totals[key]) for name, stage in stages.items()}
            value = added(stages, lows)[key]
            assert value is not None
            found[key] = float(value[0])
    return found


def _argmin(values: Array | None) -> Any:
    assert values is not None
    return np.array([int(np.argmin(values))])


def _infeasible(plan: Plan, stages: Mapping[str, Stage], configs: Mapping[str, Sequence[Config]]) -> str:
    """
    Say which limit nothing keeps, and what the least is.
    """
    sure = "" if plan.risk is None else f" at a risk of {plan.risk:g}"
    fastest = {name: _argmin(stage.risky[TIME]) for name, stage in stages.items()}
    seconds = added(stages, fastest, risky=True)[TIME]
    if plan.deadline_s is not None and seconds is not None and seconds[0] > plan.deadline_s:
        what = ", ".join(f"{name} {label(configs[name][int(place[0])])}" for name, place in fastest.items())
        return (
            f"no configuration keeps the deadline of {plan.deadline_s:g} s{sure}: "
            f"the fastest possible takes {seconds[0]:.4g} s ({what})"
        )
    if all(stage.risky[COST] is not None for stage in stages.values()) and plan.budget_usd is not None:
        cheapest = added(stages, {name: _argmin(stage.risky[COST]) for name, stage in stages.items()}, risky=True)[COST]
        if cheapest is not None and cheapest[0] > plan.budget_usd:
            return (
                f"no configuration keeps the budget of {plan.budget_usd:g} USD{sure}: "
                f"the cheapest possible takes {cheapest[0]:.4g} USD"
            )
    return f"no configuration keeps deadline and budget{sure} at once"


def label(config: Config) -> str:
    """
    Return a configuration for people.

    >>> label((8, 1792.0)), label((4, None))
    ('8 x 1792 MB', '4 workers')
    """
    workers, memory_mb = config
    return f"{workers} workers" if memory_mb is None else f"{workers} x {memory_mb:g} MB"


def _option(every: Combinations, score: Array, configs: Mapping[str, Sequence[Config]], place: int) -> Option:
    seconds, joules, dollars = (every.totals[key] for key in (TIME, ENERGY, COST))
    assert seconds is not None
    return Option(
        {name: configs[name][int(chosen[place])] for name, chosen in every.choices.items()},
        float(seconds[place]),
        None if joules is None else float(joules[place]),
        None if dollars is None else float(dollars[place]),
        float(score[place]),
    )


def _front(every: Combinations, score: Array, configs: Mapping[str, Sequence[Config]]) -> list[Option]:
    known = [value for value in every.totals.values() if value is not None]
    front = [_option(every, score, configs, int(place)) for place in undominated(known)]
    return sorted(front, key=lambda option: option.time_s)
