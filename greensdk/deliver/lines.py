"""
Records to lines: one JSON object, one line, whatever a label or an error text holds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

DEEPEST = 100
"""How far objects may nest in a record; what is deeper, or holds itself, ends in ``...``."""

_dumps: Callable[[Any], bytes] | None = None


def encode(record: Mapping[str, Any]) -> bytes:
    """
    Return `record` as one line of strict JSON in UTF-8, newline included.

    NaN and infinities become null, lone surrogates become ``?``, whole numbers of more than 64 bits become
    floats, numbers of other libraries (numpy, Decimal, Fraction) plain ones, and what JSON has no form for becomes its
    ``str()``.
    """
    try:
        return (_dumps or _choose())(record)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return json.dumps(_clean(record), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _choose() -> Callable[[Any], bytes]:
    """Pick orjson where it is installed (it is three times faster), json otherwise, once per process."""
    global _dumps
    try:
        import orjson
    except ImportError:
        _dumps = _stdlib
    else:
        dumps, newline = orjson.dumps, orjson.OPT_APPEND_NEWLINE
        _dumps = lambda record: dumps(record, None, newline)  # noqa: E731 - one frame less on every call
    return _dumps


def _stdlib(record: Any) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _clean(value: Any, level: int = 0) -> Any:
    if value is None:
        return None
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping | list | tuple) and level == DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {_text(key): _clean(item, level + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item, level + 1) for item in value]
    return _text(value) if isinstance(value, str | bytes) else _foreign(value, level)


def _foreign(value: Any, level: int) -> Any:
    """Return a number or an array of another library as JSON has it, anything else as text."""
    try:
        if hasattr(value, "tolist") and level < DEEPEST:  # numpy, and what behaves like it
            return _clean(value.tolist(), level + 1)
        if hasattr(value, "__float__"):
            return _number(int(value) if hasattr(value, "__index__") else float(value))
    except ValueError:  # a signalling NaN
        return None
    except Exception:  # a plugin's own class
        return _text(value)
    return _text(value)


def _number(value: float) -> float | None:
    # No reader is bound to take more than 64 bits, and Python itself refuses to write out more than 4300 digits.
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    with suppress(OverflowError):
        return float(value) if math.isfinite(value) else None
    return None


def _text(value: Any) -> str:
    try:
        text = str(value)
    except Exception:  # a plugin's own class; its name is better than no line
        text = f"<{type(value).__name__}>"
    return text.encode("utf-8", "replace").decode()
