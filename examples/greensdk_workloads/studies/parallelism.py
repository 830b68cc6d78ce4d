"""
How many workers take the least energy: runs through Lithops on this machine, from 1 worker to 32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from greensdk_workloads.studies.command import Settings, progress
from greensdk_workloads.studies.measure import SEED_NOTE, mean_and_interval, on_lithops
from greensdk_workloads.studies.page import Page
from greensdk_workloads.studies.pictures import figure, look
from greensdk_workloads.studies.table import Row, Table
from greensdk_workloads.studies.targets import targets

COLUMNS = ("seconds", "energy_j", "energy_low_j", "energy_high_j", "machine_j", "cpu_s", "source")
MACHINE, CALLS = "machine_j", "energy_j"
WHOSE = {MACHINE: "the machine", CALLS: "the calls"}


def make(settings: Settings) -> list[str]:
    """
    Run, draw, and return what to tell the person.
    """
    workers = settings.workers or ([1, 2, 4, 8] if settings.quick else [1, 2, 4, 8, 16, 32])
    reps = settings.reps or (3 if settings.quick else 5)
    scale = settings.scale or (0.02 if settings.quick else 0.2)
    names = settings.targets or ("pi", "memory")
    table = Table(settings.folder / "parallelism.csv", ("workload", "scale", "workers", "rep"), COLUMNS)
    found = {workload.name: workload for workload in targets(names)}
    # All worker counts before the next repetition, so that a drift of the machine meets all of them alike.
    tasks = [
        {"workload": name, "scale": scale, "workers": number, "rep": rep}
        for rep in range(reps)
        for name in found
        for number in workers
    ]
    for task in progress([task for task in tasks if task not in table], "parallelism"):
        run = on_lithops(found[task["workload"]], task["workers"], scale)
        table.add({**task, **{column: getattr(run, column) for column in COLUMNS}})
    wanted = {name: [row for row in table.rows if row["workload"] == name and row["scale"] == scale] for name in found}
    return _show(wanted, settings)


def _show(wanted: dict[str, list[Row]], settings: Settings) -> list[str]:
    page = Page("How many workers take the least energy?", settings.command)
    told = []
    for name, rows in wanted.items():
        column = MACHINE if all(row[MACHINE] is not None for row in rows) else CALLS
        curve = summary(rows, column)
        if not curve:
            told.append(f"{name}: nothing can measure here; greensdk doctor tells why")
            continue
        best = min(curve, key=lambda point: point["energy"][0])
        path = settings.folder / f"parallelism-{name}"
        _draw(path, name, curve, best, rows, column)
        page.picture(path, f"{name}: joules of {WHOSE[column]} while the job ran, and seconds, by number of workers")
        page.table(
            f"{name}: means of {len(rows) // len(curve)} runs with their 90 % intervals (Student's t)",
            ("workers", "energy J", "from", "to", "seconds", "from", "to"),
            [(point["workers"], *point["energy"], *point["seconds"]) for point in curve],
        )
        told.append(_verdict(name, curve, best))
    page.text(*told)
    sources = sorted({str(row["source"]) for rows in wanted.values() for row in rows})
    page.sources([*(f"joules: {source}" for source in sources), "seconds: the clock of the client", SEED_NOTE])
    page.write(settings.folder / "parallelism.html")
    return [*told, str(settings.folder / "parallelism.html")]


def summary(rows: list[Row], column: str) -> list[dict[str, Any]]:
    """
    Return, for each number of workers, the mean and its interval of joules and seconds.
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


def _verdict(name: str, curve: list[dict[str, Any]], best: dict[str, Any]) -> str:
    close = [point["workers"] for point in curve if point["energy"][1] <= best["energy"][2] and point is not best]
    also = f"; within the intervals also {', '.join(map(str, close))}" if close else ""
    return f"{name}: {best['workers']} workers take the least, {best['energy'][0]:.4g} J{also}"


def _draw(
    path: Path, name: str, curve: list[dict[str, Any]], best: dict[str, Any], rows: list[Row], column: str
) -> None:
    numbers, reps = [point["workers"] for point in curve], len(rows) // len(curve)
    with figure(path, columns=2, size=(9.6, 4.4)) as axes:
        parts = (("energy", column, "energy (J)"), ("seconds", "seconds", "time (s)"))
        for place, (axis, (key, raw, label)) in enumerate(zip(axes[0], parts, strict=True)):
            low, high = ([max(0.0, point[key][end]) for point in curve] for end in (1, 2))
            axis.fill_between(
                numbers, low, high, color=look(place)["color"], alpha=0.2, label="90 % interval of the mean"
            )
            axis.plot([row["workers"] for row in rows], [row[raw] for row in rows], ".", color="0.5", label="one run")
            axis.plot(numbers, [point[key][0] for point in curve], label=f"mean of {reps} runs", **look(place))
            axis.set(xscale="log", xticks=numbers, xticklabels=numbers, xlabel="workers", ylabel=label)
            axis.minorticks_off()
            axis.set_ylim(0, 1.15 * max(*(row[raw] for row in rows), *(point[key][0] for point in curve)))
        least = best["workers"], best["energy"][0]
        axes[0][0].plot(
            *least, "o", ms=14, mfc="none", mec="black", label=f"least: {least[1]:.3g} J, {least[0]} workers"
        )
        axes[0][0].set_title(f"{name}: energy of {WHOSE[column]}")
        axes[0][1].set_title(f"{name}: time of the job")
        handles, labels = axes[0][0].get_legend_handles_labels()
        axes[0][0].figure.legend(handles, labels, loc="outside lower center", ncols=4)
