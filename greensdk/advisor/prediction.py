"""
Predictions of a fitted stage's time, energy and cost, with intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from greensdk.advisor.machines import arrays
from greensdk.advisor.model import Config, Energy, Model
from greensdk.advisor.profile import Point
from greensdk.advisor.surface import Array, log_members, log_values

DRAWS = 10
"""Simulated runs for each bootstrap fit."""


@attrs.frozen
class Prediction:
    """
    The prediction for one configuration, with the interval for a single new run.

    Attributes:
        workers: Number of workers.
        memory_mb: Memory size of each.
        time_s: Wall seconds.
        time_low_s: Lower end.
        time_high_s: Upper end.
        energy_j: Joules of all workers; None without an energy model.
        energy_low_j: Lower end.
        energy_high_j: Upper end.
        usd: Cost; None if the price is unknown.
        usd_low: Lower end.
        usd_high: Upper end.
        measured: Whether it was measured.
        extrapolated: Whether it is outside the measured range, where the intervals don't hold.
    """

    workers: int
    memory_mb: float | None
    time_s: float
    time_low_s: float
    time_high_s: float
    energy_j: float | None = None
    energy_low_j: float | None = None
    energy_high_j: float | None = None
    usd: float | None = None
    usd_low: float | None = None
    usd_high: float | None = None
    measured: bool = False
    extrapolated: bool = False


def predict(model: Model, configs: Iterable[Config] | None = None, *, level: float = 0.9) -> list[Prediction]:
    """
    Return the predictions for some configurations.

    Args:
        model: The fitted stage.
        configs: (workers, memory_mb) of each; None: all measured ones.
        level: Probability that a new run lies in the interval.
    """
    asked = list(model.configs if configs is None else configs)
    if not asked:
        return []
    draws = draw(model, asked)
    ends = (0.5 - level / 2, 0.5 + level / 2)
    known = set(model.configs)
    time = _ends(draws.time_s, draws.time_draws, ends)
    unknown: list[Any] = [(None, None, None)] * len(asked)
    energy = _ends(draws.energy_j, draws.energy_draws, ends, *_band(model)) or unknown
    usd = _ends(draws.usd, draws.usd_draws, ends) or unknown
    return [
        Prediction(*(*config, *seconds, *joules, *dollars, config in known, is_outside(model, config)))
        for config, seconds, joules, dollars in zip(asked, time, energy, usd, strict=True)
    ]


def _ends(
    middle: Array | None, draws: Array | None, ends: tuple[float, float], low: float = 1.0, high: float = 1.0
) -> list[Any]:
    """Return value, lower and upper end for each configuration; an empty list if unknown."""
    if middle is None or draws is None:
        return []
    bottom, top = np.quantile(draws, ends, axis=0)
    return list(zip(middle.tolist(), (bottom * low).tolist(), (top * high).tolist(), strict=True))


def is_outside(model: Model, config: Config) -> bool:
    """
    Return whether a configuration is outside the measured range.
    """
    workers, memory_mb = config
    counts = [point.workers for point in model.points]
    sizes = [point.memory_mb for point in model.points if point.memory_mb is not None]
    if (memory_mb is None) != (not sizes) or not min(counts) <= workers <= max(counts):
        return True
    return memory_mb is not None and not min(sizes) <= memory_mb <= max(sizes)


@attrs.frozen(eq=False)
class Draws:
    """
    Predictions for some configurations: the best fit, the bootstrap fits, and simulated runs.
    """

    time_s: Array
    time_fits: Array
    time_draws: Array
    energy_j: Array | None = None
    energy_fits: Array | None = None
    energy_draws: Array | None = None
    usd: Array | None = None
    usd_fits: Array | None = None
    usd_draws: Array | None = None


def draw(model: Model, configs: Sequence[Config]) -> Draws:
    """
    Return the predictions, with one column for each configuration.
    """
    p, m = arrays([Point(workers, memory_mb, 1.0, 1.0) for workers, memory_mb in configs])
    rng = np.random.default_rng(model.seed)
    time, time_fits = log_values(model.time, model.time.best, p, m), log_members(model.time, p, m)
    time_draws = _noisy(time_fits, model.time.residuals, rng)
    draws = Draws(np.exp(time), np.exp(time_fits), np.exp(time_draws))
    if model.energy:
        draws = attrs.evolve(draws, **_energy_draws(model.energy, p, m, rng))
    price = model.profile.price
    if price and all(memory_mb is not None for _, memory_mb in configs):
        worker, fits = log_values(model.worker, model.worker.best, p, m), log_members(model.worker, p, m)

        def usd(log_seconds: Array) -> Array:
            return np.exp(log_seconds) * p * m / 1024 * price.gb_s_usd + p * price.request_usd

        drawn = _noisy(fits, model.worker.residuals, rng)
        draws = attrs.evolve(draws, usd=usd(worker), usd_fits=usd(fits), usd_draws=usd(drawn))
    return draws


def _energy_draws(energy: Energy, p: Array, m: Array, rng: np.random.Generator) -> dict[str, Array]:
    middle, fits = log_values(energy.surface, energy.surface.best, p, m), log_members(energy.surface, p, m)
    residuals = energy.surface.residuals
    if energy.worker:
        middle = middle + log_values(energy.worker, energy.worker.best, p, m) + np.log(p)
        fits = fits + log_members(energy.worker, p, m) + np.log(p)
        residuals = residuals + energy.worker.residuals
    draws = _noisy(fits, residuals, rng)
    return {"energy_j": np.exp(middle), "energy_fits": np.exp(fits), "energy_draws": np.exp(draws)}


def _noisy(fits: Array, residuals: Array, rng: np.random.Generator) -> Array:
    members, width = fits.shape
    drawn: Array = fits[:, None, :] + rng.choice(residuals, (members, DRAWS, width))
    return drawn.reshape(members * DRAWS, width)


def _band(model: Model) -> tuple[float, float]:
    return (model.energy.low, model.energy.high) if model.energy else (1.0, 1.0)
