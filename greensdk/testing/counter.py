"""
A counter file that a test turns by hand and breaks on purpose.
"""

from __future__ import annotations

import os
from pathlib import Path

ERRORS = ("EIO", "EISDIR")
"""The errors that a file of a test can give on a read."""


WIDTH = 24
"""Digits of a value: three words of 8 bytes, so that only a carry over 100 J changes two at a time."""


class Counter:
    """
    An energy counter in a file.

    Values are written in place, in one call and always with the same length, so that a reader sees no half-written
    one: a file system copies whole words of 8 bytes, and the last 8 digits are one. While a fault holds, the counter
    goes on counting, and :meth:`repair` shows it.

    Args:
        file: Where it is.
        uj: What it starts with.
        range_uj: Where it wraps around.

    Attributes:
        file: Where it is.
        range_uj: Where it wraps around.
        uj: What the counter shows.
        total_uj: All that was ever added: the truth that a reader has to find, whatever wraps and resets there were.
    """

    def __init__(self, file: Path, uj: int, range_uj: int) -> None:
        self.file = file
        self.range_uj = range_uj
        self.uj = uj
        self.total_uj = 0
        self._broken = False
        self._moved: dict[int, str | None] = {}
        self._create()

    def add_uj(self, uj: int) -> None:
        """
        Count `uj` microjoules more, around the range if need be.
        """
        self.total_uj += uj
        self.set_uj((self.uj + uj) % self.range_uj)

    def add_j(self, joules: float) -> None:
        """
        Count `joules` more.
        """
        self.add_uj(round(joules * 1e6))

    def set_uj(self, uj: int) -> None:
        """
        Put the counter at `uj`, without counting anything.
        """
        self.uj = uj
        if not self._broken:
            self._write(b"%0*d\n" % (WIDTH, uj))

    def reset(self, uj: int = 0) -> None:
        """
        Start again at `uj`, as after a suspend.
        """
        self.set_uj(uj)

    def garble(self, text: bytes = b"") -> None:
        """
        Put `text` (nothing, by default) in place of the number. Reaches open descriptors, of any process.
        """
        self._broken = True
        self._write(text)

    def fail(self, error: str = "EIO") -> None:
        """
        Have every read fail with a real error of the kernel.

        The file is replaced by one that can't be read: a link to ``/proc/self/mem``, whose first page is
        not mapped (EIO), or a directory (EISDIR). A process that opens it gets the error on the first read.
        Descriptors of this process that are open already are moved to the new file; those of other processes stay
        healthy. Linux only.

        Raises:
            ValueError: There is no known way to get `error`.
        """
        if error not in ERRORS:
            raise ValueError(f"no way to get {error}: it is one of {', '.join(ERRORS)}; see forbid() and vanish()")
        held = descriptors(self.file)
        self._broken = True
        self.file.unlink()
        if error == "EIO":
            self.file.symlink_to("/proc/self/mem")
        else:
            self.file.mkdir()
        for fd in held:
            point(fd, self.file)
            self._moved[fd] = _target(fd)

    def vanish(self) -> None:
        """
        Remove the file. A process that opens it gets ENOENT; open descriptors read an empty file.

        (In sysfs they would get ENODEV, which no file of a test can give.)
        """
        self.garble()
        self.file.unlink()

    def forbid(self) -> None:
        """
        Take every permission from the file. A process that opens it gets EACCES, except root; open descriptors go on.
        """
        self._broken = True
        self.file.chmod(0)

    def repair(self) -> None:
        """
        End the fault. Descriptors that :meth:`fail` has moved come back; those of a vanished file don't.
        """
        moved = [fd for fd, target in self._moved.items() if _target(fd) == target]
        self._moved = {}
        self._broken = False
        if self.file.is_symlink():
            self.file.unlink()
        elif self.file.is_dir():
            self.file.rmdir()
        self._create()
        for fd in moved:
            point(fd, self.file)

    def _create(self) -> None:
        self.file.touch()
        self.file.chmod(0o644)
        self.set_uj(self.uj)

    def _write(self, text: bytes) -> None:
        fd = os.open(self.file, os.O_WRONLY)
        try:
            os.pwrite(fd, text, 0)
            os.ftruncate(fd, len(text))  # changes nothing where a number follows a number
        finally:
            os.close(fd)


def descriptors(file: Path) -> list[int]:
    """
    Return the descriptors of this process that show a file.
    """
    here = str(file.resolve())
    return [fd for fd in map(int, os.listdir("/proc/self/fd")) if _target(fd) == here]


def _target(fd: int) -> str | None:
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink())
    except OSError:
        return None


def point(fd: int, file: Path) -> None:
    """
    Have a descriptor show another file.
    """
    fresh = os.open(file, os.O_RDONLY)
    os.dup2(fresh, fd, inheritable=False)
    os.close(fresh)
