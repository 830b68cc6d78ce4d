"""
Input that means harm, or that a crash left behind: made from the table of a record's keys, not typed.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

from records_kit import call, lithops, reading

from greensdk.cli import cli
from greensdk.schema.fields import FIELDS

VALUES = {
    "null": "null",
    "true": "true",
    "negative": "-1",
    "past 64 bits": str(2**70),
    "past a float": "1" + "0" * 400,
    "past a float, with an exponent": "1e999",
    "a large float": "1e308",
    "not a number": "NaN",
    "a fraction": "0.5",
    "an empty text": '""',
    "a formula": json.dumps("=cmd|' /C calc'!A0"),
    "a function of a spreadsheet": '"@SUM(1+1)"',
    "terminal escapes": json.dumps("\x1b[2J\x1b]0;owned\x07"),
    "HTML": '"<script>alert(1)</script>"',
    "SQL": json.dumps("'; DROP TABLE records; --"),
    "half a surrogate pair": r'"\ud800"',
    "a zero byte": r'"\u0000"',
    "line breaks": r'"a\nb\rc\u2028d"',
    "no date": '"2026-13-99T99:99:99Z"',
    "the year 0": '"0000-00-00T00:00:00Z"',
    "the year 1": '"0001-01-01T00:00:00Z"',
    "the year 9999": '"9999-12-31T23:59:59.999999Z"',
    "the year 99999": '"99999-01-01T00:00:00Z"',
    "an empty list": "[]",
    "an empty object": "{}",
    "lists in lists": '[[{"a": [1]}]]',
    "a list of everything": '[1, null, "x", {}, []]',
    "an object of everything": '{"a": 1, "b": null, "c": "x", "d": {"e": [1]}}',
    "a long text": json.dumps("x" * 3000),
}
"""What stands where something else belongs, in words and as JSON."""

DEEP = 100_000
LINES = {
    "lists 100,000 deep": b"[" * DEEP + b"]" * DEEP,
    "objects 100,000 deep": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "tags 100,000 deep": b'{"schema":"greensdk.record/1","tags":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "no UTF-8": b"\xff\xfe",
    "zero bytes": b"\0\0\0",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"schema":1}'.encode("utf-16"),
    "a torn line": b'{"schema":"greensdk.rec',
    "a number": b"1",
    "a text": b'"x"',
    "an empty object": b"{}",
    "a key twice": b'{"schema":"greensdk.record/1","schema":[]}',
    "a later version": b'{"schema":"greensdk.record/9"}',
    "a much later version": b'{"schema":"greensdk.record/' + b"9" * 50 + b'"}',
    "half a surrogate pair as a key": rb'{"schema":"greensdk.record/1","\ud800":1}',
    "carriage returns": b"\r\r",
    "terminal escapes": b"\x1b[2J",
    "17 MiB": b'{"schema":"' + b"x" * (17 << 20) + b'"}',
}
"""What is no record at all."""

MARK = "the place of the value"


class Done(NamedTuple):
    """
    How a command ended.

    Attributes:
        code: Its exit code.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str


def run(*arguments: str) -> Done:
    """
    Run ``greensdk ARGUMENTS`` in this process; an exception that leaves it leaves this, too.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code: Any = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main(list(arguments))
        except SystemExit as end:
            code = end.code
    return Done(code, *(each.buffer.getvalue().decode() for each in (out, err)))


def steers(text: str) -> bool:
    """
    Say whether a text does something to a terminal: escapes, bells, carriage returns.
    """
    return re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text) is not None


def whole() -> dict[str, Any]:
    """
    Return a record with something under most keys.
    """
    return call(
        1,
        readings=[reading(1.0)],
        worker=lithops("00001", attempt=1, workflow="w", stage="s", memory_mb=512.0, calls=2),
        resources={"cpu_percent_per_core": [1.0, 2.0], "cpu_user_s": 1.0},
        cost={"usd": 1.0},
        carbon={"g_co2e": 1.0},
        tags={"a": "b"},
        errors={"x": "y"},
    )


def mutants() -> Iterator[tuple[str, bytes]]:
    """
    Yield name and line of a record for each key of the schema and each of :data:`VALUES` that stands there.
    """
    for path in FIELDS:
        line = json.dumps(marked(whole(), path.replace("[]", ".[]").split(".")))
        for name, value in VALUES.items():
            yield f"{path}: {name}", line.replace(json.dumps(MARK), value).encode()
            if path.endswith(".*") and value.startswith('"'):
                yield f"{path}: {name} as a key", line.replace('"*"', value).replace(json.dumps(MARK), "1").encode()


def marked(holder: Any, parts: list[str]) -> Any:
    """
    Return an object or a list with :data:`MARK` under a dotted key.
    """
    if not parts:
        return MARK
    key, *rest = parts
    if key == "[]":
        items = holder if isinstance(holder, list) and holder else [None]
        return [marked(items[0], rest), *items[1:]]
    return {**(holder if isinstance(holder, dict) else {}), key: marked((holder or {}).get(key), rest)}
