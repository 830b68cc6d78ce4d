"""
Functions of a library that are measured where they stand: ``pool.submit(energy_tracked(textwrap.dedent), text)``.

A function is pickled as its name, and under that name the library has its own one. So what stands for such a function
is an object, which is pickled as that function with what is asked of its measuring.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType, MethodType
from typing import Any

from greensdk.configure.spec import Spec


def found(module: str, qualname: str) -> Any:
    """
    Return what an importable module has under a name; None where it has nothing.
    """
    place: Any = None if module == "__main__" else sys.modules.get(module)
    for name in qualname.split("."):
        place = getattr(place, name, None)
    return place


def is_in_place(fn: Any) -> bool:
    """
    Say whether `fn` is a plain function that its module has already, and not one that is being defined.
    """
    return isinstance(fn, FunctionType) and found(fn.__module__, fn.__qualname__) is fn


class InPlace:
    """
    A measured function that is pickled by the name of the one in it.

    Args:
        function: The measured function.
        fn: The function itself.
        again: Returns another one of these from `fn` and `spec`, in another process.
        spec: What was asked of its measuring.
    """

    def __init__(
        self, function: Callable[..., Any], fn: Callable[..., Any], again: Callable[..., Any], spec: Spec
    ) -> None:
        update_wrapper(self, fn)
        self.function = function
        self._again = again
        self._spec = spec

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Run it.
        """
        return self.function(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        fn: Any = self.__wrapped__  # type: ignore[attr-defined]
        if found(fn.__module__, fn.__qualname__) is self:  # it has been put into the place of the function
            return fn.__qualname__
        return self._again, (fn, self._spec)
