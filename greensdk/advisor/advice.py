"""
From records to advice, with all that a picture of it needs.
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
"""Worker counts of a curve: no more than so many."""


@attrs.frozen(eq=False)
class StageAdvice:
    """
    What is known of one stage.

    Attributes:
        profile: Its runs.
        model: What was fitted to them; None if nothing could be, and `reason` says why.
        reason: Why not.
        points: The runs, as the reference machine would have made them: what a picture shows as dots.
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
    What to run for one workflow on one backend and architecture; a function by itself is a workflow of one stage.

    Attributes:
        name: The workflow, or the function.
        backend: Where it ran.
        arch: On which architecture.
        stages: What is known of its stages.
        plan: What to run; None where a stage has no model.
        reason: Why there is nothing to run.
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
    What to run.

    Attributes:
        workflows: Each workflow, on each backend and architecture it ran on.
        remarks: What a reader should know, one line each.
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
    Say what to run.

    Args:
        records: Of a sweep over worker counts.
        objective: As for :func:`greensdk.advisor.recommend`, like the next four.
        deadline_s: How long it may take.
        budget_usd: What it may cost.
        risk: How often a limit may be missed.
        workers: The worker counts that can be run.
        prices: What is billed, by architecture; None takes what the records say.
        seed: Of the bootstrap.
        date: Kept in the models.

    Raises:
        ConfigError: The objective or a limit makes no sense.
    """
    found, remarks = profiles(records, prices)
    return advise_on(
        found,
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
    found: Iterable[Profile],
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
    Say what to run, by profiles that are made already; all else is as for :func:`advise`.

    Args:
        found: The profiles.
        objective: As above, like the next six.
        deadline_s: How long it may take.
        budget_usd: What it may cost.
        risk: How often a limit may be missed.
        workers: The worker counts that can be run.
        seed: Of the bootstrap.
        date: Kept in the models.
        remarks: What is to be said before all else.
    """
    told = list(remarks)
    counts = None if workers is None else list(workers)
    groups: dict[tuple[str, str | None, str | None], list[StageAdvice]] = {}
    for profile in found:
        key = (profile.workflow or profile.stage, profile.backend, profile.arch)
        groups.setdefault(key, []).append(_stage(profile, seed, date))
        told += [f"{profile.name}: {remark}" for remark in profile.remarks]
    workflows = []
    for (name, backend, arch), stages in groups.items():
        plan, reason = _plan(stages, objective, deadline_s, budget_usd, risk, counts)
        workflows.append(WorkflowAdvice(name, backend, arch, tuple(stages), plan, reason))
    return Advice(tuple(workflows), (*told, *_compared(workflows, objective)))


def _compared(workflows: list[WorkflowAdvice], objective: str) -> list[str]:
    """
    Return where each workflow that ran in several places does best. Weights have no common scale, nor have two meters.
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
            (best, place, _), *others = sorted(choices, key=lambda choice: choice[0])
            rest = ", ".join(f"{score / best:.3g} times that on {where}" for score, where, _ in others)
            remarks.append(f"{name}: least {objective} on {place}; {rest}")
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
    Return what to run, and if there is nothing, why. A stage without a model is left out, and told; limits need all.
    """
    models = [stage.model for stage in stages if stage.model]
    reasons = [stage.reason for stage in stages if stage.reason]
    if not models or (reasons and (deadline_s is not None or budget_usd is not None)):
        return None, "; ".join(reasons)
    try:
        plan = recommend(models, objective, deadline_s=deadline_s, budget_usd=budget_usd, risk=risk, workers=workers)
    except CannotAdvise as error:
        return None, str(error)
    told = [f"left out of all sums: {reason}" for reason in reasons]
    return attrs.evolve(plan, remarks=(*plan.remarks, *told)), plan.reason


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
    told = {"workflow": each.name, "backend": each.backend, "arch": each.arch, "reason": each.reason}
    if plan is None or plan.choice is None:
        return {**told, "choice": None, "stages": [_plain_stage(stage) for stage in each.stages]}
    return {
        **told,
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
