"""
The tables of ``python -m benchmarks.estimators``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from estimators_data import LOADS, TEADS, Server, measured_w, modern, older, rapl_points
from estimators_fit import (
    WALL_START,
    by_threads,
    factors,
    fit,
    fit_package,
    inside,
    left_out,
    most_of_a_package,
    old,
    package,
    package_left_out,
    wall,
)
from estimators_rivals import RIVALS
from greensdk_psutil_tdp.power import power_w

HEAD = f"{'':44}{'MAPE':>7}{'>=10 %':>8}{'p90':>6}{'bias':>6}   by load 0, 10 .. 100 %"


def report(rows: Sequence[Server]) -> str:
    """
    Return all tables as text.
    """
    return "\n".join(
        [*_wall(modern(rows)), "", *_kept_sane(modern(rows)), "", *_old(rows), "", *_package(modern(rows))]
    )


def _wall(rows: Sequence[Server]) -> Iterator[str]:
    truth = measured_w(rows)
    predicted = left_out(wall, WALL_START, rows, _family)
    values = fit(wall, WALL_START, rows)
    threads = left_out(by_threads(values), (3.5, 2.0, 6.0), rows, _family)
    yield f"Watts at the wall, {len(rows)} servers from 2017, errors in %; ours for CPU families left out of the fit"
    yield HEAD
    yield line("greensdk, wall", predicted, truth)
    yield line("greensdk, wall, TDP unknown", threads, truth)
    yield line("greensdk, power_w by brand string (in sample)", shipped(rows), truth)
    for name, rival in RIVALS.items():
        yield line(name, rival(rows), truth)
    yield "(*) made from SPECpower rows, these among them"
    yield ""
    yield from _coverage(predicted, rows)


def _coverage(predicted: Any, rows: Sequence[Server]) -> Iterator[str]:
    hit = inside(predicted, rows)
    busy, rest = factors(predicted, measured_w(rows))
    by_load = " ".join(f"{100 * part:.0f}" for part in hit.mean(0))
    yield f"90 % interval: x{busy[0]:.2f} to x{busy[1]:.2f} from 10 % load, x{rest[0]:.2f} to x{rest[1]:.2f} at rest"
    yield f"it holds {100 * hit[:, 1:].mean():.1f} % of families left out from 10 % load; by load: {by_load}"


def _kept_sane(rows: Sequence[Server]) -> Iterator[str]:
    truth = measured_w(rows)
    keys: dict[str, Callable[[Server], str]] = {
        "maker": lambda row: row.maker,
        "architecture": lambda row: row.architecture,
        "era (two years)": lambda row: row.era,
    }
    yield "The same, with more left out"
    yield HEAD
    for name, key in keys.items():
        yield line(f"greensdk, wall, without the {name}", left_out(wall, WALL_START, rows, key), truth)


def _old(rows: Sequence[Server]) -> Iterator[str]:
    before = older(rows)
    truth = measured_w(before)
    model = old(fit(wall, WALL_START, modern(rows)))
    yield f"{len(before)} servers before 2017: one number more, the watts of a socket for each year before 2014"
    yield HEAD
    yield line("greensdk, wall", left_out(model, (9.0,), before, _family), truth)
    yield line("greensdk, wall, without that number", model((0.0,), before), truth)
    for name, rival in RIVALS.items():
        yield line(name, rival(before), truth)


def _package(rows: Sequence[Server]) -> Iterator[str]:
    points, most = rapl_points(), most_of_a_package(fit(wall, WALL_START, rows))
    load, part = (np.array([getattr(point, name) for point in points]) for name in ("load", "part"))
    ratio = package_left_out(points, most)
    low, high = np.quantile(ratio, (0.05, 0.95))
    yield f"Watts of the package (RAPL), {len(points)} points of five machines; ours for machines left out of the fit"
    yield f"{'':44}{'MAPE':>7}{'typical':>9}{'p90':>7}   (the last two: factors, either way; loads above 5 %)"
    formulas = {
        "greensdk, package": part / ratio,
        "greensdk, package (in sample)": package(fit_package(points, most), load),
        "seeds: TDP * load (codecarbon, process)": load,
        "codecarbon, constant 0.5 TDP": 0.5 * np.ones_like(load),
        "codecarbon, machine TDP (.1 + .9 load^3)": 0.1 + 0.9 * load**3,
        "Teads .12/.32/.75/1.02": np.interp(load, *zip(*TEADS, strict=True)),
    }
    above = load > 0.05
    for name, said in formulas.items():
        off = np.abs(np.log(said[above] / part[above]))
        mape = 100 * np.abs(said[above] / part[above] - 1).mean()
        yield f"{name:44}{mape:7.1f}{'x':>5}{np.exp(off.mean()):4.2f}{'x':>3}{np.exp(np.quantile(off, 0.9)):4.2f}"
    yield f"90 % of truth over prediction x{low:.2f} to x{high:.2f}; each machine's mean:"
    for machine in sorted({point.machine for point in points}):
        mine = [each for each, point in zip(ratio, points, strict=True) if point.machine == machine]
        yield f"  {machine:42}      x{np.exp(np.log(mine).mean()):.2f}"


def line(name: str, predicted: Any, truth: Any) -> str:
    """
    Return the errors of one model.
    """
    error = 100 * np.abs(predicted - truth) / truth
    bias = 100 * ((predicted - truth) / truth).mean()
    by_load = " ".join(f"{each:3.0f}" for each in error.mean(0))
    return (
        f"{name:44}{error.mean():7.1f}{error[:, 1:].mean():8.1f}{np.quantile(error, 0.9):6.0f}{bias:+6.0f}   {by_load}"
    )


def shipped(rows: Sequence[Server]) -> Any:
    """
    Return what the plugin says, from the brand string alone.
    """
    return np.array(
        [
            [power_w(row.cpu, int(row.sockets), int(row.threads), row.memory_gb, load)[1] for load in LOADS]
            for row in rows
        ]
    )


def _family(row: Server) -> str:
    return row.family
