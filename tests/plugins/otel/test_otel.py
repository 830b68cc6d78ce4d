"""
Records into OpenTelemetry: real protobuf at a receiver over HTTP, joules on real spans, and nothing lost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest
from greensdk_otel import OtlpSink
from greensdk_otel.export import MOST_WAITING
from greensdk_otel.metrics import INSTRUMENTS
from otel_kit import receiver
from prometheus_kit import deaf, record, server, unreachable, wait_until

import greensdk
from greensdk import ConfigError, SinkError, energy_tracked
from greensdk.deliver import lifecycle, spool

pytestmark = pytest.mark.slow

pytest.importorskip("opentelemetry.sdk")
THREAD = "greensdk-otel"
SCRIPT = """
import sys
from greensdk import energy_tracked

@energy_tracked(monitors=[], sink=sys.argv[1], plugins={"otlp": {"timeout_s": float(sys.argv[3])}})
def work():
    return 1

for _ in range(int(sys.argv[2])):
    work()
"""


@pytest.fixture
def taker():
    """
    A running receiver.
    """
    with receiver() as running:
        yield running


def run(uri: str, calls: int, timeout_s: float = 20, **more: str) -> subprocess.CompletedProcess[str]:
    """
    Run a process that makes so many measured calls and ends.
    """
    words = [sys.executable, "-c", SCRIPT, uri, str(calls), str(timeout_s)]
    environment = {**os.environ, "TMPDIR": os.getcwd(), **more}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=600)


def test_five_hundred_calls_are_one_export_when_the_process_ends(taker):
    """
    To the path that the protocol names.
    """
    assert "" == run(taker.uri, 500).stderr

    assert ["/v1/metrics"] == [path for path, _, _ in taker.requests]
    assert 500 == taker.value("greensdk.calls", code_function_name="__main__.work", greensdk_status="ok")
    assert 500 == taker.value("greensdk.call.duration")


def test_every_number_of_a_record_arrives_under_its_name(taker):
    """
    Units are in UCUM; a meter that two monitors read counts once.
    """
    sink = OtlpSink(taker.uri, timeout_s=20)
    sink.emit(record(worker={"adapter": None}))
    sink.flush()

    assert 2 == taker.value("greensdk.energy", greensdk_source="rapl", greensdk_boundary="package+dram")
    assert 1 == taker.value("greensdk.call.energy")
    assert 3 == taker.value("hw.energy", hw_id="ab12:rapl", hw_type="cpu")
    assert 120 == taker.value("hw.power", hw_id="rapl")
    assert 0.5 == taker.value("process.cpu.time", cpu_mode="user")
    assert 0.25 == taker.value("process.cpu.time", cpu_mode="system")
    assert 8192 == taker.value("process.disk.io", disk_io_direction="write")
    assert 400 == taker.value("greensdk.network", network_io_direction="receive")
    assert 180 == taker.value("greensdk.sample.cpu", greensdk_statistic="max")
    assert 10 == taker.value("greensdk.sample.memory", greensdk_statistic="min")
    assert 0.5 == taker.value("greensdk.sample.process.cpu.time", greensdk_process="children")
    assert 0.25 == taker.value("greensdk.cost")
    assert {name: INSTRUMENTS[name].unit for name in taker.metrics()} == {
        name: metric.unit for name, metric in taker.metrics().items()
    }


def test_the_names_are_those_of_the_conventions():
    """
    As OpenTelemetry's own package has them.
    """
    from opentelemetry.semconv._incubating.metrics import faas_metrics, hw_metrics, process_metrics

    conventions = {
        value
        for module in (faas_metrics, hw_metrics, process_metrics)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    }
    assert set() == {name for name in INSTRUMENTS if not name.startswith("greensdk.")} - conventions


def test_a_lambda_exports_each_outermost_call_before_it_returns(taker, monkeypatch):
    """
    Under the names for functions as a service, from a resource that says which function it is.
    """
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    worker = {"adapter": "lambda", "backend": "aws_lambda", "function_name": "f", "memory_mb": 128, "cold_start": True}
    sink = OtlpSink(taker.uri, timeout_s=20)
    sink.emit(record(depth=1, worker=worker))
    assert [] == taker.requests
    sink.emit(record(worker=worker))

    assert 1 == len(taker.requests)
    assert 1 == taker.value("faas.invocations") == taker.value("faas.coldstarts") == taker.value("faas.invoke_duration")
    assert ("f", str(128 * 1024 * 1024)) == (taker.resource()["faas.name"], taker.resource()["faas.max_memory"])


def test_the_resource_is_the_machine_and_the_environments_word_wins(taker):
    """
    As OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have it; headers go along.
    """
    run(
        taker.uri,
        1,
        OTEL_SERVICE_NAME="shop",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=lab,host.id=mine",
        OTEL_EXPORTER_OTLP_HEADERS="x-key=secret",
    )

    found = taker.resource()
    assert ("shop", "lab", "mine") == (found["service.name"], found["deployment.environment.name"], found["host.id"])
    assert found["host.arch"] in {"amd64", "arm64"}
    assert "secret" == taker.requests[0][1]["x-key"]


@pytest.mark.parametrize("kind", ["unreachable", "deaf"])
def test_what_can_not_be_exported_is_in_the_spool_when_the_process_ends(kind):
    """
    Every record, reported in one line.
    """
    with deaf() as silent:
        url = {"unreachable": unreachable(), "deaf": silent}[kind]
        errors = run(f"otlp+{url}", 7, 0.3).stderr

    assert 1 == errors.count("RuntimeWarning") == errors.count("the records are in")
    ((path, uri, count),) = spool.waiting()
    assert (f"otlp+{url}", 7) == (uri, count)
    assert {"__main__.work"} == {json.loads(line)["function"] for line in path.read_text().splitlines()}


def test_a_receiver_that_comes_back_gets_everything_once(taker):
    """
    What failed goes first, and counts once.
    """
    sink = OtlpSink(taker.uri, export_every_s=3600, timeout_s=0.5)
    taker.status = 400
    for _ in range(3):
        sink.emit(record())
    with pytest.raises(SinkError, match=r"otlp.*400"):
        sink.flush()
    sink.emit(record())
    taker.status = 200
    sink.flush()

    assert 4 == taker.value("greensdk.calls")
    assert [] == spool.waiting()


def test_what_went_to_the_spool_is_exported_when_the_receiver_is_back(taker):
    """
    Once, although it had been added up before; the spool is empty then.
    """
    sink = OtlpSink(taker.uri, export_every_s=3600, timeout_s=0.5)
    taker.status = 400
    sink.emit(record())
    with (
        pytest.warns(RuntimeWarning, match=r"the records are in .* \(1 waiting\)"),
        pytest.raises(SinkError, match="400"),
    ):
        sink.close()
    taker.status = 200
    sink.emit(record())
    sink.flush()

    assert 1 == latest(taker.requests[0])
    assert 2 == latest(taker.requests[-1])
    assert [] == spool.waiting()


def test_the_next_process_exports_what_one_has_left(taker):
    """
    With its own; a torn line is no record.
    """
    taker.status = 400
    assert "the records are in" in run(taker.uri, 3, 0.3).stderr
    ((path, _, _),) = spool.waiting()
    with path.open("a") as file:
        file.write('{"function": "torn')
    taker.status = 200
    assert "" == run(taker.uri, 2).stderr

    assert 5 == latest(taker.requests[-1])
    assert [] == spool.waiting()


def latest(request) -> int:
    """
    Return how many calls an export tells of.
    """
    metrics = request[2].resource_metrics[0].scope_metrics[0].metrics
    (calls,) = [metric for metric in metrics if metric.name == "greensdk.calls"]
    return sum(point.as_int or point.as_double for point in calls.sum.data_points)


def test_no_more_than_a_few_thousand_wait():
    """
    Further records go to the spool by the runtime, whose call this does not delay.
    """
    with deaf() as silent:
        sink = OtlpSink(f"otlp+{silent}", export_every_s=3600, timeout_s=0.1)
        for _ in range(MOST_WAITING):
            sink.emit(record())
        with pytest.raises(SinkError, match=f"{MOST_WAITING} records wait"):
            sink.emit(record())
        lifecycle.existing(sink._name)._queue.clear()


def test_the_thread_dies_when_nothing_waits(taker):
    """
    And is born again with the next record.
    """
    before = set(threading.enumerate())
    sink = OtlpSink(taker.uri, export_every_s=0.01)
    for exports in (1, 2):
        sink.emit(record())
        assert [THREAD] == [thread.name for thread in set(threading.enumerate()) - before if thread.name == THREAD]
        wait_until(lambda: all(thread.name != THREAD for thread in set(threading.enumerate()) - before))
        assert exports == taker.value("greensdk.calls")


def test_a_span_has_the_joules_of_the_calls_that_ended_in_it(taker):
    """
    Each call's once: what a call inside another span used is on that one.
    """
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("shop")
    monitors = ["sampling_kit:SteadyMonitor"]

    @energy_tracked(monitors=monitors, sink=taker.uri)
    def inner():
        return 1

    @energy_tracked(monitors=monitors, sink=taker.uri)
    def outer():
        with tracer.start_as_current_span("inner") as span:
            inner()
        return span

    with tracer.start_as_current_span("outer") as span:
        nested = outer()
        inner()

    assert 2 == span.attributes["greensdk.calls"]
    assert 1 == nested.attributes["greensdk.calls"]
    assert "steady" == span.attributes["greensdk.energy_source"]
    assert "package" == span.attributes["greensdk.energy_boundary"]
    assert span.attributes["greensdk.energy_j"] > 0
    assert nested.attributes["greensdk.energy_j"] > 0
    greensdk.reset()
    energy_j = span.attributes["greensdk.energy_j"] + nested.attributes["greensdk.energy_j"]
    assert energy_j == pytest.approx(taker.value("greensdk.energy"))


def test_collected_records_mark_no_span_and_name_no_workers_machine(taker):
    """
    The client's machine sends; a worker's host would be one of many.
    """
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("shop")
    sink = OtlpSink(taker.uri, timeout_s=20)
    with tracer.start_as_current_span("client") as span:
        sink.emit(record(host={"host_id": "far"}))
    sink.flush()

    assert {} == dict(span.attributes)
    assert "far" != taker.resource()["host.id"]


def test_a_program_that_does_not_trace_does_not_import_opentelemetry(monkeypatch):
    """
    In a worker there is nothing to export either.
    """
    code = (
        "import sys\nfrom greensdk import energy_tracked\n"
        "energy_tracked(monitors=[], sink='otlp+http://127.0.0.1:9')(lambda: 1)()\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
        "from greensdk_otel import OtlpSink\nOtlpSink('otlp+http://127.0.0.1:9').emit({})\n"
    )
    monkeypatch.setenv("LITHOPS_WORKER", "True")
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": os.getcwd()}, check=True)


def test_attributes_have_few_values(taker):
    """
    The further ones become other.
    """
    sink = OtlpSink(taker.uri, max_values=3, timeout_s=20)
    for number in range(10):
        sink.emit(record(function=f"f{number}"))
    sink.flush()

    assert 7 == taker.value("greensdk.calls", code_function_name="other")


def test_a_uri_without_a_host_or_with_a_password_is_an_error():
    """
    One line.
    """
    with pytest.raises(ConfigError, match="expected"):
        OtlpSink("otlp+http:")
    with pytest.raises(ConfigError, match="password"):
        OtlpSink("otlp+http://me:hunter2@host:4318")


def test_the_default_settings_come_from_the_table(taker, monkeypatch):
    """
    Named for the scheme.
    """
    monkeypatch.setenv("GREENSDK_OTLP_MAX_VALUES", "1")
    for number in range(3):
        energy_tracked(monitors=[], sink=taker.uri, label=f"l{number}")(lambda: 7)()
    greensdk.reset()

    assert 2 == taker.value("greensdk.calls", greensdk_label="other")


def rejecting(points: int) -> bytes:
    """
    Return the answer of a receiver that has taken some points only.
    """
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = points
    answer.partial_success.error_message = "too old"
    return answer.SerializeToString()


PAGE = b"<!doctype html><title>Sign in</title>"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((302, {"Location": "/login"}, b""), "HTTP 302: it redirects elsewhere"),
        ((307, {"Location": "/login"}, b""), "HTTP 307: it redirects elsewhere"),
        ((304, {}, b""), "HTTP 304"),
        ((200, {"Content-Type": "text/html"}, PAGE), "something else than OTLP"),
        ((200, {}, b"login"), "something else than OTLP"),
        ((200, JSON, b"[]"), "something else than OTLP"),
        ((200, {"Content-Type": "application/x-protobuf"}, rejecting(3)), "it rejected 3 data points: too old"),
        ((200, JSON, b'{"partialSuccess":{"rejectedDataPoints":"2"}}'), "it rejected 2 data points: no reason given"),
        ((400, {}, b"bad\nname"), "HTTP 400: bad name"),
        ((413, {}, b""), "HTTP 413"),
    ],
)
def test_only_an_answer_that_says_so_is_a_delivery(answer, problem):
    """
    The records are in the spool, reported once, and whatever was answered is not asked again at once.
    """
    asked = []
    with server(lambda *request: asked.append(request) or answer) as url:
        sink = OtlpSink(f"otlp+{url}", export_every_s=3600, timeout_s=20)
        sink.emit(record())
        caught = pytest.warns(RuntimeWarning, match=f"{problem}.*; the records are in")
        with caught, pytest.raises(SinkError, match=problem):
            sink.close()

    assert 1 == len(asked)
    assert [(f"otlp+{url}", 1)] == [(uri, count) for _, uri, count in spool.waiting()]


@pytest.mark.parametrize(
    "answer",
    [(200, {}, b""), (202, {}, b""), (204, {}, b""), (200, JSON, b"{}"), (200, JSON, b'{"partialSuccess":{}}')],
)
def test_receivers_say_yes_in_several_ways(answer):
    """
    As Prometheus, proxies that queue, and those that speak JSON do.
    """
    with server(lambda *_: answer) as url:
        sink = OtlpSink(f"otlp+{url}", export_every_s=3600, timeout_s=20)
        sink.emit(record())
        sink.close()

    assert [] == spool.waiting()
