"""
``greensdk compare --ab``: commands against each other.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from greensdk.cli.command import output_to
from greensdk.errors import GreensdkError

if TYPE_CHECKING:
    from greensdk.ab.comparison import Comparison, Sample
    from greensdk.ab.pairs import Plan, Side
    from greensdk.measure.slots import Slot

FAILED_GATE = 3
"""Exit code where a limit is surely passed."""


if TYPE_CHECKING:
    _Number = click.ParamType[float]
else:
    _Number = click.ParamType


class Share(_Number):
    """
    A share of one: ``2%`` or ``0.02``.
    """

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """
        Return it as a number above 0.
        """
        text = str(value)
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = 0.0
        if not 0 < share < float("inf"):
            self.fail(f"{text!r} is no share; write 2% or 0.02", param, ctx)
        return share


class Seconds(_Number):
    """
    A time: ``60s``, ``2m``, ``90``.
    """

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """
        Return it in seconds, above 0.
        """
        text = str(value)
        try:
            number = float(text.removesuffix("s").removesuffix("m")) * (60 if text.endswith("m") else 1)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self.fail(f"{text!r} is no time; write 60s or 2m", param, ctx)
        return number


def compare_commands(
    commands: Sequence[str], plan: Plan, *, empty: str | None, at_most: float | None, strict: bool, as_json: bool
) -> int:
    """
    Run commands in turns, print how they compare, and return the exit code.

    Raises:
        GreensdkError: A command is missing, can't be started or ends with another code than 0.
    """
    from greensdk.ab.pairs import run
    from greensdk.cli import show
    from greensdk.configure.targets import is_disabled

    if len(commands) < 2:
        raise GreensdkError("compare: --ab takes two commands or more, each as one word: 'python a.py' 'python b.py'")
    if is_disabled():
        raise GreensdkError("compare: GREENSDK_DISABLED switches measuring off; nothing was run")
    words = [_words(command) for command in commands]
    nothing = [] if empty is None else [_words(empty)]
    slot = opened(None)
    sides = [_side(slot, chr(ord("a") + place % 26), each) for place, each in enumerate(words)]
    with open(os.devnull, "wb") as nowhere, output_to(nowhere.fileno()), _progress(plan) as progress:
        left_out = next((_side(slot, "the empty one", each) for each in nothing), None)
        found = run(sides, plan, empty=left_out, progress=progress)
    slot.close()
    verdicts = [each.gate(at_most) for each in found] if at_most else []
    if as_json:
        made = [each.to_dict() for each in found]
        gates = [{"at_most": at_most, "verdict": each} for each in verdicts]
        show.json({"commands": list(commands), "comparisons": made, "gates": gates})
    else:
        _print(commands, found, at_most, verdicts)
    return FAILED_GATE if "fail" in verdicts or (strict and "unclear" in verdicts) else 0


def opened(out: str | None) -> Slot:
    """
    Build a runtime with every monitor that works here, before the command starts.

    Raises:
        ConfigError: A setting is wrong.
        SinkError: The sink that was asked for can't take records.
    """
    from greensdk.cli.run import open_slot
    from greensdk.configure.targets import ALL

    return open_slot({"sink": out or "memory:", "monitors": ALL})


def _words(command: str) -> list[str]:
    from greensdk.cli.run import find

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise GreensdkError(f"compare: {command!r}: {error}; nothing was run") from error
    if not words:
        raise GreensdkError("compare: an empty command; nothing was run")
    return [find(words[0], "compare"), *words[1:]]


def _side(slot: Slot, name: str, words: Sequence[str]) -> Side:
    from greensdk.ab.functions import sample
    from greensdk.ab.pairs import Side
    from greensdk.cli.run import measure

    def once(runs: int) -> tuple[Sample, str | None]:
        samples = []
        for _ in range(runs):
            code, record = measure(slot, None, words)
            if code:
                raise GreensdkError(f"compare: {shlex.join(words)} ended with exit code {code}; nothing is compared")
            if record is None:
                raise GreensdkError("compare: a run was not measured: its monitors could not be opened")
            samples.append(sample(record))
        taken = [each for each, _ in samples]
        means = {by: _mean([each[by] for each in taken]) for by in taken[0]}
        return means, samples[0][1]

    return Side(name, once)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


@contextmanager
def _progress(plan: Plan) -> Iterator[Callable[[float, Sequence[Comparison]], None]]:
    """Show on a terminal how much of the budget is used up, and what is known so far."""
    if not sys.stderr.isatty():
        yield lambda _, __: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("warm-up", total=1.0)

        def update(share: float, found: Sequence[Comparison]) -> None:
            ratios = ", ".join("?" if each.ratio is None else f"{each.ratio:.3g}x" for each in found)
            shown.update(
                task, completed=share, description=f"{len(found[0].order)} pairs of at most {plan.most}, {ratios}"
            )

        yield update


def _print(
    commands: Sequence[str], found: Sequence[Comparison], at_most: float | None, verdicts: Sequence[str]
) -> None:
    from greensdk.ab.comparison import BY, ratio
    from greensdk.cli.narrow import table
    from greensdk.report.text import brief

    for place, command in enumerate(commands):
        click.echo(f"{chr(ord('a') + place % 26)}: {brief(command)}")
    click.echo()
    for each in found:
        click.echo(str(each))
    rows = [[each.b, BY[by], ratio(interval)] for each in found for by, interval in each.others.items()]
    if rows:
        click.echo()
        table(["", "beside it", "ratio to a (95%)"], rows)
    for each, verdict in zip(found, verdicts, strict=False):
        said = {"pass": "kept", "fail": "exceeded", "unclear": "neither surely kept nor surely exceeded"}[verdict]
        click.echo(f"{each.b}: the limit of {at_most:g}x is {said}", err=verdict != "pass")
