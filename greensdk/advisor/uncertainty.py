"""
The uncertainty of a plan: intervals of its totals, its confidence, and what to measure next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from greensdk.advisor.graph import Combinations, Stage, added
from greensdk.advisor.model import Config, Model
from greensdk.advisor.objective import COST, ENERGY, QUANTITY, TIME, Objective
from greensdk.advisor.prediction import Draws, Prediction, predict
from greensdk.advisor.surface import Array

SAME = 0.05
"""A choice within this fraction of the best counts as equally good."""


def intervals(
    models: Mapping[str, Model], stages: Mapping[str, Stage], draws: Mapping[str, Draws], chosen: Mapping[str, int]
) -> dict[str, tuple[float, float, float]]:
    """
    Return the totals of a choice with the ends of their 90% intervals; stages err independently.
    """
    rng = np.random.default_rng(0)
    runs = {name: Stage(stages[name].parents, cut := _cut(draws[name], chosen[name], rng), cut) for name in stages}
    size = min(len(draw.time_draws) for draw in draws.values())
    drawn = added(runs, {name: np.arange(size) for name in runs})
    expected = added(stages, {name: np.array([place]) for name, place in chosen.items()})
    energies = [model.energy for model in models.values() if model.energy]
    totals = {}
    for key, values in drawn.items():
        middle = expected[key]
        if values is not None and middle is not None:
            low, high = np.quantile(values, [0.05, 0.95])
            if key == ENERGY:
                low, high = low * min(each.low for each in energies), high * max(each.high for each in energies)
            totals[QUANTITY[key]] = (float(middle[0]), float(low), float(high))
    return totals


def _cut(draws: Draws, place: int, rng: np.random.Generator) -> dict[str, Array | None]:
    rows = rng.permutation(len(draws.time_draws))
    columns = {TIME: draws.time_draws, ENERGY: draws.energy_draws, COST: draws.usd_draws}
    return {key: None if value is None else value[rows, place] for key, value in columns.items()}


def confidence(
    every: Combinations, order: Any, wanted: Objective, stages: Mapping[str, Stage], draws: Mapping[str, Draws]
) -> float:
    """
    Return the fraction of bootstrap fits in which the first combination is within `SAME` of the best.
    """
    choices = {name: places[order] for name, places in every.choices.items()}
    good = 0
    members = len(next(iter(draws.values())).time_fits)
    for row in range(members):
        fits = {name: Stage(stages[name].parents, tables := _row(each, row), tables) for name, each in draws.items()}
        totals = added(fits, choices)
        least = {key: float(value.min()) for key, value in totals.items() if value is not None}
        score = wanted.score(totals, least)
        good += bool(score[0] <= score.min() * (1 + SAME))
    return good / members


def _row(draws: Draws, row: int) -> dict[str, Array | None]:
    fits = {TIME: draws.time_fits, ENERGY: draws.energy_fits, COST: draws.usd_fits}
    return {key: None if value is None else value[row] for key, value in fits.items()}


def profile_next(
    model: Model, configs: Sequence[Config], wanted: Objective, stage: Stage, chosen: int, near: float = 0.25
) -> tuple[Prediction, ...]:
    """
    Return configurations that score close to the choice, most uncertain first.
    """
    least = {key: float(value.min()) for key, value in stage.totals.items() if value is not None}
    score = wanted.score(dict(stage.totals), least)
    close = [config for config, bad in zip(configs, score, strict=True) if bad <= score[chosen] * (1 + near)]
    predictions = [each for each in predict(model, close) if not each.measured] or predict(model, close)
    return tuple(sorted(predictions, key=lambda each: -_width(each, wanted))[:3])


def _width(each: Prediction, wanted: Objective) -> float:
    widths = []
    for key in wanted.needs:
        name = QUANTITY[key].removesuffix("_j").removesuffix("_s")
        unit = QUANTITY[key].removeprefix(name)
        low, high = getattr(each, f"{name}_low{unit}"), getattr(each, f"{name}_high{unit}")
        widths.append((high - low) / getattr(each, QUANTITY[key]))
    return float(max(widths))
