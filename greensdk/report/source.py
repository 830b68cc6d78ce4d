"""
Where columns come from: the files of a log, read in pieces by all CPUs, or dictionaries in memory.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing import get_context
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np
import orjson

from greensdk.errors import RecordError
from greensdk.logs.read import Problem, files, streams
from greensdk.report.columns import Builder, Columns
from greensdk.report.gather import gathered

PIECE_BYTES = 32_000_000
BATCH_BYTES = 250_000
"""So much is read at a time: what is made of it stays in a CPU's cache."""
PARALLEL_BYTES = 30_000_000
"""Less in all is read by this process alone: it takes no longer than to start others."""


class Log(NamedTuple):
    """
    Records, and their columns.

    Attributes:
        records: The record of each row.
        columns: All rows.
    """

    records: Sequence[dict[str, Any]]
    columns: Columns


class Part(NamedTuple):
    """
    A file, or what of the copies is one.

    Attributes:
        name: What it is called.
        path: Where its bytes are.
        first: The byte where it begins.
        behind: The one behind its end.
    """

    name: str
    path: str
    first: int
    behind: int


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
    copies = Copies()
    parts = [part for source in sources for part in _parts(source, copies)]
    copies.close()

    def tell(problem: Problem) -> None:
        if skip is None:
            raise RecordError(str(problem))
        skip(problem)

    columns = gathered(_pieces(parts, want), tell)
    return Log(Lines(parts, copies, columns), columns)


class Copies:
    """
    A file of our own for what can be read only once, or not from the middle: standard input, pipes, compressed files,
    objects in storage. It is gone with this object.
    """

    def __init__(self) -> None:
        self._file: Any = None

    def add(self, name: str, stream: BinaryIO) -> Part:
        """
        Copy a stream.

        Raises:
            RecordError: It can't be read to its end.
        """
        if self._file is None:
            self._file = NamedTemporaryFile(prefix="greensdk-", delete=False)  # noqa: SIM115 - see close()
            weakref.finalize(self, os.unlink, self._file.name)
        first = self._file.tell()
        try:
            shutil.copyfileobj(stream, self._file)
        except (OSError, EOFError) as error:
            raise RecordError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
        return Part(name, self._file.name, first, self._file.tell())

    def close(self) -> None:
        """
        Copy no more.
        """
        if self._file is not None:
            self._file.close()


def _parts(source: str | os.PathLike[str], copies: Copies) -> Iterator[Part]:
    for name in files(source):
        if name.endswith(".gz") or not os.path.isfile(name):
            yield from (copies.add(*each) for each in streams(name))
        else:
            yield Part(name, name, 0, os.path.getsize(name))


class Lines(Sequence[dict[str, Any]]):
    """
    The records of logs, each read when somebody asks for it.
    """

    def __init__(self, parts: Sequence[Part], copies: Copies, columns: Columns) -> None:
        self._parts, self._copies = parts, copies
        self._line, self._part = columns.rows["line"], columns.rows["part"]

    def __len__(self) -> int:
        return len(self._line)

    def __getitem__(self, row: Any) -> Any:
        with open(self._parts[self._part[row]].path, "rb") as file:
            file.seek(self._line[row])
            return orjson.loads(file.readline())


def _pieces(parts: Sequence[Part], want: Want) -> Iterator[tuple[int, Columns]]:
    """
    Yield each part's number with each of its pieces, in their order; of large files they are read side by side.
    """
    work = [(number, each, want) for number, part in enumerate(parts) for each in _cut(part)]
    done = 0
    if sum(part.behind - part.first for part in parts) >= PARALLEL_BYTES and _can_fork():
        Builder(*want)  # its classes are made once, before the forks
        try:
            with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
                with catch_warnings():
                    # Python 3.12 warns of threads: here they are numpy's for matrices, which are at rest and not used.
                    simplefilter("ignore", DeprecationWarning)
                    found = pool.map(_piece, work)
                for each in found:
                    yield each
                    done += 1
        except BrokenExecutor:  # somebody killed one: what is left is read here
            pass
    yield from map(_piece, work[done:])


def _can_fork() -> bool:
    # A process with threads must not be forked, and a spawned one would run the user's script again.
    return sys.platform == "linux" and threading.active_count() == 1


def _cut(part: Part) -> list[Part]:
    """
    Return a part cut into pieces that end with a line.
    """
    found = [part.first]
    if part.behind - part.first > PIECE_BYTES:
        with open(part.path, "rb") as file:
            for place in range(part.first + PIECE_BYTES, part.behind, PIECE_BYTES):
                file.seek(place)
                file.readline()
                if found[-1] < file.tell() < part.behind:
                    found.append(file.tell())
    return [part._replace(first=first, behind=behind) for first, behind in pairwise([*found, part.behind])]


def _piece(work: tuple[int, Part, Want]) -> tuple[int, Columns]:
    number, part, want = work
    builder = Builder(*want)
    try:
        with _uncollected(), open(part.path, "rb") as file:
            file.seek(part.first)
            while (place := file.tell()) < part.behind:
                text = file.read(min(BATCH_BYTES, part.behind - place))
                if file.tell() < part.behind:
                    text += file.readline()
                builder.take_lines(part.name, text, place)
    except OSError as error:
        raise RecordError(f"{part.name}: {error.strerror}") from error
    columns = builder.columns()
    columns.rows["part"] = np.full(len(columns.rows["id"]), number, np.int32)
    return number, columns


@contextmanager
def _uncollected() -> Iterator[None]:
    """
    Pause the garbage collector: records hold no cycles, and looking for some takes a third of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
