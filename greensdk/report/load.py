"""
From logs to a report.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from greensdk.logs import Problem
from greensdk.logs.read import STDIN, files, is_uri
from greensdk.report.energy import EnergyReport
from greensdk.report.needed import tell, usable

LARGE_BYTES = 30_000_000
"""Plain files of more in all are read in pieces, into columns."""


def load(
    sources: Iterable[str | os.PathLike[str]],
    attribution: str = "cpu",
    *,
    skip: Callable[[Problem], Any] | None = None,
    key: str = "function",
) -> EnergyReport:
    """
    Read logs and add them up.

    Args:
        sources: Each as for :func:`greensdk.logs.read`.
        attribution: One of :data:`greensdk.report.split.RULES`.
        skip: Called with each line that can't be read or lacks what sums are made of; None raises instead.
        key: A key that sums will be asked for by. Any other can be, too; with large logs it takes another reading.

    Raises:
        RecordError: A source is missing, or `skip` is None and a line is not a record.
    """
    sources = list(sources)
    if (large := _large(sources, attribution, skip, key)) is not None:
        return large
    return EnergyReport([record for source in sources for record in usable(source, skip)], attribution)


def _large(
    sources: Sequence[str | os.PathLike[str]], attribution: str, skip: Callable[[Problem], Any] | None, key: str
) -> EnergyReport | None:
    """
    Return the report of large logs; None where the plain way has to read them.
    """
    names = [name for source in sources for name in _plain_files(source)]
    if not all(names) or sum(map(os.path.getsize, names)) < LARGE_BYTES:
        return None
    try:
        from greensdk.report import large
    except ImportError:  # the extra "report" is not installed
        return None
    from concurrent.futures import BrokenExecutor

    problems: list[Problem] = []
    try:
        found = large.report_of(names, attribution, key, problems.append)
    except (large.UnusualError, BrokenExecutor, OSError):
        return None
    for problem in problems:
        tell(problem, skip)
    return found


def _plain_files(source: str | os.PathLike[str]) -> list[str]:
    """
    Return the files of a source; an empty name stands for what can't be read in pieces.
    """
    path = os.fspath(source)
    if path == STDIN or is_uri(path):
        return [""]
    return [name if name.endswith(".jsonl") and os.path.isfile(name) else "" for name in files(path)]
