"""
Monte Carlo pi: random points in the unit square, counted inside the quarter circle.

The fraction of points inside is pi / 4, so the count is binomial and its error is known: with n points the estimate's
standard deviation is ``4 * sqrt(p * (1 - p) / n)``, about ``1.64 / sqrt(n)``.
"""

from __future__ import annotations

from math import pi, sqrt
from random import Random

from greensdk_workloads.workload import Mapper, Workload, split

POINTS = 100_000_000
SIGMAS = 4.0
"""A correct estimate is off by more than this once in 16,000 runs (normal distribution, two-sided)."""


def count_inside(points: int, seed: int) -> int:
    """
    Return how many of `points` random points fall inside the quarter circle; deterministic for a `seed`.
    """
    uniform = Random(seed).random
    inside = 0
    for _ in range(points):
        x, y = uniform(), uniform()
        inside += x * x + y * y <= 1.0
    return inside


def estimate(inside: int, total: int) -> tuple[float, float]:
    """
    Return the estimate of pi from `inside` of `total` points, and its standard deviation.

    The deviation uses Laplace's rule of succession for p, so that it is not 0 when all points fall on one side.

    Raises:
        ValueError: There are no points, or more inside than there are.
    """
    if not 0 <= inside <= total or total < 1:
        raise ValueError(f"can't estimate pi from {inside} of {total} points")
    chance = (inside + 1) / (total + 2)
    return 4.0 * inside / total, 4.0 * sqrt(chance * (1.0 - chance) / total)


def points_at(scale: float) -> int:
    """
    Return the number of points at a scale.
    """
    return max(1, round(POINTS * scale))


def run(mapper: Mapper, workers: int, scale: float) -> tuple[int, int]:
    """
    Return the number of points inside and of all points.
    """
    parts = split(points_at(scale), workers)
    inside = mapper(count_inside, [(points, seed) for seed, points in enumerate(parts)], "count")
    return sum(inside), sum(parts)


def check(result: tuple[int, int], scale: float) -> str:
    """
    Return the error: missing points, or an estimate too far from pi.
    """
    inside, total = result
    if total != points_at(scale):
        return f"{total} points instead of {points_at(scale)}"
    pi_hat, sigma = estimate(inside, total)
    off = abs(pi_hat - pi) / sigma
    return f"pi = {pi_hat:.6f}, {off:.1f} standard deviations off" if off >= SIGMAS else ""


PI = Workload("pi", "Monte Carlo pi: arithmetic, no memory, no I/O", "point", points_at, run, check)
