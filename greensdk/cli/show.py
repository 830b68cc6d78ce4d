"""
Printing for all commands: coloured tables on a terminal, plain aligned columns in a pipe.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

SIGNS = {True: "yes", False: "no", None: "-"}


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """
    Print a table to standard output. In a pipe nothing is cut or wrapped, and the columns are two spaces apart.
    """
    texts = [[text(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _framed(columns, texts)
        return
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    for row in [columns, *texts]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def text(value: Any) -> str:
    """
    Return a cell's text: yes, no or - for True, False and None; control characters are escaped.
    """
    if value is None or isinstance(value, bool):
        return SIGNS[value]
    from greensdk.report.text import shown

    return shown(value)


def _framed(columns: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in texts:
        made.add_row(*(_coloured(cell) for cell in row))
    Console().print(made)


def _coloured(cell: str) -> Any:
    from rich.text import Text

    return Text(cell, style={"yes": "green", "no": "red"}.get(cell, ""))


def json(value: Any) -> None:
    """
    Print `value` as indented JSON.
    """
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())


def count(number: int, noun: str) -> str:
    """
    Return how many of something there are.

    Example:
        >>> count(1, "record"), count(2, "record")
        ('1 record', '2 records')
    """
    return f"{number} {noun}{'s' * (number != 1)}"
