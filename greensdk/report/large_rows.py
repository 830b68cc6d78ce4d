"""
Rows of a whole log: which of them count, and what its windows come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from greensdk.logs.read import Problem
from greensdk.report.large_read import TABLES, Piece


def gathered(pieces: Iterable[tuple[str, Piece]], skip: Callable[[Problem], Any]) -> Piece:
    """
    Return one piece made of many; their tables are merged, and bad lines told.
    """
    tables: dict[str, dict[Any, int]] = {name: {} for name in TABLES}
    columns: dict[tuple[int, str], Column] = {}
    around: list[tuple[int, list[int]]] = []
    pairs: list[tuple[int, tuple[str, str, str], float, float]] = []
    here, line, lines = "", 0, 0
    first = 0
    for name, piece in pieces:
        here, line = name, line if name == here else 0
        for problem in piece.problems:
            skip(problem._replace(line=problem.line + line))
        line, lines = line + piece.lines, lines + piece.lines
        _renumber(piece, tables)
        piece.windows["row"] += first
        for place, found in enumerate((piece.rows, piece.windows, {"": piece.starts_j}, {"": piece.counted_j})):
            for key, values in found.items():
                columns.setdefault((place, key), Column(values.dtype)).take(values)
        around += [(row + first, found) for row, found in piece.around]
        pairs += [(row + first, *rest) for row, *rest in piece.pairs]  # type: ignore[misc]
        first += len(piece.rows["id"])
    made: tuple[dict[str, Any], ...] = ({}, {}, {}, {})
    for (place, key), column in columns.items():
        made[place][key] = column.values[: column.length]
    rows, windows, starts_j, counted_j = made
    listed = {name: list(table) for name, table in tables.items()}
    return Piece(lines, [], rows, windows, starts_j[""], counted_j[""], listed, around, pairs)


class Column:
    """
    Numbers that become more. Memory that was asked for and not written to takes none.
    """

    def __init__(self, kind: Any) -> None:
        self.values = np.empty(1 << 20, kind)
        self.length = 0

    def take(self, values: Any) -> None:
        """
        Add some.
        """
        length = self.length + len(values)
        if length > len(self.values):
            longer = np.empty(2 * length, self.values.dtype)
            longer[: self.length] = self.values[: self.length]
            self.values = longer
        self.values[self.length : length] = values
        self.length = length


def _renumber(piece: Piece, tables: dict[str, dict[Any, int]]) -> None:
    """
    Turn places in a piece's tables into those in the tables of all.
    """
    for name, table in tables.items():
        columns = piece.rows if name in piece.rows else piece.windows
        # The last place is for -1: none.
        places = [table.setdefault(text, len(table)) for text in piece.tables[name]]
        columns[name] = np.array([*places, -1], np.int32)[columns[name]]


class Counted(NamedTuple):
    """
    The rows that go into sums.

    Attributes:
        rows: Their numbers, in the order in which records are first seen.
        unique: All rows that no later record with the same id takes the place of.
    """

    rows: Any
    unique: Any


def counted(log: Piece) -> Counted:
    """
    Return the rows that :attr:`greensdk.report.EnergyReport.counted` has.
    """
    ids, order = log.rows["id"], None
    number = len(ids)
    known, first = np.unique(ids, return_index=True)
    unique = np.ones(number, bool)
    if len(known) < number:
        _, back = np.unique(ids[::-1], return_index=True)
        last = number - 1 - back
        unique[:] = False
        unique[last] = True
        order = last[np.argsort(first)]
    del first
    inside = np.zeros(number, bool)
    parents = log.rows["parent"]
    asked = np.flatnonzero(parents)
    if len(asked) and number:
        places = np.minimum(np.searchsorted(known, parents[asked]), len(known) - 1)
        inside[asked] = known[places] == parents[asked]
    inside[list(_made_in_workers(log, order, unique))] = True
    rows = np.arange(number) if order is None else order
    return Counted(rows[~inside[rows]], unique)


def _made_in_workers(log: Piece, order: Any, unique: Any) -> Iterator[int]:
    """
    Yield rows whose executor was made by a call of the same machine that has a number.
    """
    if not log.around:
        return
    addresses = log.rows["address"]
    wanted = np.array(sorted({each for _, found in log.around for each in found}), np.int64)
    rows = np.flatnonzero(unique) if order is None else order
    rows = rows[~np.isnan(log.rows["energy_j"][rows]) & np.isin(addresses[rows], wanted)]
    machines = dict(zip(addresses[rows].tolist(), log.rows["host"][rows].tolist(), strict=True))
    for row, found in log.around:
        if log.rows["host"][row] in [machines.get(address) for address in found]:
            yield row


class TextSums(NamedTuple):
    """
    Sums of the rows that have the same texts, in the order of their first rows.

    Attributes:
        texts: The texts.
        calls: How many rows.
        known: How many of them have joules.
        energy_j: Joules of these.
        ends_j: Their lower ends, and their upper ends.
        missing: How many of either they do not have.
        duration_s: Wall seconds.
        cpu_s: CPU seconds.
    """

    texts: list[Any]
    calls: list[int]
    known: list[int]
    energy_j: list[float]
    ends_j: list[list[float]]
    missing: list[list[int]]
    duration_s: list[float]
    cpu_s: list[float]


def text_sums(log: Piece, rows: Any, calls: Any) -> TextSums:
    """
    Add up the rows that count.

    Args:
        log: Everything.
        rows: The rows that count, in their order.
        calls: Each row's joules, NaN where it has none.
    """
    table = log.tables["texts"]
    texts = log.rows["texts"][rows]
    order = [text for text, _ in by_first(texts)]
    calls_j = calls[rows]
    known = ~np.isnan(calls_j)
    rows_known, texts_known, calls_j = rows[known], texts[known], calls_j[known]
    whole_j = log.rows["energy_j"][rows_known]
    scale = np.divide(calls_j, whole_j, out=np.ones(len(whole_j)), where=np.abs(whole_j) > 0.0)

    def added(places: Any, values: Any = None) -> Any:
        return np.bincount(places, values, len(table))[order].tolist()

    ends_j = [log.rows[name][rows_known] * scale for name in ("energy_low_j", "energy_high_j")]
    return TextSums(
        [table[text] for text in order],
        added(texts),
        added(texts_known),
        added(texts_known, calls_j),
        [added(texts_known, np.nan_to_num(end_j)) for end_j in ends_j],
        [added(texts_known, np.isnan(end_j)) for end_j in ends_j],
        added(texts, np.nan_to_num(log.rows["duration_s"][rows])),
        added(texts, np.nan_to_num(log.rows["cpu_s"][rows])),
    )


def by_first(numbers: Any) -> list[tuple[int, int]]:
    """
    Return each number and how often it stands there, in the order of first appearance.
    """
    found, first, times = np.unique(numbers, return_index=True, return_counts=True)
    order = np.argsort(first)
    return list(zip(found[order].tolist(), times[order].tolist(), strict=True))
