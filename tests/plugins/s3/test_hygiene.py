"""
What a record may hold never breaks a line, and what it must not hold is nowhere in the bytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from operator import itemgetter

import pytest
from s3_kit import seaweed

pytestmark = pytest.mark.slow

ARGUMENT, VALUE, RESULT = "AKIA-argument-7f3a", "environment-value-7f3a", "result-7f3a"

HOSTILE = """
import json, math, sys
from greensdk import energy_tracked, track

sinks = json.loads(sys.argv[1])
labels = {
    "newline": "two\\nlines\\r\\n\\u2028\\u2029\\0",
    "long": "x" * 1_000_000,
    "surrogate": "half \\ud800 of a pair",
    "script": "<script>alert(1)</script>",
    "quotes": '"}{"',
}
for name, label in labels.items():
    with track(label, monitors=[], sink=sinks, tags={"name": name, "nan": math.nan, "infinite": -math.inf}):
        pass

@energy_tracked(monitors=[], sink=sinks, label="argument")
def work(password, *, token):
    raise ValueError("refused: " + label)

label = "of the error"
try:
    work(sys.argv[2], token=sys.argv[2])
except ValueError:
    pass

@energy_tracked(monitors=[], sink=sinks, label="result")
def answer(secret):
    return sys.argv[3]

answer(sys.argv[2])
"""


def test_hostile_records_are_whole_lines_and_tell_no_argument_and_no_variable(tmp_path):
    """
    The same lines in a file and in a bucket, and in both none of the call's arguments, results, or variables.
    """
    with seaweed(tmp_path) as s3:
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables = {"TMPDIR": str(tmp_path), "MY_TOKEN": VALUE, "GREENSDK_S3_BUDGET_S": "30"}
        done = subprocess.run(
            [sys.executable, "-c", HOSTILE, json.dumps(["energy.jsonl", "s3://results/runs"]), ARGUMENT, RESULT],
            env={**own, **s3.environment(), **variables},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
        bucket = b"".join(s3.objects("runs").values())
        secrets = [ARGUMENT, VALUE, RESULT, s3.key, s3.secret]

    file = (tmp_path / "energy.jsonl").read_bytes()
    assert file.count(b"\n") == len(file.splitlines()) == bucket.count(b"\n")
    # What measuring has taken is more by what the first sink took.
    first, second = ([json.loads(line) | {"overhead_s": None} for line in each.splitlines()] for each in (file, bucket))
    assert sorted(first, key=itemgetter("record_id")) == sorted(second, key=itemgetter("record_id"))
    assert [] == [secret for secret in secrets if secret.encode() in file + bucket]
    records = [json.loads(line, parse_constant=pytest.fail) for line in file.decode().split("\n")[:-1]]
    labels = {record["tags"].get("name", record["label"]): record["label"] for record in records}
    assert 7 == len(records)
    assert ("two\nlines\r\n\u2028\u2029\0", "x" * 1_000_000) == (labels["newline"], labels["long"])
    assert "half ? of a pair" == labels["surrogate"]
    assert {None} == {record["tags"][name] for record in records[:5] for name in ("nan", "infinite")}
