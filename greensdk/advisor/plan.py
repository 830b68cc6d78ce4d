"""
From fitted stages to a recommendation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from greensdk.advisor.graph import Combinations, Limits, Stage, added, combined, solved, undominated
from greensdk.advisor.model import Config, Model
from greensdk.advisor.objective import COST, ENERGY, QUANTITY, TIME, Objective, parse
from greensdk.advisor.prediction import Draws, Prediction, draw, is_outside, predict
from greensdk.advisor.surface import Array
from greensdk.advisor.uncertainty import confidence, intervals, profile_next
from greensdk.errors import ConfigError

GRID = 64
"""Most worker counts to compare: all of them, or this many, evenly spaced in logarithms, and the measured ones."""

RANKED = 1000
"""Most combinations that the bootstrap fits rank, best first."""

LISTED = 5


@attrs.frozen
class Option:
    """
    One configuration for each stage, with its predicted time, energy and cost.

    Attributes:
        configs: The configuration of each stage.
        time_s: Wall seconds, along the longest path.
        energy_j: Joules of all stages; None if unknown for one of them.
        usd: Cost of all stages in US dollars.
        score: Value of the objective; less is better.
    """

    configs: dict[str, Config]
    time_s: float
    energy_j: float | None
    usd: float | None
    score: float


@attrs.frozen(eq=False)
class Plan:
    """
    The recommendation for one workflow.

    Attributes:
        objective: The objective.
        deadline_s: Maximum time.
        budget_usd: Maximum cost.
        risk: Probability with which a limit may be exceeded; None compares limits with the prediction itself.
        choice: The best option; None if there is none, with a `reason`.
        stages: The predictions for the choice, by stage.
        total: The totals of the choice, with intervals.
        alternatives: The next best options.
        ranked: All options compared, best first, at most a thousand.
        pareto: The Pareto-optimal options in time, energy and cost, by time.
        confidence: Fraction of the bootstrap fits in which no other option is better by more than 5%.
        profile_next: Configurations near the optimum to measure next, most uncertain first, by stage.
        exhaustive: Whether all combinations were compared, rather than searched by a mixed-integer program.
        reason: Why there is no choice.
        remarks: Notes for the reader, one line each.
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
        The objective and the limits as text.
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
        models: One stage, or all stages of one workflow.
        objective: ``energy``, ``time``, ``cost``, ``edp``, or weights such as ``energy=0.5,time=0.5``.
        deadline_s: Maximum time in seconds.
        budget_usd: Maximum cost in US dollars.
        risk: Probability with which a limit may be exceeded: limits are compared with this upper quantile of each
            stage. None compares them with the prediction, which a close call exceeds about half of the time.
        candidates: Configurations to consider; None: every worker count within the measured range, with every measured
            memory size.
        workers: Worker counts to consider.

    Raises:
        ConfigError: The objective or a limit is invalid.
        CannotAdvise: The stages depend on each other in a circle.
    """
    target = parse(objective)
    _check(deadline_s, budget_usd, risk)
    plan = Plan(objective, deadline_s, budget_usd, risk)
    stage_models = [models] if isinstance(models, Model) else list(models)
    given = None if candidates is None else list(candidates)
    allowed = None if workers is None else set(workers)
    configs, remarks = {}, []
    for model in stage_models:
        inside, remark = _candidates(model, given, allowed)
        configs[model.profile.stage] = inside
        remarks += [remark] * bool(remark)
    plan = attrs.evolve(plan, remarks=(*remarks, *_missing_parents(stage_models)))
    if empty := [name for name, inside in configs.items() if not inside]:
        return attrs.evolve(plan, reason=f"{empty[0]}: none of the given configurations is within the measured range")
    if why := _unknown(stage_models, target, budget_usd):
        return attrs.evolve(plan, reason=why)
    draws = {model.profile.stage: draw(model, configs[model.profile.stage]) for model in stage_models}
    stages = {model.profile.stage: _stage(model, draws[model.profile.stage], risk) for model in stage_models}
    limits = Limits(math.inf if deadline_s is None else deadline_s, math.inf if budget_usd is None else budget_usd)
    return _planned(plan, stage_models, target, limits, configs, draws, stages)


def _check(deadline_s: float | None, budget_usd: float | None, risk: float | None) -> None:
    for name, value in {"deadline": deadline_s, "budget": budget_usd}.items():
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{name} {value!r}: expected a number above 0")
    if risk is not None and not 0 < risk <= 0.5:
        raise ConfigError(f"risk {risk!r}: expected a number above 0 and up to 0.5")


def _candidates(model: Model, given: Sequence[Config] | None, workers: set[int] | None) -> tuple[list[Config], str]:
    """Return the configurations to choose from, and a remark on those outside the measured range."""
    counts = sorted({point.workers for point in model.points})
    sizes: list[float | None] = sorted({point.memory_mb for point in model.points}, key=lambda size: size or 0.0)
    if given is not None:
        asked = [config for config in given if workers is None or config[0] in workers]
    else:
        asked = [(count, size) for count in sorted(workers or _grid(counts)) for size in sizes]
    inside = [config for config in asked if not is_outside(model, config)]
    beyond = sorted({count for count, _ in asked if not counts[0] <= count <= counts[-1]})
    if not beyond:
        return inside, ""
    names = ", ".join(map(str, beyond[:LISTED]))
    return inside, (
        f"{model.profile.name}: {names} workers are outside the measured {counts[0]} to {counts[-1]}: not predicted"
    )


def _grid(counts: Sequence[int]) -> set[int]:
    low, high = counts[0], counts[-1]
    if high - low < GRID:
        return set(range(low, high + 1))
    return {*counts, *(round(count) for count in np.geomspace(low, high, GRID))}


def _missing_parents(models: Sequence[Model]) -> list[str]:
    names = {model.profile.stage for model in models}
    return [
        f"{model.profile.stage} depends on {parent}, which has no model: its time is not included"
        for model in models
        for parent in model.profile.parents
        if parent not in names
    ]


def _unknown(models: Sequence[Model], target: Objective, budget_usd: float | None) -> str | None:
    needs = {*target.needs, *([COST] if budget_usd is not None else [])}
    for model in models:
        if ENERGY in needs and model.energy is None:
            return f"{model.profile.name}: {model.no_energy}"
        if COST in needs and (model.profile.price is None or any(size is None for _, size in model.configs)):
            missing = "price of a GB-second" if model.profile.price is None else "memory size"
            return f"{model.profile.name}: {missing} unknown"
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
    target: Objective,
    limits: Limits,
    configs: Mapping[str, Sequence[Config]],
    draws: Mapping[str, Draws],
    stages: Mapping[str, Stage],
) -> Plan:
    least = _least(stages)
    options = combined(stages)
    if options is None:
        choice = solved(stages, target, limits, least)
        if choice is None:
            return attrs.evolve(plan, exhaustive=False, reason=_infeasible(plan, stages, configs))
        choices = {name: np.array([index], dtype=np.intp) for name, index in choice.items()}
        options = Combinations(choices, added(stages, choices), added(stages, choices, risky=True), exhaustive=False)
        fits = np.array([0], dtype=np.intp)
    else:
        fits = np.flatnonzero(_within(options, limits))
        if not len(fits):
            return attrs.evolve(plan, reason=_infeasible(plan, stages, configs))
    score = target.score(options.totals, least)
    order = fits[np.lexsort((_total(options, TIME)[fits], score[fits]))][:RANKED]
    ranked = [_option(options, score, configs, int(index)) for index in order]
    best = ranked[0]
    chosen = {name: int(options.choices[name][order[0]]) for name in stages}
    by_name = {model.profile.stage: model for model in models}
    return attrs.evolve(
        plan,
        choice=best,
        stages={name: predict(by_name[name], [config])[0] for name, config in best.configs.items()},
        total=intervals(by_name, stages, draws, chosen),
        alternatives=tuple(ranked[1:4]),
        ranked=tuple(ranked),
        pareto=tuple(_front(options, score, configs)),
        confidence=confidence(options, order, target, stages, draws) if options.exhaustive else None,
        profile_next={
            name: profile_next(by_name[name], configs[name], target, stages[name], chosen[name]) for name in stages
        },
        exhaustive=options.exhaustive,
    )


def _total(options: Combinations, key: str) -> Array:
    value = options.totals[key]
    return np.zeros(len(next(iter(options.choices.values())))) if value is None else value


def _within(options: Combinations, limits: Limits) -> Any:
    seconds, dollars = options.risky[TIME], options.risky[COST]
    assert seconds is not None
    inside = seconds <= limits.deadline_s
    return inside if dollars is None else inside & (dollars <= limits.budget_usd)


def _least(stages: Mapping[str, Stage]) -> dict[str, float]:
    """Return the least time, energy and cost of a workflow, each on its own."""
    least = {}
    for key in QUANTITY:
        if all(stage.totals[key] is not None for stage in stages.values()):
            lows = {name: _argmin(stage.totals[key]) for name, stage in stages.items()}
            value = added(stages, lows)[key]
            assert value is not None
            least[key] = float(value[0])
    return least


def _argmin(values: Array | None) -> Any:
    assert values is not None
    return np.array([int(np.argmin(values))])


def _infeasible(plan: Plan, stages: Mapping[str, Stage], configs: Mapping[str, Sequence[Config]]) -> str:
    """Return which limit can't be met, and the least possible."""
    risk = "" if plan.risk is None else f" at a risk of {plan.risk:g}"
    fastest = {name: _argmin(stage.risky[TIME]) for name, stage in stages.items()}
    seconds = added(stages, fastest, risky=True)[TIME]
    if plan.deadline_s is not None and seconds is not None and seconds[0] > plan.deadline_s:
        what = ", ".join(f"{name} {label(configs[name][int(index[0])])}" for name, index in fastest.items())
        return (
            f"no configuration meets the deadline of {plan.deadline_s:g} s{risk}: "
            f"the fastest takes {seconds[0]:.3g} s ({what})"
        )
    if all(stage.risky[COST] is not None for stage in stages.values()) and plan.budget_usd is not None:
        cheapest = added(stages, {name: _argmin(stage.risky[COST]) for name, stage in stages.items()}, risky=True)[COST]
        if cheapest is not None and cheapest[0] > plan.budget_usd:
            return (
                f"no configuration meets the budget of {plan.budget_usd:g} USD{risk}: "
                f"the cheapest costs {cheapest[0]:.3g} USD"
            )
    return f"no configuration meets both deadline and budget{risk}"


def label(config: Config) -> str:
    """
    Return a configuration as text.

    >>> label((8, 1792.0)), label((1, None)), label((4, None))
    ('8 x 1792 MB', '1 worker', '4 workers')
    """
    workers, memory_mb = config
    return f"{workers} worker{'s' * (workers != 1)}" if memory_mb is None else f"{workers} x {memory_mb:g} MB"


def _option(options: Combinations, score: Array, configs: Mapping[str, Sequence[Config]], index: int) -> Option:
    seconds, joules, dollars = (options.totals[key] for key in (TIME, ENERGY, COST))
    assert seconds is not None
    return Option(
        {name: configs[name][int(chosen[index])] for name, chosen in options.choices.items()},
        float(seconds[index]),
        None if joules is None else float(joules[index]),
        None if dollars is None else float(dollars[index]),
        float(score[index]),
    )


def _front(options: Combinations, score: Array, configs: Mapping[str, Sequence[Config]]) -> list[Option]:
    known = [value for value in options.totals.values() if value is not None]
    front = [_option(options, score, configs, int(index)) for index in undominated(known)]
    return sorted(front, key=lambda option: option.time_s)
