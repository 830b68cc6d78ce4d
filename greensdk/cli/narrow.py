"""
Tables that stay readable where the terminal is too narrow for them.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Any

import click

from greensdk.cli.show import table as wide_table
from greensdk.cli.show import text
from greensdk.report.text import brief

LONGEST = 200
"""Characters of a cell that are shown."""
GAP = 3
"""Columns that a frame takes between two columns."""


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """
    Print a table; on a terminal that is too narrow for it, one block of lines for each row.

    Names can do nothing to the terminal, and are cut where they are very long.
    """
    cells = [[brief(text(cell), LONGEST) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    if not sys.stdout.isatty() or sum(widths) + GAP * len(widths) <= shutil.get_terminal_size().columns:
        wide_table(columns, cells)
        return
    label = max(map(len, columns[1:]))
    click.echo(f"{columns[0]}:")
    for name, *others in cells:
        click.secho(name, bold=True)
        for column, cell in zip(columns[1:], others, strict=True):
            if cell != "-":
                click.echo(f"  {column.ljust(label)}  {cell}")
