"""
Whatever a record holds becomes one line of strict JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import OrderedDict, namedtuple
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk.deliver.lines import DEEPEST, encode

orjson = pytest.importorskip("orjson")

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(290, 4400).map(lambda digits: 10**digits)
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs", "Cc", "Zl"]))
    | st.binary(max_size=4)
    | st.decimals()
    | st.datetimes()
    | st.sets(st.integers())
)
keys = st.text() | st.integers() | st.floats() | st.none() | st.tuples(st.integers())
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(keys, inner), max_leaves=12
)


def refuse(name: str) -> None:
    """
    Strict JSON has no NaN.
    """
    raise AssertionError(f"{name} is not JSON")


def decode(line: bytes) -> dict:
    """
    Return the one object in the one line, by the strictest reading there is.
    """
    assert line.endswith(b"\n")
    assert 1 == line.count(b"\n")
    strict = orjson.loads(line)
    assert strict == json.loads(line, parse_constant=refuse)
    return strict


@given(st.dictionaries(keys, values, max_size=4))
def test_anything_is_one_line_of_json(record):
    """
    No value, however odd, breaks a line.
    """
    line = encode(record)
    found = decode(line)

    assert isinstance(found, dict)
    assert [found] == [json.loads(each, parse_constant=refuse) for each in line.splitlines()]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), plain))
def test_what_json_can_say_comes_back_as_it_was(record):
    """
    Nothing is rounded, cut or renamed.
    """
    assert record == decode(encode(record))


Pair = namedtuple("Pair", "low high")


class Rude:
    """
    Has no text.
    """

    def __str__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (float("-inf"), None),
        ("a\ud800b", "a?b"),
        ("two\nlines\r\u2028\x00", "two\nlines\r\u2028\x00"),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        (2**64, float(2**64)),
        (10**5000, None),
        (-(10**5000), None),
        (Decimal("1.5"), 1.5),
        (b"x", "b'x'"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (Pair(1, 2), [1, 2]),
        (MappingProxyType({1: float("nan")}), {"1": None}),
        (OrderedDict(a=1), {"a": 1}),
        (Rude(), "<Rude>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_oddity_becomes_what_the_docstring_says(value, expected):
    """
    Null, a question mark, a float, or the value's own text.
    """
    assert {"x": expected, "y": 1.5} == decode(encode({"x": value, "y": 1.5}))


@pytest.mark.parametrize("make", [lambda loop: {"again": loop}, lambda loop: [loop], lambda loop: (1, loop)])
def test_what_holds_itself_ends_somewhere(make):
    """
    Deeper than any record goes.
    """
    loop: dict = {}
    loop["x"] = make(loop)
    line = encode(loop)

    assert {} != decode(line)
    assert 1 == line.count(b'"..."')
    assert line.count(b'"x"') <= DEEPEST


def test_a_megabyte_of_label_stays_one_line():
    """
    Nothing is cut.
    """
    label = "ü\n" * 500_000
    assert label == decode(encode({"label": label}))["label"]


def test_without_orjson_the_lines_say_the_same(tmp_path):
    """
    orjson is quicker, and all that it is for.
    """
    code = (
        "import sys; sys.modules['orjson'] = None\n"
        "from greensdk.deliver.lines import encode\n"
        "sys.stdout.buffer.write(encode({'a': [1, 0.1, None, True, 'ü\\n'], 'b': {'c': float('nan')}, 'd': '\\ud800'}))"
    )
    line = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert encode({"a": [1, 0.1, None, True, "ü\n"], "b": {"c": float("nan")}, "d": "\ud800"}) == line


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("1.5"), b"1.5"),
        (Decimal("3"), b"3.0"),
        (Decimal("NaN"), b"null"),
        (Decimal("sNaN"), b"null"),
        (Fraction(1, 4), b"0.25"),
        (10**400, b"null"),
        (2**70, b"1.1805916207174113e+21"),
        (True, b"true"),
    ],
)
def test_a_number_of_another_type_is_written_as_a_number(value, written):
    """
    Or as null where there is none: never as text, which no reader of numbers takes.
    """
    assert b'{"n":' + written + b"}\n" == encode({"n": value})


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("float32", 1.5, b"1.5"),
        ("float64", 0.1, b"0.1"),
        ("float16", float("inf"), b"null"),
        ("int64", -3, b"-3"),
        ("uint8", 7, b"7"),
        ("bool_", True, b"true"),
        ("array", [[1, 2.5], [3, 4]], b"[[1.0,2.5],[3.0,4.0]]"),
        ("array", 2.0, b"2.0"),
    ],
)
def test_numpys_numbers_are_numbers(kind, value, written):
    """
    Plugins and functions that count with it hand them out unawares.
    """
    numpy = pytest.importorskip("numpy")
    assert b'{"n":' + written + b"}\n" == encode({"n": getattr(numpy, kind)(value)})
