"""
``agent.json``: what an agent has made, and what has to be put back when it stops.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

SCHEMA = "greensdk.agent/1"
NAME = "agent.json"
MODE = 0o640

State = dict[str, Any]
"""
Keys: schema, greensdk, host_id, boot_id, started_at; settings (gid, rapl, coarsen_ms, powercap_root); form; maps (name
to path); links (names); restore (path, uid, gid, mode of each file that was opened); daemon (None, or pid, started,
every_s, tree).
"""


def read(root: str) -> State | None:
    """
    Return what the agent in `root` has written; None where there is nothing that could be its.

    Raises:
        PermissionError: We may not look.
    """
    try:
        with open(os.path.join(root, NAME), encoding="utf-8") as file:
            found = json.load(file)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("schema") == SCHEMA else None


def write(root: str, state: State, gid: int) -> None:
    """
    Write it for the group, so that nobody ever sees half of it.
    """
    path = os.path.join(root, NAME)
    half = f"{path}.new"
    fd = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(state, file, indent=2)
        os.fchown(fd, 0, gid)
        os.fchmod(fd, MODE)
    os.replace(half, path)


def remove(root: str) -> None:
    """
    Remove the files, and the directory if nothing of somebody else's is in it.
    """
    for name in (NAME, f"{NAME}.new"):
        with suppress(OSError):
            os.unlink(os.path.join(root, name))
    with suppress(OSError):
        os.rmdir(root)
