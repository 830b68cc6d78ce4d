"""
``greensdk diff``: two logs, from before and after a change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from greensdk.ab.comparison import BY
from greensdk.cli.ab import FAILED_GATE, Share

if TYPE_CHECKING:
    from greensdk.ab.diff import Calls, Key, Row


@click.command()
@click.option("--by", type=click.Choice(list(BY)), help="What to compare. Default: what both logs tell best.")
@click.option("--fail-above", type=Share(), help="Exit with 3 if a function surely takes so much more, such as 10%.")
@click.option("--strict", is_flag=True, help="Exit with 3 too if that can't be said.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for the summary of a CI job.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("old")
@click.argument("new")
def diff(
    old: str, new: str, by: str | None, fail_above: float | None, strict: bool, markdown: bool, as_json: bool
) -> int:
    """
    Compare the functions in two logs, matched by label (or name) and tags.

    OLD and NEW are what `greensdk report` reads. Joules are compared where both logs have them from one meter, else CPU
    seconds; the interval is of 90% and holds what differs between two jobs of unchanged code.
    """
    from greensdk.ab.diff import compared
    from greensdk.cli import show
    from greensdk.errors import RecordError

    before, after = _read(old), _read(new)
    rows = compared(before, after, by, fail_above)
    if not rows:
        raise RecordError(f"{old} and {new} have no function in common with a call that ended well")
    failed = [row for row in rows if row.verdict == "fail" or (strict and row.verdict == "unclear")]
    single = [len(before.keys() - after.keys()), len(after.keys() - before.keys())]
    if as_json:
        made = [{**row._asdict(), "interval": row.interval and row.interval._asdict()} for row in rows]
        show.json({"limit": fail_above, "functions": made, "only_old": single[0], "only_new": single[1]})
    else:
        _print(rows, single, markdown)
        _print_gate(rows, failed, fail_above)
    return FAILED_GATE if failed else 0


def _read(source: str) -> Mapping[Key, Calls]:
    from greensdk.ab.diff import gathered
    from greensdk.logs.read import read

    return gathered(read(source, skip=lambda problem: click.echo(f"{problem}; left out", err=True)))


def _print(rows: Sequence[Row], single: Sequence[int], markdown: bool) -> None:
    from greensdk.ab.comparison import ratio
    from greensdk.cli.narrow import table
    from greensdk.cli.show import count

    columns = ["function", "calls", "compared", "new/old (90%)", "remark"]
    cells: list[list[Any]] = [
        [_name(row), f"{row.old}, {row.new}", row.what, row.interval and ratio(row.interval), row.remark]
        for row in rows
    ]
    if not any(row.remark for row in rows):
        columns, cells = columns[:-1], [row[:-1] for row in cells]
    if markdown:
        for line in (columns, ["---"] * len(columns), *cells):
            click.echo("| " + " | ".join(_escaped(cell) for cell in line) + " |")
        click.echo()
    else:
        table(columns, cells)
    for number, place in zip(single, ("the first log", "the second log"), strict=True):
        if number:
            click.echo(f"{count(number, 'function')} only in {place}")


def _name(row: Row) -> str:
    return f"{row.name} ({row.tags})" if row.tags else row.name


def _escaped(cell: object) -> str:
    from html import escape

    from greensdk.report.text import brief

    return escape(brief(cell, 200), quote=False).replace("|", "\\|")


def _print_gate(rows: Sequence[Row], failed: Sequence[Row], limit: float | None) -> None:
    from greensdk.ab.comparison import percent, ratio
    from greensdk.cli.show import count
    from greensdk.report.text import shown

    if limit is None:
        return
    for row in failed:
        found = "nothing can be said" if row.interval is None else f"{ratio(row.interval)} the {row.what}"
        above = "surely more" if row.verdict == "fail" else "may be more"
        click.echo(shown(f"{_name(row)}: {found}, {above} than {percent(limit)} above"), err=True)
    if failed:
        return
    unclear = sum(row.verdict == "unclear" for row in rows)
    if unclear:
        said = f"{count(unclear, 'function')} may take more than {percent(limit)} above; run more calls"
        click.echo(f"warning: {said}", err=True)
    else:
        click.echo(f"{count(len(rows), 'function')} compared: none takes more than {percent(limit)} above")
