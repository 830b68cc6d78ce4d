"""
What an older client sends, run by this tree: wrappers pickled by value, and resolved specifications.

``sent-by-<version>.json`` was written by that release with ``make_sent.py``, and is never written anew.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import greensdk
from greensdk.configure.targets import load

HERE = Path(__file__).parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SENT = [json.loads(path.read_text()) for path in sorted(HERE.glob("sent-by-*.json"))]
VERSIONS = [sent["greensdk"] for sent in SENT]

by_version = pytest.mark.parametrize("sent", SENT, ids=VERSIONS)


async def collected(items):
    """
    Return everything that an asynchronous generator yields.
    """
    return [item async for item in items]


CALLS = {
    "plain": (lambda fn: fn(4), 6),
    "repeated": (lambda fn: fn(4), 5),
    "period": (lambda fn: fn(4), 5),
    "coroutine": (lambda fn: asyncio.run(fn(4)), 5),
    "generator": (lambda fn: list(fn(3)), [0, 1, 2]),
    "items": (lambda fn: asyncio.run(collected(fn(3))), [0, 1, 2]),
    "method": (lambda fn: fn(None, 4), 5),
}


@by_version
@pytest.mark.parametrize("name", CALLS)
def test_a_wrapper_pickled_by_value_is_measured(sent, name):
    """
    Its code imports what it needs by the names that its own release had.
    """
    if sent["python"] != PYTHON:
        pytest.skip(f"byte code of Python {sent['python']}")
    call, result = CALLS[name]
    wrapper = pickle.loads(base64.b64decode(sent["wrappers"][name]))

    with greensdk.capture() as records:
        assert result == call(wrapper)
        greensdk.reset()  # ends the period of every_s

    assert [(name, "ok", "psutil-tdp")] == [
        (record["label"], record["status"], record["energy_source"]) for record in records
    ]


@by_version
def test_a_specification_in_the_environment_is_understood(sent, monkeypatch):
    """
    It decides everything that the function's own arguments leave open.
    """
    monkeypatch.setenv("GREENSDK_SPEC", json.dumps(sent["specification"]))

    with greensdk.capture() as records:
        greensdk.energy_tracked(lambda: None)()

    assert ["from the environment"] == [record["label"] for record in records]
    assert ["psutil-tdp"] == [record["energy_source"] for record in records]


@by_version
def test_a_function_that_travels_as_its_name_finds_its_specification(sent, monkeypatch):
    """
    By the arguments of its decoration.
    """
    monkeypatch.setenv("GREENSDK_SPEC", json.dumps(sent["specification"]))

    with greensdk.capture() as records:
        greensdk.energy_tracked(label="by name")(lambda: None)()

    assert ["by name, resolved"] == [record["label"] for record in records]


@by_version
def test_every_target_of_a_specification_exists(sent):
    """
    A worker imports each by its name.
    """
    known = sent["everything"]
    targets = [
        target for _, target, *_ in (*known["sources"], *known["sinks"], *known["default_sinks"], *known["enrichers"])
    ]

    assert all(callable(load(target)) for target in [*targets, *(target for target, _ in known["adapters"])])


@by_version
def test_a_worker_runs_a_whole_specification(sent, tmp_path):
    """
    In a bare interpreter, from what the client has decided; what can't measure here is in the record with its reason.
    """
    handed = {**sent["everything"], "sinks": [["x.jsonl", "greensdk.sink:JsonlSink", {}]], "by_name": []}
    code = "from greensdk import energy_tracked\nenergy_tracked(lambda: sum(range(100000)))()"
    environment = {**os.environ, "GREENSDK_SPEC": json.dumps(handed)}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True)

    (record,) = map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())
    assert {name for name, *_ in handed["sources"]} == {reading["monitor"] for reading in record["readings"]}
    assert all(reading["reason"] for reading in record["readings"] if reading["call_j"] is None)
