"""
The S3 sink against a real server: whole batches under settled keys, once, and nothing of it while a call runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

import greensdk
from greensdk import SinkError, capture, track
from greensdk.configure.config import resolve
from greensdk.deliver import spool
from greensdk.deliver.sinks import memory

pytestmark = pytest.mark.slow

FAST = {"s3": {"budget_s": 30}}


@pytest.fixture
def s3(server, monkeypatch, request):
    """
    The server, and an environment in which every AWS client finds it; ``s3.uri`` is this test's own prefix.
    """
    for variable in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    server.prefix = f"{request.node.name.partition('[')[0]}/runs"
    server.uri = f"s3://{server.bucket}/{server.prefix}"
    return server


def records(s3) -> dict[str, list[dict]]:
    """
    Return what is in the bucket under this test's prefix: key below it to records.
    """
    return {
        key.removeprefix(f"{s3.prefix}/"): [json.loads(line) for line in data.splitlines()]
        for key, data in s3.objects(s3.prefix).items()
    }


def ids(s3) -> list[str]:
    """
    Return the ids of all records there.
    """
    return [record["record_id"] for found in records(s3).values() for record in found]


def record_with(uri: str, **keys) -> None:
    """
    Make one record for a sink with these keys.
    """
    with track("x", monitors=[], sink=uri, plugins={"s3": {"budget_s": 30, **keys}}):
        pass


def script(code: str, *arguments: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """
    Run a script as a process of its own, with the test's temp directory as its own.
    """
    environment = {**os.environ, "TMPDIR": os.getcwd(), "GREENSDK_S3_BUDGET_S": "60", **variables}
    words = [sys.executable, "-c", code, *arguments]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600, check=check)


def test_records_are_in_the_bucket_when_the_process_is_through(s3):
    """
    One object for all of them, named by its first; the prefix's own slash makes no difference.
    """
    with capture() as made:
        for number in range(3):
            with track(f"part {number}", monitors=[], sink=s3.uri + "/", plugins=FAST):
                pass
    greensdk.reset()

    host = made[0]["host"]["host_id"]
    assert {f"local/{host}/{made[0]['record_id']}.jsonl": json.loads(json.dumps(made))} == records(s3)
    assert [] == list(spool.folder().iterdir())


def test_nothing_of_it_shows_while_a_call_is_measured(s3):
    """
    No client, no thread, no spool before the first record; no thread after the last one is delivered.
    """
    before = threading.active_count()
    with track("x", monitors=[], sink=s3.uri, plugins={"s3": {"batch_age_s": 0.01, "budget_s": 30}}):
        assert before == threading.active_count()
        assert not spool.folder().exists()
    for thread in threading.enumerate():
        if thread.name == "greensdk-outbox":
            thread.join(30)

    assert 1 == len(ids(s3))
    assert before == threading.active_count()


PRINTS = """
import sys
from greensdk import energy_tracked

@energy_tracked(monitors=[], sink=sys.argv[1])
def work(n):
    return n

for n in range(5):
    work(n)
print("the program's own")
"""


def test_a_script_delivers_at_its_end_and_says_nothing(s3):
    """
    Neither on standard output nor on standard error.
    """
    done = script(PRINTS, s3.uri)

    assert ("the program's own\n", "") == (done.stdout, done.stderr)
    assert 5 == len(set(ids(s3)))


def test_the_configuration_sets_endpoint_and_batches(s3, monkeypatch):
    """
    From the environment, as text; credentials are AWS' own business.
    """
    monkeypatch.setenv("GREENSDK_S3_ENDPOINT", s3.endpoint)
    monkeypatch.setenv("GREENSDK_S3_BATCH_RECORDS", "2")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    for number in range(5):
        with track(f"{number}", monitors=[], sink=s3.uri):
            pass
    greensdk.reset()

    assert [1, 2, 2] == sorted(len(found) for found in records(s3).values())


@pytest.mark.parametrize("key", ["secret", "aws_secret_access_key", "batch"])
def test_there_is_no_key_for_credentials(s3, key):
    """
    What is no key of the sink's is an error, and its value does not matter.
    """
    with pytest.raises(greensdk.ConfigError, match=rf"unknown key of \[s3\] '{key}'"):
        resolve({"sink": s3.uri, "s3": {key: "x"}}, {})


@pytest.mark.parametrize("uri", ["s3:", "s3://", "s3:///runs", "s3://key:secret@bucket/runs", "s3://a b/runs"])
def test_a_uri_without_a_bucket_is_told(uri):
    """
    The record waits in the spool.
    """
    with pytest.warns(RuntimeWarning, match="an S3 sink is s3://bucket/prefix"), track("x", monitors=[], sink=uri):
        pass
    assert [1] == [count for _, _, count in spool.waiting()]


def test_a_batch_that_is_there_already_is_not_written_again(s3):
    """
    An answer was lost, or the process died before it could delete its batch.
    """
    with track("x", monitors=[], sink="memory:"):
        pass
    key = f"{s3.prefix}/settled.jsonl"
    s3.client().put_object(Bucket=s3.bucket, Key=key, Body=b"the first delivery\n")
    batch = spool.begin(s3.uri, key)
    batch.append(b"the second delivery\n")
    batch.release()
    with track("y", monitors=[], sink=s3.uri, plugins=FAST):
        pass
    greensdk.reset()

    assert b"the first delivery\n" == s3.objects(s3.prefix)[key]
    assert [] == list(spool.folder().iterdir())


def test_what_a_wrong_setting_kept_back_is_delivered_when_it_is_right(s3):
    """
    Under the same spelling of the sink.
    """
    with pytest.warns(RuntimeWarning, match=r"\[s3\] batch_records = 0: expected 1 or more; the records are in"):
        record_with(s3.uri + "/", batch_records=0)
    record_with(s3.uri + "/")
    greensdk.reset()

    assert 2 == len(set(ids(s3)))
    assert [] == spool.waiting()


def test_two_specifications_share_what_one_process_has_to_deliver(s3):
    """
    A nested call may be configured otherwise than the one around it.
    """
    with track("outer", monitors=[], sink=s3.uri, plugins=FAST), track("inner", sink=s3.uri, plugins=FAST):
        pass
    greensdk.reset()

    assert [2] == [len(found) for found in records(s3).values()]


def test_one_sink_that_fails_stops_no_other(s3, tmp_path):
    """
    A file, memory and a bucket get the record that a full disk and a function that raises did not take.
    """
    sinks = ["in-the-way/x.jsonl", "callback:operator:truediv", s3.uri, "memory:", "energy.jsonl"]
    (tmp_path / "in-the-way").touch()
    with pytest.warns(RuntimeWarning), track("x", monitors=[], sink=sinks, plugins=FAST):
        pass
    greensdk.reset()

    (record,) = memory
    assert [record["record_id"]] == ids(s3)
    assert record["record_id"] == json.loads((tmp_path / "energy.jsonl").read_text())["record_id"]
    assert {"in-the-way/x.jsonl", "callback:operator:truediv"} == {uri for _, uri, _ in spool.waiting()}


FORKS = """
import os, sys
from greensdk import energy_tracked

@energy_tracked(monitors=[], sink=sys.argv[1])
def work(n):
    return n

work("before")
pid = os.fork()
work("after")
if pid:
    os.waitpid(pid, 0)
else:
    from greensdk.measure.slots import process
    process.close()
    os._exit(0)
"""


def test_a_fork_in_the_middle_neither_loses_nor_doubles(s3):
    """
    The child delivers its own record only, the parent its two.
    """
    done = script(FORKS, s3.uri)

    assert "" == done.stderr
    assert [1, 2] == sorted(len(found) for found in records(s3).values())
    assert 3 == len(set(ids(s3)))


POOL = """
import multiprocessing, sys
from greensdk import energy_tracked

@energy_tracked(monitors=[], sink=sys.argv[1])
def work(n):
    return n

if __name__ == "__main__":
    work(0)
    processes = [multiprocessing.get_context("fork").Process(target=work, args=(n,)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
"""


def test_processes_of_multiprocessing_deliver_at_their_end(s3):
    """
    They end without atexit.
    """
    assert "" == script(POOL, s3.uri).stderr
    assert 4 == len(set(ids(s3))) == len(records(s3))


def test_in_a_lambda_the_record_is_there_before_the_handler_returns(s3, monkeypatch):
    """
    Nested ones in the same object, which is named by the function and the invocation; a second one has its own.
    """
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "render")
    for root in ("1-5759e988-aaaa", "1-5759e988-bbbb", "1-5759e988-bbbb"):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={root};Sampled=1")
        with track("handler", monitors=[], sink=s3.uri, plugins=FAST), track("part", sink=s3.uri, plugins=FAST):
            pass

    assert {"1-5759e988-aaaa": 2, "1-5759e988-bbbb": 2, "1-5759e988-bbbb-1": 2} == {
        key.removeprefix("lambda/render/").removesuffix(".jsonl"): len(found) for key, found in records(s3).items()
    }
    assert [] == list(spool.folder().iterdir())


def test_in_a_lithops_worker_the_record_is_there_before_the_call_returns(s3, monkeypatch):
    """
    Under the executor and the job, with the call's number; what is recorded later follows at the end.
    """
    monkeypatch.setenv("LITHOPS_WORKER", "True")
    monkeypatch.setenv("__LITHOPS_SESSION_ID", "ab12-0-M000-00003")
    monkeypatch.setenv("__LITHOPS_ACTIVATION_ID", "f00d")
    with track("call", monitors=[], sink=s3.uri, plugins=FAST), track("part", sink=s3.uri, plugins=FAST):
        pass
    (key,) = records(s3)
    assert key.startswith("ab12-0/M000/00003-f00d")
    assert key.endswith(".jsonl")
    for _ in range(3):
        with track("later", monitors=[], sink=s3.uri, plugins=FAST):
            pass
    greensdk.reset()

    assert 5 == len(set(ids(s3)))
    assert len(records(s3)) <= 3


def test_the_sink_itself_may_be_used_and_closed_twice(s3):
    """
    It begins anew when it is used again.
    """
    from greensdk_s3 import S3Sink

    sink = S3Sink(s3.uri)
    for number in range(2):
        sink.emit({"record_id": f"{number}", "host": {}})
        sink.flush()
        sink.close()
        sink.close()

    assert {"local/unknown/0.jsonl", "local/unknown/1.jsonl"} == records(s3).keys()


def test_what_waits_can_be_delivered_without_measuring_anything(s3):
    """
    A new sink of the same spelling is flushed.
    """
    from greensdk_s3 import S3Sink

    with pytest.warns(RuntimeWarning, match="no route"):
        spool.keep({"record_id": "old"}, s3.uri, OSError("no route"))
    sink = S3Sink(s3.uri, budget_s=30)
    sink.flush()
    sink.close()

    assert {"local/unknown/old.jsonl": [{"record_id": "old"}]} == records(s3)
    assert [] == spool.waiting()


def test_closing_with_something_left_is_an_error(s3, monkeypatch):
    """
    So that the runtime knows of it.
    """
    from greensdk_s3 import S3Sink

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    sink = S3Sink(s3.uri, budget_s=0.3)

    def written():
        sink.emit({"record_id": "0"})
        sink.close()

    # The sink's own thread may find out before close() does.
    with (
        pytest.warns(RuntimeWarning, match="could not write"),
        pytest.raises(SinkError, match=r"the records are in .* \(1 waiting\)"),
    ):
        written()
