"""
What a workload is, and which there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

HOMES = {
    "pi": "pi",
    "mandelbrot": "mandelbrot",
    "sentiment": "sentiment",
    "stock": "stock",
    "words": "words",
    "sleep": "simple",
    "prime": "simple",
    "costly": "simple",
    "memory": "simple",
    "titanic": "titanic",
    "ml": "ml",
    "video": "video",
}
NAMES = tuple(HOMES)
"""All workloads, the light ones first; titanic, ml and video need ``pip install "greensdk[workloads]"``."""


class Mapper(Protocol):
    """
    How the calls of one stage are made: one after the other here, or in parallel elsewhere.
    """

    def __call__(
        self, fn: Callable[..., Any], items: Sequence[tuple[Any, ...]], stage: str, after: Sequence[str] = ()
    ) -> list[Any]:
        """
        Return ``fn(*item)`` for each of `items`, in their order.

        Args:
            fn: A function at the top of a module.
            items: The arguments of each call.
            stage: What the calls do, for the records.
            after: The stages whose results are in `items`.
        """


class Workload(NamedTuple):
    """
    Something to compute, in stages, with a check of its result.

    Attributes:
        name: Under which people ask for it.
        about: One sentence.
        unit: What its work is counted in.
        amount: How many units there are at a scale.
        run: Does it all: (mapper, workers, scale) to the result. Scale 1 is the size of the thesis.
        check: What is wrong with the result at a scale; empty when it is right.
        needs: Libraries that are not greensdk's own.
    """

    name: str
    about: str
    unit: str
    amount: Callable[[float], float]
    run: Callable[[Mapper, int, float], Any]
    check: Callable[[Any, float], str]
    needs: tuple[str, ...] = ()


def load(name: str) -> Workload:
    """
    Return the workload called `name`.

    Raises:
        KeyError: There is none.
        ImportError: It needs a library that is not here.
    """
    module = import_module(f"greensdk_workloads.{HOMES[name]}")
    found: Workload = getattr(module, name.upper())
    return found


def split(total: int, parts: int) -> list[int]:
    """
    Return `parts` whole numbers that sum to `total` and differ by at most one.

    Raises:
        ValueError: `total` is negative or `parts` below one.

    Example:
        >>> split(10, 4)
        [3, 3, 2, 2]
    """
    if total < 0 or parts < 1:
        raise ValueError(f"can't split {total} into {parts} parts")
    share, rest = divmod(total, parts)
    return [share + (part < rest) for part in range(parts)]


def spans(total: int, parts: int) -> list[tuple[int, int]]:
    """
    Return `parts` neighbouring (first, behind the last) that make up ``range(total)``.

    Example:
        >>> spans(10, 4)
        [(0, 3), (3, 6), (6, 8), (8, 10)]
    """
    found, first = [], 0
    for size in split(total, parts):
        found.append((first, first + size))
        first += size
    return found
