"""
Lithops compared with a plain loop, on one worker: the overhead of Lithops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from greensdk_workloads.studies.command import Settings, progress
from greensdk_workloads.studies.measure import SEED_NOTE, here, mean_and_interval, on_lithops
from greensdk_workloads.studies.page import Page
from greensdk_workloads.studies.pictures import COLOURS, figure
from greensdk_workloads.studies.table import Row, Table
from greensdk_workloads.studies.targets import targets

NATIVE, LITHOPS = "plain loop", "Lithops, one worker"
COLUMNS = ("seconds", "machine_j", "energy_j", "source")
PARTS = 4
"""Calls in each run."""


def make(settings: Settings) -> list[str]:
    """
    Run each workload both ways, draw, and return the lines to print.
    """
    scale = settings.scale or (0.05 if settings.quick else 0.2)
    reps = settings.reps or (3 if settings.quick else 8)
    workloads = {workload.name: workload for workload in targets(settings.targets or ("pi", "prime"))}
    table = Table(settings.folder / "lithops.csv", ("workload", "scale", "rep", "way"), COLUMNS)
    tasks = [
        {"workload": name, "scale": scale, "rep": rep, "way": way}
        for rep in range(reps)
        for name in workloads
        for way in (NATIVE, LITHOPS)
    ]
    for task in progress([task for task in tasks if task not in table], "Lithops compared with a plain loop"):
        workload = workloads[task["workload"]]
        run = here(workload, PARTS, scale) if task["way"] == NATIVE else on_lithops(workload, 1, scale)
        table.add({**task, **{column: getattr(run, column) for column in COLUMNS}})
    return _show([row for row in table.rows if row["scale"] == scale and row["workload"] in workloads], settings)


def ratios(rows: Sequence[Row], name: str, column: str) -> tuple[float, float, float] | None:
    """
    Return the mean ratio of Lithops to the plain loop over the repetitions, with its interval; None if unknown.
    """
    values: dict[tuple[int, str], Any] = {(r["rep"], r["way"]): r[column] for r in rows if r["workload"] == name}
    reps = sorted({rep for rep, _ in values})
    pairs = [(values.get((rep, LITHOPS)), values.get((rep, NATIVE))) for rep in reps]
    known = [ours / plain for ours, plain in pairs if ours is not None and plain]
    return mean_and_interval(known) if known else None


def _show(rows: Sequence[Row], settings: Settings) -> list[str]:
    names = list(dict.fromkeys(row["workload"] for row in rows))
    by_name = {name: {column: ratios(rows, name, column) for column in ("machine_j", "seconds")} for name in names}
    stem = settings.folder / "lithops"
    _draw(stem, by_name)
    page = Page("Lithops compared with a plain loop, on one worker", settings.command)
    findings = [
        _line(name, what, of[key])
        for name, of in by_name.items()
        for what, key in (("energy", "machine_j"), ("time", "seconds"))
    ]
    page.findings(*findings)
    page.picture(stem, "Energy and time of Lithops relative to a plain loop; bars: 90% interval")
    page.table(
        "All runs",
        ("workload", "rep", "way", "time s", "machine J", "calls J"),
        [[row[key] for key in ("workload", "rep", "way", "seconds", "machine_j", "energy_j")] for row in rows],
    )
    page.sources(
        [
            *sorted({f"energy: {row['source']}" for row in rows}),
            "the ratios compare the energy of the whole machine from start to end",
            SEED_NOTE,
        ]
    )
    page.write(settings.folder / "lithops.html")
    return [*findings, str(settings.folder / "lithops.html")]


def _line(name: str, what: str, ratio: tuple[float, float, float] | None) -> str:
    if ratio is None:
        return f"{name}: {what} unknown"
    return f"{name}: ×{ratio[0]:.2f} the {what} of a plain loop (90% interval ×{ratio[1]:.2f} to ×{ratio[2]:.2f})"


def _draw(stem: Any, by_name: dict[str, dict[str, tuple[float, float, float] | None]]) -> None:
    labels = {"machine_j": "energy of the machine", "seconds": "time"}
    with figure(stem, size=(7.2, 1.6 + 0.9 * len(by_name))) as axes:
        axis = axes[0][0]
        for index, (column, label) in enumerate(labels.items()):
            for row, (_, of) in enumerate(by_name.items()):
                ratio = of[column]
                if ratio is None:
                    continue
                height = row + 0.36 * index - 0.18
                ends = [[max(0.0, ratio[0] - ratio[1])], [max(0.0, ratio[2] - ratio[0])]]
                axis.barh(
                    height, ratio[0], 0.34, xerr=ends, capsize=3, color=COLOURS[index], label=None if row else label
                )
        axis.axvline(1, color="black", lw=1)
        axis.set(yticks=range(len(by_name)), yticklabels=list(by_name), xlabel="Lithops with one worker / plain loop")
        axis.set_title("Overhead of Lithops")
        axis.invert_yaxis()
        axis.figure.legend(loc="outside lower center", ncols=2)
