"""
What a record may hold, as a JSON Schema and as a checker of its own.

Both are made from :data:`greensdk.schema.fields.FIELDS`. The checker says the same as the JSON Schema, without a
library and many times faster, in words for a person. Keys that the table does not name are allowed: plugins
add some, and so do later versions of the same major number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from reprlib import Repr
from typing import Any, NamedTuple

from greensdk.schema import SCHEMA
from greensdk.schema.fields import FIELDS, FORMAT, MAJOR, TIME, Field

__all__ = ["FIELDS", "NEWER", "is_newer", "json_schema", "misshapen", "parts_of", "problems"]

NEWER = "written by a newer greensdk: pip install -U greensdk"

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (float, int),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
MOST_INTEGER = 2**63 - 1
"""What tables hold: SQL's BIGINT, and columns of 64 bits."""
_CONTAINERS = frozenset({dict, list})
_NUMBER = {"type": "number"}
_NULL = {"type": "null"}
_SAYS_WHY = {"required": ["reason"], "properties": {"reason": {"type": "string", "minLength": 1}}}

_short = Repr()
_short.maxstring = _short.maxother = 60


class _Node(NamedTuple):
    """
    One key, ready to be checked.

    Attributes:
        field: Its line in the table.
        good: Types that need no further look.
        numbers: Types that need no further look if they are not below `least`.
        least: The lowest number allowed.
        most: The highest.
        keys: Its own keys, where it is an object.
        required: Those of them that must be there.
        rest: What all further keys of it, or the items of a list, must be.
    """

    field: Field
    good: frozenset[type]
    numbers: frozenset[type]
    least: float
    most: float
    keys: dict[str, _Node]
    required: frozenset[str]
    rest: _Node | None


def is_newer(record: Any) -> bool:
    """
    Say whether `record` has a higher major version than this greensdk can read.
    """
    schema = record.get("schema") if isinstance(record, dict) else None
    name, _, major = schema.partition("/") if isinstance(schema, str) else ("", "", "")
    return name == FORMAT and major.isdecimal() and len(major) < 10 and int(major) > MAJOR


def problems(record: Any) -> list[str]:
    """
    Return everything that is wrong with `record`, each as ``key: what is wrong``; nothing for a good one.

    Example:
        >>> problems({"schema": "greensdk.record/9"})
        ['schema: written by a newer greensdk: pip install -U greensdk']
    """
    if is_newer(record):
        return [f"schema: {NEWER}"]
    if record.__class__ is not dict:
        return [f"record: expected object, found {_short.repr(record)}"]
    return [*_check(_tree(), record, ""), *_laws(record)]


def misshapen(record: dict[str, Any], names: frozenset[str]) -> list[str]:
    """
    Return which of some keys are missing or hold another type, in the words of :func:`problems`.
    """
    return list(_check(_tree(names), record, ""))


def _check(node: _Node, value: Any, path: str) -> Iterator[str]:
    """Yield what is wrong with an object or a list and everything in it."""
    if value.__class__ is list:
        value, keys = dict(enumerate(value)), {}
    else:
        keys = node.keys
        if not value.keys() >= node.required:
            yield from (f"{_join(path, key)}: is missing" for key in sorted(node.required - value.keys()))
    find, rest = keys.get, node.rest
    for key, item in value.items():
        child = find(key, rest)
        if (
            child is None
            or (kind := item.__class__) in child.good
            or (kind in child.numbers and child.least <= item <= child.most)
        ):
            continue
        if wrong := _wrong(child.field, item):
            yield f"{_join(path, key)}: {wrong}"
        elif (child.keys or child.rest) and kind in _CONTAINERS:
            yield from _check(child, item, _join(path, key))


def _join(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _wrong(field: Field, value: Any) -> str:
    """Return what is wrong with one value itself; empty when nothing is."""
    kind = value.__class__
    if not any(kind in _TYPES[name] for name in field.types) and not _is_whole(field, value):
        return f"expected {' or '.join(field.types)}, found {_short.repr(value)}"
    if kind is str:
        if field.enum and value not in field.enum:
            return f"expected one of {', '.join(field.enum)}, found {_short.repr(value)}"
        if field.pattern and not _regex(field.pattern)(value):
            what = "2026-01-31T12:00:00Z" if field.pattern == TIME else SCHEMA
            return f"expected something like {what}, found {_short.repr(value)}"
    if kind in _TYPES["number"]:
        if field.least is not None and value < field.least:
            return f"expected at least {field.least:g}, found {_short.repr(value)}"
        if "integer" in field.types and not -MOST_INTEGER <= value <= MOST_INTEGER:
            return f"expected an integer of 64 bits, found {_short.repr(value)}"
    return ""


def _is_whole(field: Field, value: Any) -> bool:
    # JSON Schema takes 3.0 for an integer: validation vocabulary, section 6.1.1.
    return "integer" in field.types and value.__class__ is float and value.is_integer()


@cache
def _regex(pattern: str) -> Callable[[str], Any]:
    return re.compile(pattern).search


def _laws(record: dict[str, Any]) -> Iterator[str]:
    """Yield what contradicts itself: a missing number without a reason, a number without a source."""
    if record.get("energy_j", 0) is None and not _has_reason(record):
        yield "reason: energy_j is null and nothing says why"
    if record.get("energy_j").__class__ in _TYPES["number"]:
        for key in ("energy_source", "energy_quality", "energy_boundary"):
            if record.get(key, "") is None:
                yield f"{key}: is null although energy_j is a number"
    readings = record.get("readings")
    for place, each in enumerate(readings if readings.__class__ is list else ()):
        if each.__class__ is dict and not _has_reason(each):
            missing = next((key for key in ("energy_j", "call_j") if each.get(key, 0) is None), None)
            if missing:
                yield f"readings[{place}].reason: {missing} is null and nothing says why"


def _has_reason(said: dict[str, Any]) -> bool:
    reason = said.get("reason", "a missing key is said elsewhere")
    return reason.__class__ is str and reason != ""


@cache
def _tree(names: frozenset[str] = frozenset(FIELDS)) -> _Node:
    """Make the tree of keys that :func:`problems` walks; of fewer keys, one that looks at their types alone."""
    return _node(Field(("object",), "", "One call."), "", names)


def _node(field: Field, path: str, names: frozenset[str]) -> _Node:
    keys, rest = parts_of(path)
    if len(names) < len(FIELDS):
        keys = {key: full for key, full in keys.items() if full in names}
        rest = rest if rest in names else ""
        field = field._replace(enum=(), pattern="", least=None)
    nodes = {key: _node(FIELDS[full], full, names) for key, full in keys.items()}
    below = _node(FIELDS[rest], rest, names) if rest else None
    numbers = {kind for name in field.types if name in ("number", "integer") for kind in _TYPES[name]}
    closer_look = bool(field.enum or field.pattern or nodes or below)
    good = {kind for name in field.types if name == "null" or not closer_look for kind in _TYPES[name]}
    most = MOST_INTEGER if "integer" in field.types else float("inf")
    return _Node(
        field,
        frozenset(good if field.least is None and most == float("inf") else good - numbers),
        frozenset(numbers),
        -most if field.least is None else field.least,
        most,
        nodes,
        frozenset(key for key, full in keys.items() if FIELDS[full].required),
        below,
    )


def parts_of(path: str) -> tuple[dict[str, str], str]:
    """
    Return the keys of the object at `path` with their dotted names, and the name of what its other keys, or the
    items of the list, must be.
    """
    prefix = f"{path}." if path else ""
    names = [name for name in FIELDS if name.startswith(prefix) and not set(name[len(prefix) :]) & set(".[")]
    keys = {name[len(prefix) :]: name for name in names if not name.endswith("*")}
    return keys, next((name for name in (f"{prefix}*", f"{path}[]") if name in FIELDS), "")


def json_schema() -> dict[str, Any]:
    """
    Return the JSON Schema (draft 2020-12) of a record.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": SCHEMA,
        "description": "One measured call: one line of a greensdk log.",
        **_object("", "object"),
        "allOf": [
            _when("energy_j", _NULL, _SAYS_WHY),
            _when("energy_j", _NUMBER, {"properties": {key: {"not": _NULL} for key in _SOURCES}}),
        ],
    }


_SOURCES = ("energy_source", "energy_quality", "energy_boundary")


def _when(key: str, what: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"required": [key], "properties": {key: what}}, "then": then}


def _object(path: str, *types: str) -> dict[str, Any]:
    keys, rest = parts_of(path)
    made: dict[str, Any] = {"type": types[0] if len(types) == 1 else list(types)}
    if keys:
        made["properties"] = {key: _value(full) for key, full in keys.items()}
    if required := [key for key, full in keys.items() if FIELDS[full].required]:
        made["required"] = required
    if rest:
        made["items" if rest.endswith("[]") else "additionalProperties"] = _value(rest)
    if path == "readings[]":
        made["allOf"] = [_when("energy_j", _NULL, _SAYS_WHY), _when("call_j", _NULL, _SAYS_WHY)]
    return made


def _value(name: str) -> dict[str, Any]:
    field = FIELDS[name]
    made = _object(name, *field.types)
    made["description"] = f"{field.text} [{field.unit}]" if field.unit else field.text
    if field.enum:
        made["enum"] = [*field.enum, *([None] if "null" in field.types else [])]
    if field.pattern:
        made["pattern"] = field.pattern
    if field.least is not None:
        made["minimum"] = field.least
    if "integer" in field.types:
        made |= {"minimum": -MOST_INTEGER, "maximum": MOST_INTEGER} | made
    return made
