"""
Every line of a log, held against the schema.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from greensdk.errors import RecordError
from greensdk.logs.read import Problem, is_uri, numbered, parse, streams
from greensdk.schema.check import problems

__all__ = ["Problem", "Verdict", "check", "verdicts"]

PIECE_BYTES = 16_000_000
"""A file of more is cut into pieces of about so many bytes, for all CPUs."""


class Verdict(NamedTuple):
    """
    What was found in a piece of a log.

    Attributes:
        good: How many lines are good records.
        bad: How many are not.
        problems: What is wrong with those, in their order.
    """

    good: int
    bad: int
    problems: list[Problem]


def check(source: str | os.PathLike[str]) -> Iterator[Problem]:
    """
    Yield everything that is wrong in `source`; nothing when every line is a good record.

    Args:
        source: As for :func:`greensdk.logs.read`.

    Raises:
        RecordError: There is no such source, or a file can't be read to its end.
    """
    for verdict in verdicts(source):
        yield from verdict.problems


def verdicts(source: str | os.PathLike[str]) -> Iterator[Verdict]:
    """
    Yield what was found, piece by piece: one for each file, and several for a large one.

    Raises:
        RecordError: There is no such source, or a file can't be read to its end.
    """
    for name, file in streams(source):
        if _is_large(name):
            yield from _in_pieces(name)
        else:
            yield _verdict(name, numbered(name, file))


def _verdict(name: str, lines: Iterable[tuple[int, bytes]]) -> Verdict:
    is_good = quick_look()
    good = bad = 0
    found: list[Problem] = []
    for number, line in lines:
        if is_good(line):
            good += 1
        elif texts := _texts(line):
            bad += 1
            found += [Problem(name, number, text) for text in texts]
        else:
            good += 1
    return Verdict(good, bad, found)


def _texts(line: bytes) -> list[str]:
    record = parse(line)
    return problems(record) if isinstance(record, dict) else [record]


@cache
def quick_look() -> Callable[[bytes], bool]:
    """
    Return what knows most good lines at a glance: msgspec, where it is installed.
    """
    try:
        from greensdk.logs import decoder
    except ImportError:
        return lambda _: False
    return decoder.quick_look()


def _is_large(name: str) -> bool:
    # A process with threads must not be forked, and a spawned one would run the user's script again.
    alone = sys.platform == "linux" and threading.active_count() == 1
    return alone and not is_uri(name) and name.endswith(".jsonl") and os.path.getsize(name) > PIECE_BYTES


def _in_pieces(path: str) -> Iterator[Verdict]:
    """
    Yield the verdict on each piece of a large file, the pieces being looked at side by side.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    cuts = list(_cuts(path, os.path.getsize(path)))
    quick_look()  # once, before the forks
    with ProcessPoolExecutor(mp_context=get_context("fork")) as pool:
        before = 0
        for lines, verdict in pool.map(_look_at, *zip(*((path, *ends) for ends in pairwise(cuts)), strict=True)):
            yield verdict._replace(problems=[each._replace(line=each.line + before) for each in verdict.problems])
            before += lines


def _cuts(path: str, size_bytes: int) -> Iterator[int]:
    """
    Yield where pieces begin and end: behind a newline, about so many bytes apart.
    """
    yield 0
    with open(path, "rb") as file:
        for place in range(PIECE_BYTES, size_bytes, PIECE_BYTES):
            file.seek(place)
            file.readline()
            if file.tell() < size_bytes:
                yield file.tell()
    yield size_bytes


def _look_at(path: str, first: int, behind: int) -> tuple[int, Verdict]:
    """
    Return how many lines there are from one byte of a file up to another, and the verdict on them.
    """
    lines = 0

    def piece() -> Iterator[tuple[int, bytes]]:
        nonlocal lines
        place = first
        with open(path, "rb") as file:
            file.seek(first)
            for line in file:
                if place >= behind:
                    return
                place += len(line)
                lines += 1
                if not line.isspace():
                    yield lines, line

    try:
        verdict = _verdict(path, piece())
        return lines, verdict
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
