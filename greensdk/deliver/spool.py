"""
Where records wait until a sink has them: a folder of the user's own in the temp directory.

It is 0700 and must belong to the user, so that no one else can read or plant a record. In it are files of JSON lines,
each with a note beside it that names the sink:

.. code-block:: text

    <digest of the sink's URI>.jsonl           what the sink refused when it was handed over
    <digest of the sink's URI>-<id>.jsonl      a batch that a process has written ahead of its delivery

A batch is locked (flock(2)) by the process that fills or delivers it, and the kernel lets go when that process ends,
however it ends. Any process may :func:`claim` what is not locked: two never hold the same batch.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from greensdk.deliver.delivery import Refused
from greensdk.deliver.files import is_own, open_private, own_folder
from greensdk.deliver.lifecycle import Interval
from greensdk.errors import SinkError, masked, warn_once

STALE_S = 3600.0
"""Age after which a note without records is a leftover."""

MOST_TRIES = 1000
LIMIT_BYTES = 1 << 30
"""How long all files together may get: an outage must not fill the disk of the machine that is measured."""

LOOK_EVERY_S = 1.0
_look = Interval(LOOK_EVERY_S)
_is_full = False


class Batch:
    """
    A locked file of the spool, open for appending.

    Attributes:
        path: Where it is.
        key: What its first process called it; None for what a sink refused.
        records: How many were appended by this process.
        size_bytes: How long it is.
        born_s: When this process opened it (monotonic).
    """

    def __init__(self, path: Path, fd: int, key: str | None) -> None:
        self.path = path
        self.fd = fd
        self.key = key
        self.records = 0
        self.size_bytes = os.fstat(fd).st_size
        self.born_s = time.monotonic()

    def append(self, line: bytes) -> None:
        """
        Write one line, whole or not at all.

        Raises:
            SinkError: There is no room.
        """
        try:
            written = os.write(self.fd, line)
            if written != len(line):
                os.ftruncate(self.fd, self.size_bytes)
        except OSError as error:
            raise SinkError(f"{self.path}: {error.strerror}") from error
        if written != len(line):
            raise SinkError(f"{self.path}: wrote {written} of {len(line)} bytes")
        self.records += 1
        self.size_bytes += written

    def trim(self) -> None:
        """
        Cut off a last line that a crash of the machine has torn.
        """
        end = self.size_bytes
        while end and os.pread(self.fd, 1, end - 1) != b"\n":
            end -= 1
        if end != self.size_bytes:
            os.ftruncate(self.fd, end)
            self.size_bytes = end

    def first_line(self) -> bytes:
        """
        Return the first line; empty where there is none.
        """
        with open(self.fd, "rb", closefd=False) as lines:
            lines.seek(0)
            return lines.readline()

    def remove(self) -> None:
        """
        Delete the file and its note: the records are where they belong.
        """
        self.path.unlink(missing_ok=True)
        _note(self.path).unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """
        Leave the records to whoever claims them. Doing so twice is harmless.
        """
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def folder() -> Path:
    """
    Return the spool's folder; it may not exist yet.

    Where somebody else has made one of its name in the temp directory, it is in the user's own state directory
    (https://specifications.freedesktop.org/basedir-spec/latest/).
    """
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    usual = Path(tempfile.gettempdir()) / f"greensdk-spool-{user}"
    if not os.path.lexists(usual) or is_own(usual):
        return usual
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(state) / "greensdk" / "spool"


def keep(record: Mapping[str, Any], uri: str, error: BaseException) -> None:
    """
    Append `record` to what the sink `uri` has refused, and warn, once per sink. Never raises.
    """
    from greensdk.deliver.lines import encode

    try:
        path = add(uri, [encode(record)])
    except Exception as problem:
        warn_once(f"greensdk lost records for {uri}: {error}; nor could the spool take them: {problem}")
    else:
        warn_once(f"greensdk could not write to {uri}: {error}; the records are in {path}", uri)


def add(uri: str, lines: Iterable[bytes]) -> Path:
    """
    Append lines to what the sink `uri` has refused, and return the file.

    Raises:
        SinkError: The folder is not the user's own, or is full.
        OSError: It can't be written.
    """
    path = _with_room() / f"{_digest(uri)}.jsonl"
    _append(path, uri, lines)
    return path


def _with_room() -> Path:
    """Return the folder, made if need be."""
    global _is_full
    place = own_folder(folder())
    if _look.is_due():
        _is_full = sum(map(_size_of, place.glob("*.jsonl"))) >= LIMIT_BYTES
    if _is_full:
        raise SinkError(
            f"{place} is full ({LIMIT_BYTES >> 20} MiB): greensdk doctor shows what waits there, and for what"
        )
    return place


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # delivered this very moment
        return 0


def begin(uri: str, key: str) -> Batch:
    """
    Make an empty batch for the sink `uri`, locked by this process.

    Raises:
        SinkError: The folder is not the user's own.
        OSError: It can't be written.
    """
    path = _with_room() / f"{_digest(uri)}-{time.time_ns():016x}{os.urandom(4).hex()}.jsonl"
    born = path.with_suffix(".new")
    fd = open_private(born, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write_note(path, uri, key)
        born.rename(path)  # only now can others see it, and it is locked
    except BaseException:
        os.close(fd)
        raise
    return Batch(path, fd, key)


def claim(uri: str) -> Iterator[Batch]:
    """
    Yield the batches of the sink `uri` that no process holds, the oldest first. The caller removes or releases each.
    """
    place = folder()
    if not (place.exists() and is_own(place)):
        return
    for path in sorted(place.glob(f"{_digest(uri)}*.jsonl")):
        fd = _lock(path)
        if fd is not None:
            yield _claimed(path, uri, fd)
    _sweep(place)


def redeliver(uri: str, deliver: Callable[[Batch], None], most: int | None = None) -> None:
    """
    Have `deliver` take what others have left for the sink `uri`, up to `most` batches, and delete each that it takes.

    A batch that it refuses stays and keeps no other back.

    Raises:
        Exception: What `deliver` has raised in the end, a refusal included.
    """
    refusal: Refused | None = None
    for batch in islice(claim(uri), most):
        try:
            deliver(batch)
        except Refused as error:
            refusal = error
            batch.release()
        except BaseException:
            batch.release()
            raise
        else:
            batch.remove()
    if refusal is not None:
        raise refusal


def waiting() -> list[tuple[Path, str, int]]:
    """
    Return (file, sink's URI, number of records) for everything that waits; nothing if the folder is another's.

    What a living process is about to deliver is not in it.
    """
    found: list[tuple[Path, str, int]] = []
    place = folder()
    if not (place.exists() and is_own(place)):
        return found
    for path in sorted(place.glob("*.jsonl")):
        fd = _lock(path, fcntl.LOCK_SH)
        if fd is not None:
            with open(fd, "rb") as lines:
                count = sum(1 for _ in lines)
            if count:
                found.append((path, _read_note(path)[0], count))
    return found


def _append(path: Path, uri: str, lines: Iterable[bytes]) -> None:
    """Append to a file that many processes share, and that any of them may take away to deliver it."""
    for _ in range(MOST_TRIES):
        fd = _lock(path, fcntl.LOCK_EX, os.O_CREAT)
        if fd is not None:
            batch = Batch(path, fd, None)
            try:
                if not _note(path).exists():
                    _write_note(path, uri)
                batch.trim()
                for line in lines:
                    batch.append(line)
            finally:
                batch.release()
            return
        time.sleep(0.001)  # somebody writes to it, or takes it away, this very moment
    raise SinkError(f"{path} stays locked")


def _lock(path: Path, how: int = fcntl.LOCK_EX, flags: int = 0) -> int | None:
    """Open and lock a file; None when somebody else holds it, or has taken it away."""
    try:
        fd = open_private(path, os.O_RDWR | os.O_APPEND | flags)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
        if os.path.samestat(os.stat(path), os.fstat(fd)):
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None


def _claimed(path: Path, uri: str, fd: int) -> Batch:
    """Return a locked file as a batch; one that others still append to gets a name of its own first."""
    key = _read_note(path)[1]
    if "-" not in path.name:
        new = path.with_name(f"{path.stem}-{time.time_ns():016x}{os.urandom(4).hex()}.jsonl")
        _write_note(new, uri)
        path = path.rename(new)
    batch = Batch(path, fd, key)
    batch.trim()
    return batch


def _sweep(place: Path) -> None:
    """Delete the notes of batches that are gone: a process died between its two deletions."""
    for path in (*place.glob("*.sink"), *place.glob("*.new")):
        try:
            if time.time() - path.stat().st_mtime > STALE_S and not path.with_suffix(".jsonl").exists():
                path.unlink()
        except FileNotFoundError:
            continue  # another process sweeps as well


def _digest(uri: str) -> str:
    return sha256(uri.encode()).hexdigest()[:12]


def _note(path: Path) -> Path:
    return path.with_suffix(".sink")


def _write_note(path: Path, uri: str, key: str = "") -> None:
    fd = open_private(_note(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with open(fd, "w", encoding="utf-8") as note:
        note.write(f"{masked(uri)}\n{key}" if key else masked(uri))


def _read_note(path: Path) -> tuple[str, str | None]:
    """Return the sink's URI ("?" where nothing tells) and the batch's key."""
    try:
        uri, _, key = _note(path).read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):  # none, or what a crash of the disk made of it
        return "?", None
    return uri or "?", key or None
