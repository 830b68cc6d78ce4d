"""
Fits the package model, and says how far off it is for CPU models that it has not seen.

Least squares of the logarithms with a soft loss. Each CPU model counts once at rest, once below 10 % load and once from
there on, however many points it has; points that were read off somebody's fit or off the lowest of many samples (trust
C) count `DOUBTFUL`. The exponent is not fitted: 0.5 to 0.8 do as well as 0.6 on models left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from estimators_data import Point
from greensdk_psutil_tdp.era import AMD_DESKTOP, INTEL_CLIENT, INTEL_OLD, SERVER
from scipy.optimize import least_squares

EXPONENT = 0.6
START = (0.14, 0.25, 0.9, 0.02, 12.0, 0.87)
MOST = (1.0, 1.0, 3.0, 1.0, 60.0, 3.0)
SOFT = 0.1
DOUBTFUL = 0.5
"""Weight of a reading of trust C."""

QUANTILES = (0.04, 0.96)
"""Four of a hundred on either side: with so few models, those of 5 and 95 % hold less than nine of ten new ones."""

REST, AWAKE = 0.01, 0.1
"""Below the first a machine rests; from the second on errors are judged."""

SERVER_LOADS = (REST, 0.15)
CLIENT_LOADS = (0.0, 0.4)
"""Where the loads end for which factors are made: at rest (of clients too few points), low, and above."""


def package(values: Sequence[float], point: Point) -> float:
    """
    Return the model's watts of a point; `values` are the six numbers that are fitted.
    """
    old, new, full_server, client, desktop_w, full_client = values
    rest = {INTEL_OLD: old, SERVER: new, INTEL_CLIENT: client}
    rest_w = desktop_w * point.sockets if point.kind == AMD_DESKTOP else rest[point.kind] * point.tdp_w
    full_w = (full_server if point.server else full_client) * point.peak * point.tdp_w
    return float(rest_w + (full_w - rest_w) * point.load**EXPONENT)


def fit_package(points: Sequence[Point]) -> Any:
    """
    Return the six numbers that suit the points best.
    """
    keys = [(point.part, point.load >= REST, point.load >= AWAKE) for point in points]
    counts = Counter(keys)
    weights = [
        counts[key] ** -0.5 * (DOUBTFUL if each.trust == "C" else 1.0) for key, each in zip(keys, points, strict=True)
    ]
    logs = np.log([point.watts for point in points])

    def off(values: Any) -> Any:
        said = np.array([package(values, point) for point in points])
        return (np.log(np.maximum(said, 1e-3)) - logs) * weights

    return least_squares(off, START, loss="soft_l1", f_scale=SOFT, bounds=([1e-3] * 6, MOST)).x


def package_left_out(points: Sequence[Point]) -> Any:
    """
    Return the watts of each point by the fit on all other CPU models.
    """
    found = np.zeros(len(points))
    for part in sorted({point.part for point in points}):
        values = fit_package([point for point in points if point.part != part])
        for index, point in enumerate(points):
            if point.part == part:
                found[index] = package(values, point)
    return found


def errors(
    points: Sequence[Point], said: Any, keep: Callable[[Point], bool], doubtful: float = 1.0
) -> tuple[int, float, float]:
    """
    Return how many CPU models there are, the mean over them of their mean error, and of their bias, in %.

    Args:
        points: The readings.
        said: The watts that a model gives to them.
        keep: Which readings count.
        doubtful: What a CPU model counts of which all readings are of trust C.
    """
    by_part: dict[str, list[float]] = defaultdict(list)
    weights: dict[str, float] = defaultdict(float)
    for point, watts in zip(points, said, strict=True):
        if keep(point):
            by_part[point.part].append(100 * (watts / point.watts - 1))
            weights[point.part] = max(weights[point.part], doubtful if point.trust == "C" else 1.0)
    each = [(np.mean(np.abs(off)), np.mean(off)) for off in by_part.values()]
    mean, bias = np.average(each, axis=0, weights=[weights[part] for part in by_part])
    return len(by_part), float(mean), float(bias)


def load_range(point: Point) -> int:
    """
    Return 0 for rest, 1 for low load, 2 above.
    """
    rest, busy = SERVER_LOADS if point.server else CLIENT_LOADS
    return int(point.load >= rest) + int(point.load >= busy)


def package_factors(points: Sequence[Point], said: Any) -> dict[tuple[bool, int], tuple[float, float]]:
    """
    Return the factors that hold nine of ten, for servers and clients and each range of loads.

    A CPU model counts by the root of its number of points.
    """
    found = {}
    kinds = [(point.server, load_range(point)) for point in points]
    for kind in sorted(set(kinds)):
        here = [index for index, each in enumerate(kinds) if each == kind]
        counts = Counter(points[index].part for index in here)
        ratios = np.array([points[index].watts / said[index] for index in here])
        weights = np.array([counts[points[index].part] ** -0.5 for index in here])
        found[kind] = _quantiles(ratios, weights)
    return found


def noise(points: Sequence[Point], said: Any) -> tuple[float, float]:
    """
    Return the factors that hold nine of ten points of one machine around that machine's own mean, from 10 % load up.
    """
    logs: dict[str, list[float]] = defaultdict(list)
    for point, watts in zip(points, said, strict=True):
        if point.load >= AWAKE and point.trust != "C":
            logs[point.machine].append(float(np.log(point.watts / watts)))
    around = np.concatenate([np.array(each) - np.mean(each) for each in logs.values() if len(each) > 4])
    low, high = np.exp(np.quantile(around, (0.05, 0.95)))
    return float(low), float(high)


def _quantiles(ratios: Any, weights: Any) -> tuple[float, float]:
    order = np.argsort(ratios)
    along = np.cumsum(weights[order]) - weights[order] / 2
    low, high = np.interp(QUANTILES, along / weights.sum(), ratios[order])
    return float(low), float(high)
