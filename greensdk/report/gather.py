"""
Pieces of a log put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from greensdk.logs.read import Problem
from greensdk.report.columns import TABLES, Columns
from greensdk.report.drift import Pair

PARTS = ("rows", "windows", "counters", "readings", "parts")


def gathered(pieces: Iterable[tuple[int, Columns]], skip: Callable[[Problem], Any]) -> Columns:
    """
    Return one piece made of many; their tables are merged.

    Args:
        pieces: Each with the number of the file that it is from, in their order; one at least.
        skip: Called with each line that can't be read.
    """
    tables: dict[str, dict[Any, int]] = {name: {} for name in TABLES}
    columns: dict[tuple[str, str], _Column] = {}
    around: list[tuple[int, list[int]]] = []
    pairs: list[tuple[int, Pair]] = []
    units: list[tuple[int, str, float]] = []
    ids: list[str] = []
    here, line, lines, first = -1, 0, 0, 0
    keys: tuple[str, ...] = ()
    for number, piece in pieces:
        here, line, keys = number, line if number == here else 0, piece.keys
        for problem in piece.problems:
            skip(problem._replace(line=problem.line + line))
        line, lines = line + piece.lines, lines + piece.lines
        _renumber(piece, tables)
        piece.windows["row"] += first
        piece.readings["row"] += first
        piece.parts["row"] += first
        for part in PARTS:
            for name, values in getattr(piece, part).items():
                columns.setdefault((part, name), _Column(values.dtype)).take(values)
        around += [(row + first, found) for row, found in piece.around]
        pairs += [(row + first, pair) for row, pair in piece.pairs]
        units += [(row + first, unit, amount) for row, unit, amount in piece.units]
        ids += piece.ids
        first += len(piece.rows["id"])
    made: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    for (part, name), column in columns.items():
        made[part][name] = column.all()
    listed = {name: list(table) for name, table in tables.items()}
    return Columns(keys, lines, [], **made, tables=listed, around=around, pairs=pairs, units=units, ids=ids)


class _Column:
    """
    Numbers that become more. One that stands in all rows is kept once: few logs count cycles, or have prices.
    """

    def __init__(self, kind: Any) -> None:
        self.values = np.empty(1, kind)
        self.length = 0
        self.is_constant = True

    def take(self, values: Any) -> None:
        length = self.length + len(values)
        if self.is_constant:
            self.values[:] = values[:1] if not self.length and length else self.values
            self.is_constant = values.tobytes() == self.values.tobytes() * len(values)
        if not self.is_constant and length > len(self.values):
            # Memory that was asked for and not written to takes none.
            longer = np.empty(max(1 << 20, 2 * length), self.values.dtype)
            longer[: self.length] = self.values[: self.length]
            self.values = longer
        if not self.is_constant:
            self.values[self.length : length] = values
        self.length = length

    def all(self) -> Any:
        """
        Return the numbers. Where all are the same one, they can't be written to.
        """
        return np.broadcast_to(self.values, self.length) if self.is_constant else self.values[: self.length]


def _renumber(piece: Columns, tables: dict[str, dict[Any, int]]) -> None:
    """
    Turn places in a piece's tables into those in the tables of all.
    """
    for name, table in tables.items():
        # The last place is for -1: none.
        places = np.array([*(table.setdefault(text, len(table)) for text in piece.tables[name]), -1], np.int32)
        for columns in (piece.rows, piece.windows, piece.readings, piece.parts):
            if name in columns:
                columns[name] = places[columns[name]]
