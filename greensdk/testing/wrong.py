"""
What plugins do wrong: one of each kind of exception, and of each kind of garbage.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


class Wordless(Exception):
    """
    An error whose text can't be read.
    """

    def __str__(self) -> str:
        raise ValueError("no words")


ERRORS: tuple[BaseException, ...] = (
    OSError(5, "Input/output error"),
    KeyError("x"),
    StopIteration(),
    MemoryError(),
    RecursionError(),
    Wordless(),
    SystemExit("the plugin leaves"),
    KeyboardInterrupt(),
    GeneratorExit(),
)
"""One of each kind that Python handles in a way of its own."""

GARBAGE: Mapping[str, Any] = {
    "None": None,
    "a bool": True,
    "zero": 0,
    "a negative number": -1.5,
    "more than 64 bits": 2**70,
    "more than a float": 10**400,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "a Decimal": Decimal("1.5"),
    "a text": "x",
    "half a surrogate pair": "\ud800",
    "bytes": b"x",
    "an empty list": [],
    "a list of None": [None],
    "an empty dict": {},
    "a set": {1},
    "an object": object(),
    "a class": dict,
}
"""What stands where something else belongs."""


def fork() -> None:
    """
    Fork a child that ends at once.
    """
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
