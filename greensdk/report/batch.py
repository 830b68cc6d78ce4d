"""
Some records at a time as columns of Python's objects, for what is done to all of them in one call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import astuple


def columns_of(structs: Sequence[Any]) -> dict[str, tuple[Any, ...]]:
    """
    Return the values of each field of some structs of one class; nothing of none.

    Example:
        >>> columns_of([msgspec.defstruct("Call", ["cpu_s"])(0.5)])
        {'cpu_s': (0.5,)}
    """
    names = structs[0].__struct_fields__ if structs else ()
    return dict(zip(names, zip(*map(astuple, structs), strict=True), strict=True))


class Growing:
    """
    Columns of numbers as they grow.

    Args:
        kinds: The type of each.
    """

    def __init__(self, kinds: Mapping[str, Any]) -> None:
        self._kinds = kinds
        self._values: list[list[Any]] = [[np.empty(0, kind)] for kind in kinds.values()]

    def take(self, values: Mapping[str, Sequence[float | None]]) -> None:
        """
        Add some numbers to each column, NaN for null. What has another name is left out.
        """
        for column, (name, kind) in zip(self._values, self._kinds.items(), strict=True):
            column.append(np.fromiter(values[name], kind, len(values[name])))

    def columns(self) -> dict[str, Any]:
        """
        Return all of them.
        """
        return dict(zip(self._kinds, map(np.concatenate, self._values), strict=True))


def places() -> defaultdict[Any, int]:
    """
    Return an empty table: whatever is looked up in it for the first time gets the next place.

    Example:
        >>> table = places()
        >>> table["a"], table["b"], table["a"]
        (0, 1, 0)
    """
    table: defaultdict[Any, int] = defaultdict()
    table.default_factory = table.__len__
    return table


def some(values: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """
    Yield the values that are not null, with their places.
    """
    return ((place, value) for place, value in enumerate(values) if value is not None)
