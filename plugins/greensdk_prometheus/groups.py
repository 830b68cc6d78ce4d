"""
Which group of the gateway a process writes to, and what was counted in it before.

A Pushgateway keeps the last values of each group and forgets none (https://prometheus.io/docs/practices/pushing/).
A group for each process would stay there for ever, and its counters would never be seen to grow; one for all processes
would show the numbers of whoever pushed last. So each process takes the first group of its machine that no living
process has, counts on from where that stopped, and leaves its numbers for the next, those that the gateway never got
included.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from greensdk.deliver import spool
from greensdk.deliver.files import open_private, own_folder

FOLDER = "prometheus"
TAKEN = frozenset({errno.EACCES, errno.EAGAIN})
"""fcntl(2): what an already locked file answers."""


class Group:
    """
    One group's numbers on disk, held by this process until it ends.

    The lock is the process's own (fcntl(2), POSIX record locks): a forked child does not inherit it.

    Attributes:
        number: Which group it is.
        path: Where its numbers are.
    """

    def __init__(self, number: int, path: Path, fd: int) -> None:
        self.number = number
        self.path = path
        self._fd = fd

    def load(self) -> dict[str, Any]:
        """
        Return the numbers that are there; what can't be read counts as none.
        """
        with suppress(OSError, ValueError):
            found = json.loads(self.path.read_bytes())
            return found if isinstance(found, dict) else {}
        return {}

    def save(self, state: Mapping[str, Any]) -> None:
        """
        Write the numbers, whole or not at all.
        """
        fresh = self.path.with_suffix(".new")
        with open(open_private(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="utf-8") as file:
            json.dump(state, file)
        os.replace(fresh, self.path)


def take(*name: str) -> Group:
    """
    Return the first group under a name that no process holds.

    Raises:
        SinkError: There is no folder for it that is the user's own.
        OSError: It can't be written.
    """
    folder = own_folder(own_folder(spool.folder()) / FOLDER)
    digest = sha256("\n".join(name).encode()).hexdigest()[:12]
    return next(group for number in count() if (group := _try(number, folder / f"{digest}-{number}.json")))


def _try(number: int, path: Path) -> Group | None:
    fd = open_private(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if error.errno in TAKEN:
            return None
        raise
    return Group(number, path, fd)
