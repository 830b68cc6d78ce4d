"""
``greensdk study``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from greensdk.configure.targets import load as load_target
from greensdk.errors import GreensdkError

STUDIES = {
    "parallelism": "Which number of workers uses least energy?",
    "dte": "Cost, time and energy by architecture and memory size on AWS Lambda",
    "compare-arch": "arm64 compared with x86_64, in per cent",
    "methods": "Same calls, every method: how far are estimates from a meter?",
    "characterise": "Which resource does each workload use?",
    "lithops": "Lithops compared with a plain loop, on one worker",
}
"""Name to the question."""

ON_LITHOPS = ("parallelism", "characterise", "lithops")
"""Those whose workers are Lithops'."""


@click.command(short_help="Answer a question by running workloads.")
@click.argument("name", type=click.Choice(list(STUDIES)))
@click.argument("targets", nargs=-1, metavar="[WORKLOAD | MODULE:FUNCTION]...")
@click.option("--quick", is_flag=True, help="Small workloads: takes less than a minute.")
@click.option("--out", metavar="DIR", help="Folder for CSV, pictures and page. [default: study-NAME]")
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), help="Size of the workloads; 1 is the full size.")
@click.option("--reps", type=click.IntRange(min=1), help="Repetitions of each run.")
@click.option("--workers", metavar="N,N,...", help="Numbers of workers for the study parallelism.")
@click.option("--fresh", is_flag=True, help="Discard the results of earlier runs in DIR.")
def study(
    name: str,
    targets: tuple[str, ...],
    quick: bool,
    out: str | None,
    scale: float | None,
    reps: int | None,
    workers: str | None,
    fresh: bool,
) -> None:
    """
    Run workloads, or your own functions, and answer a question with a CSV, pictures and a page.

    An interrupted study continues when it is started again with the same DIR. Your own function takes (part, parts) and
    does that part of the work.

    \b
    parallelism   which number of workers uses least energy
    dte           cost, time and energy: {arm64, x86_64} x {512, 1024, 2048 MB}
    compare-arch  arm64 compared with x86_64, in per cent
    methods       the same calls by every method
    characterise  CPU, memory, I/O, parallel efficiency, joules per unit of work
    lithops       Lithops compared with a plain loop, on one worker
    """
    from greensdk.cli.extras import need
    from greensdk_workloads.demo import private_temp

    for library in ("matplotlib", "scipy", *(["lithops"] if name in ON_LITHOPS else [])):
        need(library, f"greensdk study {name}")
    folder = Path(out or f"study-{name}")
    folder.mkdir(parents=True, exist_ok=True)
    if fresh:
        for path in folder.glob(f"{name}*"):
            path.unlink()
    settings = Settings(folder, targets, quick, scale, reps, _numbers(workers), ["greensdk", *sys.argv[1:]])
    make = load_target(f"greensdk_workloads.studies.{name.replace('-', '_')}:make")
    with private_temp():
        summary = make(settings)
    for line in summary:
        click.echo(line)


class Settings:
    """
    The options of a study.

    Attributes:
        folder: Folder for all output.
        targets: Names of workloads or functions; empty for the study's default.
        quick: Use small workloads.
        scale: Size of the workloads; None for the study's default.
        reps: Repetitions; None for the study's default.
        workers: Numbers of workers; None for the study's default.
        command: The command line.
    """

    def __init__(
        self,
        folder: Path,
        targets: tuple[str, ...] = (),
        quick: bool = False,
        scale: float | None = None,
        reps: int | None = None,
        workers: list[int] | None = None,
        command: list[str] | None = None,
    ) -> None:
        self.folder = folder
        self.targets = targets
        self.quick = quick
        self.scale = scale
        self.reps = reps
        self.workers = workers
        self.command = command or ["greensdk", "study"]


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError:
        counts = []
    if not counts or counts[0] < 1:
        raise GreensdkError(f"--workers {text}: expected positive integers separated by commas, such as 1,2,4")
    return counts


def progress(tasks: list[Any], what: str) -> Any:
    """
    Yield `tasks` one by one, with a progress bar if standard error is a terminal.
    """
    if not sys.stderr.isatty():
        yield from tasks
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(tasks, description=what, console=Console(stderr=True), transient=True)
