"""
What an S3 refuses or does not answer: one clear line, the record in the spool, delivered by a later process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from greensdk.deliver import spool

pytestmark = pytest.mark.slow

WORK = """
import sys
from greensdk import energy_tracked

@energy_tracked(monitors=[], sink=sys.argv[1], label=sys.argv[2])
def work(n):
    return n

for n in range(int(sys.argv[3])):
    work(n)
print("the program's own")
"""


@pytest.fixture
def run(server, tmp_path):
    """
    Return a function that runs a script with these variables set (None: unset).
    """

    def runs(code: str, *arguments: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        wanted = {**own, **server.environment(), "TMPDIR": str(tmp_path), "GREENSDK_S3_BUDGET_S": "30", **variables}
        environment = {name: value for name, value in wanted.items() if value is not None}
        words = [sys.executable, "-c", code, *arguments]
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600, check=False)

    return runs


def labels(server, prefix: str) -> list[str]:
    """
    Return the labels of all records under a prefix.
    """
    return [json.loads(line)["label"] for data in server.objects(prefix).values() for line in data.splitlines()]


def warnings_in(text: str) -> list[str]:
    """
    Return the lines of standard error that warn.
    """
    return [line for line in text.splitlines() if "RuntimeWarning" in line]


def no_secret_is_written_down(server) -> bool:
    """
    Look into every file of the spool.
    """
    secrets = (server.secret.encode(), server.key.encode(), server.reader_secret.encode())
    return not any(secret in path.read_bytes() for path in spool.folder().iterdir() for secret in secrets)


@pytest.mark.parametrize(
    ("name", "broken", "line"),
    [
        (
            "secret",
            {"AWS_SECRET_ACCESS_KEY": "wrong"},
            "bucket 'results': the secret key does not belong to the access",
        ),
        (
            "key",
            {"AWS_ACCESS_KEY_ID": "stranger"},
            "bucket 'results': this access key does not exist: correct it",
        ),
        (
            "none",
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
            "bucket 'results': no complete credentials: set them in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET",
        ),
        (
            "reader",
            {"AWS_ACCESS_KEY_ID": "readkey", "AWS_SECRET_ACCESS_KEY": "green-secret-of-the-reader"},
            "bucket 'results': access denied: the credentials need the right s3:PutObject there",
        ),
        ("profile", {"AWS_PROFILE": "nobody"}, "bucket 'results': The config profile (nobody) could not be found"),
        ("endpoint", {"AWS_ENDPOINT_URL_S3": "no url"}, "bucket 'results': Invalid endpoint: no url"),
    ],
)
def test_what_is_refused_is_one_line_and_is_delivered_once_it_is_put_right(server, run, name, broken, line):
    """
    By the next process that writes to the same place. The program itself sees nothing of it.
    """
    uri = f"s3://{server.bucket}/{name}"
    failed = run(WORK, uri, "kept", "3", **broken)
    assert (0, "the program's own\n") == (failed.returncode, failed.stdout), failed.stderr
    (seen,) = warnings_in(failed.stderr)
    assert f"greensdk could not write to {uri}: {line}" in seen
    assert "Traceback" not in failed.stderr
    assert [(uri, 3)] == [(waiting, count) for _, waiting, count in spool.waiting()]
    assert no_secret_is_written_down(server)
    assert [] == labels(server, name)

    right = run(WORK, uri, "own", "2")
    assert ("", ["kept"] * 3 + ["own"] * 2) == (right.stderr, sorted(labels(server, name)))
    assert [] == list(spool.folder().iterdir())


def test_a_missing_bucket_is_named_and_gets_its_records_when_it_is_made(server, run):
    """
    With the command that makes it.
    """
    failed = run(WORK, "s3://other-bucket/runs", "kept", "1")
    (seen,) = warnings_in(failed.stderr)
    assert "there is no bucket 'other-bucket': make it (aws s3 mb s3://other-bucket) or correct the URI" in seen

    for identity in json.loads(server.config().read_text())["identities"]:
        assert "Admin" not in identity["actions"]
    server.make_bucket("other-bucket")
    assert "" == run(WORK, "s3://other-bucket/runs", "own", "1").stderr
    found = server.client().list_objects_v2(Bucket="other-bucket", Prefix="runs/")["Contents"]
    assert 2 == len(found)


def test_a_server_that_is_down_holds_nobody_up_and_gets_everything_later(server, run):
    """
    The calls don't even ask it: at the end the budget is spent, and the records wait.
    """
    uri = f"s3://{server.bucket}/down"
    server.stop()
    try:
        failed = run(WORK, uri, "kept", "50", GREENSDK_S3_BUDGET_S="10")
    finally:
        server.start()
    assert (0, "the program's own\n") == (failed.returncode, failed.stdout), failed.stderr
    assert f'Could not connect to the endpoint URL: "{server.endpoint}/' in failed.stderr
    assert 1 == len(warnings_in(failed.stderr))
    assert 50 == sum(count for _, _, count in spool.waiting())

    assert "" == run(WORK, uri, "own", "1").stderr
    assert 51 == len(labels(server, "down"))


CRASHES = (
    WORK
    + """
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""
)


def test_what_a_killed_process_has_written_ahead_is_delivered_by_the_next(server, run):
    """
    Every record whose call was over.
    """
    uri = f"s3://{server.bucket}/killed"
    killed = run(CRASHES, uri, "kept", "7")
    assert -signal.SIGKILL == killed.returncode
    assert [(uri, 7)] == [(waiting, count) for _, waiting, count in spool.waiting()]

    assert "" == run(WORK, uri, "own", "1").stderr
    assert ["kept"] * 7 + ["own"] == sorted(labels(server, "killed"))
    assert [] == spool.waiting()


def test_a_lambda_whose_storage_is_down_returns_and_delivers_with_a_later_invocation(server, run):
    """
    Its records wait in its /tmp, which the next invocations find: each delivers one of the old batches.
    """
    uri = f"s3://{server.bucket}/frozen"
    inside = {"AWS_LAMBDA_FUNCTION_NAME": "render", "GREENSDK_S3_BUDGET_S": "0.3"}
    failed = run(WORK, uri, "kept", "4", **{**inside, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"})
    assert (0, "the program's own\n") == (failed.returncode, failed.stdout), failed.stderr
    assert 1 == len(warnings_in(failed.stderr))

    assert "" == run(WORK, uri, "own", "4", **{**inside, "GREENSDK_S3_BUDGET_S": "30"}).stderr
    assert ["kept"] * 4 + ["own"] * 4 == sorted(labels(server, "frozen"))
