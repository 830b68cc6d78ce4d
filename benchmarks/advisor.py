"""
What the advisor's predictions and choices are worth, on tables in which every configuration was measured.

    python -m benchmarks.advisor [PROFILES.csv ...]

A file has the columns app, stage, memory_mb, workers, rep, read_mean, compute_mean and write_mean (seconds of a mean
worker), others are ignored. Of each stage the advisor sees a part and is asked for the rest:

- one worker count, or one memory size, is kept from it: the mean error at these, in each stage;
- one worker count between others is kept from it: how many repetitions lie within its 90 % interval;
- it is fitted to four worker counts (to three where four are all there are) and chooses among all configurations: how
  much more than the best it takes. Joules are those of greensdk_lambda_estimator's constants for a busy vCPU and a GB,
  times the measured seconds; none has been measured.

Beside it, fitted to the same rows: a/(p s) + b/s + d with s = min(MB / 1769, k) (Amdahl's law, "a/p + b"), and
a/x + b log(x)/x + c/x^2 + d with x = p s, of which Jolteon's model is made (Z. Zhang et al., NSDI 2024; not all of it).
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "plugins"), str(ROOT)]

import numpy as np  # noqa: E402
from greensdk_lambda_estimator.watts import INTEL, MEMORY_W_PER_GB  # noqa: E402
from scipy.optimize import nnls  # noqa: E402

from greensdk.advisor import CannotAdvise, Model, Point, Profile, fit, predict, recommend  # noqa: E402
from greensdk.advisor.profile import list_price  # noqa: E402
from greensdk.advisor.surface import KS, MEMBERS, VCPU_MB, share  # noqa: E402

OURS, AMDAHL, FOUR = METHODS = ("advisor", "a/p + b", "4 terms")
COLUMNS = ("app", "stage", "memory_mb", "workers", "rep", "read_mean", "compute_mean", "write_mean")
PARTS = COLUMNS[-3:]
GIVEN = ROOT / "benchmarks" / "data" / "jolteon" / "profiles.csv"

DEADLINE = 1.5
"""Times the least that any configuration takes."""

RISK = 0.05
MEMORY_SIZES = 3
WORKER_COUNTS = 4
LARGEST_VCPUS = KS[-1]

Values = dict[str, dict[str, list[float]]]


class Odd(Exception):
    """
    A file can't be used; the text says where and why.
    """


def watts(memory_mb: float) -> float:
    """
    Return what one worker takes.
    """
    return float(INTEL.busy_w * min(memory_mb / VCPU_MB, LARGEST_VCPUS) + MEMORY_W_PER_GB * memory_mb / 1024)


def read(paths: Iterable[Path]) -> list[Profile]:
    """
    Return the stages of some files.

    Raises:
        Odd: A column is missing, or a row makes no sense.
    """
    price = list_price("us-east-1", "x86_64")
    stages: dict[tuple[str, str], list[Point]] = {}
    for path in paths:
        for app, stage, point in _rows(path):
            stages.setdefault((app, stage), []).append(point)
    return [
        Profile(stage, tuple(points), workflow=app, backend="aws_lambda", arch="x86_64", price=price)
        for (app, stage), points in sorted(stages.items())
    ]


def _rows(path: Path) -> Iterable[tuple[str, str, Point]]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Odd(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    rows = csv.DictReader(text.splitlines())
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise Odd(f"{path}: no column {', '.join(missing)}")
    empty = True
    for row in rows:
        empty = False
        where = f"{path}:{rows.line_num}"
        if not row["app"] or not row["stage"]:
            raise Odd(f"{where}: no app or no stage")
        workers, memory_mb = (_number(row, name, where, 1) for name in ("workers", "memory_mb"))
        if workers != int(workers):
            raise Odd(f"{where}: workers = {row['workers']!r}: expected a whole number")
        seconds = sum(_number(row, name, where, 0) for name in PARTS)
        if not seconds:
            raise Odd(f"{where}: read, compute and write take 0 s together")
        billed = workers * seconds
        point = Point(int(workers), memory_mb, seconds, billed, billed * watts(memory_mb))
        yield row["app"], row["stage"], point
    if empty:
        raise Odd(f"{path}: no rows")


def _number(row: Mapping[str, Any], name: str, where: str, least: float) -> float:
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = float("nan")
    if not least <= value < float("inf"):
        raise Odd(f"{where}: {name} = {row[name]!r}: expected a number of at least {least}")
    return value


# --- The other forms ---


Config = tuple[int, float]
Predictor = Callable[[Sequence[Config]], np.ndarray]


def _amdahl(p: np.ndarray, m: np.ndarray, k: float) -> np.ndarray:
    s = share(m, k)
    return np.column_stack([1 / (p * s), 1 / s, np.ones_like(p)])


def _four(p: np.ndarray, m: np.ndarray) -> np.ndarray:
    x = p * m / VCPU_MB
    return np.column_stack([1 / x, np.log(x) / x, 1 / x**2, np.ones_like(x)])


def amdahl(p: np.ndarray, m: np.ndarray, y: np.ndarray) -> Predictor:
    """
    Fit a/p + b with the memory's share; `k` is the one that fits best.
    """
    fits = []
    for k in KS:
        columns = _amdahl(p, m, k)
        found = nnls(columns / y[:, None], np.ones(len(y)))[0]
        fits.append((float(np.mean(np.abs(columns @ found / y - 1))), k, found))
    _, k, found = min(fits, key=lambda each: each[0])
    return lambda configs: _amdahl(*_columns(configs), k) @ found


def four(p: np.ndarray, m: np.ndarray, y: np.ndarray) -> Predictor:
    """
    Fit the four terms, by least squares on relative errors.
    """
    found = np.linalg.lstsq(_four(p, m) / y[:, None], np.ones(len(y)), rcond=None)[0]
    return lambda configs: _four(*_columns(configs)) @ found


def _columns(configs: Sequence[Config]) -> tuple[np.ndarray, np.ndarray]:
    p, m = np.array(configs, float).T
    return p, m


OTHERS = {AMDAHL: amdahl, FOUR: four}


# --- What is asked ---


def table_of(profile: Profile) -> dict[Config, list[float]]:
    """
    Return the seconds of each configuration.
    """
    cells: dict[Config, list[float]] = {}
    for point in profile.points:
        cells.setdefault((point.workers, point.memory_mb or 0.0), []).append(point.time_s)
    return dict(sorted(cells.items()))


def _fitted(
    profile: Profile, kept: Callable[[Point], bool], members: int = MEMBERS
) -> tuple[Model, dict[str, Predictor]]:
    part = _only(profile, kept)
    cells = table_of(part)
    p, m = _columns(list(cells))
    y = np.array([np.median(each) for each in cells.values()])
    return fit(part, least=1, strict=False, members=members), {name: other(p, m, y) for name, other in OTHERS.items()}


def _only(profile: Profile, kept: Callable[[Point], bool]) -> Profile:
    import attrs

    return attrs.evolve(profile, points=tuple(point for point in profile.points if kept(point)))


def leave_out(profile: Profile, axis: str, values: Values) -> None:
    """
    Keep each worker count, or memory size, from the fits in turn.
    """
    every = sorted({getattr(point, axis) for point in profile.points})
    errors: dict[str, list[float]] = {name: [] for name in METHODS}
    for value in every:
        members = MEMBERS if axis == "workers" else 1  # only there are intervals asked for
        model, others = _fitted(profile, lambda point, value=value: getattr(point, axis) != value, members)
        cells = {config: times for config, times in table_of(profile).items() if config[axis == "memory_mb"] == value}
        truth = np.array([np.median(times) for times in cells.values()])
        found = predict(model, list(cells))
        guesses = {name: other(list(cells)) for name, other in others.items()}
        guesses[OURS] = np.array([each.time_s for each in found])
        for name, guess in guesses.items():
            errors[name].append(float(np.mean(np.abs(guess / truth - 1))))
        if axis == "workers" and every[0] < value < every[-1]:
            for each, times, at in zip(found, cells.values(), truth, strict=True):
                inside = [each.time_low_s <= time <= each.time_high_s for time in times]
                values["coverage"][OURS].extend(map(float, inside))
                values["width"][OURS].append((each.time_high_s - each.time_low_s) / float(at))
    for name, found_errors in errors.items():
        values[axis][name].append(float(np.mean(found_errors)))


def choose(profile: Profile, values: Values) -> None:
    """
    Fit to some worker counts, choose among all configurations, and compare with the best.
    """
    counts = sorted({point.workers for point in profile.points})
    number = len(counts)
    some = (
        {counts[0], counts[number // 3], counts[2 * number // 3], counts[-1]}
        if number > WORKER_COUNTS
        else {counts[0], counts[2], counts[-1]}
    )
    model, others = _fitted(profile, lambda point: point.workers in some)
    cells = table_of(profile)
    configs = list(cells)
    p, m = _columns(configs)
    seconds = np.array([np.median(times) for times in cells.values()])
    truth = {
        "time": seconds,
        "energy": p * seconds * np.array([watts(size) for size in m]),
        "cost": p * seconds * m / 1024 * profile.price.gb_s_usd + p * profile.price.request_usd,
    }
    for objective, taken in truth.items():
        plan = recommend(model, objective, candidates=configs)
        values[f"{objective} regret"][OURS].append(_regret(taken, configs.index(_chosen(plan))))
    deadline_s = DEADLINE * float(seconds.min())
    for name, risk in {"deadline": None, "deadline, risk 5 %": RISK}.items():
        plan = recommend(model, "energy", candidates=configs, deadline_s=deadline_s, risk=risk)
        if plan.choice is None:
            values[f"{name}: no answer"][OURS].append(1.0)
            continue
        place = configs.index(_chosen(plan))
        values[f"{name}: no answer"][OURS].append(0.0)
        values[name][OURS].append(
            _regret(np.where(seconds <= deadline_s, truth["energy"], np.inf), place, truth["energy"])
        )
        values[f"{name}: overrun"][OURS].append(max(0.0, float(seconds[place]) / deadline_s - 1))
    for name, other in others.items():
        guess = other(configs)
        joules = p * guess * np.array([watts(size) for size in m])
        values["time regret"][name].append(_regret(seconds, int(np.argmin(guess))))
        values["energy regret"][name].append(_regret(truth["energy"], int(np.argmin(joules))))
        inside = np.flatnonzero(guess <= deadline_s)
        values["deadline: no answer"][name].append(float(not len(inside)))
        if len(inside):
            place = int(inside[np.argmin(joules[inside])])
            feasible = np.where(seconds <= deadline_s, truth["energy"], np.inf)
            values["deadline"][name].append(_regret(feasible, place, truth["energy"]))
            values["deadline: overrun"][name].append(max(0.0, float(seconds[place]) / deadline_s - 1))


def _chosen(plan: Any) -> Config:
    return next(iter(plan.choice.configs.values()))


def _regret(allowed: np.ndarray, place: int, taken: np.ndarray | None = None) -> float:
    return max(0.0, float((allowed if taken is None else taken)[place] / allowed.min() - 1))


class _Values(dict):  # type: ignore[type-arg]
    def __missing__(self, key: str) -> dict[str, list[float]]:
        self[key] = {name: [] for name in METHODS}
        return self[key]


def judge(profiles: Sequence[Profile]) -> tuple[Values, list[str]]:
    """
    Return what was found, by question and method, and which stages could not be asked.
    """
    values: Values = _Values()
    remarks = []
    for profile in profiles:
        counts = {point.workers for point in profile.points}
        sizes = {point.memory_mb for point in profile.points}
        if len(counts) < WORKER_COUNTS:
            remarks.append(
                f"{profile.name}: left out, {len(counts)} worker counts, at least {WORKER_COUNTS} are needed"
            )
            continue
        leave_out(profile, "workers", values)
        if len(sizes) >= MEMORY_SIZES:
            leave_out(profile, "memory_mb", values)
        choose(profile, values)
        try:
            fit(profile)
        except CannotAdvise as error:
            remarks.append(f"counted, although advise would refuse it: {error}")
    return values, remarks


# --- The table ---


QUESTIONS = {
    "workers": "leave one worker count out: error",
    "memory_mb": "leave one memory size out: error",
    "energy regret": "energy: over the best",
    "deadline": "energy by 1.5 x the least time: over the best",
    "deadline: overrun": "  missed it by",
    "deadline, risk 5 %": "the same at a risk of 5 %: over the best",
    "deadline, risk 5 %: overrun": "  missed it by",
    "time regret": "time: over the best",
    "cost regret": "cost: over the best",
}


def lines(values: Values) -> Iterable[str]:
    """
    Yield the table.
    """
    yield f"{'median / p90 / max, in %, over the stages':46}" + "".join(f"{name:>22}" for name in METHODS)
    for key, question in QUESTIONS.items():
        cells = [_cell(values[key][name]) for name in METHODS]
        yield f"{question:46}" + "".join(f"{cell:>22}" for cell in cells)
    coverage, width = values["coverage"][OURS], values["width"][OURS]
    if coverage:
        held = f"{100 * np.mean(coverage):.1f} % hold; {100 * np.median(width):.0f} % wide (median)"
        yield f"{'90 % interval at worker counts in between':46}{held:>22}"
    refused = values["deadline, risk 5 %: no answer"][OURS]
    asked = len(values["workers"][OURS])
    yield f"stages: {asked}; at a risk of 5 % no configuration kept the deadline in {int(sum(refused))}"


def _cell(found: Sequence[float]) -> str:
    if not found:
        return "-"
    return f"{100 * np.median(found):.1f} / {100 * np.quantile(found, 0.9):.1f} / {100 * max(found):.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Print the table; 2 if a file can't be used.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.advisor", description="Judge the advisor on measured tables."
    )
    parser.add_argument("files", nargs="*", type=Path, default=[GIVEN], metavar="PROFILES.csv")
    asked = parser.parse_args(arguments)
    try:
        values, remarks = judge(read(asked.files))
        if not values["workers"][OURS]:
            raise Odd(remarks[0] if remarks else "no stage can be judged")
    except Odd as error:
        print(f"benchmarks.advisor: {error}", file=sys.stderr)
        return 2
    for line in (*lines(values), *remarks):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
