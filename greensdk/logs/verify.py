"""
Whether a chained log is as it was written; see :mod:`greensdk.deliver.chain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from greensdk.deliver.chain import KEY, NOTHING
from greensdk.logs.read import parse

UNCHAINED = f"{KEY}: is missing: the file is not chained from here"


def check(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, str | None, str]]:
    """
    Yield for each line its number, what is wrong with its link to the line before (None: nothing), and its digest.
    """
    before = NOTHING
    for number, line in lines:
        record, digest = parse(line), sha256(line.rstrip(b"\n")).hexdigest()
        yield number, _fault(record, before), digest
        before = digest


def _fault(record: Mapping[str, Any] | str, before: str) -> str | None:
    if isinstance(record, str):
        return record
    said = record.get(KEY)
    if said is None:
        return UNCHAINED
    if said == before:
        return None
    where = "there was another line before it" if before == NOTHING else f"not that of the line before ({before[:12]})"
    return f"{KEY}: {str(said)[:12]} is {where}: a line was changed, removed or inserted"
