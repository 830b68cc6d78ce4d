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
HALF = "agent.json.new"
MODE = 0o640

State = dict[str, Any]
"""Its keys are in README.md."""


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


def write(root: str, state: State) -> None:
    """
    Write it for the group, so that a reader never sees half of it.
    """
    half = os.path.join(root, HALF)
    fd = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(state, file, indent=2)
        os.fchown(fd, 0, state["settings"]["gid"])
        os.fchmod(fd, MODE)
    os.replace(half, os.path.join(root, NAME))


def remove(root: str) -> None:
    """
    Remove it.
    """
    for name in (NAME, HALF):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(root, name))
