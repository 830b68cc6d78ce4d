"""
From a decorated function through a powercap tree to a line in a file, as a user has it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from greensdk import energy_tracked
from greensdk.schema.check import problems
from greensdk.testing import PowercapTree
from greensdk.testing.powercap import RANGE_UJ


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """
    Two sockets with memory, cores and a platform meter; package 1 is about to wrap around.
    """
    tree = PowercapTree(tmp_path / "sys")
    for number, start_uj in ((0, 5_000_000_000), (1, RANGE_UJ - 5_000_000)):
        package = tree.package(number, uj=start_uj)
        package.dram()
        package.core()
    tree.psys()
    monkeypatch.setenv("GREENSDK_RAPL_ROOT", tree.root)
    return tree


JOULES = {
    "package-0": 10.0,
    "package-1": 20.0,
    "dram-0": 3.0,
    "dram-1": 4.0,
    "core-0": 7.0,
    "core-1": 8.0,
    "psys": 50.0,
}


def count(tree):
    """
    Let every counter count its joules.
    """
    for key, joules in JOULES.items():
        tree.zones[key].add_j(joules)


def the_record() -> dict:
    """
    The one line of the default file.
    """
    (line,) = Path("energy.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert [] == problems(record)
    return record


def rapl_of(record: dict) -> dict:
    """
    The reading of the monitor under test.
    """
    return next(reading for reading in record["readings"] if reading["monitor"] == "rapl")


def test_each_domain_and_the_total_are_exact_across_a_wraparound(tree):
    """
    Total is packages plus memory, never the cores or the platform; the call has its share of it.
    """

    @energy_tracked
    def work():
        count(tree)
        time.sleep(0.005)
        return "result"

    assert "result" == work()

    record = the_record()
    reading = rapl_of(record)
    assert JOULES == reading["domains"]
    assert (37.0, "package+dram") == (reading["energy_j"], reading["boundary"])
    assert {"package-1": 1} == reading["attributes"]["wraps"]
    assert pytest.approx(37.0 * record["cpu_share"]) == record["energy_j"]
    assert ("rapl", "attributed") == (record["energy_source"], record["energy_quality"])
    assert record["energy_low_j"] <= record["energy_j"] <= record["energy_high_j"]


FAULTS = {
    "reset": lambda tree: tree.zones["package-0"].set_uj(0),
    "EIO": lambda tree: tree.zones["package-1"].fail("EIO"),
    "vanished": lambda tree: tree.zones["package-1"].vanish(),
    "garbage": lambda tree: tree.zones["package-0"].garble(),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("error", [None, ValueError("the user's")], ids=["returns", "raises"])
def test_a_fault_gives_none_and_the_reason_and_changes_nothing_for_the_user(tmp_path, tree, fault, error):
    """
    With and without a fault the result and the exception are the same; the next method provides the call's energy.
    """

    @energy_tracked
    def work():
        count(tree)
        FAULTS[fault](tree)
        time.sleep(0.005)
        if error is not None:
            raise error
        return "result"

    if error is None:
        assert "result" == work()
    else:
        with pytest.raises(ValueError, match="the user's") as raised:
            work()
        assert error is raised.value

    record = the_record()
    reading = rapl_of(record)
    assert (None, None) == (reading["energy_j"], reading["call_j"])
    assert reading["reason"]
    assert ("psutil-tdp", "estimated") == (record["energy_source"], record["energy_quality"])


def test_memory_that_fails_costs_the_memory_only(tree):
    """
    The packages stand for the call, and the record's boundary says so.
    """

    @energy_tracked
    def work():
        count(tree)
        tree.zones["dram-1"].fail("EIO")
        time.sleep(0.005)

    work()

    record = the_record()
    reading = rapl_of(record)
    assert 30.0 == reading["energy_j"]
    assert ("rapl", "package") == (record["energy_source"], record["energy_boundary"])
    assert pytest.approx(30.0 * record["cpu_share"]) == record["energy_j"]
    assert "EIO" in reading["attributes"]["reasons"]["dram-1"]


def test_two_functions_at_once_never_both_claim_the_meter(tree, burn):
    """
    Overlapping calls on one meter share it: their joules together stay within what it counted.
    """
    import threading

    package = tree.zones["package-0"]
    started = package.total_uj
    work = energy_tracked(lambda: [burn(0.02) and package.add_j(1.0) for _ in range(5)])
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    calls = [json.loads(line) for line in Path("energy.jsonl").read_text().splitlines()]
    counted_j = (package.total_uj - started) / 1e6
    assert (4, 20.0) == (len(calls), counted_j)
    # Windows that begin and end apart see the joules and the CPU seconds in slightly different proportion.
    assert sum(call["energy_j"] for call in calls) <= 1.1 * counted_j
    assert all(call["energy_j"] > 0 for call in calls)
