"""
Records from files, folders, globs, standard input and storage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from greensdk.configure.uris import scheme_of
from greensdk.errors import RecordError

if TYPE_CHECKING:
    from typing import BinaryIO

STDIN = "-"
TORN = "torn line: its writer was stopped in the middle of it"
LONGEST_BYTES = 1 << 24
"""A longer line is no record, and is not read into memory: 16 MiB is what DuckDB takes, too."""
PARQUET = ".parquet"
_SUFFIXES = (".jsonl", ".jsonl.gz", PARQUET)


class Problem(NamedTuple):
    """
    Something wrong with one line.

    Attributes:
        file: Its file; ``-`` is standard input.
        line: Its number, from 1.
        text: What is wrong; when one key is to blame, ``key: what is wrong``.
    """

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def read(source: str | os.PathLike[str], *, skip: Callable[[Problem], Any] | None = None) -> Iterator[dict[str, Any]]:
    """
    Yield the records of `source` in the order in which they stand there.

    Only what makes a line unreadable is looked at; :func:`greensdk.logs.check` looks at every key.

    Args:
        source: A file of JSON lines (``.gz``: compressed), a ``.parquet`` file of ``greensdk compact``, a folder that
            is searched for all of these at any depth, a glob, ``-`` for standard input, or the URI of a sink from
            which records can be read back, such as ``s3://bucket/prefix``.
        skip: Called with each line that can't be read, which is then left out; None raises instead.

    Raises:
        RecordError: There is no such source, or a line is not a record; the message begins with ``file:line:``.
    """
    for file, number, line in lines(source):
        found = parse(line)
        if isinstance(found, dict):
            yield found
            continue
        problem = Problem(file, number, found)
        if skip is None:
            raise RecordError(str(problem))
        skip(problem)


def parse(line: bytes) -> dict[str, Any] | str:
    """
    Return the record in one line, or what is wrong with the line.
    """
    import orjson

    from greensdk.schema.check import NEWER, is_newer

    if len(line) > LONGEST_BYTES:
        return f"longer than {LONGEST_BYTES >> 20} MiB, as no record is"
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error.msg} (column {error.pos + 1})" if line.endswith(b"\n") else TORN
    if record.__class__ is not dict:
        return "not a JSON object"
    if "schema" not in record:
        return "schema: is missing"
    return f"schema: {NEWER}" if is_newer(record) else record


def lines(source: str | os.PathLike[str], longest: int = LONGEST_BYTES) -> Iterator[tuple[str, int, bytes]]:
    """
    Yield (file, number, line) of every line of `source` that is not blank.

    Args:
        source: As for :func:`read`.
        longest: The most bytes of a line that are kept, and one more that tells that there are others.

    Raises:
        RecordError: There is no such source, or a file can't be read to its end.
    """
    for name, file in streams(source):
        yield from ((name, number, line) for number, line in numbered(name, file, longest))


def numbered(name: str, file: BinaryIO, longest: int = LONGEST_BYTES) -> Iterator[tuple[int, bytes]]:
    """
    Yield the number and the text of each line of an open file that is not blank.

    Raises:
        RecordError: It can't be read to its end.
    """
    number = 0
    try:
        while line := next_line(file, longest):
            number += 1
            if not line.isspace():
                yield number, line
    except unreadable() as error:
        where = name if not number else f"{name}:{number + 1}"
        raise RecordError(f"{where}: {getattr(error, 'strerror', None) or error}") from error


def next_line(file: BinaryIO, longest: int = LONGEST_BYTES) -> bytes:
    """
    Read one line, and keep `longest` bytes of it and one more: memory stays bounded, whatever the file holds.
    """
    line = part = file.readline(longest + 1)
    while len(part) > longest and not part.endswith(b"\n"):
        part = file.readline(longest + 1)
    return line


def unreadable() -> tuple[type[Exception], ...]:
    """
    Return what reading a file may raise, one that is compressed and damaged included.
    """
    from zlib import error

    return OSError, EOFError, error


def streams(source: str | os.PathLike[str], without: Collection[str] = ()) -> Iterator[tuple[str, BinaryIO]]:
    """
    Yield name and bytes, uncompressed, of every file or object of `source`; each is closed when the next is asked for.

    Args:
        source: As for :func:`read`.
        without: Names that are left out.

    Raises:
        RecordError: There is no such source, or it can't be opened.
    """
    path = os.fspath(source)
    if is_uri(path):
        for name, stream in _stored(path, without):
            with stream, _uncompressed(name, stream) as file:
                yield name, file
        return
    for name in files(path):
        if name in without:
            continue
        try:
            opened = _open(name)
        except OSError as error:
            raise RecordError(f"{name}: {error.strerror or error}") from error
        with opened as file:
            yield name, file


def is_uri(source: str) -> bool:
    """
    Say whether a source is in storage rather than in a file.
    """
    return scheme_of(source) != "file" and not os.path.exists(source)


def _stored(uri: str, without: Collection[str]) -> Iterator[tuple[str, BinaryIO]]:
    """
    Yield what the sink of a URI's scheme has stored there.

    Raises:
        RecordError: No sink knows the scheme, or what goes there can't be read back.
    """

    stored, table = _sink(uri, "stored", "records can't be read back from there")
    # Sinks of third parties need not know how to leave some out.
    yield from stored(uri, **table, **({"without": without} if without else {}))


def removed(uri: str, names: Sequence[str]) -> int:
    """
    Delete objects below a URI, and return how many of `names` there were.

    Raises:
        RecordError: No sink knows the scheme, or it deletes nothing.
    """
    remove, table = _sink(uri, "remove", "nothing can be deleted there")
    below = [name for name in names if name.startswith(f"{scheme_of(uri)}:")]
    remove(uri, below, **table)
    return len(below)


def _sink(uri: str, method: str, problem: str) -> tuple[Any, Any]:
    from greensdk.configure.config import sink_table
    from greensdk.configure.targets import load

    scheme = scheme_of(uri)
    target, table = sink_table(scheme)
    found = getattr(load(target), method, None) if target else None
    if found is None:
        raise RecordError(f"{uri}: {problem if target else f'no sink knows {scheme}:'}")
    return found, table


def files(source: str | os.PathLike[str]) -> list[str]:
    """
    Return the files that `source` stands for, sorted; a URI stands for itself.

    Raises:
        RecordError: There are none.
    """
    path = os.fspath(source)
    if path == STDIN or os.path.isfile(path) or is_uri(path):
        return [path]
    if os.path.isdir(path):
        found = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
        found = [name for name in found if name.endswith(_SUFFIXES)]
        problem = "no *.jsonl in this folder"
    elif os.path.exists(path):  # a pipe, /dev/stdin
        return [path]
    else:
        from glob import glob

        found = [name for name in glob(path, recursive=True) if os.path.isfile(name)]
        problem = "no file matches" if any(mark in path for mark in "*?[") else "no such file or folder"
    if not found:
        raise RecordError(f"{path}: {problem}")
    return sorted(found)


def _open(path: str) -> BinaryIO:
    if path == STDIN:
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    if path.endswith(".gz"):
        import gzip

        return cast("BinaryIO", gzip.open(path))
    if path.endswith(PARQUET):
        from greensdk.logs.parquet import lines_of

        return lines_of(path)
    return open(path, "rb")


def _uncompressed(name: str, file: BinaryIO) -> BinaryIO:
    if not name.endswith(".gz"):
        return file
    import gzip

    return cast("BinaryIO", gzip.GzipFile(fileobj=file))
