"""
What stands in a record, as the columns of a table: nested for SQL, flat for a CSV file.

Both follow from :data:`greensdk.schema.fields.FIELDS` alone. Nothing is guessed from the records themselves, so that
two logs always have the same columns of the same types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from greensdk.schema.check import parts_of
from greensdk.schema.fields import FIELDS, TIME

_TYPES = {"string": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN"}

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How formulas begin, also in the wide forms that some spreadsheets take for these signs."""

EXTRA = "extra"
"""The column of a flat table that holds, as JSON, what no other column is made for."""


def sql_columns() -> dict[str, str]:
    """
    Return name and DuckDB type of each column of ``records``.

    Objects with known keys are structs, objects with any keys of one type are maps, the other objects are JSON.
    """
    keys, _ = parts_of("")
    return {key: _sql_type(full) for key, full in keys.items()}


def _sql_type(path: str) -> str:
    field = FIELDS[path]
    keys, rest = parts_of(path)
    if field.pattern == TIME:
        return "TIMESTAMP"
    if "array" in field.types:
        return f"{_sql_type(rest)}[]" if rest else "JSON"
    if "object" not in field.types:
        return next(_TYPES[name] for name in field.types if name != "null")
    if keys:
        return f"STRUCT({', '.join(f'{quoted(key)} {_sql_type(full)}' for key, full in keys.items())})"
    return f"MAP(VARCHAR, {_sql_type(rest)})" if rest else "JSON"


def quoted(name: str) -> str:
    """
    Return an SQL identifier.
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """
    Return an SQL string.
    """
    return "'" + text.replace("'", "''") + "'"


def harmless(value: Any) -> Any:
    """
    Return a cell of CSV; a text that a spreadsheet would run as a formula begins with an apostrophe.

    See https://owasp.org/www-community/attacks/CSV_Injection.

    Example:
        >>> harmless("=cmd|' /C calc'!A0"), harmless("f"), harmless(-1.0)
        ("'=cmd|' /C calc'!A0", 'f', -1.0)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


@cache
def flat_columns() -> tuple[str, ...]:
    """
    Return the dotted names of a flat table's columns, ``extra`` behind them.
    """
    return (*_leaves(""), EXTRA)


def _leaves(path: str) -> Iterator[str]:
    for full in parts_of(path)[0].values():
        below = parts_of(full)[0]
        if below and "object" in FIELDS[full].types:
            yield from _leaves(full)
        else:
            yield full


def flat_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a record's values by dotted name; what is null or missing is left out.

    Lists, and objects whose keys are free (``tags``, ``errors``), stay as they are. Keys that the schema does not
    name are together in ``extra``.

    Example:
        >>> flat_row({"duration_s": 2.0, "host": {"os": "linux", "rack": 7}, "label": None})
        {'duration_s': 2.0, 'host.os': 'linux', 'extra': {'host.rack': 7}}
    """
    row: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    _flatten(record, "", row, extra)
    return {**row, EXTRA: extra} if extra else row


def _flatten(values: Mapping[str, Any], prefix: str, row: dict[str, Any], extra: dict[str, Any]) -> None:
    names = _names()
    for key, value in values.items():
        path = f"{prefix}{key}"
        leaf = names.get(path)
        if value is None:
            continue
        if leaf:
            row[path] = value
        elif leaf is False and isinstance(value, Mapping):
            _flatten(value, f"{path}.", row, extra)
        else:
            extra[path] = value


@cache
def _names() -> dict[str, bool]:
    """Return the dotted name of each column, and of each object above one, and whether it is a column."""
    leaves = flat_columns()[:-1]
    above = {name[:place] for name in leaves for place, letter in enumerate(name) if letter == "."}
    return {**dict.fromkeys(above, False), **dict.fromkeys(leaves, True)}


def cells(text: str) -> list[str]:
    """
    Return the cells of a row of CSV; none where it is no row.
    """
    import csv

    try:
        return next(csv.reader([text]), [])
    except csv.Error:
        return []
