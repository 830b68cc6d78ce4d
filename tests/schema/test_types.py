"""
The types of a record, the table of its fields and the keys that a call fills: all three say the same.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from greensdk.measure.record import blank
from greensdk.monitor import Reading
from greensdk.schema import KEYS, types
from greensdk.schema.check import parts_of
from greensdk.schema.fields import FIELDS, STATUSES

KINDS = {str: "string", float: "number", int: "integer", bool: "boolean", NoneType: "null", list: "array"}
LATER = {"previous_digest", "model_id", "common_factor_low", "common_factor_high"}
"""Keys that are added to a line, or to the records that rest on a model."""

CLASSES = {
    "": types.Record,
    "readings[]": Reading,
    "resources": types.Resources,
    "samples": types.Samples,
    "samples.cpu_percent": types.Statistics,
    "samples.power_w.*": types.Statistics,
    "samples.processes[]": types.SampledProcess,
    "host": types.Host,
    "process": types.Process,
    "worker": types.Worker,
    "cost": types.Cost,
    "carbon": types.Carbon,
    "phases": types.Phases,
    "gpu_sync": types.GpuSync,
}


def kinds(hint: Any) -> set[str]:
    """
    Return JSON Schema's names of what a type hint allows.
    """
    if get_origin(hint) in (Union, UnionType):
        return set().union(*map(kinds, get_args(hint)))
    if get_origin(hint) is NotRequired:
        return kinds(*get_args(hint))
    if get_origin(hint) is Literal:
        return {"string"}
    return {KINDS.get(get_origin(hint) or hint, "object")}


@pytest.mark.parametrize("path", CLASSES)
def test_a_type_has_the_keys_of_the_table_and_their_types(path):
    """
    So that a mistyped key fails in a type checker, and a new one can't be forgotten.
    """
    hints = get_type_hints(CLASSES[path], include_extras=True)
    keys, _ = parts_of(path)

    assert {key: set(FIELDS[full].types) for key, full in keys.items()} == {key: kinds(hints[key]) for key in hints}


def test_every_object_of_the_table_has_a_type():
    """
    But for those whose keys are names: errors, plugins, domains and the like.
    """
    objects = {name.rpartition(".")[0] for name in FIELDS if not name.endswith(("*", "[]"))}
    same = {f"samples.{name}" for name in ("rss_bytes", "io_read_bytes_per_s", "io_write_bytes_per_s")}

    assert CLASSES.keys() == objects - same
    assert all(each is Reading or is_typeddict(each) for each in CLASSES.values())


def test_a_call_has_every_key_of_the_table():
    """
    In the table's order, which is that of the line.
    """
    top = [name for name in FIELDS if not set(name) & set(".[") and name not in LATER]

    assert list(KEYS) == top == list(blank())


def test_the_statuses_are_the_same():
    """
    In the table and in the type.
    """
    assert set(STATUSES) == set(get_args(types.Status))
