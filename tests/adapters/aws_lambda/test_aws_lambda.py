"""
The adapter of a plain Lambda function, without a Lambda around it. In one: test_lambda_sandbox.py.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import greensdk_aws_lambda
import pytest
from greensdk_aws_lambda import LambdaCall, adapter, request_id, trace_root
from hypothesis import given
from hypothesis import strategies as st

from greensdk import capture, energy_tracked
from greensdk.configure import builtin
from greensdk.deliver.sinks import StdoutSink
from greensdk.schema.check import problems

ROOTS = ["1-5759e988-bd862e3fe1be46a994272793", "1-67891233-abcdef012345678912345678"]
HEADER = "_X_AMZN_TRACE_ID"


@pytest.fixture(autouse=True)
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A new process of a function with 512 MB.
    """
    monkeypatch.setattr(greensdk_aws_lambda, "_first", None)
    monkeypatch.delenv(HEADER, raising=False)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "work")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """
    The module of AWS' runtime client, before the first invocation.
    """
    module: Any = ModuleType("awslambdaric.bootstrap")
    module._GLOBAL_AWS_REQUEST_ID = None
    monkeypatch.setitem(sys.modules, "awslambdaric.bootstrap", module)
    return module


def test_the_worker_comes_from_the_environment() -> None:
    """
    Unknown values are None, and values that change with the invocation are not here.
    """
    worker = LambdaCall({}).worker()
    known = {key: value for key, value in worker.items() if value is not None}
    assert {
        "adapter": "lambda",
        "backend": "aws_lambda",
        "memory_mb": 512.0,
        "function_name": "work",
        "function_version": "7",
    } == known
    assert {"executor_id", "job_id", "call_id", "activation_id", "attempt", "cold_start", "stage", "workflow"} == (
        worker.keys() - known.keys()
    )


@pytest.mark.parametrize("memory", ["", "much"])
def test_a_size_that_is_no_number_is_unknown(monkeypatch: pytest.MonkeyPatch, memory: str) -> None:
    """
    Never 0.
    """
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
    assert LambdaCall({}).worker()["memory_mb"] is None


def test_records_go_to_the_log_unless_a_sink_is_configured() -> None:
    """
    Standard output is what Lambda keeps.
    """
    ((uri, sink),) = LambdaCall({}).sinks({"sinks": None})
    assert "stdout:" == uri
    assert isinstance(sink, StdoutSink)
    assert [] == list(LambdaCall({}).sinks({"sinks": [["runs.jsonl", "x:Y", {}]]}))
    assert [] == list(LambdaCall({}).sinks({"sinks": []}))


def test_the_first_invocation_is_the_cold_one(client: Any) -> None:
    """
    All of its calls, and none of a later invocation's.
    """
    assert {"activation_id": None, "cold_start": None} == LambdaCall({}).call()
    seen = []
    for invocation in ("a", "a", "b", "c"):
        client._GLOBAL_AWS_REQUEST_ID = invocation
        seen.append(LambdaCall({}).call())
    assert [("a", True), ("a", True), ("b", False), ("c", False)] == [
        (call["activation_id"], call["cold_start"]) for call in seen
    ]


def test_without_the_runtime_client_the_trace_tells_invocations_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A runtime of one's own sets the header for each invocation.
    """
    seen = []
    for root in ROOTS:
        monkeypatch.setenv(HEADER, f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1")
        seen.append(LambdaCall({}).call())
    assert [(ROOTS[0], True), (ROOTS[1], False)] == [(call["activation_id"], call["cold_start"]) for call in seen]


@pytest.mark.parametrize("value", [None, 7, b"id"])
def test_another_runtime_client_is_not_believed(client: Any, value: Any) -> None:
    """
    Only a text is an id.
    """
    client._GLOBAL_AWS_REQUEST_ID = value
    assert request_id() is None
    del client._GLOBAL_AWS_REQUEST_ID
    assert request_id() is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"Root={ROOTS[0]};Parent=53995c3f42cd8ad8;Sampled=1", ROOTS[0]),
        (f"Sampled=0; Root={ROOTS[1]}", ROOTS[1]),
        (f"Self=1-x;Root={ROOTS[0]};Lineage=a87bd80c:1|68fd508a:5", ROOTS[0]),
        ("", None),
        ("Root=", None),
        ("Parent=53995c3f42cd8ad8", None),
        ("root", None),
    ],
)
def test_the_root_of_a_trace_is_one_of_its_fields(header: str, expected: str | None) -> None:
    """
    Wherever it stands.
    """
    assert expected == trace_root(header)


@given(header=st.text())
def test_no_header_breaks_it(header: str) -> None:
    """
    Whatever a caller has sent.
    """
    assert trace_root(header) != ""


def test_in_a_lambda_a_decorated_function_finds_the_adapter(
    capsys: pytest.CaptureFixture[str], tmp_path: Any, client: Any
) -> None:
    """
    The environment alone makes the difference: the worker's block, a line in the log, no file.
    """

    @energy_tracked(monitors=[])
    def work() -> int:
        return 1

    client._GLOBAL_AWS_REQUEST_ID = "6f70"
    with capture() as records:
        work()
    (record,) = records
    assert ("lambda", "6f70", True) == tuple(
        record["worker"][key] for key in ("adapter", "activation_id", "cold_start")
    )
    assert [] == list(problems(record))
    (line,) = capsys.readouterr().out.splitlines()
    assert record["record_id"] in line
    assert [] == list(tmp_path.iterdir())


def test_a_record_keeps_the_invocation_that_made_it(client: Any) -> None:
    """
    The next invocation changes nothing in what is still held in memory.
    """

    @energy_tracked(monitors=[], sink="memory:")
    def work() -> None:
        pass

    with capture() as records:
        for invocation in ("a", "b"):
            client._GLOBAL_AWS_REQUEST_ID = invocation
            work()
    assert [("a", True), ("b", False)] == [
        (record["worker"]["activation_id"], record["worker"]["cold_start"]) for record in records
    ]


@pytest.mark.skipif(find_spec("lithops") is None, reason="lithops is not installed")
def test_lithops_in_a_lambda_is_lithops(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With the function's name and its log. Both variables are set then, and the first adapter is used.
    """
    variables = [variable for _, variable in builtin.ADAPTERS.values()]
    assert variables.index("AWS_LAMBDA_FUNCTION_NAME") < variables.index("LITHOPS_WORKER")
    monkeypatch.setenv("LITHOPS_WORKER", "True")
    found = adapter({"sinks": None})
    assert ("lithops", "work", "7") == tuple(
        found.worker()[key] for key in ("adapter", "function_name", "function_version")
    )
    assert ["lithops://greensdk/v1", "lithops-stats:", "stdout:"] == [uri for uri, _ in found.sinks({"sinks": None})]
    assert ["lithops-stats:"] == [uri for uri, _ in found.sinks({"sinks": [["memory", "memory:", {}]]})]


def test_a_plain_lambda_is_no_lithops() -> None:
    """
    Without Lithops' own variable.
    """
    assert LambdaCall is type(adapter({}))
