"""
Failing calls on Lithops' localhost backend: each has one record, and no wait is long.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from lithops_kit import lithops_at, results, until

from greensdk.deliver import spool
from greensdk.errors import ConfigError
from greensdk.schema.check import problems

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("lithops") is None, reason="lithops is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ENERGY = {"monitors": ["lithops_functions:FixedMeter"]}
TIMES_OUT_S = 6


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """
    Return a configuration for this machine.
    """
    with lithops_at(tmp_path_factory.mktemp("lithops")) as config:
        yield config


def executor_of(config, **energy):
    """
    Return a measuring executor.
    """
    from greensdk_lithops import EnergyFunctionExecutor

    return EnergyFunctionExecutor(config=config, log_level=None, energy={**ENERGY, **energy})


def failure_of(future):
    """
    Return what a call raised, in the end.
    """
    try:
        future.result()
    except BaseException as error:
        return error
    return None


@pytest.fixture(scope="module")
def ended(config):
    """
    Return the error, the record and the future of one call for each way to end, all of one executor.
    """
    with pytest.MonkeyPatch.context() as patch, executor_of(config) as executor:
        from lithops_functions import ENDS, ends

        patch.setenv("PYTHONPATH", os.environ["PYTHONPATH"])
        ways = [way for way in ENDS if way not in {"oom", "worker"}]
        futures = {
            way: executor.call_async(ends, way, **({"timeout": TIMES_OUT_S} if way == "hangs" else {})) for way in ways
        }
        errors = {way: failure_of(future) for way, future in futures.items()}
        records = executor.energy_report().records
        assert len(ways) == len(records)
        yield {way: (errors[way], record, futures[way]) for way, record in zip(ways, records, strict=True)}


@pytest.mark.parametrize(
    ("way", "error", "status", "error_type", "reason"),
    [
        ("ok", None, "ok", None, None),
        ("raises", ValueError, "error", "ValueError", None),
        ("exits", SystemExit, "error", "SystemExit", None),
        ("memory", MemoryError, "error", "MemoryError", None),
        ("package", ModuleNotFoundError, "error", "ModuleNotFoundError", None),
        ("hangs", TimeoutError, "lost", "TimeoutError", "left no record: TimeoutError: Function exceeded"),
        ("killed", MemoryError, "lost", "MemoryError", "killed with SIGKILL"),
        ("terminated", RuntimeError, "lost", "RuntimeError", "killed with SIGTERM"),
        ("left", RuntimeError, "lost", "RuntimeError", "exited with code 3"),
    ],
)
def test_a_call_leaves_one_record_however_it_ends(ended, way, error, status, error_type, reason):
    """
    The client gets what it would have got; joules where the worker could speak, else what the client knows.
    """
    raised, record, future = ended[way]
    assert [] == problems(record)
    assert error is (None if raised is None else type(raised))
    assert (status, error_type) == (record["status"], record["error_type"])
    assert (future.executor_id, future.job_id, "00000") == tuple(
        record["worker"][key] for key in ("executor_id", "job_id", "call_id")
    )
    assert (1, 1) == (record["worker"]["attempt"], record["worker"]["calls"])
    if reason is None:
        assert 7.0 == record["energy_j"]
        return
    assert reason in record["reason"]
    assert record["energy_j"] is None
    assert record["phases"]["host_submit_tstamp"] <= record["phases"]["host_status_done_tstamp"]
    assert record["duration_s"] >= (TIMES_OUT_S if way == "hangs" else 0)


def test_a_call_that_the_kernel_ends_for_its_memory_is_lost(config, monkeypatch, memory_group):
    """
    The out-of-memory killer's SIGKILL, in a control group with little memory.
    """
    from lithops_functions import ends

    monkeypatch.setenv("OOM_GROUP", memory_group)
    with executor_of(config) as executor:
        error = failure_of(executor.call_async(ends, "oom", extra_env={"OOM_GROUP": memory_group}))
        (record,) = executor.energy_report().records
    assert MemoryError is type(error)
    assert ("lost", "MemoryError") == (record["status"], record["error_type"])


def test_a_worker_that_dies_as_a_whole_is_lost(config):
    """
    Lithops is not notified, so its client waits for its own timeout; collecting does not wait.
    """
    from lithops_functions import ends

    with executor_of(config) as executor:
        future = executor.call_async(ends, "worker")
        with pytest.raises(TimeoutError):
            results(executor, future, timeout=TIMES_OUT_S)
        (record,) = executor.energy_report().records
    assert [] == problems(record)
    assert ("lost", "the call was not over when its record was collected") == (record["status"], record["reason"])


@pytest.fixture
def memory_group():
    """
    A control group that ends its members above 64 MiB.
    """
    group = next((Path(root) for root in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup") if Path(root).is_dir()), None)
    path = group / f"greensdk-{os.getpid()}" if group else None
    try:
        path.mkdir()
    except (OSError, AttributeError):
        pytest.skip("no control group of one's own can be made here")
    try:
        names = (("memory.limit_in_bytes", "memory.max"), ("memory.memsw.limit_in_bytes", "memory.swap.max"))
        limits = [next((path / name for name in each if (path / name).exists()), None) for each in names]
        if limits[0] is None:
            pytest.skip("the memory controller is not here")
        for limit in filter(None, limits):
            limit.write_text("0" if limit.name == "memory.swap.max" else str(64 << 20))
        yield str(path)
    finally:
        until(lambda: not (path / "cgroup.procs").read_text())
        path.rmdir()


@pytest.mark.parametrize("way", ["hangs", "terminated"])
def test_a_terminated_call_saves_its_record_where_asked(config, way):
    """
    With its joules, up to the signal; the client gets the error it gets without.
    """
    from greensdk_lithops import collect
    from lithops_functions import ends

    with executor_of(config, flush_on_sigterm=True) as executor:
        future = executor.call_async(ends, way, timeout=TIMES_OUT_S)
        error = failure_of(future)
        records = until(lambda: [each for each in collect(future) if each["status"] != "lost"])
    assert (TimeoutError if way == "hangs" else RuntimeError) is type(error)
    (record,) = records
    assert [] == problems(record)
    assert ("cancelled", "Terminated", 7.0) == (record["status"], record["error_type"], record["energy_j"])
    assert record["duration_s"] >= (0.1 * TIMES_OUT_S if way == "hangs" else 0.0)


def test_a_functions_own_handler_decides(config):
    """
    What it raises ends the call as any exception does, in its record too.
    """
    from greensdk_lithops import collect
    from lithops_functions import decides_on_sigterm

    with executor_of(config, flush_on_sigterm=True) as executor:
        future = executor.call_async(decides_on_sigterm, 60, timeout=TIMES_OUT_S)
        assert TimeoutError is type(failure_of(future))
        (record,) = until(lambda: [each for each in collect(future) if each["status"] != "lost"])
    assert ("error", "TimeoutError") == (record["status"], record["error_type"])


def test_a_function_that_can_not_be_imported_is_lost(config, tmp_path, monkeypatch):
    """
    The worker can't unpickle it, so nothing is measured, and the record says why.
    """
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "only_the_client_has_it.py").write_text("def work(x): return x")
    monkeypatch.syspath_prepend(tmp_path / "site")
    from only_the_client_has_it import work

    with executor_of(config) as executor:
        future = executor.call_async(work, 1, include_modules=None)
        assert ModuleNotFoundError is type(failure_of(future))
        (record,) = executor.energy_report().records
    assert [] == problems(record)
    assert ("lost", "ModuleNotFoundError") == (record["status"], record["error_type"])
    assert "No module named 'only_the_client_has_it'" in record["reason"]


@pytest.mark.parametrize("way", ["ok", "raises"])
def test_a_storage_that_takes_no_records_changes_nothing(config, way, monkeypatch):
    """
    The statistics have the record, and the spool the full one.
    """
    from lithops_functions import ends

    with executor_of(config, sink="lithops://dead") as executor:
        executor.storage.put_object(executor.storage.bucket, "dead", b"a file where the folder would be")
        future = executor.call_async(ends, way)
        assert isinstance(failure_of(future), ValueError) is (way == "raises")
        (record,) = executor.energy_report().records
    assert ("ok" if way == "ok" else "error", 7.0) == (record["status"], record["energy_j"])
    monkeypatch.setattr("tempfile.tempdir", os.environ["TMPDIR"])  # the worker's
    (path,) = (path for path, uri, _ in spool.waiting() if uri == "lithops://dead")
    spooled = [json.loads(line)["record_id"] for line in path.read_text().splitlines()]
    for left in (path, path.with_suffix(".sink")):
        left.unlink()
    assert record["record_id"] in spooled


def test_a_delivery_that_is_repeated_counts_once(config):
    """
    The same activation writes the same object again; another one's is not the one that answered.
    """
    from greensdk_lithops import collect
    from lithops_functions import plus_one

    with executor_of(config) as executor:
        future = executor.call_async(plus_one, 1)
        assert 2 == results(executor, future)
        storage = executor.storage
        (key,) = storage.list_keys(storage.bucket, f"greensdk/v1/{executor.executor_id}/")
        line = storage.get_object(storage.bucket, key)
        for again in (key, key.replace(".jsonl", "-1.jsonl"), key.replace(future.activation_id, "0ther")):
            storage.put_object(storage.bucket, again, line)
        (record,) = collect(future)
    assert future.activation_id == record["worker"]["activation_id"]


def test_wrong_settings_of_the_adapter_are_said_at_once(config):
    """
    With the key and what it may be.
    """
    from lithops_functions import plus_one

    with pytest.raises(ConfigError, match="energy: flush_on_sigterm = 'yes': expected yes or no"):
        executor_of(config, flush_on_sigterm="yes")
    with executor_of(config) as executor:
        with pytest.raises(ConfigError, match="map: parents = 'load': expected a list"):
            executor.map(plus_one, [1], parents="load")
        assert [] == executor.futures


def saved(path):
    """
    Be a process that is terminated inside two calls, after it has started a third one that has its handler.
    """
    from greensdk_lithops.sigterm import flush_on_sigterm

    from greensdk import track

    flush_on_sigterm()
    with track("outer", sink=path, monitors=[]), track("inner", sink=path, monitors=[]):
        child = os.fork()
        os.kill(child or os.getpid(), signal.SIGTERM)
        if child:
            assert signal.SIGTERM == os.WTERMSIG(os.waitpid(child, 0)[1])
            os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()


def test_all_open_calls_of_the_process_are_saved_once(tmp_path):
    """
    The inner ones first; a process that was forked off saves nothing; all die of the signal as they would without.
    """
    path = str(tmp_path / "saved.jsonl")
    process = multiprocessing.get_context("fork").Process(target=saved, args=(path,))
    process.start()
    process.join(600)
    assert -signal.SIGTERM == process.exitcode
    records = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert [("inner", 1), ("outer", 0)] == [(record["label"], record["depth"]) for record in records]
    assert [("cancelled", "Terminated")] * 2 == [(record["status"], record["error_type"]) for record in records]
    assert [[], []] == [problems(record) for record in records]


def test_the_handler_is_only_there_where_asked():
    """
    And never if a handler is already set.
    """
    from greensdk_lithops.sigterm import flush_on_sigterm

    before = signal.getsignal(signal.SIGTERM)
    try:
        for mine in (signal.SIG_IGN, lambda *_: None):
            signal.signal(signal.SIGTERM, mine)
            flush_on_sigterm()
            assert mine == signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        flush_on_sigterm()
        assert callable(signal.getsignal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)
