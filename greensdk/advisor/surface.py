"""
One quantity (seconds, joules, a rate) as a function of workers and memory: a physical form, and its residuals.

.. code-block:: text

    time            a1/(p s) + a2/p + b/s + c p + d        s = min(MB / 1769, k)
    shared energy   a/p + b + c p + d p^2                  what (idle_w + w p) * time expands to
    rate            a s + b GB + c s/p                     watts of one worker by its allotment and utilisation

All coefficients are >= 0 and minimise relative errors from the median of each configuration's repetitions. A
Lambda has one vCPU for each 1769 MB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html); `k`, how
many of them a stage can use, is unknown: the fits for all of `KS` are averaged in logarithms, each weighted by how well
it predicts held-out worker counts and memory sizes.

The residuals are a smooth field over (log p, log m) that tends to 0 away from measurements: each memory size has its
own effect, and so has the neighbourhood of each configuration. This is kriging, or the posterior mean of a
Gaussian process (C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006, eq. 2.23).

Intervals come from the bootstrap of pairs (B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 9): configurations and their repetitions are resampled, a `k` is drawn by its weight, and all is refitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]

VCPU_MB = 1769.0
KS = (0.5, 1.0, 2.0, 4.0, 6.0)
"""Up to the 6 vCPUs of the largest Lambda function."""

SHARPNESS = 4
"""Exponent of the weights: a fit with twice the error has 1/16 of the weight."""

MEMORY_OCTAVES, WORKERS_OCTAVES = 1.0, 2.0
"""Correlation lengths of the field in doublings: the distance over which an effect falls to 1/e."""

NOISE_LIMITS = (0.3, 1.0)
"""
Limits of the noise variance, relative to the variance of the field. Within them it is the variance between repetitions;
where these agree, the field follows the measurements.
"""

MEMBERS = 200
LEAST_DRAWN = 3
"""Fewest worker counts in a resample: a curve through fewer is undetermined."""

TINY = 1e-12


def share(memory_mb: Array, k: float) -> Array:
    """
    Return the vCPUs that a worker can use.
    """
    return np.minimum(memory_mb / VCPU_MB, k)


def _time(p: Array, m: Array, k: float) -> Array:
    s = share(m, k)
    return np.column_stack([1 / (p * s), 1 / p, 1 / s, p, np.ones_like(p)])


def _time_of_one_size(p: Array, _m: Array, _k: float) -> Array:
    return np.column_stack([1 / p, p, np.ones_like(p)])


def _shared_energy(p: Array, _m: Array, _k: float) -> Array:
    return np.column_stack([1 / p, np.ones_like(p), p, p * p])


def _rate(p: Array, m: Array, k: float) -> Array:
    s = share(m, k)
    return np.column_stack([s, m / 1024, s / p])


def _rate_of_one_size(p: Array, _m: Array, _k: float) -> Array:
    return np.column_stack([np.ones_like(p), 1 / p])


TIME, SHARED, RATE = "time", "shared", "rate"

Basis = Callable[[Array, Array, float], Array]


def basis_of(kind: str, sizes: int) -> tuple[Basis, tuple[float, ...]]:
    """
    Return the columns of a form, and the `k` to try. With one memory size, its effect is part of the constant.
    """
    if kind == TIME and sizes > 1:
        return _time, KS
    if kind == RATE and sizes > 1:
        return _rate, KS
    alone: dict[str, Basis] = {
        TIME: _time_of_one_size,
        SHARED: _shared_energy,
        RATE: _rate_of_one_size,
    }
    return alone[kind], (1.0,)


@attrs.frozen(eq=False)
class Curve:
    """
    One fit: the form for each `k` with its weight, plus the field.

    Attributes:
        ks: The values of `k`.
        weights: The weight of each; they sum to 1.
        coefficients: Coefficients of the columns, for each `k`.
        p: Workers at the nodes of the field.
        m: Memory at the nodes.
        field: Weights of the nodes.
    """

    ks: tuple[float, ...]
    weights: Array
    coefficients: tuple[Array, ...]
    p: Array
    m: Array
    field: Array


@attrs.frozen(eq=False)
class Surface:
    """
    A fitted quantity.

    Attributes:
        kind: The form.
        basis: Its columns.
        best: The fit to all configurations.
        members: The bootstrap fits.
        residuals: Logarithm of each repetition over the prediction with its worker count held out; for the fewest and
            the most workers, where that would be an extrapolation, over the fit to all.
        error: Median relative error of the fits with the worker count or the memory size held out.
    """

    kind: str
    basis: Basis
    best: Curve
    members: tuple[Curve, ...]
    residuals: Array
    error: float


def fit_surface(
    kind: str, p: Array, m: Array, repetitions: Sequence[Array], seed: int = 0, members: int = MEMBERS
) -> Surface:
    """
    Fit a form.

    Args:
        kind: One of `TIME`, `SHARED`, `RATE`.
        p: Workers of each configuration.
        m: Memory of each.
        repetitions: Measured values of each.
        seed: Seed of the bootstrap. The same seed draws the same configurations for every quantity.
        members: Number of bootstrap fits.
    """
    basis, ks = basis_of(kind, len(set(m.tolist())))
    y = np.array([np.median(each) for each in repetitions])
    noise = _noise(repetitions)
    weights, held_out, error = _weights(basis, ks, p, m, y, noise)
    best = _curve(basis, ks, weights, p, m, y, noise)
    residuals = np.concatenate([np.log(each) - at for each, at in zip(repetitions, held_out, strict=True)])
    rng = np.random.default_rng(seed)
    drawn = tuple(_member(basis, ks, weights, p, m, repetitions, noise, rng) for _ in range(members))
    return Surface(kind, basis, best, drawn, residuals, error)


def fit_form(kind: str, p: Array, m: Array, y: Array) -> Array:
    """
    Return the logarithms of a form fitted to `y`, without the field, at the same configurations.
    """
    basis, ks = basis_of(kind, len(set(m.tolist())))
    weights, *_ = _weights(basis, ks, p, m, y, np.inf)
    return _form(basis, _curve(basis, ks, weights, p, m, y, np.inf), p, m)


def log_values(surface: Surface, curve: Curve, p: Array, m: Array) -> Array:
    """
    Return the logarithms of a fit's values at some configurations.
    """
    return _form(surface.basis, curve, p, m) + _kernel(p, m, curve.p, curve.m) @ curve.field


def log_members(surface: Surface, p: Array, m: Array) -> Array:
    """
    Return one row for each bootstrap fit.
    """
    return np.array([log_values(surface, each, p, m) for each in surface.members])


def _form(basis: Basis, curve: Curve, p: Array, m: Array) -> Array:
    fits = [
        weight * np.log(np.maximum(basis(p, m, k) @ coefficients, TINY))
        for weight, k, coefficients in zip(curve.weights, curve.ks, curve.coefficients, strict=True)
    ]
    total: Array = np.sum(fits, axis=0)
    return total


def _solve(columns: Array, y: Array) -> Array:
    solution: Array = nnls(columns / y[:, None], np.ones(len(y)))[0]
    return solution


def _curve(basis: Basis, ks: tuple[float, ...], weights: Array, p: Array, m: Array, y: Array, noise: float) -> Curve:
    coefficients = tuple(_solve(basis(p, m, k), y) for k in ks)
    form_only = Curve(ks, weights, coefficients, p, m, np.zeros(len(p)))
    residuals = np.log(y) - _form(basis, form_only, p, m)
    variance = float(np.clip(2 * noise / (np.mean(residuals**2) + TINY), *NOISE_LIMITS))
    field = np.asarray(np.linalg.solve(_kernel(p, m, p, m) + variance * np.eye(len(p)), residuals), float)
    return attrs.evolve(form_only, field=field)


def _kernel(p: Array, m: Array, q: Array, n: Array) -> Array:
    """Return the covariance of two configurations, as a multiple of the memory effect's variance."""
    size = np.exp(-np.abs(np.log2(m)[:, None] - np.log2(n)[None]) / MEMORY_OCTAVES)
    near = np.exp(-np.abs(np.log2(p)[:, None] - np.log2(q)[None]) / WORKERS_OCTAVES)
    return np.asarray(size + size * near, float)


def _weights(
    basis: Basis, ks: tuple[float, ...], p: Array, m: Array, y: Array, noise: float
) -> tuple[Array, Array, float]:
    """Return the weight of each `k`, the predictions for held-out worker counts, and the median error."""
    errors: list[list[float]] = [[] for _ in ks]
    held = [
        out
        for axis in (p, m)
        for out in (axis == value for value in np.unique(axis))
        if _can_fit_without(basis, p, m, out)
    ]
    for out in held:
        for index, k in enumerate(ks):
            columns = basis(p, m, k)
            guess = np.maximum(columns[out] @ _solve(columns[~out], y[~out]), TINY)
            errors[index].extend(np.abs(np.log(guess / y[out])).tolist())
    means = np.array([np.mean(each) if each else 1.0 for each in errors]) + TINY
    weights = (means.min() / means) ** SHARPNESS
    weights /= weights.sum()
    whole = _curve(basis, ks, weights, p, m, y, noise)
    missed, predicted = [], _form(basis, whole, p, m) + _kernel(p, m, p, m) @ whole.field
    inner = [p == value for value in np.unique(p)[1:-1]]
    for out in held:
        curve = _curve(basis, ks, weights, p[~out], m[~out], y[~out], noise)
        guess = _form(basis, curve, p[out], m[out]) + _kernel(p[out], m[out], curve.p, curve.m) @ curve.field
        missed.extend(np.abs(np.expm1(guess - np.log(y[out]))).tolist())
        if any(np.array_equal(out, each) for each in inner):
            predicted[out] = guess
    return weights, predicted, float(np.median(missed)) if missed else 0.0


def _can_fit_without(basis: Basis, p: Array, m: Array, out: Any) -> bool:
    """Return whether enough configurations remain to fit."""
    return bool(np.count_nonzero(~out) >= basis(p, m, 1.0).shape[1])


def _member(
    basis: Basis,
    ks: tuple[float, ...],
    weights: Array,
    p: Array,
    m: Array,
    repetitions: Sequence[Array],
    noise: float,
    rng: np.random.Generator,
) -> Curve:
    distinct = min(LEAST_DRAWN, len(np.unique(p)))
    chosen: Any = rng.integers(0, len(p), len(p))
    while len(np.unique(p[chosen])) < distinct:
        chosen = rng.integers(0, len(p), len(p))
    draws = rng.random(len(p))
    k = ks[int(np.searchsorted(np.cumsum(weights), rng.random() * (1 - TINY)))]
    y = np.array([_drawn(repetitions[index], part) for index, part in zip(chosen, draws, strict=True)])
    return _curve(basis, (k,), np.ones(1), p[chosen], m[chosen], y, noise)


def _noise(repetitions: Sequence[Array]) -> float:
    """
    Return the variance of a configuration's median, in logarithms, estimated from repetitions; infinite without any.
    """
    variances = [float(np.var(np.log(each), ddof=1)) / len(each) for each in repetitions if len(each) > 1]
    return float(np.median(variances)) if variances else np.inf


def _drawn(repetitions: Array, draw: float) -> float:
    return float(repetitions[int(draw * len(repetitions))])
