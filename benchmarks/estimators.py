"""
Fit the power model of psutil-tdp on public measurements, and judge it beside other formulas on the same rows.

    python -m benchmarks.estimators                                 # the package model, on the points in data/
    python -m benchmarks.estimators --points rapl.csv               # on other points
    python -m benchmarks.estimators --data specpower.csv            # the wall model too
    python -m benchmarks.estimators --data specpower.csv --write    # also write coefficients.py of the plugin
    python -m benchmarks.estimators --data specpower.csv --check    # exit 1 when coefficients.py differs

Without ``--data``, GREENSDK_SPECPOWER names the file, without ``--points`` GREENSDK_RAPL_POINTS. All errors of ours are
those of CPU models or families that the fit had not seen: each is left out once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "plugins"), str(ROOT)]

import numpy as np  # noqa: E402
from estimators_data import (  # noqa: E402
    Point,
    Server,
    data_file,
    measured_w,
    modern,
    older,
    points,
    points_file,
    servers,
)
from estimators_fit import (  # noqa: E402
    EXPONENT,
    WALL_START,
    by_threads,
    factors,
    fit,
    left_out,
    old,
    thread_growth,
    wall,
)
from estimators_package import (  # noqa: E402
    CLIENT_LOADS,
    SERVER_LOADS,
    fit_package,
    noise,
    package_factors,
    package_left_out,
)
from estimators_package import EXPONENT as PACKAGE_EXPONENT  # noqa: E402
from greensdk_psutil_tdp.era import AMD_DESKTOP, INTEL_CLIENT, INTEL_OLD, SERVER  # noqa: E402

COEFFICIENTS = ROOT / "plugins" / "greensdk_psutil_tdp" / "coefficients.py"
THREADS_START = (3.5, 2.0, 6.0)
KINDS = (INTEL_OLD, SERVER, AMD_DESKTOP, INTEL_CLIENT)
LOW_AT = (0.01, 0.1)
"""Where the factors of low loads are taken to hold, of servers and clients; beside it they are interpolated."""

TEXT = '''"""
The numbers of the power model. Made by ``python -m benchmarks.estimators --write``: change that, not this.

Wall: fitted on {modern} servers from 2017 ({families} CPU families) and {older} older ones, half of a table of
SPECpower_ssj2008 results, www.spec.org, by way of github.com/green-coding-solutions/spec-power-model (9739f29),
retrieved 2026-11-21. SPEC and the benchmark name SPECpower_ssj are trademarks of the Standard Performance Evaluation
Corporation. These are our estimates, not SPEC metrics; no result is reproduced here.

Package: fitted on {points} RAPL readings of {models} CPU models, retrieved 2026-11-30. Most are codecarbon's
data/hardware/cpu_load_profiling (MIT) and github.com/github-benjamin-davy/turbostressreports (CC0: EC2 bare metal); the
source of each reading is in benchmarks/data/rapl_points.csv.

Intervals: {low:g} and {high:g} % of truth over prediction for CPU families (package: models) left out of the fit.
"""

# Watts of an awake machine at no load, per watt of TDP; per GB of memory; per socket and year before 2014
AWAKE = {awake}
MEMORY_W = {memory}
AGE_W = {age}
# Of these, what is left at rest
ASLEEP = {asleep}
# What full load adds, per watt of TDP; for client silicon from 2017 times DESKTOP; EXPONENT is not fitted
DYNAMIC = {dynamic}
DESKTOP = {desktop}
EXPONENT = {exponent}

# Where the TDP is not known: watts of TDP of one hardware thread in a server from 2017, and growth a year before it
THREAD_W = {{"intel": {intel}, "amd": {amd}}}
THREAD_GROWTH = {growth}

# 90 % factors of the wall: a low load; at rest; there; from here up; then. For parts from 2017, and older ones
WALL_KNOTS = {wall_knots}
OLD_WALL_KNOTS = {old_wall_knots}

# Package watts at rest and at full load, per watt of TDP; DESKTOP_REST_W is a socket's; PACKAGE_EXPONENT is not fitted
REST_OLD = {rest_old}
REST_SERVER = {rest_server}
FULL_SERVER = {full_server}
REST_CLIENT = {rest_client}
DESKTOP_REST_W = {desktop_rest}
FULL_CLIENT = {full_client}
PACKAGE_EXPONENT = {package_exponent}

# 90 % factors of the package, as above
SERVER_KNOTS = {server_knots}
CLIENT_KNOTS = {client_knots}
# What of them is not common to all readings of one machine: points around their machine's mean, from 10 % load
NOISE = {noise}

# The CPU models behind it
MEASURED = {measured}
'''


def numbers(rows: Sequence[Server], rapl: Sequence[Point]) -> dict[str, Any]:
    """
    Fit everything, rounded as it is written down.
    """
    return {**_wall_numbers(rows), **_package_numbers(rapl), "low": 4.0, "high": 96.0}


def _wall_numbers(rows: Sequence[Server]) -> dict[str, Any]:
    new, before = modern(rows), older(rows)
    values = np.round(fit(wall, WALL_START, new), 3)
    intel, amd, _ = np.round(fit(by_threads(values), THREADS_START, new), 2).tolist()
    age = fit(old(values), (9.0,), before)
    busy, rest = factors(left_out(wall, WALL_START, new, _family), measured_w(new))
    old_busy, old_rest = factors(left_out(old(values), (9.0,), before, _family), measured_w(before))
    return {
        "modern": len(new),
        "families": len({row.family for row in new}),
        "older": len(before),
        **dict(zip(("awake", "dynamic", "memory", "asleep", "desktop"), values.tolist(), strict=True)),
        "exponent": EXPONENT,
        "age": round(float(age[0]), 1),
        "intel": intel,
        "amd": amd,
        "growth": round(thread_growth(before, {"intel": intel, "amd": amd}), 2),
        "busy": _pair(busy),
        "rest": _pair(rest),
        "wall_knots": _wall_knots(rest, busy),
        "old_wall_knots": _wall_knots(old_rest, old_busy),
    }


def _package_numbers(rapl: Sequence[Point]) -> dict[str, Any]:
    names = ("rest_old", "rest_server", "full_server", "rest_client", "desktop_rest", "full_client")
    said = package_left_out(rapl)
    found = {kind: _pair(pair) for kind, pair in package_factors(rapl, said).items()}
    return {
        "points": len(rapl),
        "models": len({point.part for point in rapl}),
        **dict(zip(names, np.round(fit_package(rapl), 3).tolist(), strict=True)),
        "package_exponent": PACKAGE_EXPONENT,
        "server_knots": (LOW_AT[0], *(found[True, place] for place in (0, 1)), SERVER_LOADS[1], found[True, 2]),
        "client_knots": (LOW_AT[1], found[False, 1], found[False, 1], CLIENT_LOADS[1], found[False, 2]),
        "noise": _pair(noise(rapl, said)),
        "measured": _measured(rapl),
    }


def _measured(rapl: Sequence[Point]) -> str:
    kinds = {kind: ", ".join(sorted({each.part for each in rapl if each.kind == kind})) for kind in KINDS}
    return "{\n" + "".join(f'    "{kind}": "{parts}",\n' for kind, parts in kinds.items()) + "}"


def _wall_knots(rest: Sequence[float], busy: Sequence[float]) -> tuple[Any, ...]:
    # One straight line, in logarithms, from rest to 10 % load.
    middle = [(one * other) ** 0.5 for one, other in zip(rest, busy, strict=True)]
    return 0.05, _pair(rest), _pair(middle), 0.1, _pair(busy)


def coefficients(rows: Sequence[Server], rapl: Sequence[Point]) -> str:
    """
    Return the text of the plugin's table.
    """
    return TEXT.format(**numbers(rows, rapl))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--data", metavar="FILE", help="rows of SPECpower results")
    parser.add_argument("--points", metavar="FILE", help="RAPL against load, instead of the file in data/")
    parser.add_argument("--write", action="store_true", help="write the plugin's coefficients.py")
    parser.add_argument("--check", action="store_true", help="compare with the plugin's coefficients.py")
    asked = parser.parse_args(arguments)
    rapl = points(points_file(asked.points))
    path = data_file(asked.data, needed=asked.write or asked.check)
    if path is None:
        from estimators_report import package_report

        print(package_report(rapl))
        return 0
    rows = servers(path)
    text = coefficients(rows, rapl)
    if asked.write:
        COEFFICIENTS.write_text(text, encoding="utf-8")
    differs = text != COEFFICIENTS.read_text(encoding="utf-8")
    # Only now: what is judged is the plugin with the numbers that were just written.
    from estimators_report import report

    print(report(rows, rapl))
    print("\ncoefficients.py differs from this fit" if differs else "\ncoefficients.py is this fit")
    return int(asked.check and differs)


def _family(row: Server) -> str:
    return row.family


def _pair(pair: Sequence[float]) -> tuple[float, float]:
    return round(float(pair[0]), 2), round(float(pair[1]), 2)


if __name__ == "__main__":
    sys.exit(main())
