"""
Dollars, time and energy: {arm64, x86_64} x {512, 1024, 2048 MB} x {titanic, ML, video}.

x86_64 is run, each call within the CPU quota that AWS Lambda gives for the memory. arm64 is reckoned from that: its
time by the ratio that the same applications showed on Lambda, its joules by the watts of the estimator, its dollars by
the price list.
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
from greensdk_workloads.studies.page import Page
from greensdk_workloads.studies.pictures import figure, look
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
Seconds on arm64 for each on x86_64: the median over 353 pairs of application, stage, memory and number of workers,
run on AWS Lambda; computed from the profiles in Green-Computing-Lithops/flexecutor-main, commit 3f9d742.
"""

MEASURED = ("seconds", "busiest_s", "cpu_s", "calls", "time_source")


def make(settings: Settings) -> list[str]:
    """
    Run what is missing, reckon the rest, draw, and return what to tell the person.
    """
    cells = cells_of(settings)
    lines = _in_the_thesis_layout(cells)
    _write(cells, settings)
    return [*lines, *legend(), str(settings.folder / "dte.html")]


def cells_of(settings: Settings) -> list[Row]:
    """
    Return a row for each cell of the table, running what has not been run before.

    Raises:
        GreensdkError: This machine can't give quotas, or a result is wrong.
    """
    scale = settings.scale or (0.02 if settings.quick else 1.0)
    reps = settings.reps or (1 if settings.quick else 3)
    workers = (settings.workers or [2 if settings.quick else WORKERS])[-1]
    found = {workload.name: workload for workload in targets(settings.targets or APPS)}
    keys = ("workload", "scale", "workers", "memory_mb", "rep", "stage")
    table = Table(settings.folder / "dte-runs.csv", keys, MEASURED)
    tasks = [
        {"workload": name, "scale": scale, "workers": workers, "memory_mb": memory_mb, "rep": rep}
        for rep in range(reps)
        for memory_mb in MEMORIES_MB
        for name in found
    ]
    for task in progress([task for task in tasks if {**task, "stage": "all"} not in table], "dollars, time, energy"):
        workload = found[task["workload"]]
        with sandbox(task["memory_mb"]) as mapper:
            wrong = workload.check(workload.run(mapper, workers, scale), scale)
            if wrong:
                raise GreensdkError(f"{workload.name} in {task['memory_mb']} MB came out wrong: {wrong}")
        for row in _stages(task, mapper.stages):
            table.add(row)
    mine = [
        row for row in table.rows if (row["scale"], row["workers"]) == (scale, workers) and row["workload"] in found
    ]
    return [cell(mine, name, arch, memory_mb) for arch in ARCHITECTURES for memory_mb in MEMORIES_MB for name in found]


def _stages(task: Row, stages: Iterable[tuple[str, list[dict[str, Any]]]]) -> Iterable[Row]:
    """
    Yield a row for each stage, and one for all of them, which says that none is missing.
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
    Return dollars, seconds and joules of one cell, by the medians of its repetitions: another process that got in the
    way of one of them says nothing of the cell.

    Args:
        rows: What was run.
        name: The workload.
        arch: ``x86_64`` or ``arm64``.
        memory_mb: Memory of a function.
        x86: The CPU to take for x86_64; None for the estimator's default.
    """
    mine = [row for row in rows if (row["workload"], row["memory_mb"], row["stage"]) == (name, memory_mb, "all")]
    ratio = ARM_TIME if arch == "arm64" else 1.0
    usual = {key: median(row[key] for row in mine) for key in ("seconds", "busiest_s", "cpu_s", "calls")}
    part = (x86 if arch == "x86_64" else None) or part_of(arch)
    assert part is not None
    model = Model(memory_mb / MB_PER_VCPU, memory_mb / 1024, part.idle_w, part.busy_w, MEMORY_W_PER_GB)
    parts_j = model.joules(ratio * usual["seconds"], ratio * usual["cpu_s"])
    low_j, high_j = (
        sum(factor * part_j for factor, part_j in zip(factors, parts_j, strict=True))
        for factors in zip(part.factors, MEMORY, strict=True)
    )
    price = gb_s_usd(REGION, arch, 1)
    assert price is not None
    usd = ratio * usual["seconds"] * memory_mb / 1024 * price + usual["calls"] * PRICES[REGION][2]
    spread = [row["busiest_s"] * ratio for row in mine]
    return {
        "workload": name,
        "arch": arch,
        "memory_mb": memory_mb,
        "usd_per_1000": usd * 1000,
        "seconds": ratio * usual["busiest_s"],
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
    Return where the numbers of the table come from.
    """
    x86, arm = part_of("x86_64"), part_of("arm64")
    assert x86 is not None
    assert arm is not None
    where = source(REGION)
    return [
        f"$: of 1,000 runs; price of a GB-second and a request in {REGION}, {where}, read on {SOURCES[where]}",
        "T: seconds of one run: the longest call of each stage, stages added up; x86_64 run here, each call within the "
        f"CPU quota of its memory; arm64 is that times {ARM_TIME} (353 pairs of the same applications on Lambda)",
        "e: joules of one run, vCPU and memory: an estimate; true watts of a vCPU lie between "
        f"x{x86.factors[0]:g} and x{x86.factors[1]:g} (x86_64), x{arm.factors[0]:g} and x{arm.factors[1]:g} (arm64)",
        f"watts of a vCPU, at rest and busy: x86_64 {x86.idle_w:.2f} and {x86.busy_w:.2f} ({x86.cpu}), "
        f"arm64 {arm.idle_w:.2f} and {arm.busy_w:.2f} ({arm.cpu}); {arm.source}",
        "this machine's cores stand for those of Lambda: compare rows, not seconds with another machine's",
    ]


def pareto(cells: Iterable[Row], first: str, second: str) -> list[Row]:
    """
    Return the cells that no other one beats in both of two columns.
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


def _in_the_thesis_layout(cells: list[Row]) -> list[str]:
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
    page = Page("Dollars, time and energy by architecture and memory", settings.command)
    columns = ("workload", "arch", "MB", "$ of 1,000", "T s", "e J", "from", "to")
    shown = (*keys, "usd_per_1000", "seconds", "energy_j", "energy_low_j", "energy_high_j")
    page.table("One run of each, and its costs", columns, [[row[key] for key in shown] for row in cells])
    for name in dict.fromkeys(row["workload"] for row in cells):
        stem = settings.folder / f"dte-{name}"
        _draw(stem, name, [row for row in cells if row["workload"] == name])
        page.picture(
            stem,
            f"{name}: energy against cost and against time; nothing beats a ringed point in both. Bars: 90 % interval "
            "of the estimate",
        )
    page.sources(legend())
    page.write(settings.folder / "dte.html")


def _draw(stem: Path, name: str, cells: list[Row]) -> None:
    labels = {"usd_per_1000": "cost ($ of 1,000 runs)", "seconds": "time of a run (s)"}
    with figure(stem, columns=2, size=(9.6, 4.4)) as axes:
        for axis, (column, label) in zip(axes[0], labels.items(), strict=True):
            best = pareto(cells, column, "energy_j")
            ring = {"ls": "", "marker": "o", "ms": 16, "mfc": "none", "mec": "black"}
            axis.plot(
                [row[column] for row in best], [row["energy_j"] for row in best], label="beaten by none in both", **ring
            )
            for place, arch in enumerate(ARCHITECTURES):
                _points(axis, [row for row in cells if row["arch"] == arch], column, arch, look(place))
            axis.set(xlabel=label, ylabel="energy of a run (J)")
            axis.margins(x=0.25)
            axis.set_ylim(0, 1.25 * max(row["energy_high_j"] for row in cells))  # with room for the sizes
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
        place = (row[column], row["energy_high_j"])
        text = f"{row['memory_mb']} MB"
        axis.annotate(
            text,
            place,
            textcoords="offset points",
            xytext=(0, 4),
            rotation=90,
            ha="center",
            fontsize=8,
            color=style["color"],
        )
