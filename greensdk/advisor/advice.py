"""
From records to advice, with everything that its charts need.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np

from greensdk.advisor.model import CannotAdvise, Model, fit
from greensdk.advisor.objective import ENERGY, parse
from greensdk.advisor.plan import Plan, recommend
from greensdk.advisor.prediction import Prediction, predict
from greensdk.advisor.profile import Point, Prices, Profile, profiles

STEPS = 49
"""Most worker counts of a curve."""


@attrs.frozen(eq=False)
class StageAdvice:
    """
    The profile, model and predictions of one stage.

    Attributes:
        profile: Its runs.
        model: The model fitted to them; None if fitting failed, with a `reason`.
        reason: Why there is no model.
        points: The runs, normalised to the reference machine: the dots of a chart.
        curves: By memory size, predictions with intervals on a grid of worker counts.
    """

    profile: Profile
    model: Model | None
    reason: str | None
    points: tuple[Point, ...] = ()
    curves: dict[float | None, tuple[Prediction, ...]] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class WorkflowAdvice:
    """
    The recommendation for one workflow on one backend and architecture; a single function is a workflow of one stage.

    Attributes:
        name: The workflow, or the function.
        backend: The backend it ran on.
        arch: The architecture it ran on.
        stages: The advice on its stages.
        plan: The recommendation; None if there is none.
        reason: Why there is no recommendation.
    """

    name: str
    backend: str | None
    arch: str | None
    stages: tuple[StageAdvice, ...]
    plan: Plan | None
    reason: str | None


@attrs.frozen(eq=False)
class Advice:
    """
    The recommendations from some records.

    Attributes:
        workflows: Each workflow, on each backend and architecture it ran on.
        remarks: Notes for the reader, one line each.
    """

    workflows: tuple[WorkflowAdvice, ...]
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """
        Return the advice as plain values.
        """
        return {
            "workflows": [_plain(each) for each in self.workflows],
            "remarks": list(self.remarks),
        }


def advise(
    records: Iterable[dict[str, Any]],
    objective: str = ENERGY,
    *,
    deadline_s: float | None = None,
    budget_usd: float | None = None,
    risk: float | None = None,
    workers: Iterable[int] | None = None,
    prices: Prices | None = None,
    seed: int = 0,
    date: str | None = None,
) -> Advice:
    """
    Recommend a configuration for each workflow in some records.

    Args:
        records: Records of a sweep over worker counts.
        objective: As for :func:`greensdk.advisor.recommend`, like the next four.
        deadline_s: Maximum time in seconds.
        budget_usd: Maximum cost in US dollars.
        risk: Probability with which a limit may be exceeded.
        workers: Worker counts to consider.
        prices: Prices by architecture; None takes those in the records.
        seed: Seed of the bootstrap.
        date: Date to store in the models.

    Raises:
        ConfigError: The objective or a limit is invalid.
    """
    stages, remarks = profiles(records, prices)
    return advise_on(
        stages,
        objective,
        deadline_s=deadline_s,
        budget_usd=budget_usd,
        risk=risk,
        workers=workers,
        seed=seed,
        date=date,
        remarks=remarks,
    )


def advise_on(
    stages: Iterable[Profile],
    objective: str = ENERGY,
    *,
    deadline_s: float | None = None,
    budget_usd: float | None = None,
    risk: float | None = None,
    workers: Iterable[int] | None = None,
    seed: int = 0,
    date: str | None = None,
    remarks: Iterable[str] = (),
) -> Advice:
    """
    Recommend a configuration from existing profiles; otherwise like :func:`advise`.
    """
    notes = list(remarks)
    counts = None if workers is None else list(workers)
    groups: dict[tuple[str, str | None, str | None], list[StageAdvice]] = {}
    for profile in stages:
        key = (profile.workflow or profile.stage, profile.backend, profile.arch)
        groups.setdefault(key, []).append(_stage(profile, seed, date))
        notes += [f"{profile.name}: {remark}" for remark in profile.remarks]
    workflows = []
    for (name, backend, arch), group in groups.items():
        plan, reason = _plan(group, objective, deadline_s, budget_usd, risk, counts)
        workflows.append(WorkflowAdvice(name, backend, arch, tuple(group), plan, reason))
    return Advice(tuple(workflows), (*notes, *_compared(workflows, objective)))


def _compared(workflows: list[WorkflowAdvice], objective: str) -> list[str]:
    """
    Return the best backend and architecture of each workflow that ran on several, where their scores are comparable:
    weighted objectives and different meters have no common scale.
    """
    wanted = parse(objective)
    if len(wanted.weights) > 1:
        return []
    remarks = []
    for name in dict.fromkeys(each.name for each in workflows):
        choices = [
            (each.plan.choice.score, ", ".join(filter(None, (each.backend, each.arch))), each)
            for each in workflows
            if each.name == name and each.plan and each.plan.choice
        ]
        sources = {stage.profile.energy_source for *_, each in choices for stage in each.stages}
        if len(choices) > 1 and (len(sources) == 1 or ENERGY not in wanted.needs):
            (best, best_on, _), *others = sorted(choices, key=lambda choice: choice[0])
            rest = ", ".join(f"{score / best:.3g} times as much on {where}" for score, where, _ in others)
            remarks.append(f"{name}: least {objective} on {best_on}; {rest}")
    return remarks


def _plan(
    stages: list[StageAdvice],
    objective: str,
    deadline_s: float | None,
    budget_usd: float | None,
    risk: float | None,
    workers: list[int] | None,
) -> tuple[Plan | None, str | None]:
    """
    Return the recommendation, or the reason why there is none. A stage without a model is left out with a remark,
    but with a limit all stages need one.
    """
    models = [stage.model for stage in stages if stage.model]
    reasons = [stage.reason for stage in stages if stage.reason]
    if not models or (reasons and (deadline_s is not None or budget_usd is not None)):
        return None, "; ".join(reasons)
    try:
        plan = recommend(models, objective, deadline_s=deadline_s, budget_usd=budget_usd, risk=risk, workers=workers)
    except CannotAdvise as error:
        return None, str(error)
    left_out = [f"left out of all sums: {reason}" for reason in reasons]
    return attrs.evolve(plan, remarks=(*plan.remarks, *left_out)), plan.reason


def _stage(profile: Profile, seed: int, date: str | None) -> StageAdvice:
    try:
        model = fit(profile, seed=seed, date=date)
    except CannotAdvise as error:
        return StageAdvice(profile, None, str(error), profile.points)
    counts = [point.workers for point in model.points]
    grid = sorted({round(count) for count in np.geomspace(min(counts), max(counts), STEPS)} | set(counts))
    sizes = sorted({point.memory_mb for point in model.points}, key=lambda size: size or 0.0)
    curves = {size: tuple(predict(model, [(count, size) for count in grid])) for size in sizes}
    return StageAdvice(profile, model, None, model.points, curves)


def _plain(each: WorkflowAdvice) -> dict[str, Any]:
    plan = each.plan
    plain = {"workflow": each.name, "backend": each.backend, "arch": each.arch, "reason": each.reason}
    if plan is None or plan.choice is None:
        return {**plain, "choice": None, "stages": [_plain_stage(stage) for stage in each.stages]}
    return {
        **plain,
        "objective": plan.objective,
        "choice": _plain_option(plan.choice),
        "total": {key: dict(zip(("value", "low", "high"), ends, strict=True)) for key, ends in plan.total.items()},
        "predictions": {name: attrs.asdict(prediction) for name, prediction in plan.stages.items()},
        "confidence": plan.confidence,
        "alternatives": [_plain_option(option) for option in plan.alternatives],
        "pareto": [_plain_option(option) for option in plan.pareto],
        "profile_next": {name: [attrs.asdict(option) for option in some] for name, some in plan.profile_next.items()},
        "remarks": list(plan.remarks),
        "stages": [_plain_stage(stage) for stage in each.stages],
    }


def _plain_option(option: Any) -> dict[str, Any]:
    configs = {name: {"workers": count, "memory_mb": size} for name, (count, size) in option.configs.items()}
    return {**attrs.asdict(option), "configs": configs}


def _plain_stage(stage: StageAdvice) -> dict[str, Any]:
    model = stage.model
    return {
        "stage": stage.profile.stage,
        "runs": len(stage.profile.points),
        "worker_counts": sorted({point.workers for point in stage.profile.points}),
        "energy_source": stage.profile.energy_source,
        "records_digest": stage.profile.digest,
        "time_error": model and model.time.error,
        "energy_error": model and model.energy and model.energy.surface.error,
        "no_energy": model and model.no_energy,
        "left_out_machines": list(model.machines.left_out) if model else [],
        "reason": stage.reason,
    }
