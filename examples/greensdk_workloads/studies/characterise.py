"""
Which resources each workload uses, classified by rule from its records.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from greensdk.schema.text import digits
from greensdk_workloads.mappers import plainly
from greensdk_workloads.studies.command import Settings, progress
from greensdk_workloads.studies.measure import SEED_NOTE, Run, here, on_lithops
from greensdk_workloads.studies.page import Page
from greensdk_workloads.studies.pictures import COLOURS, figure
from greensdk_workloads.studies.table import Row, Table
from greensdk_workloads.studies.targets import targets
from greensdk_workloads.workload import Workload

COLUMNS = (
    "seconds", "call_seconds", "cpu_intensity", "memory_mb", "io_mb_per_s", "parallel_efficiency", "joules",
    "amount", "unit", "joules_per_unit", "source", "cpu_class", "memory_class", "io_class", "parallel_class",
)  # fmt: skip
LEVELS = {
    "cpu_intensity": ((0.75, "high"), (0.25, "medium"), (0.0, "low")),
    "memory_mb": ((512.0, "high"), (128.0, "medium"), (0.0, "low")),
    "io_mb_per_s": ((10.0, "high"), (1.0, "medium"), (0.0, "low")),
    "parallel_efficiency": ((0.75, "good"), (0.4, "fair"), (0.0, "poor")),
}
"""
Class limits of each quantity: the first that is reached counts. CPU seconds per second; peak resident MB (2**20 bytes)
of the process; MB per second read and written; time of the calls in one worker over twice the time in two. An
efficiency above 1 is possible: half of the data may fit into a cache that all of it exceeds.
"""

RULES = [
    "CPU: high from 0.75 CPU seconds per second, medium from 0.25",
    "memory: high from 512 MB peak resident size, medium from 128; includes the interpreter and its libraries",
    "I/O: high from 10 MB per second read and written (read(2) and write(2), including caches), medium from 1",
    "parallel efficiency: time of the calls in one Lithops worker over twice the time in two, fastest run of each; "
    "good from 0.75, fair from 0.4",
    "power: energy of the calls over their time",
    "classes apply to this size of the workloads: larger ones need more memory",
]
TWO = 2
REPS = 3
WARM = 1e-4


def make(settings: Settings) -> list[str]:
    """
    Run each workload alone and in two workers, draw, and return the lines to print.
    """
    from greensdk_workloads import NAMES

    scale = settings.scale or (0.01 if settings.quick else 0.2)
    workloads = targets(settings.targets or NAMES)
    reps = settings.reps or (1 if settings.quick else REPS)
    table = Table(settings.folder / "characterise.csv", ("workload", "scale", "reps"), COLUMNS)
    keys = {workload.name: {"workload": workload.name, "scale": scale, "reps": reps} for workload in workloads}
    tasks = [workload for workload in workloads if keys[workload.name] not in table]
    for workload in progress(tasks, "characterise"):
        table.add({**keys[workload.name], **character(workload, scale, reps)})
    return _show([row for row in table.rows if {key: row[key] for key in table.keys} in keys.values()], settings)


def character(workload: Workload, scale: float, reps: int) -> Row:
    """
    Return a workload's row.

    Args:
        workload: The workload.
        scale: Its size.
        reps: Repetitions with one worker, and with two.
    """
    workload.run(plainly, 1, WARM)  # loads libraries, whose threads would otherwise be counted
    alone = here(workload, 1, scale, resources="full")
    # Alternate, because the first run to use memory that has been idle for a while waits for it.
    turns = [[on_lithops(workload, number, scale) for number in (1, TWO)] for _ in range(reps)]
    ones, twos = zip(*turns, strict=True)
    amount = workload.amount(scale)
    # Memory comes from a worker process: this process may have needed more for an earlier workload.
    numbers = {**_of_calls(alone), "memory_mb": _memory_mb(ones[0]), "parallel_efficiency": efficiency(ones, twos)}
    classes = {key: level(key, value) for key, value in numbers.items() if key in LEVELS}
    return {
        **numbers,
        "seconds": alone.seconds,
        "joules": alone.energy_j,
        "amount": amount,
        "unit": workload.unit,
        "joules_per_unit": None if alone.energy_j is None else alone.energy_j / amount,
        "source": alone.source,
        "cpu_class": classes["cpu_intensity"],
        "memory_class": classes["memory_mb"],
        "io_class": classes["io_mb_per_s"],
        "parallel_class": classes["parallel_efficiency"],
    }


def _of_calls(run: Run) -> dict[str, float | None]:
    seconds = sum(record["duration_s"] for record in run.records)
    moved = _known(run, "io_read_bytes", "io_write_bytes")
    return {
        "call_seconds": seconds,
        "cpu_intensity": run.cpu_s / seconds if seconds else None,
        "io_mb_per_s": sum(moved) / 2**20 / seconds if moved and seconds else None,
    }


def _memory_mb(run: Run) -> float | None:
    resident = _known(run, "peak_rss_bytes")
    return max(resident) / 2**20 if resident else None


def _known(run: Run, *keys: str) -> list[float]:
    values = [record["resources"].get(key) for record in run.records for key in keys]
    return [float(value) for value in values if value is not None]


def efficiency(ones: Sequence[Run], twos: Sequence[Run]) -> float | None:
    """
    Return the time of the calls in one worker over twice the time in two, in the fastest run of each; without Lithops'
    overhead.
    """
    one_s, two_s = (min(sum(_longest(run)) for run in runs) for runs in (ones, twos))
    return one_s / (TWO * two_s) if two_s else None


def _longest(run: Run) -> list[float]:
    """
    Return the seconds of each job's longest call.
    """
    jobs: dict[str, float] = {}
    for record in run.records:
        job = str((record["worker"] or {}).get("job_id"))
        jobs[job] = max(jobs.get(job, 0.0), record["duration_s"] or 0.0)
    return list(jobs.values())


def level(key: str, value: float | None) -> str | None:
    """
    Return the class of a value.

    Example:
        >>> level("cpu_intensity", 0.99), level("memory_mb", 60.0), level("io_mb_per_s", None)
        ('high', 'low', None)
    """
    return None if value is None else next(name for limit, name in LEVELS[key] if value >= limit)


def _show(rows: Sequence[Row], settings: Settings) -> list[str]:
    stem = settings.folder / "characterise"
    _draw(stem, rows)
    page = Page("Which resource does each workload use?", settings.command)
    page.picture(stem, "CPU seconds per second, parallel efficiency and power")
    columns = (
        "workload",
        "CPU",
        "",
        "memory MB",
        "",
        "I/O MB/s",
        "",
        "parallel",
        "",
        "energy J",
        "µJ per unit",
        "unit",
    )
    lines = [
        [
            row["workload"], row["cpu_intensity"], row["cpu_class"], row["memory_mb"], row["memory_class"],
            row["io_mb_per_s"], row["io_class"], row["parallel_efficiency"], row["parallel_class"], row["joules"],
            _micro(row["joules_per_unit"]), row["unit"],
        ]
        for row in rows
    ]  # fmt: skip
    page.table("Quantities and their classes", columns, lines)
    page.sources([*RULES, *sorted({f"energy: {row['source']}" for row in rows}), SEED_NOTE])
    page.write(settings.folder / "characterise.html")
    findings = [
        f"{row['workload']:11} CPU {row['cpu_class']}, memory {row['memory_class']}, I/O {row['io_class']}, parallel "
        f"{row['parallel_class']}; {_text(_micro(row['joules_per_unit']))} µJ per {row['unit']}"
        for row in rows
    ]
    return [*findings, *RULES, str(settings.folder / "characterise.html")]


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _text(value: float | None) -> str:
    return "-" if value is None else digits(value)


def _micro(value: float | None) -> float | None:
    return None if value is None else 1e6 * value


def _draw(stem: Any, rows: Sequence[Row]) -> None:
    names = [row["workload"] for row in rows]
    with figure(stem, columns=3, size=(11.0, 1.4 + 0.3 * len(rows))) as axes:
        watts = [_ratio(row["joules"], row["call_seconds"]) for row in rows]
        parts = (
            ("CPU seconds per second", [row["cpu_intensity"] for row in rows]),
            ("parallel efficiency, 2 workers", [row["parallel_efficiency"] for row in rows]),
            ("power of the calls (W)", watts),
        )
        for index, (axis, (label, values)) in enumerate(zip(axes[0], parts, strict=True)):
            bars = axis.barh(names, [value or 0.0 for value in values], color=COLOURS[index])
            texts = ["unknown" if value is None else f"{value:.2f}" for value in values]
            axis.bar_label(bars, texts, padding=3, fontsize=9)
            axis.set(xlabel=label, xlim=(0, 1.25 * max(0.01, *(value or 0.0 for value in values))))
            axis.invert_yaxis()
            axis.grid(visible=False, axis="y")
            if index:
                axis.set_yticklabels([])
