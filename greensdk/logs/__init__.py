"""
Records read back: :func:`read` them, :func:`check` them, flatten them with :func:`worker_func`.

A worker imports ``greensdk.logs.worker_func``, so nothing here may cost much to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greensdk.logs.read import read

if TYPE_CHECKING:
    from greensdk.logs.validate import Problem, check, verdicts
    from greensdk.logs.worker_func import worker_func

__all__ = ["Problem", "check", "read", "verdicts", "worker_func"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{name if name == 'worker_func' else 'validate'}")
    # The import has put the module of the same name in the function's place.
    value = globals()[name] = getattr(module, name)
    return value
