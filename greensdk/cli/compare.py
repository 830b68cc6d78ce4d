"""
``greensdk compare``: every method on one run of a command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import click

from greensdk.ab.comparison import BY
from greensdk.cli.ab import Seconds, Share, opened
from greensdk.cli.command import output_to

OTHER = "*"
"""Stands behind a ratio of different parts of the machine."""


class Compare(click.Command):
    """
    Everything behind one command is the command's; behind several (``--ab``), options are ours.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """
        Look for ``--ab`` among what stands before the first command.
        """
        first = next((place for place, each in enumerate(args) if not each.startswith("-")), len(args))
        ctx.allow_interspersed_args = "--ab" in args[:first]
        return super().parse_args(ctx, args)


@click.command(cls=Compare)
@click.option(
    "--ab", is_flag=True, help="Run two commands or more in turns, each given as one word, and say which takes less."
)
@click.option("--by", type=click.Choice(list(BY)), help="--ab: what to compare. Default: what can be told best here.")
@click.option("--least", type=Share(), help="--ab: the difference that matters. Default: 2%.")
@click.option("--precise", type=Share(), help="--ab: how well a difference has to be known. Default: 5%.")
@click.option("--budget", type=Seconds(), help="--ab: the time after which it ends. Default: 60s.")
@click.option(
    "--empty", metavar="CMD", help="--ab: what is in all commands and should not count, such as python -c ''."
)
@click.option(
    "--at-most", type=float, help="--ab: exit with 3 if a command surely takes more than so many times the first."
)
@click.option("--strict", is_flag=True, help="--ab: exit with 3 too if that can't be said.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; the command's standard output goes to standard error."
)
@click.option("--out", metavar="FILE", help="Append the record to this file, or send it to this sink.")
@click.option("--label", help="Label for the record.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
@click.pass_context
def compare(
    ctx: click.Context, /, as_json: bool, out: str | None, label: str | None, command: tuple[str, ...], **ab: Any
) -> int:
    """
    Run any command once, measured with every available method, and show them side by side.

    With --ab: greensdk compare --ab 'python old.py' 'python new.py' runs both in turns until it is known which of them
    takes less, and whether the difference is real. What they print is dropped.

    Input, output and exit code are the command's own; the table comes after its output. Each method's ratio is to the
    primary, the one that `greensdk run` reports. Without --out no record is kept.
    """
    from greensdk.cli import show
    from greensdk.cli.run import find, measure
    from greensdk.configure.targets import is_disabled
    from greensdk.errors import GreensdkError

    if ab.pop("ab"):
        return _ab(command, as_json=as_json, **ab)
    if given := next((name for name, value in ab.items() if value), None):
        raise click.UsageError(f"--{given.replace('_', '-')} is for --ab", ctx)
    program = find(command[0], "compare")
    if is_disabled():
        raise GreensdkError("compare: GREENSDK_DISABLED switches measuring off; nothing was run")
    slot = opened(out)
    # What the command prints would stand in the JSON.
    with output_to(2) if as_json else nullcontext():
        code, record = measure(slot, label, [program, *command[1:]])
    slot.close()
    if record is None:
        raise GreensdkError("compare: the run was not measured: its monitors could not be opened")
    rows = [*_read(record), *_missing(record)]
    if as_json:
        show.json({"exit_code": code, "primary": record["energy_source"], "methods": rows, "record": record})
    else:
        _print(rows, record)
    return code


def _ab(
    commands: tuple[str, ...], *, at_most: float | None, strict: bool, empty: str | None, as_json: bool, **plan: Any
) -> int:
    from greensdk.ab.pairs import Plan
    from greensdk.cli.ab import compare_commands

    plan["budget_s"] = plan.pop("budget")
    asked = Plan(**{name: value for name, value in plan.items() if value is not None})
    return compare_commands(commands, asked, empty=empty, at_most=at_most, strict=strict, as_json=as_json)


def _read(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for each reading of the run, the primary first."""
    from greensdk.schema.primary import call_quality, primaries_of

    primaries = [id(each) for each in primaries_of(record)]
    for reading in sorted(record["readings"], key=lambda each: id(each) not in primaries):
        known_j = reading["call_j"]
        ratio = known_j / record["energy_j"] if known_j is not None and record["energy_j"] else None
        yield {
            "monitor": reading["monitor"],
            "primary": id(reading) in primaries,
            "boundary": reading["boundary"],
            "quality": call_quality(reading["scope"], reading["quality"]),
            "energy_j": known_j,
            "low_j": reading["low_j"] if known_j is not None else None,
            "high_j": reading["high_j"] if known_j is not None else None,
            "machine_j": reading["energy_j"] if reading["scope"] == "machine" else None,
            "ratio": ratio,
            "comparable": None if ratio is None else reading["boundary"] == record["energy_boundary"],
            "reason": reading["reason"],
            "fix": None,
        }


def _missing(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for each method on offer that has no reading, with the reason."""
    from greensdk.cli.survey import survey

    seen = {reading["monitor"] for reading in record["readings"]}
    empty = dict.fromkeys(("boundary", "quality", "energy_j", "low_j", "high_j", "machine_j", "ratio", "comparable"))
    for found in survey()["monitors"]:
        if found["name"] not in seen:
            reason = record["errors"].get(found["name"]) or found["reason"] or _silent(found["name"], record)
            yield {"monitor": found["name"], "primary": False, **empty, "reason": reason, "fix": found["fix"] or None}


def _silent(name: str, record: Mapping[str, Any]) -> str:
    if str(record["cpu_source"]).startswith(name):
        return "counts CPU time, not joules: the other methods' shares rest on it"
    return "available, but gave no reading"


def _print(rows: list[dict[str, Any]], record: Mapping[str, Any]) -> None:
    from greensdk.cli.narrow import table
    from greensdk.schema.text import joules

    known = [row for row in rows if row["energy_j"] is not None]
    table(
        ["method", "energy (90%)", "ratio", "boundary", "quality"],
        [
            [
                row["monitor"],
                joules(row["energy_j"], row["low_j"], row["high_j"]),
                _ratio(row),
                row["boundary"],
                row["quality"],
            ]
            for row in known
        ],
    )
    cpu_s = "unknown" if record["cpu_s"] is None else f"{record['cpu_s']:.3f} s"
    click.echo(f"one run of {record['duration_s']:.3f} s, CPU {cpu_s}")
    if any(row["comparable"] is False and not row["primary"] for row in rows):
        click.echo(f"{OTHER} counts a different part of the machine: not comparable")
    missing = [[row["monitor"], row["reason"], row["fix"]] for row in rows if row["energy_j"] is None]
    if missing:
        click.echo()
        table(["no energy from", "problem", "fix"], missing)


def _ratio(row: Mapping[str, Any]) -> str | None:
    if row["primary"]:
        return "primary" if row["comparable"] is not False else f"×{row['ratio']:.3g}, a part"
    return None if row["ratio"] is None else f"×{row['ratio']:.3g}{'' if row['comparable'] else OTHER}"
