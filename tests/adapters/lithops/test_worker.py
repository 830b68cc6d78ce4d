"""
The worker's side of the Lithops adapter, without a Lithops job around it.
"""

from __future__ import annotations

import json
import math
import os
import threading
from itertools import count

import pytest
from greensdk_lithops.stats import LIMIT_BYTES, RECORD_KEY, StatsSink, added, compact, flat, kept, sanitised
from greensdk_lithops.storage import StorageSink, prefix_of
from greensdk_lithops.worker import LithopsCall
from hypothesis import given
from hypothesis import strategies as st

from greensdk import capture, energy_tracked, track
from greensdk.deliver import lifecycle, spool
from greensdk.deliver.keys import Keys
from greensdk.testing import FakeMonitor

WORKER = {"executor_id": "ab12-0", "job_id": "M000", "call_id": "00003", "activation_id": "f00d"}


class SixJoules(FakeMonitor):
    """
    A meter that counts 6 J in each call, all of them the call's.
    """

    def __init__(self):
        super().__init__("package-0", joules=6.0, scope="call")


@pytest.fixture
def record():
    """
    Return a maker of real records, with a few keys changed.
    """

    def make(**changes):
        with capture() as records, track("block", sink="memory:", monitors=[f"{__name__}:SixJoules"]):
            pass
        return {**records[0], **changes}

    return make


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch):
    """
    A process in which nothing was written yet.
    """
    monkeypatch.setattr(lifecycle, "_open", {})
    monkeypatch.setattr(lifecycle, "_call_processes", [])


@pytest.fixture
def job_stats(tmp_path):
    """
    The open statistics file of a call, as a later Lithops might have it: found by its name only.
    """
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("only Linux lists open files")
    path = tmp_path / "job_stats.txt"
    with path.open("w"):
        yield lambda: [line.split(" ", 1) for line in path.read_text().splitlines()]


@pytest.fixture
def bucket(monkeypatch):
    """
    The objects in a storage that answers at once.
    """
    lithops_storage = pytest.importorskip("lithops.storage")
    objects: dict[str, list[str]] = {}

    class Storage:
        bucket = "mine"

        def put_object(self, bucket, key, body):
            assert bucket == "mine"
            objects[key] = [json.loads(line)["record_id"] for line in body.splitlines()]

    monkeypatch.setattr(lithops_storage, "Storage", Storage)
    return objects


@pytest.mark.parametrize(
    ("session", "executor_id", "job_id", "call_id"),
    [
        ("1555b4-2-M000-00007", "1555b4-2", "M000", "00007"),
        ("1555b4-2-M000-00000-3-R001-00002", "1555b4-2-M000-00000-3", "R001", "00002"),
        ("1555b4", None, None, None),
    ],
)
def test_the_session_id_identifies_the_call(monkeypatch, session, executor_id, job_id, call_id):
    """
    From the right, because an executor created in a worker has a longer id. Unknown values are None.
    """
    monkeypatch.setenv("__LITHOPS_SESSION_ID", session)
    monkeypatch.setenv("__LITHOPS_ACTIVATION_ID", "act")
    monkeypatch.setenv("__LITHOPS_BACKEND", "AWS Lambda")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    worker = LithopsCall({}).worker()
    assert (executor_id, job_id, call_id) == (worker["executor_id"], worker["job_id"], worker["call_id"])
    assert ("aws_lambda", "act", 512.0) == (worker["backend"], worker["activation_id"], worker["memory_mb"])
    assert {None} == {worker[key] for key in ("attempt", "cold_start", "stage", "workflow")}


def test_explicit_sinks_replace_the_storage():
    """
    The statistics are always there.
    """
    adapter = LithopsCall({})
    assert ["lithops://greensdk/v1", "lithops-stats:"] == [uri for uri, _ in adapter.sinks({"sinks": None})]
    assert ["lithops-stats:"] == [uri for uri, _ in adapter.sinks({"sinks": [["out.jsonl", "x:Y", {}]]})]


def test_in_a_worker_a_decorated_function_finds_the_adapter(monkeypatch, bucket, tmp_path):
    """
    The environment alone makes the difference: full resources, the worker's block, the storage, no file.
    """
    monkeypatch.setenv("LITHOPS_WORKER", "True")
    monkeypatch.setenv("__LITHOPS_SESSION_ID", "ab12-0-M000-00003")
    monkeypatch.setenv("__LITHOPS_ACTIVATION_ID", "f00d")

    @energy_tracked(monitors=[])
    def work():
        return 1

    with capture() as records:
        work()
    (record,) = records
    assert ("lithops", "00003") == (record["worker"]["adapter"], record["worker"]["call_id"])
    assert record["resources"]["host_memory_percent"] is not None
    assert {f"greensdk/v1/ab12-0/M000/00003-f00d-r{record['record_id']}.jsonl": [record["record_id"]]} == bucket
    assert not (tmp_path / "energy.jsonl").exists()


def test_the_statistics_get_one_line_per_key(job_stats, record):
    """
    What is unknown is left out; the last key is a JSON text.
    """
    StatsSink().emit(record())
    lines = dict(job_stats())
    assert ["6.0", "6.0", "package-0"] == [lines[f"worker_func_energy_{key}"] for key in ("pkg", "j", "method_used")]
    assert "worker_func_energy_cores" not in lines
    assert "block" == json.loads(lines[RECORD_KEY])["label"]
    assert all(key.startswith("worker_func_energy_") for key in lines)


def test_a_call_inside_another_is_not_added(job_stats, record):
    """
    It is in its caller's joules already.
    """
    StatsSink().emit(record(depth=1))
    assert [] == job_stats()


def test_several_outermost_calls_add_up(job_stats, record):
    """
    The first is written at once, the sum within a second or at the end.
    """
    sink = StatsSink()
    for label in "ab":
        sink.emit(record(label=label, duration_s=0.5))
    assert "6.0" == dict(job_stats())["worker_func_energy_j"]
    sink.close()
    lines = dict(job_stats())
    assert ("12.0", "1.0") == (lines["worker_func_energy_j"], lines["worker_func_energy_duration"])
    assert 12.0 == json.loads(lines[RECORD_KEY])["energy_j"]
    assert "label" not in json.loads(lines[RECORD_KEY])
    written = len(job_stats())
    sink.close()
    assert written == len(job_stats())


def test_a_sum_has_the_reason_for_unknown_energy(record):
    """
    A call without a number does not make the sum 0, nor go unmentioned.
    """
    known, unknown = record(), record(energy_j=None, energy_source=None, readings=[], reason="too short")
    sums = [added((flat(a), kept(a)), (flat(b), kept(b))) for a, b in ((known, unknown), (unknown, unknown))]
    assert (6.0, "a call is missing in the sum: too short") == (sums[0][1]["energy_j"], sums[0][1]["reason"])
    assert "worker_func_energy_j" not in sums[1][0]
    assert ("too short", False) == (sums[1][1]["reason"], "energy_j" in sums[1][1])


def test_sources_of_a_sum_are_all_named(record):
    """
    Once each.
    """
    one, other = record(), record(energy_source="x", energy_boundary="wall")
    flats, both = added((flat(one), kept(one)), (flat(other), kept(other)))
    both = added((flats, both), (flat(one), kept(one)))[1]
    assert ("package-0 + x", "package + wall") == (both["energy_source"], both["energy_boundary"])


@given(st.text() | st.floats() | st.integers() | st.booleans())
def test_no_value_can_break_a_line(value):
    """
    Lithops splits at the first blank, takes the rest of the line, and makes a number of what looks like one.
    """
    text = sanitised(value)
    assert text == "" or [text] == text.splitlines()
    assert text == text.strip()
    if isinstance(value, float):
        assert text == "" or float(text) == value
        assert (text == "") is not math.isfinite(value)
    elif isinstance(value, str) and text:
        with pytest.raises(ValueError, match="could not convert"):
            float(text)


@given(
    st.text(max_size=3000), st.text(max_size=3000), st.dictionaries(st.text(), st.text() | st.floats(), max_size=60),
    st.integers(0, 30),
)  # fmt: skip
def test_the_compact_record_is_always_small(function, reason, tags, readings):
    """
    Under a kilobyte, in ASCII, strict JSON on one line, with the joules whatever else goes.
    """
    parts = {
        "record_id": "0" * 32,
        "function": function,
        "tags": tags,
        "reason": reason,
        "energy_j": 1.23456789,
        "host": {"cpu_model": function},
        "readings": [["rapl", "machine", reason]] * readings,
    }
    text = compact(parts)
    assert len(text) < LIMIT_BYTES
    assert text.isascii()
    assert "\n" not in text
    assert 1.234568 == json.loads(text, parse_constant=pytest.fail)["energy_j"]


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [("lithops:", "greensdk/v1"), ("lithops://", "greensdk/v1"), ("lithops://my/runs/", "my/runs"), ("lithops:x", "x")],
)
def test_a_uri_names_a_prefix(uri, prefix):
    """
    With the usual number of slashes, or fewer.
    """
    assert prefix == prefix_of(uri)


def test_objects_are_numbered(record):
    """
    The first of a call has no number; outside of a worker, or in a process that the call has started, an id names it.
    """
    keys, inside = Keys("p"), record(worker=WORKER)
    assert f"p/ab12-0/M000/00003-f00d-r{inside['record_id']}.jsonl" == keys.next(inside)
    lifecycle.register_call_process(lambda: True)
    assert "p/ab12-0/M000/00003-f00d.jsonl" == keys.next(inside)
    assert "p/ab12-0/M000/00003-f00d-1.jsonl" == keys.next(inside)
    assert f"p/ab12-0/M000/00003-f00d-r{inside['record_id']}.jsonl" == keys.next(inside, own=False)
    outside = record(worker=None)
    assert f"p/local/{outside['host']['host_id']}/{outside['record_id']}.jsonl" == keys.next(outside)


def test_an_outermost_call_brings_the_inner_ones_along(bucket, record):
    """
    In one object; what comes within the same second waits for the end.
    """
    lifecycle.register_call_process(lambda: True)
    records = [record(worker=WORKER, depth=depth) for depth in (1, 1, 0, 1, 0)]
    sink, other_specification = StorageSink(), StorageSink()
    for each in records[:2]:
        other_specification.emit(each)
    assert {} == bucket
    for each in records[2:]:
        sink.emit(each)
    ids = [each["record_id"] for each in records]
    folder = "greensdk/v1/ab12-0/M000/"
    assert {f"{folder}00003-f00d.jsonl": ids[:3]} == bucket
    sink.close()
    assert {f"{folder}00003-f00d.jsonl": ids[:3], f"{folder}00003-f00d-1.jsonl": ids[3:]} == bucket
    sink.close()
    assert 2 == len(bucket)


def test_a_storage_that_refuses_loses_nothing(monkeypatch, record):
    """
    All records are in the spool, those that come later too; the user is warned once.
    """
    refusing = pytest.importorskip("lithops.storage")

    def no_storage():
        raise PermissionError("403")

    monkeypatch.setattr(refusing, "Storage", no_storage)
    sink = StorageSink("lithops://x")
    sink.emit(record(depth=1))
    with pytest.warns(RuntimeWarning, match=r"PermissionError: 403; the records are in .* \(2 waiting\)"):
        sink.emit(record())
    sink.emit(record())
    sink.close()
    ((_, uri, waiting),) = spool.waiting()
    assert ("lithops://x", 3) == (uri, waiting)


def test_a_storage_that_hangs_is_asked_once(monkeypatch, record):
    """
    All writes of a process share one budget of time.
    """
    hanging = pytest.importorskip("lithops.storage")
    asked, answer = count(), threading.Event()

    def never():
        next(asked)
        answer.wait(30)

    monkeypatch.setattr(hanging, "Storage", never)
    monkeypatch.setattr(lifecycle, "WORKER_INTERVAL_S", 0.0)
    sink = StorageSink(budget_s=0.01)
    with pytest.warns(RuntimeWarning, match=r"no answer within 0\.01 s"):
        sink.emit(record())
    sink.emit(record())
    assert 1 == next(asked)
    assert [2] == [number for *_, number in spool.waiting()]
    answer.set()
