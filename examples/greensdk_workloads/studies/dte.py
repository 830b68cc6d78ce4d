"""
Cost, time and energy: {arm64, x86_64} x {512, 1024, 2048 MB} x {titanic, ML, video}.

x86_64 is run, each call within AWS Lambda's CPU quota for its memory size. arm64 is computed from that: time by the
ratio that the same applications showed on Lambda, energy by the estimator's watts, cost by the price list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from greensdk_cost.prices import PRICES, SOURCES, gb_s_usd, source
from greensdk_lambda_estimator.model import Model
from greensdk_lambda_estimator.places import MB_PER_VCPU
from greensdk_lambda_estimator.watts import MEMORY, MEMORY_W_PER_GB, Part, part_of

from greensdk.errors import GreensdkError
from greensdk_workloads.studies.command import Settings, progress
from greensdk_workloads.studies.page import Page, interval
from greensdk_workloads.studies.pictures import figure, style_of
from greensdk_workloads.studies.quota import ENFORCED, sandbox
from greensdk_workloads.studies.table import Row, Table
from greensdk_workloads.studies.targets import targets

APPS = ("titanic", "ml", "video")
MEMORIES_MB = (512, 1024, 2048)
ARCHITECTURES = ("arm64", "x86_64")
REGION = "us-east-1"
WORKERS = 8

ARM_TIME = 0.962
"""
Time on arm64 relative to x86_64: the median over 353 pairs of application, stage, memory and number of workers
run on AWS Lambda; computed from the profiles in Green-Computing-Lithops/flexecutor-main, commit 3f9d742.
"""

MEASURED = ("seconds", "busiest_s", "cpu_s", "calls", "time_source")


def make(settings: Settings) -> list[str]:
    """
    Run what is missing, compute the rest, draw, and return the lines to print.
    """
    cells = cells_of(settings)
    lines = _as_text(cells)
    _write(cells, settings)
    return [*lines, *legend(), str(settings.folder / "dte.html")]


def cells_of(settings: Settings) -> list[Row]:
    """
    Return a row for each cell of the table, running those not run before.

    Raises:
        GreensdkError: This machine has no CPU quotas, or a result is wrong.
    """
    scale = settings.scale or (0.02 if settings.quick else 1.0)
    reps = settings.reps or (1 if settings.quick else 3)
    workers = (settings.workers or [2 if settings.quick else WORKERS])[-1]
    workloads = {workload.name: workload for workload in targets(settings.targets or APPS)}
    keys = ("workload", "scale", "workers", "memory_mb", "rep", "stage")
    table = Table(settings.folder / "dte-runs.csv", keys, MEASURED)
    tasks = [
        {"workload": name, "scale": scale, "workers": workers, "memory_mb": memory_mb, "rep": rep}
        for rep in range(reps)
        for memory_mb in MEMORIES_MB
        for name in workloads
    ]
    for task in progress([task for task in tasks if {**task, "stage": "all"} not in table], "cost, time, energy"):
        workload = workloads[task["workload"]]
        with sandbox(task["memory_mb"]) as mapper:
            error = workload.check(workload.run(mapper, workers, scale), scale)
            if error:
                raise GreensdkError(f"{workload.name} in {task['memory_mb']} MB: wrong result: {error}")
        for row in _stages(task, mapper.stages):
            table.add(row)
    rows = [
        row for row in table.rows if (row["scale"], row["workers"]) == (scale, workers) and row["workload"] in workloads
    ]
    return [
        cell(rows, name, arch, memory_mb) for arch in ARCHITECTURES for memory_mb in MEMORIES_MB for name in workloads
    ]


def _stages(task: Row, stages: Iterable[tuple[str, list[dict[str, Any]]]]) -> Iterable[Row]:
    """
    Yield a row for each stage, and one for all of them, which marks the run as complete.
    """
    rows = []
    for number, (stage, records) in enumerate(stages):
        seconds = [record["duration_s"] for record in records]
        cpu_s = sum(record["cpu_s"] for record in records)
        rows.append(
            {
                **task,
                "stage": f"{number + 1} {stage}",
                "seconds": sum(seconds),
                "busiest_s": max(seconds),
                "cpu_s": cpu_s,
                "calls": len(records),
                "time_source": ENFORCED,
            }
        )
    yield from rows
    sums = {key: sum(row[key] for row in rows) for key in MEASURED[:-1]}
    yield {**task, "stage": "all", **sums, "time_source": ENFORCED}


def cell(rows: Iterable[Mapping[str, Any]], name: str, arch: str, memory_mb: int, x86: Part | None = None) -> Row:
    """
    Return cost, time and energy of one cell, by the medians of its repetitions, so that a disturbed one doesn't count.

    Args:
        rows: The runs.
        name: The workload.
        arch: ``x86_64`` or ``arm64``.
        memory_mb: Memory size of a function.
        x86: The CPU for x86_64; None for the estimator's default.
    """
    runs = [row for row in rows if (row["workload"], row["memory_mb"], row["stage"]) == (name, memory_mb, "all")]
    ratio = ARM_TIME if arch == "arm64" else 1.0
    medians = {key: median(row[key] for row in runs) for key in ("seconds", "busiest_s", "cpu_s", "calls")}
    part = (x86 if arch == "x86_64" else None) or part_of(arch)
    assert part is not None
    model = Model(memory_mb / MB_PER_VCPU, memory_mb / 1024, part.idle_w, part.busy_w, MEMORY_W_PER_GB)
    parts_j = model.joules(ratio * medians["seconds"], ratio * medians["cpu_s"])
    low_j, high_j = (
        sum(factor * part_j for factor, part_j in zip(factors, parts_j, strict=True))
        for factors in zip(part.factors, MEMORY, strict=True)
    )
    price = gb_s_usd(REGION, arch, 1)
    assert price is not None
    usd = ratio * medians["seconds"] * memory_mb / 1024 * price + medians["calls"] * PRICES[REGION][2]
    spread = [row["busiest_s"] * ratio for row in runs]
    return {
        "workload": name,
        "arch": arch,
        "memory_mb": memory_mb,
        "usd_per_1000": usd * 1000,
        "seconds": ratio * medians["busiest_s"],
        "seconds_least": min(spread),
        "seconds_most": max(spread),
        "energy_j": sum(parts_j),
        "energy_low_j": low_j,
        "energy_high_j": high_j,
        "time_is": "run" if arch == "x86_64" else f"run on x86_64 x {ARM_TIME}",
        "cpu": part.cpu,
    }


def legend() -> list[str]:
    """
    Return the sources of the table's numbers.
    """
    x86, arm = part_of("x86_64"), part_of("arm64")
    assert x86 is not None
    assert arm is not None
    where = source(REGION)
    return [
        f"$: cost of 1,000 runs; price of a GB-second and a request in {REGION}, {where}, read on {SOURCES[where]}",
        "T: time of one run: the sum of each stage's longest call; x86_64 run here, each call within the "
        f"CPU quota of its memory size; arm64 is that times {ARM_TIME} (353 pairs of the same applications on Lambda)",
        "e: estimated energy of one run, vCPU and memory; 90% interval of a vCPU's watts "
        f"×{x86.factors[0]:g} to ×{x86.factors[1]:g} (x86_64), ×{arm.factors[0]:g} to ×{arm.factors[1]:g} (arm64)",
        f"watts of a vCPU, idle and busy: x86_64 {x86.idle_w:.2f} and {x86.busy_w:.2f} ({x86.cpu}), "
        f"arm64 {arm.idle_w:.2f} and {arm.busy_w:.2f} ({arm.cpu}); {arm.source}",
        "times come from this machine's cores, not Lambda's: compare rows of this table, not times of other machines",
    ]


def pareto(cells: Iterable[Row], first: str, second: str) -> list[Row]:
    """
    Return the Pareto-optimal cells in two columns.
    """
    rows = list(cells)
    return [
        row
        for row in rows
        if not any(
            other[first] <= row[first]
            and other[second] <= row[second]
            and (other[first], other[second]) != (row[first], row[second])
            for other in rows
        )
    ]


def _as_text(cells: list[Row]) -> list[str]:
    names = list(dict.fromkeys(row["workload"] for row in cells))
    head = ["", *(f"{name} $/1000  {'T s':>8} {'e J':>9}" for name in names)]
    lines = [" | ".join([head[0].ljust(12), *(text.rjust(30) for text in head[1:])])]
    for arch in ARCHITECTURES:
        for memory_mb in MEMORIES_MB:
            mine = {row["workload"]: row for row in cells if (row["arch"], row["memory_mb"]) == (arch, memory_mb)}
            texts = [
                f"{mine[name]['usd_per_1000']:.4f} {mine[name]['seconds']:8.3f} {mine[name]['energy_j']:9.3f}".rjust(30)
                for name in names
            ]
            lines.append(" | ".join([f"{arch} {memory_mb}".ljust(12), *texts]))
    return lines


def _write(cells: list[Row], settings: Settings) -> None:
    keys = ("workload", "arch", "memory_mb")
    path = settings.folder / "dte.csv"
    path.unlink(missing_ok=True)
    table = Table(path, keys, [column for column in cells[0] if column not in keys])
    for row in cells:
        table.add(row)
    page = Page("Cost, time and energy by architecture and memory size", settings.command)
    columns = ("workload", "architecture", "memory MB", "$ per 1,000", "time s", "energy J", "90% interval")
    shown = (*keys, "usd_per_1000", "seconds", "energy_j")
    rows = [[*(row[key] for key in shown), interval(row["energy_low_j"], row["energy_high_j"])] for row in cells]
    page.table("One run of each, and the cost of 1,000", columns, rows)
    for name in dict.fromkeys(row["workload"] for row in cells):
        stem = settings.folder / f"dte-{name}"
        _draw(stem, name, [row for row in cells if row["workload"] == name])
        page.picture(
            stem,
            f"{name}: energy and cost, energy and time; ringed points are Pareto-optimal. Bars: 90% interval of "
            "the estimate",
        )
    page.sources(legend())
    page.write(settings.folder / "dte.html")


def _draw(stem: Path, name: str, cells: list[Row]) -> None:
    labels = {"usd_per_1000": "cost ($ per 1,000 runs)", "seconds": "time of a run (s)"}
    with figure(stem, columns=2, size=(9.6, 4.4)) as axes:
        for axis, (column, label) in zip(axes[0], labels.items(), strict=True):
            best = pareto(cells, column, "energy_j")
            ring = {"ls": "", "marker": "o", "ms": 16, "mfc": "none", "mec": "black"}
            axis.plot([row[column] for row in best], [row["energy_j"] for row in best], label="Pareto-optimal", **ring)
            for index, arch in enumerate(ARCHITECTURES):
                _points(axis, [row for row in cells if row["arch"] == arch], column, arch, style_of(index))
            axis.set(xlabel=label, ylabel="energy of a run (J)")
            axis.margins(x=0.25)
            axis.set_ylim(0, 1.25 * max(row["energy_high_j"] for row in cells))  # with room for the labels
        axes[0][0].set_title(f"{name}: energy and cost")
        axes[0][1].set_title(f"{name}: energy and time")
        handles, texts = axes[0][0].get_legend_handles_labels()
        axes[0][0].figure.legend(handles, texts, loc="outside lower center", ncols=3)


def _points(axis: Any, cells: list[Row], column: str, arch: str, style: dict[str, str]) -> None:
    energy = [row["energy_j"] for row in cells]
    below = [row["energy_j"] - row["energy_low_j"] for row in cells]
    above = [row["energy_high_j"] - row["energy_j"] for row in cells]
    axis.errorbar(
        [row[column] for row in cells], energy, [below, above], label=arch, ls="", capsize=3, alpha=0.85, **style
    )
    for row in cells:
        axis.annotate(
            f"{row['memory_mb']} MB",
            (row[column], row["energy_high_j"]),
            textcoords="offset points",
            xytext=(0, 4),
            rotation=90,
            ha="center",
            fontsize=8,
            color=style["color"],
        )
