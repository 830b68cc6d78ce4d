"""
A log that this process has open: once for each path, and at the path even if somebody has moved the file away.

``logrotate`` and people rename, remove and truncate logs under running programs. Once in :data:`CHECK_EVERY_S` the file
at the path is compared with the open one. Where they differ the path is opened anew, and made if it is gone; what this
process has written to a removed file since the last look can no longer be read there, and is written once more: to the
new file, or to the spool where there can be none.
"""

from __future__ import annotations

import os
import stat
import time

from greensdk.deliver import lifecycle
from greensdk.deliver.files import make_private, open_private

CHECK_EVERY_S = 1.0

FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)


class LogFile:
    """
    The open file of one path. Its descriptor keeps its number when the path is opened anew.

    Args:
        path: Absolute.

    Attributes:
        fd: Its descriptor; -1 when it is closed.
        look_s: When to :meth:`look` before the next line (monotonic).
        torn: The last line was not whole when last seen.

    Raises:
        OSError: It can't be opened, or is something that a log can't be.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = _opened(path)
        self._end = os.fstat(self.fd).st_size
        self.torn = ends_in_a_torn_line(self.fd)
        self._users = 0
        self.look_s = time.monotonic() + CHECK_EVERY_S

    @classmethod
    def shared(cls, path: str) -> LogFile:
        """
        Return the one of this process for `path`; each user closes it.
        """
        file: LogFile = lifecycle.shared((cls, path), lambda: cls(path))
        file._users += 1
        return file

    def look(self) -> int:
        """
        Compare the path with the open file, and return the descriptor.

        Raises:
            OSError: The file was moved away, and the path can't be opened.
        """
        if self.fd >= 0 and self._is_elsewhere():
            self._reopen()
        self.look_s = time.monotonic() + CHECK_EVERY_S
        return self.fd

    def request(self) -> None:
        """
        Looking takes no time worth beginning earlier.
        """

    def finish(self, _: None = None) -> None:
        """
        See that what this process has written last is not in a removed file.

        Raises:
            OSError: The path can't be opened.
        """
        if self.fd >= 0 and self._is_elsewhere() and self._tail():
            self._reopen()

    def forget(self) -> bool:
        """
        Stay: a forked child may append to the same open file.
        """
        return False

    def close(self) -> None:
        """
        Let go; the last user closes the file.
        """
        self._users -= 1
        if self._users <= 0 <= self.fd:
            try:
                self.finish()
            finally:
                lifecycle.discard((LogFile, self.path))
                fd, self.fd = self.fd, -1
                os.close(fd)

    def _is_elsewhere(self) -> bool:
        here = os.fstat(self.fd)
        try:
            if os.path.samestat(os.stat(self.path), here):
                self._end = here.st_size
                return False
        except OSError:
            pass
        return True

    def _tail(self) -> bytes:
        """Return what was written to a removed file since it was at the path last."""
        here = os.fstat(self.fd)
        return b"" if here.st_nlink else os.pread(self.fd, max(0, here.st_size - self._end), self._end)

    def _reopen(self) -> None:
        tail = self._tail()
        try:
            fd = _opened(self.path)
        except OSError:
            self._spool(tail)
            raise
        try:
            self.torn = ends_in_a_torn_line(fd)
            # Not close and open: another thread may be about to write, and the number might be another file's by then.
            os.dup2(fd, self.fd, inheritable=False)
        finally:
            os.close(fd)
        if tail:
            os.write(self.fd, tail)
        self._end = os.fstat(self.fd).st_size

    def _spool(self, tail: bytes) -> None:
        if tail:
            from greensdk.deliver import spool

            spool.add(self.path, [tail])
            self._end += len(tail)


def _opened(path: str) -> int:
    make_private(os.path.dirname(path))
    fd = open_private(path, FLAGS)
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):
        os.close(fd)
        raise OSError(None, "is a pipe or a device, and no file: a log in it would block, or be lost")
    return fd


def ends_in_a_torn_line(fd: int) -> bool:
    """
    Return whether the last line has no end: a full disk, or a kill, cut it short, and no record must be glued to it.

    Or another process is writing it right now; then a line that begins with a line break leaves an empty one, which
    readers skip.
    """
    size = os.fstat(fd).st_size
    return size > 0 and os.pread(fd, 1, size - 1) != b"\n"
