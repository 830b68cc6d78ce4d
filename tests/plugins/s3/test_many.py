"""
Many writers, lost answers, a server that dies in the middle: every record is in the bucket once.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest
from s3_kit import Unreliable, seaweed

from greensdk.deliver import spool

WRITERS, RECORDS = 16, 500
WRITE = """
import sys
from greensdk import capture, track

uri, records = sys.argv[1], int(sys.argv[2])
with capture() as made:
    for number in range(records):
        with track("x", monitors=[], sink=uri):
            pass
        if number == records // 2:
            print("half", flush=True)
            sys.stdin.readline()
print(*(record["record_id"] for record in made))
"""


def writer(uri: str, records: int, environment: dict[str, str]) -> subprocess.Popen[str]:
    """
    Start a process that stops in the middle until it is asked to go on.
    """
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, uri, str(records)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def server(tmp_path):
    """
    A server of this test's own, since it dies in it.
    """
    with seaweed(tmp_path) as running:
        yield running


def stored(server) -> Counter[str]:
    """
    Return how often each record is in the bucket.
    """
    found = server.objects("runs")
    return Counter(json.loads(line)["record_id"] for data in found.values() for line in data.splitlines())


def environment_of(server, tmp_path, **more: str) -> dict[str, str]:
    """
    Return the environment of the writers: small batches, and a budget that outlasts the outage.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    sink = {"GREENSDK_S3_BATCH_RECORDS": "50", "GREENSDK_S3_BATCH_AGE_S": "0.3", "GREENSDK_S3_BUDGET_S": "100"}
    return {**own, **server.environment(), **sink, "TMPDIR": str(tmp_path), **more}


@pytest.mark.slow
def test_sixteen_writers_and_a_server_that_dies_in_the_middle(server, tmp_path):
    """
    Every seventh answer is lost, so that many objects are asked for twice; the server is killed and started again.
    """
    way = Unreliable(server, every=7)
    environment = environment_of(server, tmp_path, AWS_ENDPOINT_URL_S3=way.endpoint)
    uri = f"s3://{server.bucket}/runs"
    writers = [writer(uri, RECORDS, environment) for _ in range(WRITERS)]
    for process in writers:
        assert "half\n" == process.stdout.readline()
    server.stop()
    for process in writers[::2]:
        process.stdin.write("\n")
        process.stdin.flush()
    time.sleep(1)
    server.start()
    sent: list[str] = []
    for process in writers:
        said, complaints = process.communicate("\n", timeout=600)
        assert (0, "") == (process.returncode, complaints)
        sent += said.split()
    way.close()

    assert WRITERS * RECORDS == len(set(sent))
    assert Counter(sent) == stored(server)
    assert way.lost > 0
    assert [] == spool.waiting()


@pytest.mark.slow
def test_writers_that_are_killed_at_any_moment_lose_nothing_that_was_written_ahead(server, tmp_path):
    """
    Whoever comes next delivers it; what was delivered already is not delivered twice.
    """
    environment = environment_of(server, tmp_path, GREENSDK_S3_BATCH_RECORDS="5")
    uri = f"s3://{server.bucket}/runs"
    chance = random.Random(7)
    writers = [writer(uri, 400, environment) for _ in range(3)]
    for process in writers:
        process.stdout.readline()
        process.stdin.write("\n")
        process.stdin.flush()
    for process in writers:
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
    before = stored(server)
    waiting = sum(count for _, _, count in spool.waiting())
    last = writer(uri, 2, environment)
    said, complaints = last.communicate("\n", timeout=600)

    assert "" == complaints
    found = stored(server)
    assert {1} == set(found.values())
    assert [] == spool.waiting()
    assert set(before) <= set(found)
    assert set(said.split()) - {"half"} <= set(found)
    assert len(before) + 2 <= len(found) <= len(before) + waiting + 2
