"""
Kills at random moments: what a call has returned after is there, whole and once, wherever records go.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLED = Path(__file__).parent / "killed.py"


@pytest.mark.parametrize("number", [6, pytest.param(67, marks=pytest.mark.slow)])
@pytest.mark.parametrize("place", ["file", "spool", "store"])
def test_what_was_recorded_before_a_kill_is_there_once(tmp_path, place, number):
    """
    In a file, in the spool, and in a store that answers and is not heard; 200 kills where time is.
    """
    command = [sys.executable, str(KILLED), place, str(number)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    found = json.loads(done.stdout)

    assert found["acknowledged"] >= number
    assert (0, 0) == (found["lost"], found["doubled"])
    assert found["unacknowledged"] <= number
