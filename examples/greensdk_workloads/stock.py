"""
A stock price in one year, by Monte Carlo simulation of geometric Brownian motion.

``dS = mu S dt + sigma S dW``, whose mean is known: ``E[S(T)] = S(0) exp(mu T)`` (Black and Scholes, "The pricing of
options and corporate liabilities", Journal of Political Economy 81, 1973).
"""

from __future__ import annotations

from math import exp, sqrt
from random import Random

from greensdk_workloads.workload import Mapper, Workload, split

PATHS = 100_000
DAYS = 252
"""Trading days per year."""

START, DRIFT, VOLATILITY = 100.0, 0.05, 0.2
"""Price today; drift and volatility per year."""

SIGMAS = 4.0


def simulate(paths: int, seed: int, days: int = DAYS) -> tuple[float, float]:
    """
    Return the sum and the sum of squares of the final prices of `paths` random years; deterministic for a `seed`.
    """
    normal = Random(seed).gauss
    step = 1.0 / days
    drift, spread = (DRIFT - VOLATILITY**2 / 2) * step, VOLATILITY * sqrt(step)
    total = squares = 0.0
    for _ in range(paths):
        log_return = 0.0
        for _ in range(days):
            log_return += drift + spread * normal(0.0, 1.0)
        price = START * exp(log_return)
        total += price
        squares += price * price
    return total, squares


def paths_at(scale: float) -> int:
    """
    Return the number of paths at a scale.
    """
    return max(2, round(PATHS * scale))


def run(mapper: Mapper, workers: int, scale: float) -> tuple[float, float]:
    """
    Return the mean price and its standard error.
    """
    paths = paths_at(scale)
    sums = mapper(simulate, [(part, seed) for seed, part in enumerate(split(paths, workers))], "simulate")
    mean, squares = (sum(column) / paths for column in zip(*sums, strict=True))
    return mean, sqrt(max(0.0, squares - mean * mean) / (paths - 1))


def check(result: tuple[float, float], scale: float) -> str:  # noqa: ARG001 - part of the protocol
    """
    Return the error: a mean too far from the closed form.
    """
    mean, error = result
    off = abs(mean - START * exp(DRIFT)) / error
    return f"the mean price is {mean:.2f}, {off:.1f} standard errors off" if off >= SIGMAS else ""


STOCK = Workload("stock", "Monte Carlo simulation of a stock price: arithmetic", "path", paths_at, run, check)
