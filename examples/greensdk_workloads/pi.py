"""
Monte Carlo pi: random points in the unit square, counted inside the quarter circle.

The part of the points inside is pi / 4, so the count is binomial and its error is known: with n points the
estimate's standard deviation is ``4 * sqrt(p * (1 - p) / n)``, about ``1.64 / sqrt(n)``.
"""

from __future__ import annotations

from math import sqrt
from random import Random


def count_inside(points: int, seed: int) -> int:
    """
    Return how many of `points` random points fall inside the quarter circle; the same for the same `seed`.
    """
    uniform = Random(seed).random
    inside = 0
    for _ in range(points):
        x, y = uniform(), uniform()
        inside += x * x + y * y <= 1.0
    return inside


def split(total: int, parts: int) -> list[int]:
    """
    Return `parts` whole numbers that sum to `total` and differ by at most one.

    Raises:
        ValueError: `total` is negative or `parts` below one.

    Example:
        >>> split(10, 4)
        [3, 3, 2, 2]
    """
    if total < 0 or parts < 1:
        raise ValueError(f"can't split {total} points into {parts} parts")
    share, rest = divmod(total, parts)
    return [share + (part < rest) for part in range(parts)]


def estimate(inside: int, total: int) -> tuple[float, float]:
    """
    Return pi as `inside` of `total` points tell it, and the standard deviation of that.

    The deviation has Laplace's rule of succession for p, so that it is not 0 when all points fell on one side.

    Raises:
        ValueError: There are no points, or more inside than there are.
    """
    if not 0 <= inside <= total or total < 1:
        raise ValueError(f"{inside} of {total} points tell nothing about pi")
    chance = (inside + 1) / (total + 2)
    return 4.0 * inside / total, 4.0 * sqrt(chance * (1.0 - chance) / total)
