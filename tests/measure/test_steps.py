"""
How many steps of the interpreter a call costs. Counted, for times depend on what else the machine does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from greensdk import energy_tracked
from greensdk.testing import PowercapTree

MOST_CLOCKS, MOST_RAPL = 606, 1650
"""Two per cent more than there are."""

pytestmark = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="another interpreter has other steps")


def steps(function: Callable[[], object]) -> int:
    """
    Return how many instructions of Python one call takes, its wrapper's included.
    """
    counted = 0

    def trace(frame, event, _):
        nonlocal counted
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        counted += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return counted


def count(root: str) -> dict[str, int]:
    """
    Return the steps of a call of nothing with clocks only, and with a meter that has no update in so short a window.
    """
    rapl = {"root": root, "update_interval_s": 1000.0}
    calls = {
        "clocks": energy_tracked(monitors=[], sink="memory:")(lambda: None),
        "rapl": energy_tracked(monitors=["rapl"], plugins={"rapl": rapl}, sink="memory:")(lambda: None),
    }
    for call in calls.values():
        call()
    return {name: steps(call) for name, call in calls.items()}


def test_a_call_takes_few_steps(tmp_path):
    """
    What is added to the path of every call has to be taken from it elsewhere. In a process of its own: what other tests
    have imported and left is looked at in each call, too.
    """
    tree = PowercapTree(tmp_path)
    tree.package(0).dram()
    done = subprocess.run([sys.executable, __file__, str(tree.root)], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found["clocks"] <= MOST_CLOCKS, found
    assert found["rapl"] <= MOST_RAPL, found


if __name__ == "__main__":
    print(json.dumps(count(sys.argv[1])))
