"""
Lithops' entry point in an image: a new sandbox has a whole CPU while it imports this, and a share of one later.
"""

from __future__ import annotations

from greensdk_lithops.warm import up

up()

from entry_point import lambda_handler  # type: ignore[import-not-found]  # noqa: E402

__all__ = ["lambda_handler"]
