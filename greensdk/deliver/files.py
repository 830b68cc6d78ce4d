"""
Folders and files that are the user's alone, whatever the umask: records tell what ran, when, and on which machine.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from greensdk.errors import SinkError

if TYPE_CHECKING:
    from pathlib import Path


def open_private(path: str | Path, flags: int) -> int:
    """
    Open a file and return its descriptor, which no child process inherits; one that is made here has the mode 0600.

    Raises:
        OSError: It can't be opened.
    """
    if flags & os.O_CREAT and not flags & os.O_EXCL:
        with suppress(FileExistsError):
            return open_private(path, flags | os.O_EXCL)
    fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
    if flags & os.O_EXCL:
        os.chmod(fd if os.chmod in os.supports_fd else path, 0o600)
    return fd


def make_private(folder: str | Path) -> None:
    """
    Make a folder and those above it that are missing, each with the mode 0700; one that is there stays as it is.

    Raises:
        OSError: One can't be made, or is no folder.
    """
    folder = os.path.abspath(folder)
    if os.path.isdir(folder):
        return
    make_private(os.path.dirname(folder))
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise
    else:
        os.chmod(folder, 0o700)


def own_folder(folder: Path) -> Path:
    """
    Return a folder that is the user's alone, made if need be; one that others may look into is closed to them.

    Raises:
        SinkError: Somebody else's folder, a link or a file is there.
        OSError: It can't be made.
    """
    with suppress(FileExistsError):
        make_private(folder)
    if not is_own(folder):
        raise SinkError(f"{folder} is a link or belongs to somebody else: remove it")
    if stat.S_IMODE(folder.lstat().st_mode) != 0o700:
        folder.chmod(0o700)
    return folder


def is_own(folder: Path) -> bool:
    """
    Return whether this is a folder of the user's, and no link, which somebody else could have laid.
    """
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid())
