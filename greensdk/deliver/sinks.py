"""
What a sink is, and those that need no library: a file of JSON lines, standard output, memory, a function.

A sink is named by a URI whose scheme picks it: a bare path or ``file:`` is a file, ``stdout:`` the
standard output, ``memory:`` a list in this process, ``callback:module:function`` a function of yours. Plugins
register further schemes.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Mapping
from time import monotonic
from typing import Any, Protocol

from greensdk.configure.uris import path_of
from greensdk.deliver.lines import encode
from greensdk.deliver.logfile import LogFile, ends_in_a_torn_line
from greensdk.errors import SinkError
from greensdk.machine.signals import is_from_signal, is_from_signal_here

MEMORY_LIMIT = 1_000
memory: deque[Mapping[str, Any]] = deque(maxlen=MEMORY_LIMIT)
"""The records that ``memory:`` sinks of this process have taken, the newest `MEMORY_LIMIT` of them."""


class Sink(Protocol):
    """
    A place where records go. Made with its URI and the keys of its table in the configuration.

    Every method may raise; the runtime counts the failure and keeps the record in the spool.

    With ``checkpoint_s`` a call has further records before its last one, of the same ``record_id`` and the status
    ``interim``. They come only to sinks whose attribute ``takes_interim`` is true: what adds up would count twice.

    A sink from which records can be read back has one more method, which those without it need not have::

        @classmethod
        def stored(cls, uri: str, **config) -> Iterator[tuple[str, BinaryIO]]: ...

    It yields the name (a URI) and an open binary stream of each object of records that is at or below `uri`: those
    whose names end in ``.jsonl`` or ``.jsonl.gz`` (compressed: so are the stream's bytes), sorted by name, each being
    read before the next is asked for. ``config`` is the sink's table of the configuration; keys that are of no use
    for reading are ignored. It raises :class:`~greensdk.errors.RecordError` where nothing is, or can be read.
    """

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Take one finished record; a third party's sink gets a copy of its own.

        Where a signal handler of the user's raises in it, it is called again with the same record.
        """

    def flush(self) -> None:
        """
        Hand over what is still held back.
        """

    def close(self) -> None:
        """
        Flush and give everything back.
        """


class JsonlSink:
    """
    Appends each record as one line to a file.

    One ``write`` per line on an ``O_APPEND`` descriptor, so that any number of processes may share
    the file and every line stays whole. The file is born readable by its owner alone (0600). A process has one
    descriptor for each path, and notices within a second when the file was moved (:mod:`greensdk.deliver.logfile`).

    Args:
        uri: The file's path, bare or as ``file:`` URI. Missing folders are made.
        fsync: Force each line to the disk before the call returns to its caller; slow.
        chain: Give each line the digest of the one before (:mod:`greensdk.deliver.chain`). Writers wait for each other.

    Raises:
        SinkError: The file can't be opened for appending.
    """

    takes_interim = True

    def __init__(self, uri: str, *, fsync: bool = False, chain: bool = False) -> None:
        self.path = os.path.abspath(path_of(uri))
        self._fsync = fsync
        self._chain = chain
        self._closed = False
        self._written: Mapping[str, Any] | None = None  # the record after whose writing a signal handler has raised
        try:
            self._file = LogFile.shared(self.path)
        except OSError as error:
            raise SinkError(f"{self.path}: {error.strerror}") from error

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Append one line.

        Raises:
            SinkError: The line could not be written whole (disk full, descriptor gone).
        """
        if record is self._written:
            return
        file = self._file
        try:
            fd = file.fd if monotonic() < file.look_s else file.look()
            if self._chain:
                from greensdk.deliver import chain

                written, wanted = chain.append(fd, record)
            else:
                line = encode(record)
                if file.torn and ends_in_a_torn_line(fd):
                    line = b"\n" + line
                wanted = len(line)
                try:
                    written = os.write(fd, line)
                except BaseException as error:
                    if is_from_signal_here(error):
                        self._written = record
                    raise
            if self._fsync:
                os.fsync(fd)
        except OSError as error:
            if is_from_signal(error):
                raise
            raise SinkError(f"{self.path}: {error.strerror}") from error
        file.torn = written != wanted
        if file.torn:
            raise SinkError(f"{self.path}: wrote {written} of {wanted} bytes")

    def flush(self) -> None:
        """
        Nothing is held back.
        """

    def close(self) -> None:
        """
        Close the file, unless another sink writes to it. Closing twice is harmless.

        Raises:
            SinkError: The file was removed, and its last lines could not be written elsewhere.
        """
        closed, self._closed = self._closed, True
        if closed:
            return
        try:
            self._file.close()
        except OSError as error:
            raise SinkError(f"{self.path}: {error.strerror}") from error


class StdoutSink:
    """
    Writes each record as one line to standard output (where a Lambda's log is).
    """

    def __init__(self, uri: str = "stdout:") -> None:
        self.uri = uri

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Write one line after whatever the program has printed so far.
        """
        line = encode(record).decode()
        try:
            sys.stdout.write(line)
        except UnicodeEncodeError:  # a terminal of another encoding; every one of them knows ASCII
            sys.stdout.write(json.dumps(json.loads(line)) + "\n")
        sys.stdout.flush()

    def flush(self) -> None:
        """
        Nothing is held back.
        """

    def close(self) -> None:
        """
        Standard output is not ours to close.
        """


class MemorySink:
    """
    Keeps records in :data:`memory`.
    """

    takes_interim = True

    def __init__(self, uri: str = "memory:") -> None:
        self.uri = uri
        self.emit = memory.append

    def flush(self) -> None:
        """
        Nothing is held back.
        """

    def close(self) -> None:
        """
        The records stay readable.
        """


class CallbackSink:
    """
    Calls a function with each record, in the thread of the call that it is about. The record is the function's own: it
    may be changed, and holds what the JSON line would.

    Args:
        uri: ``callback:module:function``; ``function`` may be an attribute of an attribute (``Class.method``).

    Raises:
        SinkError: There is no such function.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        module, _, path = uri.removeprefix("callback:").partition(":")
        if not module or not path:
            raise SinkError(f"{uri}: expected callback:module:function")
        try:
            found: Any = __import__(module, fromlist=[path])
            for name in path.split("."):
                found = getattr(found, name)
        except Exception as error:
            raise SinkError(f"{uri}: {type(error).__name__}: {error}; the module must be importable here") from error
        if not callable(found):
            raise SinkError(f"{uri}: {path} is no function")
        self._call = found

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Call the function with a copy.
        """
        self._call(json.loads(encode(record)))

    def flush(self) -> None:
        """
        Nothing is held back.
        """

    def close(self) -> None:
        """
        The function is not ours to close.
        """


class Unopened:
    """
    Stands for a sink that could not be opened: every record goes to the spool with the reason.
    """

    def __init__(self, uri: str, error: BaseException) -> None:
        self.uri = uri
        self.error = error

    def emit(self, record: Mapping[str, Any]) -> None:  # noqa: ARG002 - the contract's
        """
        Refuse, with the reason the sink gave.
        """
        raise self.error.with_traceback(None)  # or it would grow with each record

    def flush(self) -> None:
        """
        Nothing is held back.
        """

    def close(self) -> None:
        """
        Nothing is open.
        """
