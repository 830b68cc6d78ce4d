"""
Records into a real Pushgateway: few pushes, few groups, bounded labels, and no number lost whatever the gateway does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import warnings
from contextlib import suppress

import pytest
from greensdk_prometheus import PushgatewaySink, groups, push
from greensdk_prometheus.gateway import machine
from prometheus_kit import deaf, pushgateway, record, server, unreachable, wait_until
from rights_kit import need

import greensdk
from greensdk import ConfigError, SinkError, energy_tracked
from greensdk.deliver import lifecycle, spool

pytestmark = pytest.mark.slow

pytest.importorskip("prometheus_client")

THREAD = "greensdk-prometheus"
SCRIPT = """
import sys, time
from greensdk import energy_tracked
from greensdk.testing import FakeMonitor

table = {"push_every_s": 3600, "timeout_s": float(sys.argv[3])}

@energy_tracked(monitors=[], sink=sys.argv[1], plugins={"prometheus": table})
def work():
    return 1

for _ in range(int(sys.argv[2])):
    work()
if sys.argv[4:]:
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def gateway():
    """
    A running Pushgateway.
    """
    with pushgateway() as running:
        yield running


def run(uri: str, calls: int, timeout_s: float = 20, *more: str, **popen):
    """
    Start a process that makes so many measured calls and ends.
    """
    words = [sys.executable, "-W", "error::DeprecationWarning", "-c", SCRIPT, uri, str(calls), str(timeout_s), *more]
    environment = {**os.environ, "TMPDIR": os.getcwd()}
    return subprocess.Popen(words, env=environment, text=True, stderr=subprocess.PIPE, **popen)


def test_five_hundred_calls_are_one_push_when_the_process_ends(gateway):
    """
    In one group, named for the machine, with the function as label and no call's own id.
    """
    done = run(gateway.uri, 500)

    assert "" == done.communicate()[1]
    assert 500 == gateway.value("greensdk_calls_total", status="ok", nested="false")
    assert 500 == gateway.value("greensdk_call_duration_seconds_count", function="__main__.work")
    assert 1 == gateway.pushes()
    (group,) = gateway.groups()
    assert "greensdk" == group["labels"]["job"]
    families = [family for name, family in group.items() if name.startswith("greensdk_")]
    labels = {name for family in families for metric in family["metrics"] for name in metric["labels"]}
    known = {"job", "instance", "function", "label", "backend", "nested", "status", "mode", "source", "boundary"}
    assert labels <= known | {"quality", "le"}


def test_a_process_counts_on_where_the_one_before_it_stopped(gateway):
    """
    One after the other they share a group, and its counters only grow.
    """
    for _ in range(3):
        assert "" == run(gateway.uri, 10).communicate()[1]

    assert 1 == len(gateway.groups())
    assert 30 == gateway.value("greensdk_calls_total")


def test_processes_at_the_same_time_have_groups_of_their_own(gateway):
    """
    As many as live at once, and the next ones take those over.
    """
    for _ in range(2):
        living = [run(gateway.uri, 5, 20, "wait", stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
        for process in living:
            assert "ready" == process.stdout.readline().strip()
        # Each has its group from its first push on; the last push here is the one at the end.
        for process in living:
            process.communicate("")

    assert 30 == gateway.value("greensdk_calls_total")
    assert len(gateway.groups()) <= 3


def test_a_forked_child_pushes_its_own_calls_only(gateway):
    """
    The parent's stay the parent's.
    """

    @energy_tracked(monitors=[], sink=gateway.uri)
    def work():
        return os.getpid()

    work()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            greensdk.reset()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert 1 == gateway.value("greensdk_calls_total")

    greensdk.reset()
    assert 2 == gateway.value("greensdk_calls_total")
    assert {"greensdk"} == {group["labels"]["job"] for group in gateway.groups()}


def test_a_child_of_multiprocessing_pushes_before_it_ends(gateway):
    """
    Although it ends without atexit.
    """
    script = (
        "import multiprocessing, sys\nfrom greensdk import energy_tracked\n"
        "@energy_tracked(monitors=[], sink=sys.argv[1])\ndef work():\n    return 1\n"
        "if __name__ == '__main__':\n"
        "    process = multiprocessing.get_context('fork').Process(target=work)\n"
        "    process.start()\n    process.join()\n    assert process.exitcode == 0\n"
    )
    environment = {**os.environ, "TMPDIR": os.getcwd()}
    subprocess.run([sys.executable, "-c", script, gateway.uri], env=environment, check=True)

    assert 1 == gateway.value("greensdk_calls_total")


@pytest.mark.parametrize("kind", ["unreachable", "deaf", "refusing"])
def test_what_a_gateway_does_not_take_goes_with_the_next_push(kind):
    """
    One line says so; the next process on the machine brings the numbers, once.
    """
    with deaf() as silent, server(lambda *_: 503) as busy:
        url = {"unreachable": unreachable(), "deaf": silent, "refusing": busy}[kind]
        for calls in (7, 1):
            process = run(f"prometheus+{url}", calls, 0.3)
            errors = process.communicate()[1]
            assert (0, 1) == (process.returncode, errors.count("RuntimeWarning"))
            assert "go with the next push" in errors

    ((key, calls),) = groups.take(url, "greensdk", machine()).load()["greensdk_calls"]
    assert (8, "ok") == (calls, key[-1])


def test_a_gateway_that_comes_back_gets_everything(gateway):
    """
    In the same process: nothing twice, nothing missing.
    """
    sink = PushgatewaySink(gateway.uri, push_every_s=3600)
    sink.emit(record())
    sink.flush()
    gateway.stop()
    sink.emit(record())
    caught = pytest.warns(
        RuntimeWarning, match=r"could not write to .* refused; its numbers wait in .*json and go with"
    )
    with caught, pytest.raises(SinkError, match="refused"):
        sink.flush()
    sink.emit(record())
    gateway.start()
    sink.flush()

    assert 3 == gateway.value("greensdk_calls_total")
    assert 6 == gateway.value("greensdk_energy_joules_total", source="rapl", boundary="package+dram")
    assert [] == spool.waiting()


def test_emitting_waits_for_nobody():
    """
    A push to a gateway that never answers is under way: records go in all the same, and stay.
    """
    with warnings.catch_warnings(record=True) as caught, deaf() as silent:
        warnings.simplefilter("always")
        sink = PushgatewaySink(f"prometheus+{silent}", push_every_s=3600, timeout_s=10)
        sink.emit(record())
        pushing = threading.Thread(target=lambda: lifecycle.existing(sink._name).finish())
        pushing.start()
        wait_until(lambda: waiting() is not None)
        for _ in range(1000):
            sink.emit(record())
        assert pushing.is_alive()
        assert 1 == sum(thread.name == THREAD for thread in threading.enumerate())
        assert [] == caught
    pushing.join()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(SinkError):
            sink.close()

    assert 1001 == sum(calls for _, calls in waiting()["greensdk_calls"])


def waiting():
    """
    Return the numbers that wait on disk, if they have been written.
    """
    path = next((spool.folder() / groups.FOLDER).glob("*-0.json"), None)
    return None if path is None else json.loads(path.read_text())


def test_the_thread_dies_when_nothing_waits(gateway):
    """
    And is born again with the next record.
    """
    before = set(threading.enumerate())
    sink = PushgatewaySink(gateway.uri, push_every_s=0.01)
    for pushes in (1, 2):
        sink.emit(record())
        assert [THREAD] == [thread.name for thread in set(threading.enumerate()) - before]
        wait_until(lambda: not set(threading.enumerate()) - before)
        assert pushes == gateway.pushes()


def test_collected_records_are_one_push(gateway):
    """
    The way of a Lithops client: five hundred records, one group, one push.
    """
    push([record() for _ in range(500)], gateway.url)

    assert 1 == gateway.pushes()
    assert 500 == gateway.value("greensdk_calls_total", backend="localhost")
    assert 1000 == gateway.value("greensdk_energy_joules_total")


def test_a_worker_of_lithops_leaves_it_to_the_client(monkeypatch):
    """
    It makes no thread and no group.
    """
    monkeypatch.setenv("LITHOPS_WORKER", "True")
    before = threading.active_count()
    sink = PushgatewaySink(f"prometheus+{unreachable()}")
    sink.emit(record())
    sink.flush()
    sink.close()

    assert PushgatewaySink.client_side
    assert before == threading.active_count()


def test_a_lambda_is_told_where_to_write_instead(monkeypatch):
    """
    Its records are not counted and forgotten.
    """
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")

    with pytest.raises(SinkError, match="frozen after each call"):
        PushgatewaySink("prometheus+http://gateway:9091")


@pytest.mark.parametrize("uri", ["prometheus+http:", "prometheus+http://", "gateway:9091"])
def test_a_uri_without_a_host_is_an_error(uri):
    """
    One line with what is expected.
    """
    with pytest.raises(ConfigError, match=r"expected prometheus\+http://host:9091"):
        PushgatewaySink(uri)


def test_a_password_in_the_uri_is_refused_without_being_shown():
    """
    It would stand in every warning.
    """
    with pytest.raises(ConfigError, match="password_file") as caught:
        PushgatewaySink("prometheus+http://me:hunter2@gateway:9091")
    assert "hunter2" not in str(caught.value)


def test_basic_authentication_takes_the_password_from_its_file(tmp_path):
    """
    Base64 of ``me:hunter2``.
    """
    heard = []
    (tmp_path / "password").write_text("hunter2\n")

    def answer(path, headers, body):
        heard.append((path, headers["Authorization"]))
        return 200

    with server(answer) as url:
        push([record()], url, username="me", password_file=str(tmp_path / "password"), instance="here")

    assert [("/metrics/job/greensdk/instance/here", "Basic bWU6aHVudGVyMg==")] == heard


def test_what_is_exposed_passes_promtool(tmp_path):
    """
    Names, units, types and help texts are as Prometheus wants them.
    """
    need(shutil.which("promtool"), "promtool (apt-get install prometheus)")
    bodies = []
    with server(lambda _path, _headers, body: bodies.append(body) or 200) as url:
        push([record(), record(energy_j=None), record(depth=1)], url)

    done = subprocess.run(["promtool", "check", "metrics"], input=bodies[0], capture_output=True, check=False)
    assert (0, b"") == (done.returncode, done.stdout + done.stderr)


def test_the_settings_come_from_the_plugins_table(gateway, monkeypatch):
    """
    Here from the environment.
    """
    monkeypatch.setenv("GREENSDK_PROMETHEUS_JOB", "nightly")
    monkeypatch.setenv("GREENSDK_PROMETHEUS_INSTANCE", "lab")
    energy_tracked(monitors=[], sink=gateway.uri)(lambda: 7)()
    greensdk.reset()

    (group,) = gateway.groups()
    assert ("nightly", "lab") == (group["labels"]["job"], group["labels"]["instance"])


def test_a_broken_state_on_disk_counts_as_none(gateway):
    """
    A file that is cut short never keeps numbers from being pushed.
    """
    sink = PushgatewaySink(gateway.uri, instance="x")
    group = groups.take(gateway.url, "greensdk", "x")
    group.path.write_text('{"greensdk_calls": [[["a"')
    os.close(group._fd)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sink.emit(record())
        sink.flush()

    assert 1 == gateway.value("greensdk_calls_total")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((302, {"Location": "/login"}, b""), "HTTP 302"),
        ((307, {"Location": "/login"}, b""), "HTTP 307"),
        ((200, {"Content-Type": "text/html; charset=utf-8"}, b"<title>Sign in</title>"), "a page answered"),
        ((400, {}, b"inconsistent"), "HTTP 400: inconsistent"),
    ],
)
def test_only_a_gateways_own_yes_is_a_delivery(answer, problem):
    """
    The numbers go with the next push, which is not tried again at once.
    """
    asked = []
    with server(lambda *request: asked.append(request) or answer) as url:
        sink = PushgatewaySink(f"prometheus+{url}", push_every_s=3600, timeout_s=20)
        sink.emit(record())
        with pytest.warns(RuntimeWarning, match=f"{problem}.*go with the next push"), pytest.raises(SinkError):
            sink.close()

    assert 1 == len(asked)
    assert [1] == [calls for _, calls in waiting()["greensdk_calls"]]
