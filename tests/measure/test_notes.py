"""
What a call says of itself while it runs: label, tags and units of work.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from greensdk import annotate, capture, current, energy_tracked, track
from greensdk.cli import cli
from greensdk.schema.check import problems


@pytest.fixture
def meter(tree, monkeypatch):
    """
    Return a package meter that moves when it is asked.
    """
    monkeypatch.setenv("GREENSDK_RAPL_ROOT", str(tree.root))
    monkeypatch.setenv("GREENSDK_MONITORS", "rapl")
    return tree.package(0)


def test_what_is_known_at_the_end_is_in_the_record(meter, burn):
    """
    Tags that are set at once, one by one or by name, and joules for each token.
    """
    with track("generate", sink="memory:", tags={"model": "x"}) as call:
        burn(0.02)
        meter.add_j(30.0)
        call.tags = {"tokens": 3}
        call.tags["user"] = "a"
        call.annotate(stage="decode")
        call.add(tokens=1)
        call.add(tokens=2, requests=1)
    record = call.record

    assert {"model": "x", "tokens": 3, "user": "a", "stage": "decode"} == record["tags"]
    assert {"tokens": 3, "requests": 1} == record["units"]
    assert record["energy_j"] > 0.0
    assert {"tokens": record["energy_j"] / 3, "requests": record["energy_j"]} == record["energy_per_unit_j"]
    assert [] == problems(record)


def test_without_joules_there_are_none_for_a_unit():
    """
    None, never 0; nor for nothing at all.
    """
    with track("x", sink="memory:", monitors=[]) as call:
        call.add(tokens=3, rows=0)

    assert {"tokens": 3, "rows": 0} == call.record["units"]
    assert {"tokens": None, "rows": None} == call.record["energy_per_unit_j"]


def test_the_innermost_call_is_meant():
    """
    In a function, in a block inside it, and in the function again.
    """

    @energy_tracked(sink="memory:")
    def outer():
        current().add(rows=1)
        with track("inner", sink="memory:"):
            current().add(rows=10)
            annotate("renamed", part=2)
        current().add(rows=100)

    with capture() as records:
        outer()

    assert [{"rows": 10}, {"rows": 101}] == [record["units"] for record in records]
    assert [("renamed", {"part": 2}), (None, {})] == [(record["label"], record["tags"]) for record in records]


def test_coroutines_beside_each_other_have_their_own():
    """
    Each finds itself after every await.
    """

    @energy_tracked(sink="memory:")
    async def request(tokens):
        for _ in range(tokens):
            await asyncio.sleep(0)
            current().add(tokens=1)

    async def main():
        await asyncio.gather(*map(request, (3, 5, 7)))

    with capture() as records:
        asyncio.run(main())

    assert [3, 5, 7] == sorted(record["units"]["tokens"] for record in records)


def test_threads_lose_nothing_of_what_they_add():
    """
    All to one call, at once.
    """
    with track("x", sink="memory:") as call:
        threads = [threading.Thread(target=lambda: [call.add(rows=1) for _ in range(5000)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {"rows": 20_000} == call.record["units"]


def test_outside_of_calls_nothing_is_recorded_and_nothing_fails(monkeypatch):
    """
    Nor with measuring switched off, nor after the end.
    """
    current().add(tokens=1)
    annotate(label="x", a=1)
    assert None is current().record_id
    with track("x", sink="memory:") as call:
        inside = current()
        context = contextvars.copy_context()
    call.add(tokens=5)
    inside.add(tokens=5)
    context.run(annotate, a=1)
    assert ({}, {}) == (call.record["units"], call.record["tags"])

    monkeypatch.setenv("GREENSDK_DISABLED", "1")
    with track("off", sink="memory:") as call:
        call.add(tokens=1)
        call.tags["a"] = 1
    assert "unmeasured" == call.record["status"]


def test_a_block_that_is_used_again_begins_anew():
    """
    What its first run said is not said by the second.
    """
    block = track("x", sink="memory:")
    with capture() as records:
        for tokens in (1, 2):
            with block:
                block.add(tokens=tokens)
                block.tags["n"] = tokens

    assert [{"tokens": 1}, {"tokens": 2}] == [record["units"] for record in records]
    assert [{"n": 1}, {"n": 2}] == [record["tags"] for record in records]


@pytest.mark.parametrize("amount", ["three", None, float("nan"), float("inf"), [1], object()])
def test_what_is_no_number_is_told_and_the_call_goes_on(amount):
    """
    Never raised into a program that runs.
    """
    with track("x", sink="memory:") as call:
        call.add(rows=2, tokens=amount)

    assert {"rows": 2} == call.record["units"]
    assert "no finite number" in call.record["errors"]["units.tokens"]
    assert [] == problems(call.record)


def test_joules_for_a_unit_are_in_report_and_sql(meter, burn):
    """
    The same number in all three.
    """
    for tokens in (10, 30):
        with track("generate") as call:
            burn(0.02)
            meter.add_j(40.0)
            call.add(tokens=tokens)
    records = [json.loads(line) for line in Path("energy.jsonl").read_text().splitlines()]
    each_j = sum(record["energy_j"] for record in records) / 40

    report = json.loads(CliRunner().invoke(cli, ["report", "energy.jsonl", "--json"]).stdout)
    sql = "select sum(energy_j) / sum(units['tokens']) j from records"
    asked = json.loads(CliRunner().invoke(cli, ["query", sql, "energy.jsonl", "--format", "json"]).stdout)
    text = CliRunner().invoke(cli, ["report", "energy.jsonl"]).stdout

    (group,) = report["groups"]
    assert {"tokens": {"amount": 40.0, "j_per_unit": pytest.approx(each_j)}} == group["units"]
    assert [{"j": pytest.approx(each_j)}] == asked
    assert f"{each_j:.4g} J for each of 40 tokens" in text
