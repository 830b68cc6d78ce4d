"""
Where records wait that a sink did not take: a folder of the user's own in the temp directory.

One file of JSON lines per sink, named by a digest of the sink's URI, with the URI beside it. The
folder is 0700 and must belong to the user, so that nobody else can read or plant a record.
"""

from __future__ import annotations

import os
import stat
import tempfile
import warnings
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from greensdk.errors import SinkError

warned: set[str] = set()
"""What this process has been warned of already."""


def folder() -> Path:
    """
    Return the spool's folder; it may not exist yet.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return Path(tempfile.gettempdir()) / f"greensdk-spool-{user}"


def keep(record: Mapping[str, Any], uri: str, error: BaseException) -> None:
    """
    Append `record` to the spool of the sink `uri` and warn, once per sink. Never raises.
    """
    from greensdk.sink import JsonlSink

    try:
        path = _file_for(uri)
        sink = JsonlSink(str(path))
        try:
            sink.emit(record)
        finally:
            sink.close()
    except Exception as problem:
        warn_once(f"greensdk lost records for {uri}: {error}; nor could the spool take them: {problem}")
    else:
        warn_once(f"greensdk could not write to {uri}: {error}; the records are in {path}")


def waiting() -> list[tuple[Path, str, int]]:
    """
    Return (file, sink's URI, number of records) for everything that waits; nothing if the folder is another's.
    """
    found: list[tuple[Path, str, int]] = []
    place = folder()
    if not (place.exists() and _is_own(place)):
        return found
    for path in sorted(place.glob("*.jsonl")):
        note = path.with_suffix(".sink")
        with path.open("rb") as lines:
            found.append((path, note.read_text() if note.exists() else "?", sum(1 for _ in lines)))
    return found


def warn_once(text: str) -> None:
    """
    Warn of one thing once per process; where warnings are errors, stay silent rather than raise.
    """
    if text in warned:
        return
    warned.add(text)
    try:
        warnings.warn(text, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:
        return


def _file_for(uri: str) -> Path:
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_own(place):
        raise SinkError(f"{place} is a link or belongs to somebody else: remove it")
    path = place / f"{sha256(uri.encode()).hexdigest()[:12]}.jsonl"
    note = path.with_suffix(".sink")
    if not note.exists():
        note.write_text(uri)
        note.chmod(0o600)
    return path


def _is_own(place: Path) -> bool:
    """
    Whether `place` is a folder of the user's, and no link, which somebody else could have laid.
    """
    status = place.lstat()
    return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid())
