"""
A file of records in which each line carries the digest of the one before, so that no change goes unnoticed.

``previous_digest`` is the SHA-256 of the bytes of the line before, its newline left out; that of the first line is
the digest of nothing. Whoever changes, removes, inserts or moves a line has to write all lines after it anew, which
changes the last digest: keep that one elsewhere, and :func:`greensdk.logs.verify.check` notices this as well.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from greensdk.deliver.lines import encode

KEY = "previous_digest"
NOTHING = sha256(b"").hexdigest()
"""What the first line carries."""

BLOCK_BYTES = 1 << 16


def append(fd: int, record: Mapping[str, Any]) -> tuple[int, int]:
    """
    Write `record` behind the last line of an open file, with that line's digest; other processes wait meanwhile.

    Returns:
        How many bytes were written, and how many should have been.

    Raises:
        OSError: The file can't be read, locked or written.
    """
    with _locked(fd):
        last, whole = _last_line(fd)
        line = encode({**record, KEY: sha256(last).hexdigest()})
        line = line if whole else b"\n" + line
        return os.write(fd, line), len(line)


@contextmanager
def _locked(fd: int) -> Iterator[None]:
    os.fstat(fd)  # a closed descriptor is an OSError here, and a ValueError to flock()
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def _last_line(fd: int) -> tuple[bytes, bool]:
    """Return the last line that is not empty, and whether a newline ends it."""
    place, tail = os.fstat(fd).st_size, b""
    while place and b"\n" not in tail.rstrip(b"\n"):
        step = min(place, BLOCK_BYTES)
        place -= step
        tail = os.pread(fd, step, place) + tail
    return tail.rstrip(b"\n").rpartition(b"\n")[2], tail.endswith(b"\n") or not tail
