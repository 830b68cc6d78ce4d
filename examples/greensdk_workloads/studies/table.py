"""
A study's rows in a CSV file, so that an interrupted study continues where it stopped.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from greensdk.errors import GreensdkError

Row = dict[str, Any]


class Table:
    """
    Rows that are written to the disk when they are added.

    Args:
        path: The file; created if it does not exist.
        keys: The columns that tell one run from another.
        columns: The other columns.

    Raises:
        GreensdkError: The file belongs to another study.
    """

    def __init__(self, path: Path, keys: Sequence[str], columns: Sequence[str]) -> None:
        self.path = path
        self.keys = tuple(keys)
        self.columns = (*keys, *columns)
        self.rows: list[Row] = list(self._read()) if path.exists() else []
        if not path.exists():
            self._write(self.columns, "w")

    def __contains__(self, values: object) -> bool:
        if not isinstance(values, Mapping):
            return False
        key_texts = tuple(str(values[key]) for key in self.keys)
        return any(key_texts == tuple(str(row[key]) for key in self.keys) for row in self.rows)

    def add(self, row: Mapping[str, Any]) -> None:
        """
        Append a row; None becomes an empty cell.
        """
        self._write(["" if row.get(column) is None else row[column] for column in self.columns], "a")
        self.rows.append({column: row.get(column) for column in self.columns})

    def _read(self) -> Iterator[Row]:
        with self.path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != self.columns:
                raise GreensdkError(f"{self.path}: the columns are not those of this study; choose another --out")
            # A row that was truncated while it was written is run again.
            complete = (row for row in reader if None not in row.values())
            yield from ({column: _value(text) for column, text in row.items()} for row in complete)

    def _write(self, cells: Sequence[Any], mode: str) -> None:
        with self.path.open(mode, newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(cells)
            file.flush()
            os.fsync(file.fileno())


def _value(text: str) -> Any:
    """
    Return the value that was written: a number, a text, or None.
    """
    if text == "":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
