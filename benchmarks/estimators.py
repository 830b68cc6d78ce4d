"""
Fit the power model of psutil-tdp on public measurements, and judge it beside other formulas on the same rows.

    python -m benchmarks.estimators --data specpower.csv            # print the tables
    python -m benchmarks.estimators --data specpower.csv --write    # also write coefficients.py of the plugin
    python -m benchmarks.estimators --data specpower.csv --check    # exit 1 when coefficients.py differs

Without ``--data``, GREENSDK_SPECPOWER names the file. All errors of ours are those of CPU families that the fit had not
seen: each is left out once.
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
from estimators_data import Server, data_file, measured_w, modern, older, rapl_points, servers  # noqa: E402
from estimators_fit import (  # noqa: E402
    EXPONENT,
    WALL_START,
    by_threads,
    factors,
    fit,
    fit_package,
    left_out,
    most_of_a_package,
    old,
    package_left_out,
    thread_growth,
    wall,
)

COEFFICIENTS = ROOT / "plugins" / "greensdk_psutil_tdp" / "coefficients.py"
THREADS_START = (3.5, 2.0, 6.0)

TEXT = '''"""
The numbers of the power model. Made by ``python -m benchmarks.estimators --write``: change that, not this.

Wall: fitted on {modern} servers from 2017 ({families} CPU families) and {older} older ones, half of a table of
SPECpower_ssj2008 results, www.spec.org, by way of github.com/green-coding-solutions/spec-power-model (9739f29),
retrieved 2026-11-21. SPEC and the benchmark name SPECpower_ssj are trademarks of the Standard Performance Evaluation
Corporation. These are our estimates, not SPEC metrics; no result is reproduced here.

Package: fitted on {points} points of {machines} machines: codecarbon's data/hardware/cpu_load_profiling (MIT), and
Teads' average of Intel EC2 bare metal (B. Davy, "Estimating AWS EC2 Instances Power Consumption", 2021); retrieved
2026-11-21.

Intervals: 5 and 95 % of truth over prediction for CPU families (package: machines) left out of the fit.
"""

# Watts of an awake machine at no load, per watt of TDP; per GB of memory; per socket and year before 2014
AWAKE = {awake}
MEMORY_W = {memory}
AGE_W = {age}
# Of these, what is left at rest
ASLEEP = {asleep}
# What full load adds, per watt of TDP; for desktop silicon from 2017 times DESKTOP; EXPONENT is not fitted
DYNAMIC = {dynamic}
DESKTOP = {desktop}
EXPONENT = {exponent}

# Where the TDP is not known: watts of TDP of one hardware thread in a server from 2017, and growth a year before it
THREAD_W = {{"intel": {intel}, "amd": {amd}}}
THREAD_GROWTH = {growth}

# 90 % factors of the wall, from 10 % load up and at rest; for parts from 2017, and older ones
BUSY = {busy}
REST = {rest}
OLD_BUSY = {old_busy}
OLD_REST = {old_rest}

# Package watts, per watt of TDP, and never more than the wall's; five machines can't say less than a factor of two
PACKAGE_IDLE = {package_idle}
PACKAGE_DYNAMIC = {package_dynamic}
PACKAGE_BUSY = {package}
'''


def numbers(rows: Sequence[Server]) -> dict[str, Any]:
    """
    Fit everything, rounded as it is written down.
    """
    new, before, points = modern(rows), older(rows), rapl_points()
    values = np.round(fit(wall, WALL_START, new), 3)
    intel, amd, _ = np.round(fit(by_threads(values), THREADS_START, new), 2).tolist()
    age = fit(old(values), (9.0,), before)
    busy, rest = factors(left_out(wall, WALL_START, new, _family), measured_w(new))
    old_busy, old_rest = factors(left_out(old(values), (9.0,), before, _family), measured_w(before))
    most = most_of_a_package(values.tolist())
    package, ratio = fit_package(points, most), np.quantile(package_left_out(points, most), (0.05, 0.95))
    return {
        "modern": len(new),
        "families": len({row.family for row in new}),
        "older": len(before),
        "points": len(points),
        "machines": len({point.machine for point in points}),
        **dict(zip(("awake", "dynamic", "memory", "asleep", "desktop"), values.tolist(), strict=True)),
        "exponent": EXPONENT,
        "age": round(float(age[0]), 1),
        "intel": intel,
        "amd": amd,
        "growth": round(thread_growth(before, {"intel": intel, "amd": amd}), 2),
        "busy": _pair(busy),
        "rest": _pair(rest),
        "old_busy": _pair(old_busy),
        "old_rest": _pair(old_rest),
        "package_idle": _down(package[0]),
        "package_dynamic": _down(package[1]),
        "package": _pair((min(0.5, float(ratio[0])), max(2.0, float(ratio[1])))),
    }


def coefficients(rows: Sequence[Server]) -> str:
    """
    Return the text of the plugin's table.
    """
    return TEXT.format(**numbers(rows))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--data", metavar="FILE", help="rows of SPECpower results")
    parser.add_argument("--write", action="store_true", help="write the plugin's coefficients.py")
    parser.add_argument("--check", action="store_true", help="compare with the plugin's coefficients.py")
    asked = parser.parse_args(arguments)
    rows = servers(data_file(asked.data))
    text = coefficients(rows)
    if asked.write:
        COEFFICIENTS.write_text(text, encoding="utf-8")
    differs = text != COEFFICIENTS.read_text(encoding="utf-8")
    # Only now: what is judged is the plugin with the numbers that were just written.
    from estimators_report import report

    print(report(rows))
    print("\ncoefficients.py differs from this fit" if differs else "\ncoefficients.py is this fit")
    return int(asked.check and differs)


def _family(row: Server) -> str:
    return row.family


def _down(value: float) -> float:
    # Rounded up, a package could take more than its server.
    return int(1000 * value + 1e-3) / 1000


def _pair(pair: Sequence[float]) -> tuple[float, float]:
    return round(float(pair[0]), 2), round(float(pair[1]), 2)


if __name__ == "__main__":
    sys.exit(main())
