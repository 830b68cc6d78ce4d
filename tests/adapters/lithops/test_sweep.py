"""
Sweeps over worker counts, and jobs cut up as the advisor says.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from greensdk_lithops.sweep import Parted, check, flat, part, parts, planned
from hypothesis import given
from hypothesis import strategies as st

from greensdk.errors import ConfigError
from greensdk.logs import read

SCRIPT = """
import json, sys
from greensdk.errors import ConfigError
from greensdk_lithops import EnergyFunctionExecutor
from greensdk_workloads.pi import count_inside
from greensdk_workloads.simple import touch

GENERAL = {{"backend": "localhost", "storage": "localhost", "log_level": "INFO", "data_cleaner": False}}
CONFIG = {{"lithops": GENERAL, "localhost": {{"runtime": sys.executable, "worker_processes": 8}}}}


def smoothed(records, path):
    # Times and joules that follow the model, however busy the machine was.
    with open(path, "w") as log:
        for record in records:
            calls = sum(other["worker"]["job_id"] == record["worker"]["job_id"] for other in records)
            seconds = 4.0 / calls + 0.2 * calls
            times = {{"duration_s": seconds, "energy_j": 3.0 * seconds, "readings": []}}
            log.write(json.dumps({{**record, **times}}) + "\\n")

if __name__ == "__main__":
    with EnergyFunctionExecutor(config=CONFIG) as fexec:
        {body}
"""


def run(body, folder):
    """
    Run `body` with an executor on this machine, in a process of its own, and return what it printed and logged.
    """
    (folder / "job.py").write_text(SCRIPT.format(body=body.strip().replace("\n", "\n        ")))
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "job.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert 0 == done.returncode, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1]), done.stderr


class TestParts:
    """
    Splitting into parts.
    """

    @given(items=st.lists(st.integers(), max_size=40), workers=st.integers(1, 50))
    def test_parts_are_the_items_in_their_order_and_differ_by_one_at_most(self, items, workers):
        """
        None is empty: there are fewer parts where there are fewer items.
        """
        found = [each for (each,) in parts(items, workers)]

        assert items == flat(found)
        assert min(workers, len(items)) == len(found)
        assert len({len(each) for each in found} | {0}) <= 3
        assert all(found)

    def test_items_are_handed_over_as_lithops_does(self):
        """
        A tuple is arguments, a dict is keywords, anything else is one argument.
        """

        def add(a, b=10):
            return a + b

        assert [3, 7, 11] == part(add)([(1, 2), {"a": 3, "b": 4}, 1])
        assert [[1, 2]] == part(list)([[1, 2]])

    def test_a_part_has_the_name_of_its_function_and_one_argument(self):
        """
        The name for the records, the argument for Lithops.
        """
        import inspect

        assert "split_extension" == part(_named).__name__
        assert ["items"] == list(inspect.signature(part(_named)).parameters)


def _named(path):
    return path


_named.__name__ = "split_extension"


class TestPlanning:
    """
    What is refused before anything runs.
    """

    def test_configurations_come_before_repetitions(self):
        """
        So that a machine that gets warmer meets all of them alike.
        """
        assert [(0, 1, None), (0, 2, None), (1, 1, None), (1, 2, None)] == planned([2, 1, 2], None, 2)
        assert [(0, 1, 512), (0, 2, 512), (0, 1, 1024), (0, 2, 1024)] == planned([1, 2], [1024, 512], 1)

    @pytest.mark.parametrize(("workers", "reps"), [([], 1), ([0, 1], 1), ([1], 0)])
    def test_numbers_below_one_are_refused(self, workers, reps):
        """
        One line.
        """
        with pytest.raises(ConfigError, match="expected positive integers"):
            planned(workers, None, reps)

    def test_more_workers_than_items_show_nothing(self):
        """
        They would have nothing to do.
        """
        with pytest.raises(ConfigError, match="3 items for 4 workers"):
            check(SimpleNamespace(backend="k8s"), [1, 2, 3], planned([4], None, 1))

    def test_localhost_must_run_so_many_at_a_time(self):
        """
        Else eight workers are two that take turns.
        """
        executor = SimpleNamespace(backend="localhost", config={"localhost": {"worker_processes": 2}})

        with pytest.raises(ConfigError, match="set worker_processes: 8"):
            check(executor, list(range(8)), planned([8], None, 1))


@pytest.mark.slow
class TestExecutor:
    """
    The real thing.
    """

    def test_a_sweep_leaves_records_and_the_advice_is_used(self, tmp_path):
        """
        Each run has as many calls as workers; the advised job has the results of every item, in order, and says what
        it does.
        """
        body = """
data = [(20_000, seed) for seed in range(8)]
records = fexec.profile(count_inside, data, workers=[1, 2, 4, 8], reps=1, out="runs.jsonl")
smoothed(records, "smooth.jsonl")
plain = [count_inside(*item) for item in data]
futures = fexec.map(count_inside, data, advise={"records": "smooth.jsonl"})
by_list = futures.get_result() == plain
again = fexec.map(count_inside, data, advise={"objective": "time", "records": "smooth.jsonl"})
print(json.dumps([len(records), by_list, fexec.get_result(again) == plain, len(futures), fexec.plan.objective]))
"""
        found, log = run(body, tmp_path)
        jobs = Counter(record["worker"]["job_id"] for record in read(tmp_path / "runs.jsonl"))

        assert [15, True, True] == found[:3]
        assert 1 <= found[3] <= 8
        assert "time" == found[4]
        assert [1, 2, 4, 8] == sorted(jobs.values())
        # How many is best depends on the machine.
        assert re.search(r" [1248] workers? for greensdk_workloads\.pi\.count_inside \(energy\); expected: time_s", log)

    def test_get_result_of_everything_takes_parts_apart(self, tmp_path):
        """
        Also beside jobs that were not cut up; what was swept is not asked for again.
        """
        body = """
data = [(1_000, seed) for seed in range(8)]
smoothed(fexec.profile(count_inside, data, workers=[1, 2, 4, 8], reps=1, out=None), "smooth.jsonl")
fexec.map(count_inside, data, advise={"records": "smooth.jsonl"})
fexec.map(count_inside, data[:2])
plain = [count_inside(*item) for item in data]
print(json.dumps(fexec.get_result() == plain + plain[:2]))
"""
        assert run(body, tmp_path)[0] is True
        assert not Path(tmp_path, "energy.jsonl").exists()

    def test_without_runs_it_is_an_error(self, tmp_path):
        """
        One line, before anything is started.
        """
        body = """
try:
    fexec.map(count_inside, [(1, 1)], advise="energy")
except Exception as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""
        (kind, text), _ = run(body, tmp_path)

        assert "ConfigError" == kind
        assert "call profile() first, or give a log" in text

    def test_the_rest_of_the_sweep_confirms_the_advice(self, tmp_path):
        """
        Of a function that counts and one that walks through memory: what the advised number of workers took on the
        average is within half of the least that any number took.
        """
        body = """
found = {}
sizes = {count_inside: 1_500_000, touch: 150_000_000}
for func, size in sizes.items():
    data, records, futures = [(size, seed) for seed in range(8)], [], None
    for _ in range(4):  # the advisor refuses runs that contradict each other, as on a busy machine they may
        records += fexec.profile(func, data, workers=[1, 2, 4, 8], reps=1, out=None)
        try:
            futures = fexec.map(func, data, advise="energy")
            break
        except ConfigError as error:
            found[func.__name__] = str(error)
    if futures is None:
        continue
    fexec.get_result(futures)
    ((count, _),) = fexec.plan.choice.configs.values()
    jobs = {}
    for record in records:
        jobs.setdefault(record["worker"]["job_id"], []).append(record["energy_j"])
    joules = {}
    for calls in jobs.values():
        joules.setdefault(len(calls), []).append(sum(calls))
    found[func.__name__] = [count, {number: sum(runs) / len(runs) for number, runs in joules.items()}]
print(json.dumps(found))
"""
        found, _ = run(body, tmp_path)

        assert {"count_inside", "touch"} == found.keys()
        advised = [each for each in found.values() if not isinstance(each, str)]
        if not advised:
            pytest.skip(f"this machine is too busy for any advice: {found}")
        for count, joules in advised:
            near = [value for number, value in joules.items() if abs(int(number) - count) <= 1]
            assert min(near) <= 1.5 * min(joules.values())


def test_parted_futures_are_lithops_own_list():
    """
    So that wait() and chains take them.
    """
    from lithops.utils import FuturesList

    assert issubclass(Parted, FuturesList)
