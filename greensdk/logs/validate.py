"""
Every line of a log, held against the schema.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from greensdk.errors import RecordError
from greensdk.logs.pieces import Piece, opened, side_by_side
from greensdk.logs.read import LONGEST_BYTES, Problem, next_line, parse
from greensdk.schema.check import problems

__all__ = ["Problem", "Verdict", "check", "verdicts"]


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
    files, _copies = opened([source])
    quick_look()  # once, before any fork
    here, before = -1, 0
    for piece, (lines, verdict) in side_by_side(_look_at, files):
        here, before = piece.number, before if piece.number == here else 0
        yield verdict._replace(problems=[each._replace(line=each.line + before) for each in verdict.problems])
        before += lines


def _verdict(name: str, lines: Iterable[tuple[int, bytes]]) -> Verdict:
    is_good = quick_look()
    good = bad = 0
    found: list[Problem] = []
    for number, line in lines:
        if len(line) <= LONGEST_BYTES and is_good(line):
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


def _look_at(piece: Piece) -> tuple[int, Verdict]:
    """Return how many lines there are in a piece, and the verdict on them."""
    lines = 0

    def numbered() -> Iterator[tuple[int, bytes]]:
        nonlocal lines
        with open(piece.path, "rb") as file:
            file.seek(piece.first)
            while (left := piece.behind - file.tell()) > 0 and (line := next_line(file)[:left]):
                lines += 1
                if not line.isspace():
                    yield lines, line

    try:
        verdict = _verdict(piece.name, numbered())
        return lines, verdict
    except OSError as error:
        raise RecordError(f"{piece.name}: {error.strerror}") from error
