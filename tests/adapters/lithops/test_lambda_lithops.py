"""
Lithops' own backend for AWS Lambda: its function in a sandbox as tight as Lambda's, its storage in an S3.

The service, the sandbox and the S3 are this machine's (lambda_cloud, lambda_box, s3_kit); the zip file, the handler,
the invocations and AWS' runtime client in the sandbox are the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

import lambda_limits
import pytest
from lambda_box import SITE
from lambda_lithops import Lithops, lithops_on_lambda
from lithops_kit import until
from rights_kit import need

from greensdk.schema.check import problems

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("lithops") is None, reason="lithops is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

WAIT_S = 600
LIMIT_S = 6
SIZES = (512, 1024, 2048)
CPU_S = 0.1
SILENT = ("sandbox died", "lambda timed out")


@pytest.fixture(scope="module")
def lithops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lithops]:
    """
    Lithops with a Lambda and an S3 of its own.
    """
    need(find_spec("boto3"), "boto3")
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("lithops")
        patch.setattr("tempfile.tempdir", str(folder))
        with lithops_on_lambda(folder) as found:
            yield found


def results(executor: Any, futures: Any) -> Any:
    """
    Wait for the results, but not for ever.
    """
    return executor.get_result(futures, show_progressbar=False, timeout=WAIT_S)


class Job(NamedTuple):
    """
    A job that is over.
    """

    futures: list[Any]
    records: list[dict[str, Any]]
    value: Any
    log: list[str]


class Runs(NamedTuple):
    """
    Two jobs of one call, the second in the sandbox of the first, and one of a plain executor.
    """

    cold: Job
    warm: Job
    plain: Job
    place: dict[str, Any]


def ran(lithops: Lithops, executor: Any, function: Any, argument: Any) -> Job:
    """
    Run one call, and return what is known of it.
    """
    from greensdk_lithops import collect

    before = len(lithops.function().log) if lithops.cloud.functions else 0
    futures = [executor.call_async(function, argument)]
    value = results(executor, futures)
    return Job(futures, collect(futures), value, lithops.function().log[before:])


@pytest.fixture(scope="module")
def runs(lithops: Lithops) -> Runs:
    """
    Run what most of the tests look at.
    """
    from lambda_functions import burn, decorated, place
    from lithops import FunctionExecutor

    monitors = ["rapl", "perf", "ebpf", "lambda-estimator"]
    with lithops.executor(energy={"monitors": monitors}) as executor:
        cold, warm = (ran(lithops, executor, burn, CPU_S) for _ in range(2))
        seen = ran(lithops, executor, place, 0).value
    with lithops.executor(FunctionExecutor) as executor:
        plain = ran(lithops, executor, decorated, CPU_S)
    return Runs(cold, warm, plain, seen)


def test_nothing_was_asked_that_lambda_would_have_answered(lithops: Lithops, runs: Runs) -> None:
    """
    The stand-in knows every request that Lithops makes.
    """
    assert [] == lithops.cloud.unknown


def test_each_call_leaves_one_record_in_three_places(lithops: Lithops, runs: Runs) -> None:
    """
    In the statistics, in storage, and as one whole line in the function's log.
    """
    for job in (runs.cold, runs.warm, runs.plain):
        (record,) = job.records
        assert CPU_S == job.value
        assert [] == problems(record)
        assert record["energy_j"] == job.futures[0].stats["worker_func_energy_j"]
        (written,) = [text for text in job.log if record["record_id"] in text]
        assert record["record_id"] == json.loads(written)["record_id"]
        assert written.index("\n") == len(written) - 1
        folder = f"greensdk/v1/{record['worker']['executor_id']}/{record['worker']['job_id']}/"
        (lines,) = lithops.s3.objects(folder).values()
        assert record["record_id"] == json.loads(lines)["record_id"]


def test_the_estimator_for_lambda_has_the_word(runs: Runs) -> None:
    """
    What can't measure there says why.
    """
    for job in (runs.cold, runs.warm, runs.plain):
        (record,) = job.records
        assert ("lambda-estimator", "estimated", "vcpu+memory") == tuple(
            record[f"energy_{key}"] for key in ("source", "quality", "boundary")
        )
        assert 0 < record["energy_low_j"] < record["energy_j"] < record["energy_high_j"]
    (record,) = runs.cold.records
    readings = {each["monitor"]: each for each in record["readings"]}
    assert {"rapl", "perf"} <= record["errors"].keys()
    for name in ("rapl", "perf"):
        assert (None, record["errors"][name]) == (readings[name]["energy_j"], readings[name]["reason"])


def test_the_record_knows_the_worker(lithops: Lithops, runs: Runs) -> None:
    """
    Lithops' ids, Lambda's function and invocation, and whether the sandbox was new.
    """
    name = lithops.function().request["FunctionName"]
    for job, cold in ((runs.cold, True), (runs.warm, False), (runs.plain, False)):
        worker, (future,) = job.records[0]["worker"], job.futures
        assert ("lithops", "aws_lambda", 512, cold) == tuple(
            worker[key] for key in ("adapter", "backend", "memory_mb", "cold_start")
        )
        assert (name, "$LATEST") == (worker["function_name"], worker["function_version"])
        assert (future.executor_id, future.job_id, future.call_id, future.activation_id) == tuple(
            worker[key] for key in ("executor_id", "job_id", "call_id", "activation_id")
        )
        assert worker["activation_id"] in lithops.function().invocations


def test_the_package_comes_from_storage_and_is_kept_by_the_sandbox(lithops: Lithops, runs: Runs) -> None:
    """
    Compiled, as one file, into a sandbox where nothing else can be written.
    """
    assert (993, [], False) == tuple(runs.place[key] for key in ("uid", "writable", "has_sys"))
    assert ("Bundled", 1) == (runs.place["loader"], len(runs.place["kept"]))


def test_nothing_of_this_machines_interpreter_helps(lithops: Lithops, runs: Runs) -> None:
    """
    Or else the packages that Lambda lacks could be there by chance.
    """
    from lambda_runtime import mounts

    names = {path.rpartition("/")[-1] for path in mounts()}
    assert names.isdisjoint({"greensdk", "orjson", "pluggy", "attr", "attrs", "lithops"})
    assert SITE.endswith("site-packages")


@pytest.fixture(scope="module")
def ended(lithops: Lithops) -> dict[str, tuple[Any, list[dict[str, Any]]]]:
    """
    Return error and records of one call for each way to end, all of one executor.
    """
    from greensdk_lithops import collect
    from lambda_functions import ENDS, ends

    found = {}
    with lithops.executor(memory_mb=1024, timeout_s=30) as executor:
        # The client is not notified of these ends; do something else until Lambda's own limit.
        ways = [*SILENT, *(way for way in ENDS if way not in SILENT)]
        limits = {way: LIMIT_S if way in (*SILENT, "hangs") else None for way in ways}
        futures = {way: executor.call_async(ends, way, timeout=limits[way]) for way in ways}
        for way in reversed(ways):
            try:
                results(executor, futures[way])
            except BaseException as error:
                found[way] = type(error), collect(futures[way])
            else:
                found[way] = None, collect(futures[way])
        assert len(ENDS) == len(executor.energy_report().records)
    return found


def is_limited() -> bool:
    """
    Say whether a sandbox here has no more memory than its function.
    """
    groups = lambda_limits.make_groups(1024)
    lambda_limits.remove(groups)
    return any((group.parent / "memory.limit_in_bytes").exists() for group in groups)


@pytest.mark.parametrize(
    ("way", "error", "status", "error_type", "reason"),
    [
        ("ok", None, "ok", None, None),
        ("raises", ValueError, "error", "ValueError", None),
        ("exits", SystemExit, "error", "SystemExit", None),
        ("left", RuntimeError, "lost", "RuntimeError", "exited with code 3"),
        ("hangs", TimeoutError, "lost", "TimeoutError", "Function exceeded maximum time"),
        ("killed", MemoryError, "lost", "MemoryError", "killed with SIGKILL"),
        ("oom", MemoryError, "lost", "MemoryError", "killed with SIGKILL"),
        ("sandbox died", TimeoutError, "lost", "TimeoutError", "exceeded the execution timeout"),
        ("lambda timed out", TimeoutError, "lost", "TimeoutError", "exceeded the execution timeout"),
    ],
)
def test_a_call_leaves_one_record_however_it_ends(
    ended: dict[str, Any], way: str, error: Any, status: str, error_type: str | None, reason: str | None
) -> None:
    """
    The client gets what it would have got; joules where the worker could speak, else what the client knows.
    """
    if way == "oom" and not is_limited():
        pytest.skip("this machine's control groups can't limit memory for a test")
    raised, (record,) = ended[way]
    assert [] == problems(record)
    assert error is raised
    assert (status, error_type) == (record["status"], record["error_type"])
    assert (record["energy_j"] is None) is (status == "lost")
    assert reason is None or reason in record["reason"]


def test_calls_ended_by_lambda_are_lost(lithops: Lithops, ended: dict[str, Any]) -> None:
    """
    One sandbox died, and one was ended when the function's time was over.
    """
    kinds = until(lambda: len(found := sorted(set(lithops.kinds()) - {"response"})) == 2 and found)
    assert ["died", "timeout"] == kinds


def test_one_function_in_three_sizes(lithops: Lithops) -> None:
    """
    The records come to one bucket, each with the share of a CPU that its memory buys.
    """
    from lambda_functions import decorated

    with lithops.executor(energy={"sink": "lithops://sizes"}) as executor:
        for memory_mb in SIZES:
            assert CPU_S == results(executor, executor.call_async(decorated, CPU_S, runtime_memory=memory_mb))
    found = [json.loads(line) for line in lithops.s3.objects("sizes/").values()]
    shares = {}
    for record in found:
        (reading,) = [each for each in record["readings"] if each["monitor"] == "lambda-estimator"]
        shares[record["worker"]["memory_mb"]] = reading["attributes"]["vcpu_share"]
        assert 0.9 * CPU_S < record["cpu_s"]
    assert {size: size / 1769 for size in SIZES} == shares
