"""
The tables of ``python -m benchmarks.estimators``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from estimators_data import LOADS, TEADS, Point, Server, measured_w, modern, older
from estimators_fit import WALL_START, by_threads, factors, fit, inside, left_out, old, wall
from estimators_package import (
    AWAKE,
    DOUBTFUL,
    errors,
    fit_package,
    load_range,
    noise,
    package,
    package_factors,
    package_left_out,
)
from estimators_rivals import RIVALS
from greensdk_psutil_tdp.power import power_w

HEAD = f"{'':44}{'MAPE':>7}{'>=10 %':>8}{'p90':>6}{'bias':>6}   by load 0, 10 .. 100 %"


def report(rows: Sequence[Server], rapl: Sequence[Point]) -> str:
    """
    Return all tables as text.
    """
    return "\n".join([*_wall(modern(rows)), "", *_kept_sane(modern(rows)), "", *_old(rows), "", package_report(rapl)])


def package_report(rapl: Sequence[Point]) -> str:
    """
    Return the tables of the package model.
    """
    said = package_left_out(rapl)
    return "\n".join([*_package(rapl, said), "", *_package_coverage(rapl, said)])


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


def _package(rapl: Sequence[Point], said: Any) -> Iterator[str]:
    models, load = len({point.part for point in rapl}), np.array([point.load for point in rapl])
    tdp_w = np.array([point.tdp_w for point in rapl])
    values = fit_package(rapl)
    formulas = {
        "greensdk, package": said,
        "greensdk, package (in sample)": np.array([package(values, point) for point in rapl]),
        "seeds: TDP * load (codecarbon, process)": tdp_w * load,
        "codecarbon, constant 0.5 TDP": 0.5 * tdp_w,
        "codecarbon, machine TDP (.1 + .9 load^3)": tdp_w * (0.1 + 0.9 * load**3),
        "Teads .12/.32/.75/1.02 (*)": tdp_w * np.interp(load, *zip(*TEADS, strict=True)),
    }
    yield f"Watts of the package (RAPL), {len(rapl)} readings of {models} CPU models; mean error and bias in %"
    yield "from 10 % load; each model counts once; ours for models left out of the fit"
    yield f"{'':44}{'servers':>9}{'bias':>6}{'clients':>9}{'bias':>6}   servers at rest, low, above; clients low, above"
    for name, watts in formulas.items():
        yield f"{name:44}{_package_line(rapl, watts)}"
    yield "(*) the average of the EC2 machines among these"
    yield "all of these are of trust A and B; with those of trust C (off somebody's fit, machine doubtful):"
    for words, doubtful in (("that count half, as in the fit", DOUBTFUL), ("that count as much", 1.0)):
        yield f"{f'greensdk, package, with trust C {words}':64}" + "".join(_with_doubtful(rapl, said, doubtful))


def _with_doubtful(rapl: Sequence[Point], said: Any, doubtful: float) -> Iterator[str]:
    for server, name in ((True, "servers"), (False, "clients")):
        count, off, bias = errors(rapl, said, lambda p, s=server: p.load >= AWAKE and p.server is s, doubtful)  # type: ignore[misc]
        yield f"  {name}{off:5.1f} ({bias:+.0f}, {count} models)"


def _package_line(rapl: Sequence[Point], watts: Any) -> str:
    def off(server: bool, keep: Callable[[Point], bool]) -> tuple[int, float, float]:
        return errors(rapl, watts, lambda point: point.server is server and point.trust != "C" and keep(point))

    text = "".join("{1:9.1f}{2:+6.0f}".format(*off(server, lambda p: p.load >= AWAKE)) for server in (True, False))
    ranges = [(True, 0), (True, 1), (True, 2), (False, 1), (False, 2)]
    return text + "   " + " ".join(f"{off(server, lambda p, r=r: load_range(p) == r)[1]:4.0f}" for server, r in ranges)  # type: ignore[misc]


def _package_coverage(rapl: Sequence[Point], said: Any) -> Iterator[str]:
    found = package_factors(rapl, said)
    names = ("at rest", "low load", "above")
    yield "90 % of truth over prediction, and how many readings, and how many models' mean, it holds"
    for (server, place), (low, high) in found.items():
        here = [
            (point, low <= point.watts / watts <= high)
            for point, watts in zip(rapl, said, strict=True)
            if (point.server, load_range(point)) == (server, place)
        ]
        parts = {point.part for point, _ in here}
        by_model = np.mean([np.mean([hit for point, hit in here if point.part == part]) for part in parts])
        yield (
            f"  {'servers' if server else 'clients'}, {names[place]:10} x{low:.2f} to x{high:.2f}"
            f"{100 * np.mean([hit for _, hit in here]):6.0f} %{100 * by_model:6.0f} % of {len(parts)}"
        )
    yield "readings of one machine around their own mean: x{:.2f} to x{:.2f}".format(*noise(rapl, said))


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
