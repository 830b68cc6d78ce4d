"""
Where columns come from: the files of a log, read in pieces by all CPUs, or dictionaries in memory.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import orjson

from greensdk.errors import RecordError
from greensdk.logs.pieces import Copies, Piece, opened, side_by_side
from greensdk.logs.read import Problem, lines, next_line, parse
from greensdk.report.columns import Builder, Columns
from greensdk.report.gather import gathered
from greensdk.report.shape import fault

BATCH_BYTES = 500_000
"""So much is read at a time: what is made of it stays in a CPU's cache."""


class Log(NamedTuple):
    """
    Records, and their columns.

    Attributes:
        records: The record of each row.
        columns: All rows.
    """

    records: Sequence[dict[str, Any]]
    columns: Columns


class Want(NamedTuple):
    """
    What is read of each record: see :class:`greensdk.report.columns.Builder`.
    """

    keys: tuple[str, ...] = ()
    details: bool = False
    ids: bool = False


def from_records(records: Sequence[dict[str, Any]], want: Want) -> Log:
    """
    Return the columns of dictionaries.

    Raises:
        RecordError: No sum can be made of one.
    """
    builder = Builder(*want)
    with _uncollected():
        builder.take(records)
    return Log(records, gathered([(0, builder.columns())], lambda *_: None))


def from_sources(
    sources: Iterable[str | os.PathLike[str]], want: Want, skip: Callable[[Problem], Any] | None = None
) -> Log:
    """
    Return the columns of logs, each of which is read once.

    Args:
        sources: Each as for :func:`greensdk.logs.read`.
        want: What is read of each record.
        skip: Called with each line that can't be read or lacks what sums are made of; None raises instead.

    Raises:
        RecordError: A source is missing, or `skip` is None and a line is not a record.
    """
    files, copies = opened(sources)
    Builder(*want)  # its classes are made once, before any fork

    def tell(problem: Problem) -> None:
        if skip is None:
            raise RecordError(str(problem))
        skip(problem)

    found = side_by_side(partial(_columns, want), files)
    columns = gathered(((piece.number, each) for piece, each in found), tell)
    return Log(Lines(files, copies, columns), columns)


def usable(sources: Iterable[str | os.PathLike[str]], skip: Callable[[Problem], Any]) -> Iterator[dict[str, Any]]:
    """
    Yield the records of logs of which sums can be made, as dictionaries.

    Raises:
        RecordError: There is no such source, or a file can't be read to its end.
    """
    for file, number, line in (found for source in sources for found in lines(source)):
        record = parse(line)
        if wrong := record if isinstance(record, str) else fault(record):
            skip(Problem(file, number, wrong))
        elif isinstance(record, dict):
            yield record


class Lines(Sequence[dict[str, Any]]):
    """
    The records of logs, each read when somebody asks for it.
    """

    def __init__(self, files: Sequence[Piece], copies: Copies, columns: Columns) -> None:
        self._files, self._copies = files, copies
        self._line, self._file = columns.rows["line"], columns.rows["file"]

    def __len__(self) -> int:
        return len(self._line)

    def __getitem__(self, row: Any) -> Any:
        with open(self._files[self._file[row]].path, "rb") as file:
            file.seek(self._line[row])
            return orjson.loads(file.readline())


def _columns(want: Want, piece: Piece) -> Columns:
    builder = Builder(*want)
    try:
        with _uncollected(), open(piece.path, "rb") as file:
            file.seek(piece.first)
            while (place := file.tell()) < piece.behind:
                text = file.read(min(BATCH_BYTES, piece.behind - place))
                if file.tell() < piece.behind:
                    text += next_line(file)
                builder.take_lines(piece.name, text, place)
    except OSError as error:
        raise RecordError(f"{piece.name}: {error.strerror}") from error
    columns = builder.columns()
    columns.rows["file"] = np.full(len(columns.rows["id"]), piece.number, np.int32)
    return columns


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the garbage collector: records hold no cycles, and looking for some takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
