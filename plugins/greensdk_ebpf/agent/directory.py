"""
The agent's directory: root's alone, and one agent's at a time.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from greensdk.errors import GreensdkError
from greensdk_ebpf import DEFAULT_ROOT
from greensdk_ebpf.agent import coarse, pins, state

OURS = {state.NAME, state.HALF, pins.FOLDER, coarse.TREE, coarse.LOG}


class AgentError(GreensdkError):
    """
    The agent can't be started or stopped; the message says what helps.
    """


def settled(root: str) -> str:
    """
    Return the directory's only name: absolute, and without links on the way to it.
    """
    above, name = os.path.split(os.path.abspath(root))
    return os.path.join(os.path.realpath(above), name)


def option(root: str) -> str:
    """
    Return what a command needs to find the agent.
    """
    return "" if root == DEFAULT_ROOT else f" --root {root}"


def group_name(gid: int) -> str | None:
    """
    Return a group's name; None where it has none.
    """
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None


def trust(root: str) -> None:
    """
    Check that only root could have made a directory.

    Raises:
        AgentError: It is a link, or another user's, or others may write in it, or move it.
    """
    trust_parents(root)
    found = os.lstat(root)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0:
        raise AgentError(f"{root} is not a directory of root's: remove it, or give another --root")
    # A user who may write there may plant an agent.json, and so have stop give away any file.
    if found.st_mode & 0o022:
        raise AgentError(f"others than root may write in {root}: sudo chmod go-w {root}  (or give another --root)")


def trust_parents(root: str) -> None:
    """
    Check that only root can move a directory, as :func:`settled` returns it, away and put another in its place.

    In a directory with the sticky bit, such as /tmp, only owners rename what is there (rename(2), inode(7)).

    Raises:
        AgentError: A directory above it is another user's, or others may write in it.
    """
    for parent in map(str, Path(root).parents):
        found = os.stat(parent)
        others = 0o002 if found.st_gid == 0 else 0o022
        if found.st_uid != 0 or (found.st_mode & others and not found.st_mode & stat.S_ISVTX):
            raise AgentError(f"others than root could move {root}, by way of {parent}: give another --root")


def claim(root: str) -> bool:
    """
    Make the agent's directory, unless it is there; return whether it was made.

    Raises:
        AgentError: It can't be made, or not be trusted.
    """
    try:
        trust_parents(root)
        os.mkdir(root, 0o700)
    except FileExistsError:
        trust(root)
        return False
    except OSError as error:
        raise AgentError(f"{root} can't be made ({error.strerror}): give another --root") from error
    return True


def is_ours(root: str) -> bool:
    """
    Say whether nothing but what an agent makes is there.
    """
    return set(os.listdir(root)) <= OURS


@contextmanager
def lock(root: str) -> Iterator[None]:
    """
    Keep a second start or stop away.

    Raises:
        AgentError: One is at work.
    """
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise AgentError(f"another start or stop is at work in {root}: try again") from error
    try:
        yield
    finally:
        # Closing alone would leave it to a child that was forked meanwhile.
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)
