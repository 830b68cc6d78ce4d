"""
Records to lines: one JSON object, one line, whatever a label or an error text holds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

_dumps: Callable[[Any], bytes] | None = None


def encode(record: Mapping[str, Any]) -> bytes:
    """
    Return `record` as one line of strict JSON in UTF-8, newline included.

    NaN and infinities become null, lone surrogates become ``?``, and what JSON has no form for becomes its ``str()``.
    """
    try:
        return (_dumps or _choose())(record)
    except (TypeError, ValueError, OverflowError):
        return json.dumps(_clean(record), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _choose() -> Callable[[Any], bytes]:
    """
    Pick orjson where it is installed (it is three times faster), json otherwise, once per process.
    """
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


def _clean(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return str(value).encode("utf-8", "replace").decode()
