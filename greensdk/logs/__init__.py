"""
Records read back: :func:`read` them, :func:`check` them, flatten them with :func:`worker_func`.

A worker imports ``greensdk.logs.worker_func``, so nothing here may cost much to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# At once, not when asked for: a module that is imported later would take the place of the function of its name.
from greensdk.logs.read import Problem, read
from greensdk.logs.worker_func import worker_func

if TYPE_CHECKING:
    from greensdk.logs.validate import check, verdicts

__all__ = ["Problem", "check", "read", "verdicts", "worker_func"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from greensdk.logs import validate

    return getattr(validate, name)
