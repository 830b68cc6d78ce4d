"""
Passwords and tokens in URIs: they are used, and shown nowhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from greensdk.cli import cli
from greensdk.configure.config import resolve
from greensdk.errors import ConfigError, RecordError, SinkError, masked

SECRET = "hunter2"
JOB = """
import sys, traceback
import greensdk, greensdk.logs
from greensdk import energy_tracked

work = energy_tracked(sink=sys.argv[1:], monitors=[], plugins={"s3": {"budget_s": 0.5}})(lambda: 7)
print(work())
greensdk.reset()
for uri in sys.argv[1:]:
    try:
        list(greensdk.logs.read(uri))
    except Exception:
        traceback.print_exc()
"""
URIS = [
    f"s3://AKIA0:{SECRET}/x+y@bucket/runs",
    f"s3://{SECRET}@bucket/runs",
    f"prometheus+http://me:{SECRET}@127.0.0.1:9/",
    f"otlp+http://me:{SECRET}@127.0.0.1:9/",
    f"otlp+http://127.0.0.1:9/x?api_key={SECRET}",
    f"callback:no_such_module:x?token={SECRET}",
]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("energy.jsonl", "energy.jsonl"),
        ("s3://bucket/runs", "s3://bucket/runs"),
        ("s3://bucket/runs@night/x", "s3://bucket/runs@night/x"),
        ("runs@night: No space left", "runs@night: No space left"),
        ("C:\\runs\\x", "C:\\runs\\x"),
        ("http://me:pw@host:1/x", "http://***@host:1/x"),
        ("http://token@host/x", "http://***@host/x"),
        ("s3://AKIA:a/b+c@bucket/x", "s3://***@bucket/x"),
        ("could not reach http://me:pw@host/x: refused", "could not reach http://***@host/x: refused"),
        ("http://host/x?n=1&X-Amz-Signature=ab&apiKey=cd", "http://host/x?n=1&X-Amz-Signature=***&apiKey=***"),
        ("monitors = ['rapl'], a = 1", "monitors = ['rapl'], a = 1"),
    ],
)
def test_what_is_secret_in_a_uri_is_masked(text, shown):
    """
    Nothing else is.
    """
    assert shown == masked(text)
    for error in (SinkError, ConfigError, RecordError):
        assert shown == str(error(text))


@given(
    st.sampled_from(["http", "s3", "otlp+https"]),
    st.text("abcXYZ019+/:-_", max_size=8),
    st.text("abcXYZ019+/:-_@", max_size=8),
)
def test_a_password_is_masked_whatever_it_is_made_of(scheme, user, password):
    """
    Those of AWS have slashes, and people don't encode them.
    """
    assert f"{scheme}://***@host/x" == masked(f"{scheme}://{user}:{password}@host/x")


def test_a_run_shows_no_secret(monkeypatch, tmp_path, command):
    """
    In none of its words, nor in what it leaves behind.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-key={SECRET}")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-c", JOB, *URIS]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=600)
    shown = [done.stdout, done.stderr]
    left = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    (tmp_path / "greensdk.toml").write_text(f"sink = {json.dumps(URIS)}")
    for more in (["doctor"], ["doctor", "--json"], ["report", str(tmp_path)]):
        asked = CliRunner().invoke(cli, more)
        shown += [asked.stdout, asked.stderr]
    ran = command("run", "--", "true")
    shown += [ran.stdout, ran.stderr]

    assert "7\n" == done.stdout
    assert "could not write to" in done.stderr
    assert "***@" in "".join(left)
    assert "s3://***@" in shown[2]
    assert [] == [line for text in (*shown, *left) for line in text.splitlines() if SECRET in line]


def test_a_sink_that_is_unknown_is_named_without_its_password():
    """
    Somebody may have forgotten to install it.
    """
    with pytest.raises(ConfigError, match="unknown sink 'kafka'") as caught:
        resolve({"sink": f"kafka://me:{SECRET}@broker/topic"}, {})
    assert SECRET not in str(caught.value)
