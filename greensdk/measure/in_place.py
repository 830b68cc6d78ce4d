"""
Whose a function is that is to be measured: a library's, where it is measured where it stands
(``pool.submit(energy_tracked(textwrap.dedent), text)``), or a decorator's, which has registered it.

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


def is_registered(fn: Any) -> bool:
    """
    Say whether the decorator below has kept a function and given it back as it is, as routes of FastAPI and Flask and
    commands of Typer do: they will run it, and not what stands for it under its name.

    While a function is being defined it has no name, and nothing has it but the calls of its decorators.
    """
    if not isinstance(fn, FunctionType) or fn.__name__ == "<lambda>" or not hasattr(sys, "getrefcount"):
        return False
    frame, ours = sys._getframe(1), 2  # here, and in the call of getrefcount()
    while frame.f_globals.get("__name__", "").startswith("greensdk.") and frame.f_back is not None:
        frame, ours = frame.f_back, ours + 1
    if sys.getrefcount(fn) <= ours or all(each is not fn.__code__ for each in frame.f_code.co_consts):
        return False
    return all(each is not fn for each in tuple(frame.f_locals.values()))


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
