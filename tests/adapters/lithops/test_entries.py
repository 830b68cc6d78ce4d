"""
Every way into Lithops on this machine: attempts, stages, executors in workers, Process, chunks.
"""

from __future__ import annotations

import inspect

import pytest
from lithops_kit import NEEDS_LITHOPS, results

from greensdk.schema.check import problems

pytestmark = [pytest.mark.slow, *NEEDS_LITHOPS]

ENERGY = {"workflow": "video"}


def of_worker(records, *keys):
    """
    Return some keys of each record's worker.
    """
    return [tuple(record["worker"][key] for key in keys) for record in records]


@pytest.mark.parametrize("outside", [True, False])
def test_every_attempt_is_counted(config, rapl, tmp_path, outside):
    """
    Numbered from 1, whichever executor was made a measuring one; collect() finds those before the last, too.
    """
    import lithops
    from greensdk_lithops import EnergyFunctionExecutor, collect, instrument
    from lithops_functions import flaky

    if outside:
        executor = lithops.FunctionExecutor(config=config, log_level=None)
        retrying = instrument(lithops.RetryingFunctionExecutor(executor))
    else:
        executor = EnergyFunctionExecutor(config=config, log_level=None)
        retrying = lithops.RetryingFunctionExecutor(executor)
    with retrying:
        inputs = [(str(tmp_path), "a", 2), (str(tmp_path), "b", 0)]
        futures = retrying.map(flaky, inputs, retries=3)
        done, _ = retrying.wait(futures, throw_except=False, show_progressbar=False)
        assert ["a", "b"] == sorted(future.result() for future in done)
        records, report = collect(futures), (retrying if outside else executor).energy_report()
    assert [(1, 2), (2, 1), (3, 1), (1, 2)] == of_worker(records, "attempt", "calls")
    assert ["error", "error", "ok", "ok"] == [record["status"] for record in records]
    assert {record["record_id"] for record in records} == {record["record_id"] for record in report.records}
    assert report.energy_j == pytest.approx(sum(row["shared_j"] for row in report.to_dicts()))
    lines = [line for line in report.remarks() if "beyond the first" in line]
    assert len(lines) == 1
    assert lines[0].startswith("2 attempts beyond the first, 3 at most; without a result: 2 error (")


def test_stages_of_a_workflow_are_in_the_records(fexec):
    """
    Given with the job or with the executor; what reduces is a stage of its own.
    """
    from greensdk_lithops import collect
    from lithops_functions import plus_one

    def total(results):
        return sum(results)

    first = fexec.map(plus_one, [1, 2, 3], stage="load")
    chained = first.map(plus_one, stage="double", parents=["load"])
    results(fexec, chained)
    reduced = fexec.map_reduce(plus_one, [1, 2], total, stage="count", workflow="other", parents=("double",))
    assert 5 == results(fexec, reduced)
    keys = ("stage", "workflow", "parents", "calls")
    loaded, doubled = ("load", "video", None, 3), ("double", "video", ["load"], 3)
    records = collect(chained)
    assert [loaded] * 3 + [doubled] * 3 == of_worker(records, *keys)
    counted, summed = ("count", "other", ["double"], 2), ("count-reduce", "other", ["count"], 1)
    reduced_records = collect(reduced)
    assert [counted, counted, summed] == of_worker(reduced_records, *keys)
    assert [[]] * 9 == [problems(record) for record in [*records, *reduced_records]]


def test_what_only_the_client_knows_of_a_lost_call_is_in_its_record(fexec):
    """
    Its stage and attempt, although its worker sent nothing.
    """
    from lithops_functions import ends

    future = fexec.call_async(ends, "left", stage="load", parents=["split"])
    with pytest.raises(RuntimeError):
        future.result()
    report = fexec.energy_report()
    keys = ("attempt", "calls", "stage", "workflow", "parents")
    assert [(1, 1, "load", "video", ["split"])] == of_worker(report.records, *keys)


def test_an_executor_in_a_worker_is_a_branch_of_the_tree(fexec, config):
    """
    Its calls are measured, with ids that begin with those of the call that made it, and are in that one's joules.
    """
    from greensdk_lithops import EnergyReport
    from lithops_functions import starts_a_job

    future = fexec.call_async(starts_a_job, (config, [1, 2]), stage="outer")
    inner = future.result()
    report = fexec.energy_report()
    (outer,) = report.records
    worker = outer["worker"]
    address = f"{worker['executor_id']}-{worker['job_id']}-{worker['call_id']}-"
    assert ["ok"] * 2 == [record["status"] for record in inner]
    assert all(record["worker"]["executor_id"].startswith(address) for record in inner)
    assert [(None, None)] * 2 == of_worker(inner, "stage", "workflow")
    together = EnergyReport([outer, *inner])
    assert outer["energy_j"] == pytest.approx(report.energy_j)
    assert report.energy_j == pytest.approx(together.energy_j)
    assert 3 == len(together.records)


def test_calls_that_share_a_worker_have_records_of_their_own(fexec):
    """
    With a chunk of two for one worker: four calls, four records.
    """
    from greensdk_lithops import collect
    from lithops_functions import plus_one

    futures = fexec.map(plus_one, [1, 2, 3, 4], chunksize=2)
    assert [2, 3, 4, 5] == results(fexec, futures)
    records = collect(futures)
    assert [(f"{number:05d}", 4) for number in range(4)] == of_worker(records, "call_id", "calls")
    assert 4 == len({record["record_id"] for record in records})
    assert sum(record["energy_j"] for record in records) > 0


def test_an_executor_that_is_made_later_measures_where_all_do(config, rapl, monkeypatch):
    """
    As that of a ``multiprocessing.Process``, which can't be instrumented before it starts.
    """
    pytest.importorskip("redis")
    import lithops
    from greensdk_lithops import instrument
    from lithops.multiprocessing import Process
    from lithops.multiprocessing import config as process_config
    from lithops_functions import plus_one

    class Redis:
        """
        Takes everything, has nothing.
        """

        def __getattr__(self, name):
            return lambda *args, **kwargs: None

    monkeypatch.setattr(lithops.FunctionExecutor, "__init__", lithops.FunctionExecutor.__init__)
    assert lithops.FunctionExecutor is instrument(lithops.FunctionExecutor, {"label": "all"})
    instrument(lithops.FunctionExecutor, {"label": "replaced"})
    assert "backend" in inspect.signature(lithops.FunctionExecutor).parameters
    monkeypatch.setattr("lithops.multiprocessing.util.get_redis_client", lambda *args, **kwargs: Redis())
    process_config.set_parameter(process_config.LITHOPS_CONFIG, {"config": config, "log_level": None})
    process = Process(target=plus_one, args=(1,))
    process.start()
    executor = process._executor
    process.join()
    (record,) = executor.energy_report().records
    assert ("lithops_functions.plus_one", "replaced", "ok") == (record["function"], record["label"], record["status"])


def test_a_report_of_several_jobs_shows_each(fexec):
    """
    In the terminal, and as flat rows with each joule given once.
    """
    from lithops_functions import plus_one

    results(fexec, fexec.map(plus_one, [1, 2]))
    results(fexec, fexec.map(plus_one, [3], stage="last"))
    report = fexec.energy_report()
    lines = str(report).splitlines()
    assert ["job M000: 2 calls", "job M001: 1 call"] == sorted(
        line.partition(",")[0] for line in lines if line.startswith("job ")
    )
    rows = report.to_dicts()
    assert ["M000", "M000", "M001"] == [row["job_id"] for row in rows]
    assert [None, None, "last"] == [row["stage"] for row in rows]
    assert report.energy_j == pytest.approx(sum(row["shared_j"] for row in rows))
    assert all(not isinstance(value, dict) for row in rows for value in row.values())
