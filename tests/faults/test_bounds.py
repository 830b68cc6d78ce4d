"""
What grows with the number of calls, or of decorations: nothing.
"""

from __future__ import annotations

import os
import threading
import traceback
from pathlib import Path

import pytest

from greensdk import energy_tracked
from greensdk.deliver.sinks import Unopened
from greensdk.testing import FakeMonitor, PowercapTree, tracked_by


def resident_bytes() -> int:
    """
    Return how much memory the process has.
    """
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held() -> tuple[int, int]:
    """
    Return the numbers of open descriptors and of threads.
    """
    return len(os.listdir("/dev/fd")), threading.active_count()


@pytest.mark.parametrize("number", [300, pytest.param(20_000, marks=pytest.mark.slow)])
def test_decorations_that_differ_in_their_labels_share_what_is_open(number):
    """
    The descriptors of the first are those of all, and each record has its own label.
    """
    decorate = {"sink": "energy.jsonl", "monitors": []}
    energy_tracked(label="first", **decorate)(lambda: None)()
    before, memory = held(), resident_bytes()
    for place in range(number):
        energy_tracked(label=f"step-{place}", **decorate)(lambda: None)()

    assert before == held()
    assert resident_bytes() - memory < 8 << 20
    lines = Path("energy.jsonl").read_text().splitlines()
    assert number + 1 == len(lines)
    assert f'"label":"step-{number - 1}"' in lines[-1]


def test_decorations_that_differ_in_more_share_the_file():
    """
    Tags make a runtime of their own, and no descriptor.
    """
    energy_tracked(sink="energy.jsonl", monitors=[])(lambda: None)()
    before = held()
    for place in range(50):
        energy_tracked(sink="energy.jsonl", monitors=[], tags={"place": str(place)})(lambda: None)()

    assert before == held()


@pytest.mark.parametrize("number", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_calls_leave_nothing_behind(number):
    """
    No memory, no descriptor, no thread.
    """
    work = energy_tracked(monitors=[], sink="memory:")(lambda: None)
    for _ in range(5_000):
        work()
    before, memory = held(), resident_bytes()
    for _ in range(number):
        work()

    assert before == held()
    assert resident_bytes() - memory < 4 << 20


def test_calls_on_meters_leave_nothing_behind(tmp_path):
    """
    Nor with a meter, an estimator and a file.
    """
    tree = PowercapTree(tmp_path / "tree")
    tree.package(0)
    plugins = {"rapl": {"root": str(tree.root)}, "psutil-tdp": {"tdp_w": 65}}
    work = energy_tracked(monitors=["rapl", "psutil-tdp"], plugins=plugins, sink="energy.jsonl")(lambda: None)
    for _ in range(500):
        work()
    before, memory = held(), resident_bytes()
    for _ in range(3_000):
        work()

    assert before == held()
    assert resident_bytes() - memory < 4 << 20


def test_an_error_that_is_raised_again_and_again_gets_no_longer():
    """
    That of a sink which could not be opened, and one that a plugin keeps.
    """
    error = OSError("gone")
    sink = Unopened("nowhere:", error)
    meter = FakeMonitor(fail_in=("stop",), error=error)
    work = tracked_by(meter)(lambda: None)
    lengths = []
    for _ in range(3):
        with pytest.raises(OSError, match="gone"):
            sink.emit({})
        lengths.append(len(traceback.extract_tb(error.__traceback__)))
        work()
        assert error.__traceback__ is None

    assert 1 == len(set(lengths))
