"""
Functions too short for a meter: many runs in one record.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import cloudpickle
import pytest
from burn_kit import near

from greensdk import ConfigError, capture, energy_tracked, reset, track
from greensdk.configure.config import resolve
from greensdk.report import EnergyReport
from greensdk.testing import PowercapTree, ticking

CLOCKS = {"monitors": [], "resources": "light", "sink": "memory:"}


def burn(seconds):
    """
    Use CPU time of this thread.
    """
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class TestRepeat:
    """
    One call, N runs.
    """

    def test_the_function_runs_so_often_and_the_last_result_counts(self):
        """
        With the same arguments each time.
        """
        seen = []

        @energy_tracked(repeat=5, **CLOCKS)
        def work(value):
            seen.append(value)
            return len(seen)

        with capture() as records:
            assert 5 == work("x")
        assert ["x"] * 5 == seen
        assert [5] == [record["runs"] for record in records]

    def test_the_mean_is_told(self, tmp_path):
        """
        One run is a fifth of the call's joules.
        """
        tree = PowercapTree(tmp_path)
        tree.package(0)
        reset()
        plugins = {"rapl": {"root": tree.root}}
        work = energy_tracked(repeat=20, monitors=["rapl"], sink="memory:", plugins=plugins)(lambda: burn(0.002))
        with ticking(tree, {"package-0": 50.0}), capture() as records:
            work()
        (record,) = records

        assert record["energy_j"] > 0
        assert pytest.approx(record["energy_j"] / 20) == record["energy_per_run_j"]

    def test_a_run_that_raises_is_the_last(self):
        """
        The record says how many there were.
        """
        runs = iter(range(10))

        @energy_tracked(repeat=5, **CLOCKS)
        def work():
            if next(runs) == 2:
                raise LookupError("enough")

        with capture() as records, pytest.raises(LookupError):
            work()
        assert [(3, "error", "LookupError")] == [(r["runs"], r["status"], r["error_type"]) for r in records]

    def test_it_travels(self):
        """
        As Lithops sends functions.
        """
        work = cloudpickle.loads(cloudpickle.dumps(energy_tracked(repeat=3, **CLOCKS)(lambda: None)))
        with capture() as records:
            work()
        assert [3] == [record["runs"] for record in records]


class TestPeriod:
    """
    One record for many calls.
    """

    def test_many_calls_make_one_record(self):
        """
        Which counts them, and their CPU seconds without what was between them.
        """
        work, calls = energy_tracked(every_s=0.1, **CLOCKS)(lambda: burn(0.002)), 0
        with capture() as records:
            while not records:
                work()
                calls += 1
                burn(0.002)
        (record,) = records

        assert calls == record["runs"]
        assert near(0.002 * record["runs"], 0.001 * record["runs"]) == record["cpu_s"]
        assert ("runs", "ok") == (record["cpu_source"], record["status"])
        assert 0.05 < record["duration_s"]  # a busy machine may take the rest to begin

    def test_results_and_exceptions_are_the_functions_own(self):
        """
        Each of them.
        """
        work = energy_tracked(every_s=10, **CLOCKS)(lambda value: 1 / value)

        assert [1.0, 0.5] == [work(1), work(2)]
        with pytest.raises(ZeroDivisionError):
            work(0)

    def test_a_function_that_calls_itself_counts_every_run_and_no_second_twice(self):
        """
        The inner runs are inside the outer.
        """

        @energy_tracked(every_s=0.05, **CLOCKS)
        def work(depth):
            burn(0.001)
            return depth and work(depth - 1)

        with capture() as records:
            while not records:
                work(3)
        (record,) = records

        assert 0 == record["runs"] % 4
        assert record["cpu_s"] <= record["duration_s"]

    def test_each_thread_has_a_period_of_its_own(self):
        """
        So that no lock is needed.
        """
        work = energy_tracked(every_s=0.05, **CLOCKS)(lambda: burn(0.001))

        def loop():
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                work()

        with capture() as records:
            threads = [threading.Thread(target=loop) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert len(records) >= 2
        assert all(record["cpu_s"] <= record["duration_s"] for record in records)

    def test_the_call_around_it_and_the_runs_share_the_meter(self, tmp_path):
        """
        What the runs took is in their own record, and no more in the call's around them.
        """
        tree = PowercapTree(tmp_path)
        tree.package(0)
        reset()
        common = {"monitors": ["rapl"], "sink": "memory:", "plugins": {"rapl": {"root": tree.root}}}
        work = energy_tracked(every_s=0.1, **common)(lambda: burn(0.002))

        @energy_tracked(**common)
        def around():
            while len(records) == 0:
                work()
            burn(0.05)

        with ticking(tree, {"package-0": 50.0}), capture() as records:
            around()
        period, outer = records

        assert outer["parent_id"] is None
        assert period["parent_id"] is None
        assert period["cpu_s"] + outer["cpu_s"] <= outer["duration_s"] * 1.05
        report = EnergyReport(records)
        assert pytest.approx(report.meters[0].meter_j) == report.energy_j + report.unattributed_j

    def test_calls_inside_a_run_are_its_children(self):
        """
        As inside any call.
        """
        inner = energy_tracked(**CLOCKS)(lambda: None)
        work = energy_tracked(every_s=0.01, **CLOCKS)(lambda: [inner()])
        with capture() as records:
            while all(record["parent_id"] for record in records):
                work()
        period = records[-1]

        assert {period["record_id"]} == {record["parent_id"] for record in records[:-1]}

    def test_a_long_rest_makes_the_meter_useless_and_is_told(self, tmp_path):
        """
        The machine's joules of an idle hour are not one run's.
        """
        tree = PowercapTree(tmp_path)
        tree.package(0)
        reset()
        plugins = {"rapl": {"root": tree.root}}
        work = energy_tracked(every_s=0.05, monitors=["rapl"], sink="memory:", plugins=plugins)(lambda: None)
        with ticking(tree, {"package-0": 50.0}), capture() as records:
            work()
            time.sleep(0.2)
            work()
        (record,) = records

        assert (1, None) == (record["runs"], record["energy_j"])
        assert "the function was not called for 0.2" in record["reason"]
        assert record["readings"][0]["energy_j"] > 0

    def test_a_reset_ends_the_period(self):
        """
        Nothing that was counted is lost.
        """
        work = energy_tracked(every_s=60, **CLOCKS)(lambda: None)
        with capture() as records:
            work(), work()
            assert [] == records
            reset()
            assert [2] == [record["runs"] for record in records]
            work()
            reset()
        assert [2, 1] == [record["runs"] for record in records]

    def test_a_forked_child_begins_its_own(self):
        """
        The parent's meters are not the child's.
        """
        work = energy_tracked(every_s=60, **CLOCKS)(lambda: None)
        with capture() as records:
            work()
            pid = os.fork()
            if pid == 0:
                try:
                    records.clear()
                    work(), work()
                    reset()
                    os._exit(0 if [2] == [record["runs"] for record in records] else 1)
                finally:
                    os._exit(2)
            assert 0 == os.waitpid(pid, 0)[1]
            reset()
        assert [1] == [record["runs"] for record in records]

    def test_the_last_period_is_written_at_exit(self, tmp_path):
        """
        By a program that just ends.
        """
        code = """
from greensdk import energy_tracked
work = energy_tracked(every_s=60, sink="energy.jsonl")(lambda: None)
for _ in range(1000):
    work()
"""
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=600)

        assert 1 == len((tmp_path / "energy.jsonl").read_text().splitlines())
        assert '"runs":1000' in (tmp_path / "energy.jsonl").read_text()


class TestMistakes:
    """
    Both are arguments for one plain function.
    """

    @pytest.mark.parametrize("arguments", [{"repeat": 2}, {"every_s": 1.0}])
    def test_they_are_not_for_what_runs_in_steps(self, arguments):
        """
        A coroutine can't be run twice.
        """

        async def steps():
            return None

        with pytest.raises(ConfigError, match="is for plain functions"):
            energy_tracked(**arguments)(steps)

    def test_only_one_of_them_at_a_time(self):
        """
        They are two ways of the same.
        """
        with pytest.raises(ConfigError, match="give one of them"):
            energy_tracked(repeat=2, every_s=1.0)(lambda: None)

    def test_a_block_runs_once(self):
        """
        It can't be run again.
        """
        with pytest.raises(ConfigError, match="a block runs once"):
            track("block", repeat=2)

    def test_no_variable_may_repeat_every_function(self):
        """
        Nor may a file.
        """
        with pytest.raises(ConfigError, match="GREENSDK_REPEAT: repeat is an argument of energy_tracked, for one"):
            resolve({}, {"GREENSDK_REPEAT": "5"})

    def test_no_file_may_either(self, tmp_path):
        """
        One line, with the file's name.
        """
        (tmp_path / "greensdk.toml").write_text("every_s = 5\n")
        with pytest.raises(ConfigError, match=r"greensdk.toml: every_s is an argument"):
            resolve({}, {}, tmp_path)
