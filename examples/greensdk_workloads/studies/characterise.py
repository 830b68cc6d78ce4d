"""
What kind of work each workload is, by rule from its records: nothing here was typed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
Each number to its classes: the first whose limit it reaches. CPU seconds a second; MB of 2**20 bytes that the process
had resident at its fullest; MB a second read and written; seconds of the calls in one worker over twice those in two.
More than 1 is possible: half of the data may fit where all of it does not.
"""

RULES = [
    "CPU: high from 0.75 CPU seconds a second, medium from 0.25",
    "memory: high from 512 MB resident at the fullest, medium from 128; the interpreter and its libraries are in it",
    "I/O: high from 10 MB a second read and written (read(2) and write(2), caches included), medium from 1",
    "parallel efficiency: seconds of the calls in one Lithops worker over twice those in two, of several runs the "
    "fastest of each; good from 0.75, fair from 0.4",
    "power: joules of the calls over their seconds",
    "classes hold at this size of the workloads: a larger one needs more memory",
]
TWO = 2
REPS = 3
WARM = 1e-4


def make(settings: Settings) -> list[str]:
    """
    Run each workload alone and in two workers, draw, and return what to tell the person.
    """
    from greensdk_workloads import NAMES

    scale = settings.scale or (0.01 if settings.quick else 0.2)
    found = targets(settings.targets or NAMES)
    reps = settings.reps or (1 if settings.quick else REPS)
    table = Table(settings.folder / "characterise.csv", ("workload", "scale", "reps"), COLUMNS)
    asked = {workload.name: {"workload": workload.name, "scale": scale, "reps": reps} for workload in found}
    tasks = [workload for workload in found if asked[workload.name] not in table]
    for workload in progress(tasks, "characterise"):
        table.add({**asked[workload.name], **character(workload, scale, reps)})
    return _show([row for row in table.rows if {key: row[key] for key in table.keys} in asked.values()], settings)


def character(workload: Workload, scale: float, reps: int) -> Row:
    """
    Return a workload's row.

    Args:
        workload: It.
        scale: Its size.
        reps: How often it runs in one worker, and in two.
    """
    workload.run(plainly, 1, WARM)  # loads libraries, whose threads would be counted otherwise
    alone = here(workload, 1, scale, resources="full")
    # By turns: the first to touch memory that the machine has not used for a while waits for it.
    turns = [[on_lithops(workload, number, scale) for number in (1, TWO)] for _ in range(reps)]
    ones, twos = zip(*turns, strict=True)
    amount = workload.amount(scale)
    # A process of its own for each call tells its memory; this one may have had more for an earlier workload.
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
    Return the seconds of the calls in one worker over twice those in two, in the fastest run of each; what Lithops
    adds is in neither.
    """
    alone, together = (min(sum(_longest(run)) for run in runs) for runs in (ones, twos))
    return alone / (TWO * together) if together else None


def _longest(run: Run) -> list[float]:
    """
    Return the seconds of the longest call of each job.
    """
    jobs: dict[str, float] = {}
    for record in run.records:
        job = str((record["worker"] or {}).get("job_id"))
        jobs[job] = max(jobs.get(job, 0.0), record["duration_s"] or 0.0)
    return list(jobs.values())


def level(key: str, value: float | None) -> str | None:
    """
    Return the class of a number.

    Example:
        >>> level("cpu_intensity", 0.99), level("memory_mb", 60.0), level("io_mb_per_s", None)
        ('high', 'low', None)
    """
    return None if value is None else next(name for limit, name in LEVELS[key] if value >= limit)


def _show(rows: Sequence[Row], settings: Settings) -> list[str]:
    stem = settings.folder / "characterise"
    _draw(stem, rows)
    page = Page("What kind of work each workload is", settings.command)
    page.picture(stem, "CPU seconds a second, and joules for each second, of one run alone")
    columns = ("workload", "CPU", "", "memory MB", "", "I/O MB/s", "", "parallel", "", "J", "J per unit", "unit")
    lines = [
        [
            row["workload"], row["cpu_intensity"], row["cpu_class"], row["memory_mb"], row["memory_class"],
            row["io_mb_per_s"], row["io_class"], row["parallel_efficiency"], row["parallel_class"], row["joules"],
            row["joules_per_unit"], row["unit"],
        ]
        for row in rows
    ]  # fmt: skip
    page.table("Numbers, and their classes by rule", columns, lines)
    page.sources([*RULES, *sorted({f"joules: {row['source']}" for row in rows}), SEED_NOTE])
    page.write(settings.folder / "characterise.html")
    told = [
        f"{row['workload']:11} CPU {row['cpu_class']}, memory {row['memory_class']}, I/O {row['io_class']}, parallel "
        f"{row['parallel_class']}; {_text(row['joules_per_unit'])} J a {row['unit']}"
        for row in rows
    ]
    return [*told, *RULES, str(settings.folder / "characterise.html")]


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _draw(stem: Any, rows: Sequence[Row]) -> None:
    names = [row["workload"] for row in rows]
    with figure(stem, columns=3, size=(11.0, 1.4 + 0.3 * len(rows))) as axes:
        watts = [_ratio(row["joules"], row["call_seconds"]) for row in rows]
        parts = (
            ("CPU seconds a second", [row["cpu_intensity"] for row in rows]),
            ("parallel efficiency, 2 workers", [row["parallel_efficiency"] for row in rows]),
            ("power of the calls (W)", watts),
        )
        for place, (axis, (label, values)) in enumerate(zip(axes[0], parts, strict=True)):
            bars = axis.barh(names, [value or 0.0 for value in values], color=COLOURS[place])
            texts = ["no number" if value is None else f"{value:.2f}" for value in values]
            axis.bar_label(bars, texts, padding=3, fontsize=9)
            axis.set(xlabel=label, xlim=(0, 1.25 * max(0.01, *(value or 0.0 for value in values))))
            axis.invert_yaxis()
            axis.grid(visible=False, axis="y")
            if place:
                axis.set_yticklabels([])
