"""
A stock's price in a year, by Monte Carlo over geometric Brownian motion.

``dS = mu S dt + sigma S dW``, whose mean is known: ``E[S(T)] = S(0) exp(mu T)`` (Black and Scholes, "The pricing of
options and corporate liabilities", Journal of Political Economy 81, 1973).
"""

from __future__ import annotations

from math import exp, sqrt
from random import Random

from greensdk_workloads.workload import Mapper, Workload, split

PATHS = 100_000
DAYS = 252
"""Trading days of a year."""

START, DRIFT, VOLATILITY = 100.0, 0.05, 0.2
"""Price today, drift and volatility a year."""

SIGMAS = 4.0


def simulate(paths: int, seed: int, days: int = DAYS) -> tuple[float, float]:
    """
    Return the sum and the sum of squares of the final prices of `paths` random years; the same for the same `seed`.
    """
    normal = Random(seed).gauss
    step = 1.0 / days
    drift, spread = (DRIFT - VOLATILITY**2 / 2) * step, VOLATILITY * sqrt(step)
    total = squares = 0.0
    for _ in range(paths):
        grown = 0.0
        for _ in range(days):
            grown += drift + spread * normal(0.0, 1.0)
        price = START * exp(grown)
        total += price
        squares += price * price
    return total, squares


def paths_at(scale: float) -> int:
    """
    Return how many paths there are at a scale.
    """
    return max(2, round(PATHS * scale))


def run(mapper: Mapper, workers: int, scale: float) -> tuple[float, float]:
    """
    Return the mean price and the standard error of it.
    """
    paths = paths_at(scale)
    sums = mapper(simulate, [(part, seed) for seed, part in enumerate(split(paths, workers))], "simulate")
    mean, squares = (sum(column) / paths for column in zip(*sums, strict=True))
    return mean, sqrt(max(0.0, squares - mean * mean) / (paths - 1))


def check(result: tuple[float, float], scale: float) -> str:  # noqa: ARG001 - the contract's
    """
    Return what is wrong: the mean is further from the closed form than chance allows.
    """
    mean, error = result
    off = abs(mean - START * exp(DRIFT)) / error
    return f"the mean price is {mean:.2f}, {off:.1f} standard errors off" if off >= SIGMAS else ""


STOCK = Workload("stock", "Monte Carlo of a stock's price: arithmetic", "path", paths_at, run, check)
