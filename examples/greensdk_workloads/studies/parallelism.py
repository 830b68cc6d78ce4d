"""
Which number of workers uses least energy: runs through Lithops on this machine with 1 to 32 workers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from greensdk.cli.show import count
from greensdk.schema.text import digits
from greensdk_workloads.studies.command import Settings, progress
from greensdk_workloads.studies.measure import SEED_NOTE, mean_and_interval, model_note, on_lithops
from greensdk_workloads.studies.page import Page, interval
from greensdk_workloads.studies.pictures import figure, style_of
from greensdk_workloads.studies.table import Row, Table
from greensdk_workloads.studies.targets import targets

COLUMNS = (
    "seconds", "energy_j", "energy_low_j", "energy_high_j", "machine_j", "cpu_s", "source", "common_factor_low",
    "common_factor_high",
)  # fmt: skip
MACHINE, CALLS = "machine_j", "energy_j"
SCOPES = {MACHINE: "the machine", CALLS: "the calls"}


def make(settings: Settings) -> list[str]:
    """
    Run, draw, and return the lines to print.
    """
    workers = settings.workers or ([1, 2, 4, 8] if settings.quick else [1, 2, 4, 8, 16, 32])
    reps = settings.reps or (3 if settings.quick else 5)
    scale = settings.scale or (0.02 if settings.quick else 0.2)
    names = settings.targets or ("pi", "memory")
    table = Table(settings.folder / "parallelism.csv", ("workload", "scale", "workers", "rep"), COLUMNS)
    workloads = {workload.name: workload for workload in targets(names)}
    # All worker counts before the next repetition, so that drift of the machine affects all of them alike.
    tasks = [
        {"workload": name, "scale": scale, "workers": number, "rep": rep}
        for rep in range(reps)
        for name in workloads
        for number in workers
    ]
    for task in progress([task for task in tasks if task not in table], "parallelism"):
        run = on_lithops(workloads[task["workload"]], task["workers"], scale)
        table.add({**task, **{column: getattr(run, column) for column in COLUMNS}})
    rows_by_name = {
        name: [row for row in table.rows if row["workload"] == name and row["scale"] == scale] for name in workloads
    }
    return _show(rows_by_name, settings)


def _show(rows_by_name: dict[str, list[Row]], settings: Settings) -> list[str]:
    page = Page("Which number of workers uses least energy?", settings.command)
    findings = []
    for name, rows in rows_by_name.items():
        column = MACHINE if all(row[MACHINE] is not None for row in rows) else CALLS
        curve = summary(rows, column)
        if not curve:
            findings.append(f"{name}: no energy source works here; run greensdk doctor")
            continue
        best = min(curve, key=lambda point: point["energy"][0])
        path = settings.folder / f"parallelism-{name}"
        _draw(path, name, curve, best, rows, column)
        page.picture(path, f"{name}: energy of {SCOPES[column]} during the job, and its time, by number of workers")
        page.table(
            f"{name}: means of {count(len(rows) // len(curve), 'run')} with 90% intervals (Student's t)",
            ("workers", "energy J", "90% interval", "seconds", "90% interval"),
            [[point["workers"], *_cells(point["energy"]), *_cells(point["seconds"])] for point in curve],
        )
        findings.append(_verdict(name, curve, best, len(rows) // len(curve)))
    findings += model_note([row for rows in rows_by_name.values() for row in rows])
    page.findings(*findings)
    sources = sorted({str(row["source"]) for rows in rows_by_name.values() for row in rows})
    page.sources([*(f"energy: {source}" for source in sources), "seconds: the client's clock", SEED_NOTE])
    page.write(settings.folder / "parallelism.html")
    return [*findings, str(settings.folder / "parallelism.html")]


def summary(rows: list[Row], column: str) -> list[dict[str, Any]]:
    """
    Return, for each number of workers, the means of joules and seconds with their intervals.
    """
    known = [row for row in rows if row[column] is not None]
    return [
        {
            "workers": number,
            "energy": mean_and_interval(row[column] for row in known if row["workers"] == number),
            "seconds": mean_and_interval(row["seconds"] for row in known if row["workers"] == number),
        }
        for number in sorted({row["workers"] for row in known})
    ]


def _cells(ends: tuple[float, float, float]) -> tuple[float, str | None]:
    return ends[0], interval(ends[1], ends[2])


def _listed(numbers: list[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}"


def _verdict(name: str, curve: list[dict[str, Any]], best: dict[str, Any], reps: int) -> str:
    close = [point["workers"] for point in curve if point["energy"][1] <= best["energy"][2]]
    tied = f"; {count(reps, 'run')} can't distinguish {_listed(close)} workers" if len(close) > 1 else ""
    return f"{name}: {count(best['workers'], 'worker')} had the lowest mean, {digits(best['energy'][0])} J{tied}"


def _draw(
    path: Path, name: str, curve: list[dict[str, Any]], best: dict[str, Any], rows: list[Row], column: str
) -> None:
    numbers, reps = [point["workers"] for point in curve], len(rows) // len(curve)
    with figure(path, columns=2, size=(9.6, 4.4)) as axes:
        parts = (("energy", column, "energy (J)"), ("seconds", "seconds", "time (s)"))
        for index, (axis, (key, raw, label)) in enumerate(zip(axes[0], parts, strict=True)):
            low, high = ([max(0.0, point[key][end]) for point in curve] for end in (1, 2))
            axis.fill_between(
                numbers, low, high, color=style_of(index)["color"], alpha=0.2, label="90% interval of the mean"
            )
            axis.plot([row["workers"] for row in rows], [row[raw] for row in rows], ".", color="0.5", label="one run")
            axis.plot(
                numbers, [point[key][0] for point in curve], label=f"mean of {count(reps, 'run')}", **style_of(index)
            )
            axis.set(xscale="log", xticks=numbers, xticklabels=numbers, xlabel="workers", ylabel=label)
            axis.minorticks_off()
            axis.set_ylim(0, 1.15 * max(*(row[raw] for row in rows), *(point[key][0] for point in curve)))
        least = best["workers"], best["energy"][0]
        axes[0][0].plot(
            *least,
            "o",
            ms=14,
            mfc="none",
            mec="black",
            label=f"lowest mean: {digits(least[1])} J, {count(least[0], 'worker')}",
        )
        axes[0][0].set_title(f"{name}: energy of {SCOPES[column]}")
        axes[0][1].set_title(f"{name}: time of the job")
        handles, labels = axes[0][0].get_legend_handles_labels()
        axes[0][0].figure.legend(handles, labels, loc="outside lower center", ncols=4)
