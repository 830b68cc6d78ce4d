"""
Targets: how one process names a class or function to another, as ``module:attribute``.
"""

from __future__ import annotations

from typing import Any


def load(target: str) -> Any:
    """
    Import ``module:attribute``.

    Raises:
        ImportError: There is no such module, or it has no such attribute.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(__import__(module, fromlist=[attribute]), attribute)
    except AttributeError as error:
        raise ImportError(f"{module} has no {attribute!r}") from error
