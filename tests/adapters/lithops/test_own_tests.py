"""
Lithops' own tests, with every function measured: they fail or pass as they do without us.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from lithops_kit import KIT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("lithops") is None or find_spec("lithops.tests.test_map") is None, reason="lithops has no tests here"
    ),
]

FILES = ("test_map", "test_call_async")
HANGS = "test_multiple_executions"
"""Lithops 3.8.0 alone waits in it for ever, about every other time on a busy machine."""


def outcomes(folder: Path, *options: str, **variables: str) -> dict[str, str]:
    """
    Return how each of Lithops' tests ended; once in a while Lithops 3.8.0 hangs by itself, and has another chance.
    """
    try:
        return _outcomes(folder, 400, *options, **variables)
    except subprocess.TimeoutExpired:
        return _outcomes(folder.with_name(f"{folder.name} again"), 600, *options, **variables)


def _outcomes(folder: Path, limit_s: float, *options: str, **variables: str) -> dict[str, str]:
    """
    Run the tests in a process and a folder of their own.
    """
    folder.mkdir()
    localhost = {"runtime": sys.executable, "worker_processes": 2}
    lithops = {"backend": "localhost", "storage": "localhost", "monitoring_interval": 0.1}
    (folder / "config.yaml").write_text(json.dumps({"lithops": lithops, "localhost": localhost}))
    tests = Path(str(find_spec("lithops.tests").origin)).parent
    files = [str(tests / f"{name}.py") for name in FILES]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    command += ["-k", f"not {HANGS}", *options]
    path = os.pathsep.join([KIT, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    subprocess.run(
        [*command, "--config", "config.yaml", "--junitxml", "report.xml", *files],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": path, **variables},
        capture_output=True,
        timeout=limit_s,
        check=False,
    )
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")
    return {
        f"{case.get('classname')}.{case.get('name')}": next((bad.tag for bad in case if bad.tag[:6] != "system"), "ok")
        for case in cases
    }


def test_lithops_own_tests_end_as_without_us(tmp_path):
    """
    Name by name; and they were measured indeed.
    """
    records = tmp_path / "energy.jsonl"
    plain = outcomes(tmp_path / "plain")
    tracked = outcomes(tmp_path / "tracked", "-p", "lithops_tracked", GREENSDK_SINK=str(records))
    assert plain == tracked
    assert len(plain) > 20
    assert "ok" in plain.values()
    assert len(records.read_text().splitlines()) > len(plain)
