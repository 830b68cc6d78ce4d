"""
Real jobs on Lithops' localhost backend, with a powercap tree whose counters turn.
"""

from __future__ import annotations

import os
import pickle

import pytest
from lithops_kit import NEEDS_LITHOPS, results

from greensdk import capture, energy_tracked
from greensdk.errors import ConfigError
from greensdk.schema.check import problems

pytestmark = [pytest.mark.slow, *NEEDS_LITHOPS]

ENERGY = {"label": "job"}


def busy_and(x):
    """
    Functions pickled by value are tested with scripts only: workers can't import this module.
    """
    from lithops_functions import busy

    busy()
    return x


def test_an_undecorated_function_is_measured_once(fexec):
    """
    One good record per call, with where it ran and joules from the meter, and the plain keys beside it.
    """
    from greensdk_lithops import collect
    from lithops_functions import plus_one

    futures = fexec.map(plus_one, [1, 2])
    assert [2, 3] == results(fexec, futures)
    records = collect(futures)
    assert [[], []] == [problems(record) for record in records]
    assert ["lithops_functions.plus_one"] * 2 == [record["function"] for record in records]
    assert ["rapl"] * 2 == [record["energy_source"] for record in records]
    for call, (future, record) in enumerate(zip(futures, records, strict=True)):
        worker = record["worker"]
        assert ("lithops", "localhost", f"{call:05d}") == (worker["adapter"], worker["backend"], worker["call_id"])
        assert (fexec.executor_id, "M000") == (worker["executor_id"], worker["job_id"])
        assert future.activation_id == worker["activation_id"]
        assert worker["cold_start"] is True
        assert record["resources"]["host_cpu_percent"] is not None
        assert ("rapl", "job") == (future.stats["worker_func_energy_method_used"], record["label"])
        assert record["energy_j"] == pytest.approx(future.stats["worker_func_energy_j"])
        assert record["duration_s"] == pytest.approx(future.stats["worker_func_energy_duration"])
        assert 0 < future.stats["worker_func_energy_cores"] < future.stats["worker_func_energy_pkg"]
        assert future.stats["worker_func_energy_pkg"] < future.stats["worker_func_energy_j"]


def test_a_decorated_function_is_not_wrapped_twice(fexec):
    """
    Its own arguments win over the executor's; it travels by name, and its monitor is resolved on the client.
    """
    from lithops_functions import times_two

    assert [6] == results(fexec, fexec.map(times_two, [3]))
    (record,) = fexec.energy_report().records
    assert ("by name", "lithops_functions.times_two", 0) == (record["label"], record["function"], record["depth"])
    assert (7.0, "fixed") == (record["energy_j"], record["energy_source"])


def test_map_and_reduce_are_both_measured(fexec):
    """
    The calls of both stages, each with the job it belongs to.
    """
    from lithops_functions import plus_one

    def total(results):
        return sum(results)

    assert 5 == results(fexec, fexec.map_reduce(plus_one, [1, 2], total))
    records = fexec.energy_report().records
    assert ["M000", "M000", "R000"] == [record["worker"]["job_id"] for record in records]
    assert records[2]["function"].endswith("total")


def test_call_async_takes_its_arguments_in_any_way(fexec):
    """
    Positional, by keyword, with the caller's own environment.
    """
    from lithops_functions import plus_one

    def variable(name):
        return os.environ[name]

    futures = [
        fexec.call_async(plus_one, 1),
        fexec.call_async(func=variable, data={"name": "MINE"}, extra_env={"MINE": "mine"}),
        fexec.call_async(variable, ("MINE",), {"MINE": "positional"}),
    ]
    assert [2, "mine", "positional"] == [future.result() for future in futures]
    assert 3 == len([record for record in fexec.energy_report().records if record["status"] == "ok"])


def test_lithops_fills_its_special_parameters(fexec):
    """
    ``id``, ``storage`` and ``obj`` are found in the signature, and extra arguments and keyword-only ones arrive.
    """

    def special(x, extra, storage, id, *, scale=10):
        return (x + extra) * scale, id, type(storage).__name__

    def length(obj):
        return len(obj.data_stream.read())

    assert [(30, 0, "Storage"), (40, 1, "Storage")] == results(fexec, fexec.map(special, [1, 2], extra_args=(2,)))
    fexec.storage.put_object("things", "a/lines.txt", b"hello\n" * 1000)
    assert [3000, 3000] == sorted(results(fexec, fexec.map(length, ["localhost://things/a/"], obj_chunk_number=2)))
    assert [None] * 4 == [record["error_type"] for record in fexec.energy_report().records]


def test_chained_jobs_and_odd_callables_work_as_without_us(fexec):
    """
    A list of futures mapped again, a partial, a bound method, a callable object.
    """
    from functools import partial

    from lithops_functions import plus_one

    class Adder:
        def __init__(self, n):
            self.n = n

        def __call__(self, x):
            return x + self.n

        def method(self, x):
            return x * self.n

    chained = fexec.map(plus_one, [1, 2]).map(plus_one)
    assert [3, 4] == chained.get_result(show_progressbar=False)
    functions = [partial(pow, 2), partial(lambda a, b: a - b, 10), Adder(3), Adder(3).method]
    assert [8, 7, 6, 9] == [fexec.call_async(fn, 3).result() for fn in functions]
    names = [record["function"].rpartition(".")[2] for record in fexec.energy_report().records]
    assert ["plus_one"] * 4 == names[:4]
    assert ["<lambda>", "Adder", "method"] == names[5:]


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_what_a_function_raises_arrives_with_its_energy(fexec, error):
    """
    The client gets the same exception; the record's status is error, and Lithops' statistics have our keys.
    """

    def fail(x):
        raise error("no")

    future = fexec.call_async(fail, [1])
    with pytest.raises(error, match="no"):
        future.result()
    (record,) = fexec.energy_report().records
    assert ("error", error.__name__) == (record["status"], record["error_type"])
    assert future.stats["worker_func_energy_duration"] == pytest.approx(record["duration_s"])


def test_a_plain_executor_reports_decorated_functions(config, rapl):
    """
    Several outermost calls in one Lithops call: the statistics hold their sum, the storage each of them.
    """
    import lithops
    from greensdk_lithops import collect
    from lithops_functions import calls_inner

    with lithops.FunctionExecutor(config=config, log_level=None) as executor:
        futures = executor.map(calls_inner, [3])
        assert [3] == results(executor, futures)
    records = collect(futures)
    assert ["inner"] * 3 == [record["label"] for record in records]
    assert sum(record["energy_j"] for record in records) == pytest.approx(futures[0].stats["worker_func_energy_j"])
    assert 0.06 <= futures[0].stats["worker_func_energy_duration"]


def test_nested_calls_are_in_storage_but_not_in_the_sum(fexec):
    """
    The outer call holds the inner ones; they lie in the same object, with their parent.
    """
    from lithops_functions import calls_inner

    results(fexec, fexec.map(calls_inner, [2]))
    report = fexec.energy_report()
    (outer,) = report.records
    storage = fexec.storage
    (key,) = storage.list_keys(storage.bucket, f"greensdk/v1/{fexec.executor_id}/")
    lines = storage.get_object(storage.bucket, key).splitlines()
    assert 3 == len(lines)
    assert pytest.approx(outer["energy_j"]) == report.energy_j
    assert outer["energy_self_j"] < outer["energy_j"]


def test_without_storage_the_statistics_are_enough(fexec):
    """
    With the objects gone, a good record is rebuilt from ``future.stats``.
    """
    from greensdk_lithops import collect
    from lithops_functions import plus_one

    futures = fexec.map(plus_one, [1])
    results(fexec, futures)
    (full,) = collect(futures)
    storage = fexec.storage
    keys = storage.list_keys(storage.bucket, f"greensdk/v1/{fexec.executor_id}/")
    storage.delete_objects(storage.bucket, keys)
    (rebuilt,) = collect(futures)
    assert [] == problems(rebuilt)
    for key in ("record_id", "function", "label", "status", "energy_source", "worker", "started_at"):
        assert full[key] == rebuilt[key]
    assert full["energy_j"] == pytest.approx(rebuilt["energy_j"])
    assert ["rapl", "psutil-tdp", "psutil-tdp"] == [reading["monitor"] for reading in rebuilt["readings"]]


def test_futures_that_were_pickled_apart_are_read_with_one_client(fexec, monkeypatch):
    """
    Each brings its own copy of the storage's configuration.
    """
    from greensdk_lithops import collect
    from lithops.storage import Storage
    from lithops_functions import plus_one

    futures = fexec.map(plus_one, [1, 2, 3])
    results(fexec, futures)
    clients = []
    plain = Storage.__init__
    monkeypatch.setattr(Storage, "__init__", lambda self, *args, **more: clients.append(plain(self, *args, **more)))
    records = collect([pickle.loads(pickle.dumps(future)) for future in futures])
    assert ["ok"] * 3 == [record["status"] for record in records]
    assert 1 == len(clients)


def test_a_call_that_ended_well_and_left_no_record_is_unmeasured(fexec):
    """
    A function of C's in an executor made by a worker: nothing measured it, and nothing of it is lost.
    """

    def inner(x):
        return x + 7

    def outer(number):
        import lithops

        return lithops.FunctionExecutor(log_level=None).map(inner, range(number))

    fexec.call_async(outer, 2)
    assert [7, 8] == fexec.get_result(show_progressbar=False)
    report = fexec.energy_report()
    assert ["ok", "unmeasured", "unmeasured"] == [record["status"] for record in report.records]
    assert [] == problems(report.records[1])
    assert "2 with unknown energy: the call ended but left no record" in str(report)


def test_a_killed_worker_leaves_a_lost_record(fexec):
    """
    With what the client knows: which call, for how long, and why there is no number.
    """

    def die(x):
        os._exit(3)

    future = fexec.call_async(die, [1])
    with pytest.raises(RuntimeError):
        future.result()
    report = fexec.energy_report()
    (record,) = report.records
    assert [] == problems(record)
    assert ("lost", "RuntimeError", "die") == (record["status"], record["error_type"], record["function"])
    assert "exited with code 3" in record["reason"]
    assert record["duration_s"] > 0
    assert report.energy_j is None
    assert "1 lost: its worker left no record" in str(report)


def test_failed_attempts_are_in_the_report(config, rapl, tmp_path):
    """
    They took joules, too.
    """
    import lithops
    from greensdk_lithops import collect, instrument

    mark = tmp_path / "tried"

    def second_time_lucky(path):
        import pathlib

        if not pathlib.Path(path).exists():
            pathlib.Path(path).touch()
            raise OSError("not yet")
        return "done"

    with lithops.FunctionExecutor(config=config, log_level=None) as executor:
        retrying = instrument(lithops.RetryingFunctionExecutor(executor), {"label": "retry"})
        futures = retrying.map(second_time_lucky, [str(mark)], retries=2, stage="try", parents=["load"])
        done, _ = retrying.wait(futures, throw_except=False, show_progressbar=False)
        assert ["done"] == [future.result() for future in done]
        records = executor.energy_report().records
        assert ["error", "ok"] == [record["status"] for record in records]
        assert [("try", ["load"], 1), ("try", ["load"], 2)] == [
            tuple(record["worker"][key] for key in ("stage", "parents", "attempt")) for record in records
        ]
        assert ["error", "ok"] == [record["status"] for record in collect(futures)]


def test_an_explicit_sink_comes_beside_the_statistics(config, rapl, tmp_path):
    """
    The records go to the file, and none to storage; the monitor asked for is the only one.
    """
    from greensdk_lithops import EnergyFunctionExecutor, collect
    from lithops_functions import plus_one

    out = tmp_path / "mine.jsonl"
    energy = {"sink": str(out), "monitors": ["lithops_functions:FixedMeter"], "tags": {"run": 7}}
    with EnergyFunctionExecutor(config=config, log_level=None, energy=energy) as executor:
        futures = executor.map(plus_one, [1, 2])
        results(executor, futures)
        assert [] == executor.storage.list_keys(executor.storage.bucket, f"greensdk/v1/{executor.executor_id}/")
    assert 2 == len(out.read_text().splitlines())
    assert [7.0, 7.0] == [record["energy_j"] for record in collect(futures)]
    assert [{"run": 7}, {"run": 7}] == [record["tags"] for record in collect(futures)]


def test_a_lithops_sink_has_its_own_prefix(config, rapl):
    """
    ``lithops://prefix`` is where the report looks, too.
    """
    from greensdk_lithops import EnergyFunctionExecutor
    from lithops_functions import plus_one

    with EnergyFunctionExecutor(config=config, log_level=None, energy={"sink": "lithops://my/runs"}) as executor:
        results(executor, executor.map(plus_one, [1]))
        storage = executor.storage
        assert 1 == len(storage.list_keys(storage.bucket, f"my/runs/{executor.executor_id}/M000/"))
        assert executor.energy_report().records[0]["resources"]


def test_an_existing_executor_is_instrumented_once(config, rapl):
    """
    It is the same object, and a second call changes nothing but the settings given with it.
    """
    import lithops
    from greensdk_lithops import instrument
    from lithops_functions import plus_one

    with lithops.FunctionExecutor(config=config, log_level=None) as executor:
        assert executor is instrument(instrument(executor, {"label": "first"}))
        assert isinstance(executor, lithops.FunctionExecutor)
        results(executor, executor.map(plus_one, [1]))
        (record,) = executor.energy_report().records
        assert ("first", 0) == (record["label"], record["depth"])


def test_concurrent_futures_have_the_users_function(config, rapl):
    """
    The record has its name, not that of the function in Lithops that calls it, and the futures can be collected.
    """
    futures = pytest.importorskip("lithops.concurrent.futures")
    from greensdk_lithops import collect, instrument
    from lithops_functions import inner, plus_one

    with instrument(futures.FunctionExecutor(config=config, log_level=None)) as executor:
        assert [2, 3] == list(executor.map(plus_one, [1, 2]))
        future = executor.submit(inner)
        assert 0.02 == future.result()
        assert ["lithops_functions.inner"] == [record["function"] for record in collect([future])]
        names = [record["function"] for record in executor.energy_report().records]
        assert ["lithops_functions.plus_one"] * 2 == names[:2]


def test_a_pool_has_the_users_function(config, rapl):
    """
    The same for Lithops' multiprocessing, in both of its ways to call.
    """
    pytest.importorskip("redis")  # which lithops.multiprocessing imports, whether it uses it or not
    from greensdk_lithops import instrument
    from lithops.multiprocessing import Pool
    from lithops.multiprocessing import config as pool_config
    from lithops_functions import plus_one

    pool_config.set_parameter(pool_config.LITHOPS_CONFIG, {"config": config, "log_level": None})
    with Pool(2) as pool:
        instrument(pool)
        assert [2, 3] == pool.map(plus_one, [1, 2])
        assert 4 == pool.apply(plus_one, (3,))
        records = pool.energy_report().records
        assert ["lithops_functions.plus_one"] * 3 == [record["function"] for record in records]


def test_the_client_is_no_worker(fexec, tmp_path):
    """
    Lithops leaves its session in the client's environment too; a local call still goes where local calls go.
    """

    @energy_tracked(monitors=[])
    def local():
        return 1

    assert "__LITHOPS_SESSION_ID" in os.environ
    with capture() as records:
        local()
    assert records[0]["worker"] is None
    assert 1 == len((tmp_path / "energy.jsonl").read_text().splitlines())


def test_a_wrong_setting_is_said_before_any_call(config, fexec):
    """
    In the constructor what can be seen there, at the first job what needs the plugins.
    """
    from greensdk_lithops import EnergyFunctionExecutor, instrument

    with pytest.raises(ConfigError, match="labell"):
        EnergyFunctionExecutor(config=config, energy={"labell": "x"})
    with pytest.raises(ConfigError, match="not a Lithops executor"):
        instrument(object())
    instrument(fexec, {"monitors": ["rappl"]})
    with pytest.raises(ConfigError, match="did you mean 'rapl'"):
        fexec.map(busy_and, [1])
    assert [] == fexec.futures
