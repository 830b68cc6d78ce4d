"""
A quick look at lines: one that passes is a good record; one that does not is looked at again, in words.

msgspec checks types while it reads a line, ten times faster than :mod:`greensdk.schema.check` does afterwards. Its
types are made from the same table. It may turn a good line down, never let a bad one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Union

import msgspec

from greensdk.schema.check import MOST_INTEGER, parts_of
from greensdk.schema.fields import FIELDS, Field

SURROGATE = b"\\ud"
"""Half of a surrogate pair perhaps, which no text may hold alone."""

_PLAIN: dict[str, Any] = {"string": str, "boolean": bool, "null": None, "array": list[Any], "object": dict[str, Any]}


def quick_look() -> Callable[[bytes], bool]:
    """
    Return a function that says whether a line is certainly good.
    """
    decode = msgspec.json.Decoder(_struct("", "Record")).decode

    def is_good(line: bytes) -> bool:
        if SURROGATE in line:
            return False
        try:
            record = decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        return _is_lawful(record)

    return is_good


def _is_lawful(record: Any) -> bool:
    """Say whether a missing number has a reason, and a number a source."""
    if record.energy_j is None:
        if not record.reason:
            return False
    elif record.energy_source is None or record.energy_quality is None or record.energy_boundary is None:
        return False
    return all(each.reason or (each.energy_j is not None and each.call_j is not None) for each in record.readings)


def _struct(path: str, name: str) -> Any:
    """
    Return the class of the object at `path`. A line with further keys gets the longer look: msgspec would pass over
    them, and over what is no JSON in them.
    """
    keys, _ = parts_of(path)
    fields: list[Any] = []
    for key, full in keys.items():
        kind = _kind(full, FIELDS[full])
        optional = (key, Union[kind, msgspec.UnsetType], msgspec.UNSET)  # noqa: UP007 - made at run time
        fields.append((key, kind) if FIELDS[full].required else optional)
    return msgspec.defstruct(name, fields, kw_only=True, gc=False, forbid_unknown_fields=True)


def _kind(path: str, field: Field) -> Any:
    keys, rest = parts_of(path)
    kinds: list[Any] = []
    for name in field.types:
        if name == "object" and keys:
            kinds.append(_struct(path, path.title()))
        elif name == "object" and rest:
            kinds.append(dict[str, _kind(rest, FIELDS[rest])])  # type: ignore[misc]
        elif name == "array" and rest:
            kinds.append(list[_kind(rest, FIELDS[rest])])  # type: ignore[misc]
        elif name == "string" and (field.enum or field.pattern):
            kinds.append(_text(field))
        else:
            kinds.append(_number(name, field) if name in {"number", "integer"} else _PLAIN[name])
    return Union[tuple(kinds)]  # noqa: UP007 - made at run time


def _text(field: Field) -> Any:
    if field.enum:
        return Literal[field.enum]
    return Annotated[str, msgspec.Meta(pattern=field.pattern)]


def _number(name: str, field: Field) -> Any:
    if name == "integer":
        least = -MOST_INTEGER if field.least is None else int(field.least)
        return Annotated[int, msgspec.Meta(ge=least, le=MOST_INTEGER)]
    return float if field.least is None else Annotated[float, msgspec.Meta(ge=field.least)]
