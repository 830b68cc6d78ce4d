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
    "parallelism": "How many workers take the least energy?",
    "dte": "Dollars, time and energy by architecture and memory, as AWS Lambda would have it",
    "compare-arch": "x86_64 against arm64, in per cent",
    "methods": "What each method says of the same calls, and how far estimates are from a meter",
    "characterise": "What kind of work each workload is",
    "lithops": "Lithops against a plain loop, on one processor",
}
"""Name to the question."""


@click.command()
@click.argument("name", type=click.Choice(list(STUDIES)))
@click.argument("targets", nargs=-1, metavar="[WORKLOAD | MODULE:FUNCTION]...")
@click.option("--quick", is_flag=True, help="A small size, done within a minute.")
@click.option("--out", metavar="DIR", help="Where CSV, pictures and page go. [default: study-NAME]")
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), help="Size of the workloads; 1 is the full one.")
@click.option("--reps", type=click.IntRange(min=1), help="How often each run is made.")
@click.option("--workers", metavar="N,N,...", help="The numbers of workers of the study parallelism.")
@click.option("--fresh", is_flag=True, help="Forget what an earlier run has left in DIR.")
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
    Run workloads, or functions of your own, and answer a question with a CSV, pictures and a page.

    A study that was interrupted goes on where it was when it is started again with the same DIR. A function of your
    own takes (part, parts) and does that part of the work.

    \b
    parallelism   how many workers take the least energy
    dte           dollars, time, energy: {arm64, x86_64} x {512, 1024, 2048 MB}
    compare-arch  x86_64 against arm64, in per cent
    methods       what each method says of the same calls
    characterise  CPU, memory, I/O, parallel efficiency, joules per unit of work
    lithops       Lithops against a plain loop, on one processor
    """
    from greensdk.cli.demo import private_temp
    from greensdk.cli.extras import need

    for library in ("matplotlib", "scipy"):
        need(library, "greensdk study")
    folder = Path(out or f"study-{name}")
    folder.mkdir(parents=True, exist_ok=True)
    if fresh:
        for path in folder.glob(f"{name}*"):
            path.unlink()
    settings = Settings(folder, targets, quick, scale, reps, _numbers(workers), ["greensdk", *sys.argv[1:]])
    make = load_target(f"greensdk_workloads.studies.{name.replace('-', '_')}:make")
    with private_temp():
        made = make(settings)
    for line in made:
        click.echo(line)


class Settings:
    """
    What a person asked of a study.

    Attributes:
        folder: Where everything goes.
        targets: Names of workloads or functions; empty for the study's own choice.
        quick: A small size.
        scale: Size of the workloads; None for the study's own choice.
        reps: How often; None for the study's own choice.
        workers: Numbers of workers; None for the study's own choice.
        command: What was typed.
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
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        found = []
    if not found or found[0] < 1:
        raise GreensdkError(f"--workers {text}: expected numbers from 1 on with commas between them, as in 1,2,4")
    return found


def progress(tasks: list[Any], what: str) -> Any:
    """
    Yield `tasks` one by one, with a progress bar on standard error where somebody is there to see it.
    """
    if not sys.stderr.isatty():
        yield from tasks
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(tasks, description=what, console=Console(stderr=True), transient=True)
