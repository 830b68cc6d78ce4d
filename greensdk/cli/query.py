"""
``greensdk query``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

Columns = Sequence[tuple[str, str]]
"""Name and type."""


@click.command()
@click.argument("sql")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--format", "form", default="table", type=click.Choice(["table", "json", "csv"]), help="How to print.")
def query(sql: str, sources: tuple[str, ...], form: str) -> None:
    """
    Query logs with SQL.

    The table is called records, its columns are the keys of a record: worker.backend, host.arch, cost.usd ... The
    views calls, functions, workers and readings have the usual sums; all_calls has the calls inside others too; lines
    has each line as JSON. SOURCE is a file of JSON lines (also .gz), a folder, a glob, - for standard input, or
    s3://...

    The query can read these logs and nothing else. Lines that are no records are counted and left out.
    """
    from greensdk.cli.extras import need
    from greensdk.report.sql import rows, tables

    if any(source.lower().split()[:1] in (["select"], ["with"]) and not os.path.exists(source) for source in sources):
        raise click.UsageError("the SQL comes first, then the logs")
    for library in ("duckdb", "numpy", "msgspec"):
        need(library, "greensdk query")
    with tables(sources) as found:
        answer = found.ask(sql)
        columns = [(each[0], str(each[1])) for each in answer.description]
        _PRINT[form](columns, _checked(rows(answer)))
        if left_out := found.left_out():
            click.echo(f"{left_out} lines are no records and were left out; greensdk validate says why", err=True)


def _checked(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield rows; what DuckDB only finds out on the way is one line, too."""
    import duckdb

    from greensdk.errors import RecordError
    from greensdk.report.sql import said

    try:
        yield from rows
    except duckdb.Error as error:
        raise RecordError(f"query: {said(error)}") from error


def _table(columns: Columns, rows: Iterable[tuple[Any, ...]]) -> None:
    from greensdk.cli import show
    from greensdk.report.text import shown

    cells = [[None if cell is None else _text(cell) for cell in row] for row in rows]
    show.table([shown(name) for name, _ in columns], cells)


def _csv(columns: Columns, rows: Iterable[tuple[Any, ...]]) -> None:
    import csv

    from greensdk.logs.columns import harmless
    from greensdk.report.text import shown

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([harmless(name) for name, _ in columns])
    show = shown if sys.stdout.isatty() else str  # escapes are for files to keep, not for terminals to follow
    writer.writerows([None if cell is None else show(_text(harmless(cell))) for cell in row] for row in rows)


def _json(columns: Columns, rows: Iterable[tuple[Any, ...]]) -> None:
    from greensdk.errors import RecordError

    if len({name for name, _ in columns}) < len(columns):
        raise RecordError("query: two columns have the same name; give one another, as in: energy_j AS joules")
    comma = "["
    for row in rows:
        cells = {name: _cell(cell, kind) for (name, kind), cell in zip(columns, row, strict=True)}
        click.echo(f"{comma}\n{_dumped(cells)}", nl=False)
        comma = ","
    click.echo("[]" if comma == "[" else "\n]")


def _text(cell: Any) -> str:
    """Return what a table shows: text as it is, lists and objects as JSON."""
    if isinstance(cell, dict | list | tuple):
        return _dumped(cell)
    return _TRUTH.get(cell, "") if isinstance(cell, bool) else str(cell)


def _dumped(value: Any) -> str:
    import orjson

    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
    return orjson.dumps(value, default=_plain, option=options).decode()


def _cell(cell: Any, kind: str) -> Any:
    """Return a cell as JSON has it: what is JSON already goes in as it is, a sum of more than 64 bits as a float."""
    import orjson

    if kind == "JSON" and cell:
        return orjson.Fragment(cell)
    return float(cell) if isinstance(cell, int) and not -(2**63) <= cell < 2**63 else cell


def _plain(value: Any) -> Any:
    from decimal import Decimal

    return float(value) if isinstance(value, Decimal) else str(value)


_TRUTH = {True: "true", False: "false"}
_PRINT = {"table": _table, "csv": _csv, "json": _json}
