"""
The same calls measured by every method, and how far the estimates are from a meter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import exp, log
from pathlib import Path
from typing import Any

from greensdk.monitor import ESTIMATED
from greensdk.schema import text
from greensdk_workloads.studies.command import Settings, progress
from greensdk_workloads.studies.fake_meter import BUSY_W, IDLE_W, simulated_meter
from greensdk_workloads.studies.measure import SEED_NOTE, Run, here
from greensdk_workloads.studies.page import Page, interval
from greensdk_workloads.studies.pictures import figure, style_of
from greensdk_workloads.studies.table import Row, Table
from greensdk_workloads.studies.targets import targets

COLUMNS = ("seconds", "call_j", "low_j", "high_j", "quality", "reason")
METERS = ("rapl", "perf", "msr", "hwmon")
SIMULATED = f"simulated ({IDLE_W:g} W, plus {BUSY_W:g} W for each busy CPU)"


def make(settings: Settings) -> list[str]:
    """
    Measure with every method that works here, draw, and return the lines to print.
    """
    scale = settings.scale or (0.01 if settings.quick else 0.1)
    reps = settings.reps or (2 if settings.quick else 5)
    names = settings.targets or ("sleep", "prime", "pi", "memory", "words")
    table = Table(settings.folder / "methods.csv", ("workload", "scale", "rep", "method", "boundary"), COLUMNS)
    done = {(row["workload"], row["scale"], row["rep"]) for row in table.rows}
    tasks = [(workload, rep) for rep in range(reps) for workload in targets(names)]
    with _meter() as (is_simulated, monitors):
        for workload, rep in progress([t for t in tasks if (t[0].name, scale, t[1]) not in done], "methods"):
            run = here(workload, 1, scale, monitors="all", plugins=monitors)
            for row in _rows(run):
                table.add({"workload": workload.name, "scale": scale, "rep": rep, **row})
    mine = [row for row in table.rows if row["workload"] in names and row["scale"] == scale]
    return _show(mine, is_simulated, settings)


@contextmanager
def _meter() -> Iterator[tuple[bool, dict[str, Any]]]:
    """
    Yield whether the meter is simulated, which it is where this machine has none, and its settings.
    """
    from greensdk_rapl import RaplMonitor

    if RaplMonitor().probe().ok:
        yield False, {}
        return
    with simulated_meter() as root:
        yield True, {"rapl": {"root": str(root)}}


def _rows(run: Run) -> Iterator[Row]:
    """
    Yield each method's sum over all calls; None if one call's energy is unknown.
    """
    by_method: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in run.records:
        for each in record["readings"]:
            by_method.setdefault((each["monitor"], each["boundary"]), []).append(each)
    for (method, boundary), readings in by_method.items():
        known = all(each["call_j"] is not None for each in readings)
        sums = {
            column: sum(each[column] for each in readings)
            if known and all(each[column] is not None for each in readings)
            else None
            for column in ("call_j", "low_j", "high_j")
        }
        reason = next((each["reason"] for each in readings if each["reason"]), None)
        yield {
            "method": method,
            "boundary": boundary,
            "seconds": run.seconds,
            **sums,
            "quality": readings[0]["quality"],
            "reason": reason if sums["call_j"] is None else None,
        }


def _show(rows: Sequence[Row], is_simulated: bool, settings: Settings) -> list[str]:
    known = [row for row in rows if row["call_j"] is not None]
    methods = list(dict.fromkeys((row["method"], row["boundary"]) for row in known))
    meter = next((pair for pair in methods if pair[0] in METERS), None)
    findings = [f"meter: {SIMULATED}; the errors show the procedure, not this machine"] if is_simulated else []
    sources = [*(f"{method} ({boundary})" for method, boundary in methods), *findings, SEED_NOTE]
    page = Page("Same calls, every method", settings.command)
    if methods:
        stem = settings.folder / "methods"
        _draw(stem, known, methods, meter, is_simulated)
        page.picture(stem, "Energy of the same calls by each method, with its 90% interval; mean of all repetitions")
    estimates = {(row["method"], row["boundary"]) for row in known if row["quality"] == ESTIMATED}
    findings += [_errors(known, meter, pair) for pair in methods if meter and pair in estimates]
    page.findings(*findings)
    names = dict.fromkeys(row["workload"] for row in known)
    means = [_mean_row(known, name, pair, meter) for name in names for pair in methods]
    page.table(
        "Sums over each workload's calls, means of the repetitions",
        ("workload", "method", "boundary", "J", "90% interval", "× the meter"),
        [[*mean[:4], interval(*mean[4:6]), mean[6]] for mean in means],
    )
    missing = sorted({(row["method"], str(row["reason"])) for row in rows if row["call_j"] is None})
    page.table("Methods without energy", ("method", "reason"), missing)
    page.sources(sources)
    page.write(settings.folder / "methods.html")
    return [
        *map(_as_text, means),
        *findings,
        *(f"energy unknown: {m}: {why}" for m, why in missing),
        str(settings.folder / "methods.html"),
    ]


def _mean(rows: Sequence[Row], name: str, pair: tuple[str, str], column: str) -> float | None:
    values = [row[column] for row in rows if (row["workload"], row["method"], row["boundary"]) == (name, *pair)]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _mean_row(rows: Sequence[Row], name: str, pair: tuple[str, str], meter: tuple[str, str] | None) -> list[Any]:
    joules = [_mean(rows, name, pair, column) for column in ("call_j", "low_j", "high_j")]
    truth = _mean(rows, name, meter, "call_j") if meter else None
    return [name, *pair, *joules, joules[0] / truth if joules[0] is not None and truth else None]


def _as_text(row: Sequence[Any]) -> str:
    name, method, boundary, joules, low, high, ratio = row
    beside = "" if ratio is None else f"  ×{ratio:.2f} the meter"
    return f"{name:10} {method:17} {boundary:14} {text.joules(joules, low, high)}{beside}"


def _errors(rows: Sequence[Row], meter: tuple[str, str] | None, pair: tuple[str, str]) -> str:
    """
    Return how far a method is from the meter over all workloads: MAPE, bias as a factor, and rank correlation.
    """
    assert meter is not None
    names = list(dict.fromkeys(row["workload"] for row in rows))
    pairs = [(_mean(rows, name, pair, "call_j"), _mean(rows, name, meter, "call_j")) for name in names]
    both = [(ours, truth) for ours, truth in pairs if ours and truth]
    label = f"{pair[0]} ({pair[1]}) compared with {meter[0]} ({meter[1]})"
    if len(both) < 3:
        return f"{label}: too few workloads with both"
    error, factor, order = accuracy(both)
    return f"{label}: MAPE {error:.0f}%, geometric mean ratio ×{factor:.2f}, rank correlation {order:.2f}"


def accuracy(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """
    Return the mean absolute percentage error, the geometric mean of the ratios, and Spearman's rank correlation.

    Spearman, "The proof and measurement of association between two things", 1904.

    Args:
        pairs: Estimate and truth of at least three cases.
    """
    from scipy.stats import spearmanr

    ratios = [ours / truth for ours, truth in pairs]
    order = float(spearmanr([ours for ours, _ in pairs], [truth for _, truth in pairs]).statistic)
    return (
        100 * sum(abs(ratio - 1) for ratio in ratios) / len(ratios),
        exp(sum(map(log, ratios)) / len(ratios)),
        order,
    )


def _draw(stem: Path, rows: Sequence[Row], methods: Sequence[tuple[str, str]], meter: Any, is_simulated: bool) -> None:
    names = list(dict.fromkeys(row["workload"] for row in rows))
    with figure(stem, size=(8.4, 1.8 + 0.32 * len(names) * len(methods))) as axes:
        axis = axes[0][0]
        for index, pair in enumerate(methods):
            label = f"{pair[0]} ({pair[1]})" + (", simulated meter" if is_simulated and pair == meter else "")
            first = True
            for row, name in enumerate(names):
                joules, low, high = (_mean(rows, name, pair, column) for column in ("call_j", "low_j", "high_j"))
                if joules is None:
                    continue
                height = row + (index + 1) / (len(methods) + 1) - 0.5
                ends = None if low is None or high is None else [[max(0.0, joules - low)], [max(0.0, high - joules)]]
                axis.errorbar(
                    joules, height, xerr=ends, capsize=3, ls="", label=label if first else None, **style_of(index)
                )
                first = False
        axis.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5), xscale="log")
        axis.set(xlabel="energy of the calls (J), logarithmic; bars: 90% interval", title="Same calls, every method")
        for row in range(1, len(names)):
            axis.axhline(row - 0.5, color="0.8", lw=0.8)
        axis.grid(visible=False, axis="y")
        axis.figure.legend(loc="outside lower center", ncols=2)
