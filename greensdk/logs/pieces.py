"""
Logs cut into pieces, which all CPUs look at side by side.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, NamedTuple, TypeVar

from greensdk.errors import RecordError
from greensdk.logs.read import PARQUET, files, next_line, streams, unreadable

PIECE_BYTES = 32_000_000
PARALLEL_BYTES = 30_000_000
"""Less in all is read by this process alone: it takes no longer than to start others."""

Found = TypeVar("Found")


class Piece(NamedTuple):
    """
    Whole lines of a file.

    Attributes:
        number: Which of the files it is of.
        name: What that is called.
        path: Where its bytes are.
        first: The byte where the piece begins.
        behind: The one behind its end.
    """

    number: int
    name: str
    path: str
    first: int
    behind: int


class Copies:
    """
    A file of our own for what can be read only once, or not from the middle: standard input, pipes, compressed files,
    Parquet, objects in storage. It is gone with this object.

    Attributes:
        path: Where it is; empty while nothing was copied.
    """

    def __init__(self) -> None:
        self._file: Any = None
        self.path = ""

    def add(self, name: str, stream: BinaryIO) -> tuple[str, int, int]:
        """
        Copy a stream, and return where it is: path, first byte, and the one behind the last.

        Raises:
            RecordError: It can't be read to its end.
        """
        if self._file is None:
            self._file = NamedTemporaryFile(prefix="greensdk-", suffix=".jsonl", delete=False)  # noqa: SIM115 - see close()
            self.path = self._file.name
            weakref.finalize(self, os.unlink, self.path)
        first = self._file.tell()
        try:
            shutil.copyfileobj(stream, self._file)
        except unreadable() as error:
            raise RecordError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
        behind = self._file.tell()
        self._file.write(b"\n")  # a torn line ends here
        return self.path, first, behind

    def close(self) -> None:
        """
        Copy no more.
        """
        if self._file is not None:
            self._file.close()


def opened(sources: Iterable[str | os.PathLike[str]]) -> tuple[list[Piece], Copies]:
    """
    Return each file of some sources as one piece, and what keeps the copies of those that had to be copied.

    Raises:
        RecordError: There is no such source, or it can't be read to its end.
    """
    found: list[Piece] = []
    copies = Copies()
    for name in (name for source in sources for name in files(source)):
        if name.endswith((".gz", PARQUET)) or not os.path.isfile(name):
            found += [Piece(0, each, *copies.add(each, stream)) for each, stream in streams(name)]
        else:
            found.append(Piece(0, name, name, 0, os.path.getsize(name)))
    copies.close()
    return [piece._replace(number=number) for number, piece in enumerate(found)], copies


def side_by_side(look: Callable[[Piece], Found], whole: Sequence[Piece]) -> Iterator[tuple[Piece, Found]]:
    """
    Yield what `look` finds in each piece of some files, in their order; it and what it finds can be pickled.
    """
    work = [piece for each in whole for piece in _cut(each)]
    done = 0
    if sum(each.behind - each.first for each in whole) >= PARALLEL_BYTES and _can_fork():
        from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
        from multiprocessing import get_context
        from warnings import catch_warnings, simplefilter

        try:
            with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
                with catch_warnings():
                    # Python 3.12 warns of threads: here they are numpy's for matrices, which are at rest and not used.
                    simplefilter("ignore", DeprecationWarning)
                    found = pool.map(look, work)
                for each in found:
                    yield work[done], each
                    done += 1
        except BrokenExecutor:  # somebody killed one: what is left is read here
            pass
    yield from ((piece, look(piece)) for piece in work[done:])


def _can_fork() -> bool:
    # A process with threads must not be forked, and a spawned one would run the user's script again.
    return sys.platform == "linux" and threading.active_count() == 1


def _cut(piece: Piece) -> list[Piece]:
    found = [piece.first]
    if piece.behind - piece.first > PIECE_BYTES:
        with open(piece.path, "rb") as file:
            for place in range(piece.first + PIECE_BYTES, piece.behind, PIECE_BYTES):
                file.seek(place)
                next_line(file)
                if found[-1] < file.tell() < piece.behind:
                    found.append(file.tell())
    return [piece._replace(first=first, behind=behind) for first, behind in pairwise([*found, piece.behind])]
