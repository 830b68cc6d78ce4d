"""
Files that appear whole or not at all, and never over another one unasked.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from greensdk.errors import GreensdkError


def refuse(out: str, force: bool) -> None:
    """
    Insist that `out` is free.

    Raises:
        GreensdkError: It exists, or its folder does not.
    """
    if os.path.isdir(out):
        raise GreensdkError(f"{out}: is a folder; name a file")
    if os.path.lexists(out) and not force:
        raise GreensdkError(f"{out}: exists; --force writes over it")
    if not os.path.isdir(os.path.dirname(out) or "."):
        raise GreensdkError(f"{out}: there is no such folder")


@contextmanager
def fresh(out: str, *, force: bool = False) -> Iterator[str]:
    """
    Yield the path of an empty file beside `out`, which takes its place at the end, and goes when something fails.

    Only its owner can read it, as all logs.

    Raises:
        GreensdkError: `out` exists and `force` does not say to write over it.
    """
    refuse(out, force)
    handle, path = tempfile.mkstemp(prefix=".greensdk-", dir=os.path.dirname(out) or ".")
    os.close(handle)
    try:
        yield path
        os.replace(path, out)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)
