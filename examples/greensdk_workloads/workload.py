"""
The interface of a workload, and the list of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

MODULES = {
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
NAMES = tuple(MODULES)
"""All workloads, the lightest first; titanic, ml and video need ``pip install "greensdk[workloads]"``."""


class Mapper(Protocol):
    """
    Makes the calls of one stage: one after the other in this process, or in parallel elsewhere.
    """

    def __call__(
        self, fn: Callable[..., Any], items: Sequence[tuple[Any, ...]], stage: str, after: Sequence[str] = ()
    ) -> list[Any]:
        """
        Return ``fn(*item)`` for each of `items`, in their order.

        Args:
            fn: A module-level function.
            items: The arguments of each call.
            stage: Name of the stage, for the records.
            after: The stages whose results are in `items`.
        """


class Workload(NamedTuple):
    """
    A computation in stages whose result can be checked.

    Attributes:
        name: Name for ``load`` and the command line.
        about: Description in one line.
        unit: Unit of work, in the singular.
        amount: Units of work at a scale.
        run: Computes the result from (mapper, workers, scale); scale 1 is the full size.
        check: The error in the result at a scale; empty if it is correct.
        needs: Libraries beyond greensdk's own dependencies.
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
        KeyError: There is no such workload.
        ImportError: It needs a library that is not installed.
    """
    module = import_module(f"greensdk_workloads.{MODULES[name]}")
    workload: Workload = getattr(module, name.upper())
    return workload


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
    share, remainder = divmod(total, parts)
    return [share + (part < remainder) for part in range(parts)]


def spans(total: int, parts: int) -> list[tuple[int, int]]:
    """
    Return `parts` adjacent (start, stop) that together cover ``range(total)``.

    Example:
        >>> spans(10, 4)
        [(0, 3), (3, 6), (6, 8), (8, 10)]
    """
    parts_of_range, start = [], 0
    for size in split(total, parts):
        parts_of_range.append((start, start + size))
        start += size
    return parts_of_range
