"""
A plain Lambda function, decorated and nothing else, run by AWS' own runtime client in a sandbox as tight as Lambda's.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from lambda_kit import Answer, sandbox
from s3_kit import seaweed

from greensdk.configure import builtin
from greensdk.schema.check import problems

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

METERS = [name for name in ("rapl", "perf", "ebpf") if name in builtin.MONITORS]
SOURCE = f"""
import errno
import os
import socket
import sys
import threading
import time

from greensdk import energy_tracked, track


@energy_tracked(monitors={[*METERS, "lambda-estimator"]!r})
def work(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(200))
    return seconds


@energy_tracked
def unconfigured(seconds):
    return work.__wrapped__(seconds)


def labelled(length):
    with track("x" * length, monitors=["lambda-estimator"]):
        return length


def attempt(path):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        return errno.errorcode[error.errno]
    os.unlink(path)
    return "written"


def counter(group, name):
    lines = [line.split() for line in open("/proc/net/snmp") if line.startswith(group + ":")]
    return int(dict(zip(*lines))[name])


def dial(address):
    try:
        socket.create_connection((address, 80), timeout=1).close()
    except OSError as error:
        return errno.errorcode[error.errno]


def facts(_):
    return {{
        "files": [name for _, folders, names in os.walk("/tmp") for name in folders + names],
        "attempts": {{path: attempt(path) for path in ("/x", "/var/task/x", "/dev/shm/x", "/tmp/x")}},
        "uid": os.getuid(),
        "capabilities": [line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")],
        "sys": os.path.exists("/sys"),
        "threads": threading.active_count(),
        "modules": sorted(sys.modules),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "no_route": counter("Ip", "OutNoRoutes"),
        "datagrams": counter("Udp", "OutDatagrams"),
    }}


def handler(event, context):
    ((name, argument),) = event.items()
    return globals()[name](argument)
"""


class Run(NamedTuple):
    """
    What a sandbox of one size did.
    """

    memory_mb: int
    cold: Answer
    warm: Answer
    unconfigured: Answer
    labelled: Answer
    facts: dict[str, Any]
    dialled: str
    after: dict[str, Any]
    throttled: int | None


@pytest.fixture(scope="module", params=[128, 512, 1769])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """
    Run everything in a sandbox of one size, and end that.
    """
    with sandbox(tmp_path_factory.mktemp("lambda"), SOURCE, request.param) as box:
        yield Run(
            request.param,
            cold=box.invoke(work=0.0),
            warm=box.invoke(work=0.3),
            unconfigured=box.invoke(unconfigured=0.05),
            labelled=box.invoke(labelled=20_000),
            facts=box.invoke(facts=None).value,
            dialled=box.invoke(dial="169.254.169.254").value,
            after=box.invoke(facts=None).value,
            throttled=box.throttled(),
        )


def record_of(answer: Answer) -> dict[str, Any]:
    """
    Return the one record that an invocation wrote.
    """
    (line,) = answer.writes
    record: dict[str, Any] = json.loads(line)
    return record


def readings_of(answer: Answer) -> dict[str, Any]:
    """
    Return its readings by monitor.
    """
    return {reading["monitor"]: reading for reading in record_of(answer)["readings"]}


def test_each_invocation_leaves_one_whole_line_in_the_log(run: Run) -> None:
    """
    In one write(2), so that nothing can come between, however long the line is.
    """
    for answer in (run.cold, run.warm, run.unconfigured, run.labelled):
        (written,) = answer.writes
        assert written.index("\n") == len(written) - 1
        assert [] == list(problems(json.loads(written)))
    assert 20_000 == len(record_of(run.labelled)["label"])


def test_the_handler_gets_its_result(run: Run) -> None:
    """
    The same as without measuring.
    """
    assert [0.0, 0.3, 0.05, 20_000] == [a.value for a in (run.cold, run.warm, run.unconfigured, run.labelled)]


def test_the_joules_come_with_an_interval(run: Run) -> None:
    """
    An estimate of the vCPU share and the memory, also in the first call.
    """
    for answer in (run.cold, run.warm, run.unconfigured):
        record = record_of(answer)
        assert 0 < record["energy_low_j"] < record["energy_j"] < record["energy_high_j"]
        assert ("lambda-estimator", "estimated", "vcpu+memory") == tuple(
            record[f"energy_{key}"] for key in ("source", "quality", "boundary")
        )


def test_the_share_is_that_of_the_memory(run: Run) -> None:
    """
    Not the CPUs that /proc shows.
    """
    attributes = readings_of(run.warm)["lambda-estimator"]["attributes"]
    assert run.memory_mb / 1769 == attributes["vcpu_share"]
    assert ("aws-lambda", run.memory_mb) == (attributes["environment"], attributes["memory_mb"])


def test_the_kernels_quota_never_gives_more_than_the_estimator_believes(run: Run) -> None:
    """
    Seconds under a real quota are counted, not cut, from the shortest call to one of many periods.
    """
    for answer in (run.cold, run.warm, run.unconfigured):
        attributes = readings_of(answer)["lambda-estimator"]["attributes"]
        assert "counted" == attributes["cpu_basis"]
        assert record_of(answer)["cpu_s"] == attributes["cpu_s_used"]
    if run.throttled is not None and run.memory_mb < 1769:
        assert run.throttled > 0


@pytest.mark.parametrize("name", METERS)
def test_what_does_not_work_here_has_a_reason(run: Run, name: str) -> None:
    """
    None with a reason, in the reading and in the record's errors.
    """
    reading = readings_of(run.cold)[name]
    assert (None, None) == (reading["energy_j"], reading["call_j"])
    assert reading["reason"]
    assert reading["reason"] == record_of(run.cold)["errors"][name]


def test_the_record_knows_the_worker(run: Run) -> None:
    """
    Which function, which invocation, and whether the process was new.
    """
    cold, warm = (record_of(answer)["worker"] for answer in (run.cold, run.warm))
    assert ("lambda", "aws_lambda", run.memory_mb) == (cold["adapter"], cold["backend"], cold["memory_mb"])
    assert ("work", "$LATEST") == (cold["function_name"], cold["function_version"])
    assert (run.cold.request_id, True) == (cold["activation_id"], cold["cold_start"])
    assert (run.warm.request_id, False) == (warm["activation_id"], warm["cold_start"])


def test_nothing_is_written(run: Run) -> None:
    """
    Not even where it could be: nowhere but in /tmp, which stays empty.
    """
    assert {"/x": "EROFS", "/var/task/x": "EROFS", "/dev/shm/x": "EROFS", "/tmp/x": "written"} == run.facts["attempts"]
    assert [] == run.facts["files"]


def test_the_sandbox_is_as_tight_as_lambda(run: Run) -> None:
    """
    Or else the other tests would prove nothing.
    """
    assert (993, ["0000000000000000"], False, ["lo"]) == (
        run.facts["uid"],
        run.facts["capabilities"],
        run.facts["sys"],
        run.facts["interfaces"],
    )


def test_nobody_is_called(run: Run) -> None:
    """
    The kernel counts every attempt to reach an address or a name server; it counts ours, and had counted none.
    """
    assert (0, 0) == (run.facts["no_route"], run.facts["datagrams"])
    assert "ENETUNREACH" == run.dialled
    assert run.after["no_route"] > 0


def test_no_library_and_no_thread_is_needed(run: Run) -> None:
    """
    Whatever the function itself brings along.
    """
    assert 1 == run.facts["threads"]
    libraries = {"attr", "attrs", "boto3", "click", "cpuinfo", "duckdb", "lithops", "pluggy", "psutil", "rich"}
    assert set() == libraries.intersection(run.facts["modules"])


TO_S3 = """
from greensdk import energy_tracked


@energy_tracked(monitors=["lambda-estimator"], sink="s3://results/plain")
def handler(event, context):
    return event["x"] + 1
"""


@pytest.mark.skipif(find_spec("botocore") is None, reason="botocore is not installed")
def test_a_plain_function_can_write_to_s3(tmp_path: Path) -> None:
    """
    The record is there when the handler has returned: between two invocations nothing runs any more.
    """
    with seaweed(tmp_path) as s3:
        door = ("127.0.0.1", s3.ports["s3"])
        with sandbox(tmp_path / "lambda", TO_S3, 1769, s3.environment(), (door,)) as box:
            for x in range(2):
                answer = box.invoke(x=x)
                assert x + 1 == answer.value
                records = [json.loads(lines) for lines in s3.objects("plain/").values()]
                assert x + 1 == len(records)
                assert answer.request_id in [record["worker"]["activation_id"] for record in records]
                assert [] == answer.writes
