"""
How many steps of the interpreter a call costs. Counted, for times depend on what else the machine does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from greensdk import energy_tracked
from greensdk.testing import PowercapTree

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


def noop() -> None:
    """
    Do nothing.
    """


def test_a_call_with_clocks_only_takes_few_steps():
    """
    What is added to the path of every call has to be taken from it elsewhere.
    """
    call = energy_tracked(monitors=[], sink="memory:")(noop)
    call()
    assert steps(call) <= 730


def test_a_call_between_two_reads_of_a_meter_takes_few_steps(tmp_path):
    """
    The same with RAPL, a package and its memory, and a window that is shorter than the meter's update.
    """
    tree = PowercapTree(tmp_path)
    tree.package(0).dram()
    rapl = {"root": str(tree.root), "update_interval_s": 1000.0}
    call = energy_tracked(monitors=["rapl"], plugins={"rapl": rapl}, sink="memory:")(noop)
    call()
    assert steps(call) <= 1700
