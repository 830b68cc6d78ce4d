"""
Every line of a log, held against the schema.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from greensdk.logs.read import Problem, lines, parse
from greensdk.schema import problems

__all__ = ["Problem", "check", "verdicts"]


def check(source: str | os.PathLike[str]) -> Iterator[Problem]:
    """
    Yield everything that is wrong in `source`; nothing when every line is a good record.

    Args:
        source: As for :func:`greensdk.logs.read`.

    Raises:
        RecordError: There is no such source, or a file can't be read to its end.
    """
    for found in verdicts(source):
        yield from found


def verdicts(source: str | os.PathLike[str]) -> Iterator[list[Problem]]:
    """
    Yield, for each line that is not blank, what is wrong with it: an empty list for a good one.

    Raises:
        RecordError: There is no such source, or a file can't be read to its end.
    """
    for file, number, line in lines(source):
        record = parse(line)
        texts = problems(record) if isinstance(record, dict) else [record]
        yield [Problem(file, number, text) for text in texts]
