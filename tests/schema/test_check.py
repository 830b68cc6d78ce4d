"""
The table of fields, the JSON Schema and the checker: three ways to say one thing.
"""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greensdk import energy_tracked, track
from greensdk.deliver.lines import encode
from greensdk.deliver.sinks import memory
from greensdk.machine.resources import RESOURCE_FIELDS
from greensdk.schema import SCHEMA
from greensdk.schema.check import FIELDS, json_schema, misshapen, problems

READING = {
    "monitor": "rapl",
    "scope": "machine",
    "quality": "measured",
    "boundary": "package",
    "energy_j": 2.0,
    "call_j": 1.0,
    "low_j": 0.9,
    "high_j": 1.1,
    "domains": {"package-0": 2.0, "dram-0": None},
    "meter_id": "host:rapl",
    "reason": None,
    "attributes": {"start_uj": {"package-0": 1}, "stop_uj": {"package-0": 2}},
}
RECORD = {
    "schema": SCHEMA,
    "record_id": "0" * 32,
    "parent_id": None,
    "depth": 0,
    "function": "job.work",
    "label": None,
    "tags": {"run": "a"},
    "status": "ok",
    "error_type": None,
    "started_at": "2026-01-31T12:00:00.000001Z",
    "duration_s": 1.5,
    "cpu_s": 1.0,
    "energy_j": 1.0,
    "energy_low_j": 0.9,
    "energy_high_j": 1.1,
    "energy_source": "rapl",
    "energy_quality": "attributed",
    "energy_boundary": "package",
    "energy_self_j": 1.0,
    "reason": None,
    "readings": [READING, {**READING, "monitor": "other", "energy_j": None, "call_j": None, "reason": "no such meter"}],
    "resources": {"cpu_percent_per_core": [1.0, None], "threads": 1, "cpu_user_s": 1},
    "host": {"os": "linux", "virtualised": True, "cpus_logical": 2},
    "worker": {"call_id": "00001", "cold_start": None},
    "errors": {"other": "start: OSError"},
    "overhead_s": 1e-5,
    "greensdk": "0.1.0",
}

UNITS = {"", "1", "J", "s", "W", "B", "MB", "B/s", "MHz", "degC", "USD", "GB s", "g", "g/kWh", "%"}

VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def full_record():
    """
    Return a record of this machine with everything in it, as it comes out of a file.
    """
    with track("all", resources="full", sink="memory:") as call:
        sum(range(200_000))
    return json.loads(encode(call.record))


def test_the_json_schema_is_one():
    """
    Against the meta-schema of draft 2020-12.
    """
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert "https://json-schema.org/draft/2020-12/schema" == json_schema()["$schema"]


def test_a_good_record_is_good_both_ways():
    """
    The record that all the mutations below begin with.
    """
    assert [] == problems(RECORD)
    assert [] == list(VALIDATOR.iter_errors(RECORD))


@pytest.mark.parametrize("resources", ["none", "light", "full"])
@pytest.mark.parametrize("monitors", ["auto", "all", [], ["rapl"]])
def test_what_the_core_writes_is_good(resources, monitors):
    """
    With every level of detail, with monitors and without, after success and after failure.
    """

    @energy_tracked(resources=resources, monitors=monitors, sink="memory:")
    def fail():
        raise ValueError

    with track("x", resources=resources, monitors=monitors, sink="memory:") as call, pytest.raises(ValueError):
        fail()
    for record in [call.record, *memory]:
        line = json.loads(encode(record))
        assert [] == problems(line)
        assert [] == list(VALIDATOR.iter_errors(line))


def test_every_key_that_the_core_writes_is_in_the_table():
    """
    Nothing undocumented; ``*`` documents keys without a name, and attributes and tags are their writers' own.
    """
    free = ("readings[].attributes.", "tags.", "cost.", "carbon.")
    names = {name for name, _ in walk(full_record()) if not name.startswith(free)}
    assert set() == {name for name in names if name not in FIELDS and name.rpartition(".")[0] + ".*" not in FIELDS}


def walk(value, path=""):
    """
    Yield (dotted name, value) of everything in a record.
    """
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in items:
        name = f"{path}[]" if key is None else f"{path}.{key}" if path else key
        yield name, item
        if isinstance(item, dict | list):
            yield from walk(item, name)


def test_fifty_documented_fields_hold_something_on_a_plain_machine():
    """
    Named leaves of the table that are not null; ``pytest -rP`` lists the null ones.
    """
    found = {name for name, value in walk(full_record()) if value is not None and name in FIELDS}
    documented = [name for name in FIELDS if not name.endswith(("*", "[]"))]
    print("null here:", ", ".join(name for name in documented if name not in found and "worker." not in name))
    assert len(documented) >= 50
    assert len(found & set(documented)) >= 50


def test_every_field_says_what_it_is():
    """
    One sentence, known types and a known unit; numbers have a unit and nothing else does.
    """
    for name, field in FIELDS.items():
        assert field.text.endswith("."), name
        assert set(field.types) <= {"string", "number", "integer", "boolean", "object", "array", "null"}, name
        assert field.unit in UNITS, name
        if {"number", "integer"} & set(field.types):
            assert field.unit, name


@pytest.mark.parametrize(
    ("suffix", "unit"),
    [("gb_s", "GB s"), ("_usd", "USD"), ("_j", "J"), ("_s", "s"), ("_w", "W"), ("_bytes", "B"), ("_mhz", "MHz")],
)
def test_a_key_that_ends_in_a_unit_has_it(suffix, unit):
    """
    Units are in the names.
    """
    named = {name: field.unit for name, field in FIELDS.items() if name.endswith(suffix)}
    if suffix == "_s":
        named = {name: unit for name, unit in named.items() if not name.endswith(("gb_s", "_per_s"))}
    assert named
    assert {unit} == set(named.values())


def test_the_resource_probe_and_the_table_agree():
    """
    What :mod:`greensdk.machine.resources` measures is documented with its own words.
    """
    for name, (unit, text) in RESOURCE_FIELDS.items():
        assert (unit, text) == (FIELDS[f"resources.{name}"].unit, FIELDS[f"resources.{name}"].text)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"energy_j": "1"}, "energy_j: expected number or null, found '1'"),
        ({"energy_j": True}, "energy_j: expected number or null, found True"),
        ({"energy_j": -1.0}, "energy_j: expected at least 0, found -1.0"),
        ({"depth": 1.5}, "depth: expected integer, found 1.5"),
        ({"status": "fine"}, "status: expected one of ok, error, cancelled, lost, unmeasured, interim, found 'fine'"),
        ({"started_at": "yesterday"}, "started_at: expected something like 2026-01-31T12:00:00Z, found 'yesterday'"),
        ({"schema": "x/1"}, f"schema: expected something like {SCHEMA}, found 'x/1'"),
        ({"errors": {"rapl": None}}, "errors.rapl: expected string, found None"),
        ({"host": {"cpus_logical": "2"}}, "host.cpus_logical: expected integer or null, found '2'"),
        ({"resources": {"cpu_percent_per_core": [1, "x"]}},
         "resources.cpu_percent_per_core[1]: expected number or null, found 'x'"),
        ({"readings": [1]}, "readings[0]: expected object, found 1"),
        ({"readings": [{**READING, "scope": "moon"}]},
         "readings[0].scope: expected one of machine, call, found 'moon'"),
        ({"readings": [{**READING, "domains": {"a": "b"}}]},
         "readings[0].domains.a: expected number or null, found 'b'"),
        ({"readings": [{**READING, "call_j": None}]}, "readings[0].reason: call_j is null and nothing says why"),
        ({"readings": [{**READING, "energy_j": None}]}, "readings[0].reason: energy_j is null and nothing says why"),
        ({"energy_j": None, "reason": ""}, "reason: energy_j is null and nothing says why"),
        ({"energy_source": None}, "energy_source: is null although energy_j is a number"),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_its_key(change, expected):
    """
    One fault, one text.
    """
    assert [expected] == problems({**RECORD, **change})
    assert list(VALIDATOR.iter_errors({**RECORD, **change}))


def test_a_missing_key_is_named():
    """
    At the top and in a reading.
    """
    reading = {key: value for key, value in READING.items() if key != "scope"}
    record = {key: value for key, value in RECORD.items() if key != "status"} | {"readings": [reading]}
    assert ["status: is missing", "readings[0].scope: is missing"] == problems(record)


@pytest.mark.parametrize("value", [None, [], "x", 1, {}])
def test_what_is_no_record_at_all_is_refused(value):
    """
    Any other JSON value.
    """
    assert problems(value)


def test_a_newer_major_is_refused_with_the_way_out_and_an_older_one_is_read():
    """
    A newer file's keys may mean anything, so nothing else is said about them.
    """
    newer = {"schema": "greensdk.record/2", "status": 1}
    assert ["schema: written by a newer greensdk: pip install -U greensdk"] == problems(newer)
    assert [] == problems({**RECORD, "schema": "greensdk.record/0"})
    assert [] == list(VALIDATOR.iter_errors({**RECORD, "schema": "greensdk.record/0"}))


def test_keys_of_plugins_and_of_later_versions_are_allowed():
    """
    At the top and inside; what is known is still checked.
    """
    record = copy.deepcopy(RECORD) | {"flexecutor": {"stage": 1}}
    for part in ("host", "worker", "resources"):
        record[part]["later"] = [1]
    record["cost"] = {"usd": 1}
    record["carbon"] = {"gco2": None}
    assert [] == problems(record)
    assert [] == list(VALIDATOR.iter_errors(record))


PATHS = [name.split(".") for name, _ in walk(RECORD) if not name.startswith("tags")]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e300]),
    st.sampled_from(["", "ok", "call", "measured", "2026-01-31T12:00:00Z", "2026-13-31T12:00:00Z", SCHEMA]),
    st.sampled_from(["greensdk.record/0", "greensdk.record/2", "greensdk.record/01", "greensdk.record/99999999999"]),
    st.sampled_from([[], {}, [None], {"a": None}, {"a": "b"}, [{}], [1, "x"]]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(PATHS), st.one_of(st.just(...), VALUES)), min_size=1, max_size=3))
def test_the_checker_says_the_same_as_jsonschema(changes):
    """
    Any value in any place, or the key taken away: both find a fault, or neither does.
    """
    record = copy.deepcopy(RECORD)
    for path, value in changes:
        place(record, path, copy.deepcopy(value))
    assert bool(problems(record)) == bool(list(VALIDATOR.iter_errors(record))), problems(record)


def place(record, path, value):
    """
    Put `value` at `path`, or delete what is there; ``name[]`` is the first item of a list.
    """
    here = record
    for step, name in enumerate(path):
        key, _, is_item = name.partition("[]") if "[]" in name else (name, "", None)
        last = step == len(path) - 1
        if not isinstance(here, dict) or key not in here:
            return
        if is_item is not None:
            here = here[key]
            if not isinstance(here, list) or not here:
                return
            key = 0
        if last:
            if value is ...:
                del here[key]
            else:
                here[key] = value
        else:
            here = here[key]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": 3}, ["status: expected string, found 3"]),
        ({"status": "fine", "depth": "0", "energy_j": -1.0}, []),
        ({"host": None}, ["host: expected object, found None"]),
        ({"readings": [{}, 4]}, ["readings[0].monitor: is missing", "readings[1]: expected object, found 4"]),
    ],
)
def test_some_keys_can_be_looked_at_alone(change, expected):
    """
    Whether they are there and of what type; neither their values nor other keys.
    """
    names = frozenset({"status", "energy_j", "host", "readings", "readings[]", "readings[].monitor"})

    assert [] == misshapen(RECORD, names)
    assert expected == misshapen({**RECORD, **change}, names)
