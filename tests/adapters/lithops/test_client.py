"""
The client's side of the Lithops adapter, without a job.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
import threading
from types import SimpleNamespace

import pytest
from greensdk_lithops import EnergyReport, collect
from greensdk_lithops.begin import Beginning
from greensdk_lithops.bundle import OURS
from greensdk_lithops.futures import attempts, known_of, remember, retrying
from greensdk_lithops.job import FLUSH, REDUCE, VARIABLE, job_facts, split
from greensdk_lithops.rebuild import LOST, without_record
from greensdk_lithops.report import LithopsReport
from greensdk_lithops.shipping import PREPARED, is_importable, measured, modules_of, others, send_modules
from greensdk_lithops.trampoline import FUTURES, JOBLIB, POOL, unfold

from greensdk import energy_tracked
from greensdk.errors import ConfigError
from greensdk.schema.check import problems

LOCAL = {"lithops": {"backend": "localhost"}, "localhost": {}}
BEGINNING = Beginning(None, {"greensdk_rapl"}, None)


def future(call_id="00000", **attributes):
    """
    Return what collect() reads of a future, and a storage that isn't there.
    """
    known = {"executor_id": "ab12-0", "job_id": "M000", "call_id": call_id, "activation_id": "f00d", "stats": {}}
    return SimpleNamespace(**{**known, "function_name": "work", "_storage_config": {"backend": "none"}, **attributes})


def record(number, energy_j, **changes):
    """
    Return a record of a call.
    """
    worker = {"executor_id": "ab12-0", "job_id": "M000", "call_id": f"{number:05d}", "activation_id": "f00d"}
    made = without_record(future(), LOST, "as the test asked for")
    known = {} if energy_j is None else {"energy_source": "rapl", "energy_boundary": "package", "status": "ok"}
    joules = {"energy_j": energy_j, "energy_low_j": energy_j, "energy_high_j": energy_j, **known}
    host = {"host_id": "h", "boot_id": "b"}
    return {**made, "record_id": f"{number:032x}", "worker": worker, "host": host, **joules, **changes}


class Future:
    """
    Hashes by identity, as Lithops' do.
    """

    job_id = "M000"


def plain(x):
    """
    Give back what it gets.
    """
    return x


@energy_tracked(label="own")
def decorated(x):
    """
    Give back what it gets, measured.
    """
    return x


class Odd:
    """
    Callable, with a method.
    """

    def __call__(self, x):
        """
        Give back what it gets.
        """
        return x

    def method(self, x):
        """
        Give back what it gets.
        """
        return x


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_futures_without_records_give_records_of_what_is_known():
    """
    One for each, all of them good records, with the best reason there is.
    """
    pytest.importorskip("lithops")
    over = {"worker_start_tstamp": 10.0, "worker_end_tstamp": 12.5}
    futures = [
        future("00000"),
        future("00001", stats=over),
        future("00002", stats=over, _exception=(TimeoutError, TimeoutError("too long"), None)),
        future("00003", stats={"worker_func_energy_record": "{torn"}),
        SimpleNamespace(call_id="00004"),
        SimpleNamespace(lithops_future=future("00005", _storage_config=None)),
    ]
    records = collect(futures)
    assert [[]] * 6 == [problems(each) for each in records]
    assert ["lost", "unmeasured"] * 2 + ["lost"] * 2 == [each["status"] for each in records]
    reasons = [each["reason"] for each in records]
    assert "was not over" in reasons[0]
    assert "not measured, or its worker has no greensdk" in reasons[1]
    assert "its worker left no record: TimeoutError: too long" == reasons[2]
    assert "can't be read" in reasons[3]
    assert [None, 2.5, 2.5] == [each["duration_s"] for each in records[:3]]
    assert "1970-01-01T00:00:10.000000Z" == records[1]["started_at"]
    assert 6 == len({each["record_id"] for each in records})


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_single_future_a_chain_and_returned_futures_are_followed():
    """
    Each call once, wherever it is found.
    """
    pytest.importorskip("lithops")
    inner = future("00001")
    outer = future("00000", _new_futures=[inner])
    assert ["00000", "00001"] == [each["worker"]["call_id"] for each in collect(outer)]

    class Chain(list):
        alt_list = (outer, inner, future("00002"))

    assert ["00000", "00001", "00002"] == [each["worker"]["call_id"] for each in collect(Chain([inner]))]
    assert ["00002"] == [
        each["worker"]["call_id"] for each in collect(SimpleNamespace(response_future=future("00002")))
    ]
    assert [] == collect([])


def test_a_storage_that_hangs_holds_nobody_up(monkeypatch):
    """
    What does not arrive in time comes from the statistics.
    """
    lithops_storage = pytest.importorskip("lithops.storage")
    answer = threading.Event()

    class Hanging:
        bucket = "b"

        def __init__(self, storage_config):
            pass

        def list_keys(self, *_args, **_options):
            answer.wait(60)
            return []

    monkeypatch.setattr(lithops_storage, "Storage", Hanging)
    kept = json.dumps({"energy_j": 3.0, "status": "ok"})
    futures = [future(f"{number:05d}", stats={"worker_func_energy_record": kept}) for number in range(40)]
    records = collect(futures, wait_s=0.05)
    answer.set()
    assert [3.0] * 40 == [each["energy_j"] for each in records]
    assert [f"{number:05d}" for number in range(40)] == [each["worker"]["call_id"] for each in records]


def test_what_the_worker_alone_knows_stays_in_its_record(monkeypatch):
    """
    As the node of its pod; the client adds what the worker did not know.
    """
    lithops_storage = pytest.importorskip("lithops.storage")
    worker = {"executor_id": "ab12-0", "job_id": "M000", "call_id": "00000", "activation_id": "f00d", "attempt": None}
    line = json.dumps(record(1, 2.0, worker={**worker, "node": "n1"})).encode()

    class Full:
        bucket = "b"

        def __init__(self, storage_config):
            pass

        def list_keys(self, bucket, prefix):
            return [f"{prefix}00000-f00d.jsonl", f"{prefix}00000-f00d-rab.jsonl", f"{prefix}other"]

        def get_object(self, bucket, key):
            return line + b"\n" + line

    monkeypatch.setattr(lithops_storage, "Storage", Full)
    (found,) = collect(future(runtime_memory=256))
    assert ("n1", 256.0, 2.0) == (found["worker"]["node"], found["worker"]["memory_mb"], found["energy_j"])


def test_a_report_adds_up_and_groups():
    """
    The biggest first, by any key; calls without a number are counted, not summed.
    """
    records = [record(1, 2.0, function="a"), record(2, 3.0, function="b"), record(3, None, function="b")]
    report = EnergyReport([*records, records[0]])
    assert (3, 5.0, 5.0, 5.0) == (len(report.records), report.energy_j, report.energy_low_j, report.energy_high_j)
    assert [("b", 2, 1, 3.0), ("a", 1, 0, 2.0)] == [
        (name, group.calls, group.unknown, group.energy_j) for name, group in report.by("function").items()
    ]
    assert {"00001", "00002", "00003"} == set(report.by("worker.call_id"))
    assert {None: 3} == {name: group.calls for name, group in report.by("nothing.like.this").items()}


def test_a_report_of_nothing_has_no_joules():
    """
    None, not 0.
    """
    assert EnergyReport([]).energy_j is None
    assert EnergyReport([record(1, None)]).energy_low_j is None
    assert "total" in str(EnergyReport([]))


def test_calls_inside_calls_are_not_added_twice():
    """
    By parent; a call whose parent is not in the report counts.
    """
    outer = record(1, 10.0)
    inner = record(2, 4.0, depth=1, parent_id=outer["record_id"])
    assert 10.0 == EnergyReport([inner, outer]).energy_j
    assert 4.0 == EnergyReport([inner]).energy_j


@pytest.mark.parametrize(("boot", "total"), [("b", 10.0), ("another machine's", 14.0)])
def test_calls_of_an_executor_in_a_worker_are_inside_on_the_same_machine(boot, total):
    """
    Elsewhere they took joules of their own.
    """
    worker = {"executor_id": "ab12-0-M000-00001-3", "job_id": "M000", "call_id": "00000", "activation_id": "beef"}
    nested = record(2, 4.0, worker=worker, host={"host_id": "h", "boot_id": boot})
    assert total == EnergyReport([record(1, 10.0), nested]).energy_j


def test_a_report_prints_and_writes(tmp_path):
    """
    A table that lines up, why there are holes, what is mixed; and all records as lines.
    """
    report = EnergyReport([record(1, 2.0), record(2, 30.0, energy_boundary="wall"), record(3, None)])
    lines = str(report).splitlines()
    assert ["name", "calls", "J", "90%", "interval", "own", "J", "s", "CPU", "s", "method"] == lines[0].split()
    assert ["total", "3", "32", "32", "..", "32", "32", "0.000", "0.000"] == lines[2].split()[:9]
    assert lines[1].index(" 3 ") == lines[2].index(" 3 ")
    assert ["1 lost: as the test asked for", "the sum mixes numbers of different meters or boundaries"] == lines[3:]
    report.to_jsonl(tmp_path / "out.jsonl")
    assert report.records == [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]


def test_a_report_shows_machines_attempts_and_lost_calls():
    """
    Where there is more than one machine; which attempts were for nothing, with their joules; flat rows for all.
    """
    worker = record(1, 1.0)["worker"]
    elsewhere = {"host": {"host_id": "i" * 32, "boot_id": "c"}}
    report = LithopsReport(
        [
            record(1, 2.0, status="error", worker={**worker, "attempt": 1}),
            record(2, 3.0, worker={**worker, "job_id": "M001", "attempt": 2}, **elsewhere),
            record(3, None, worker={**worker, "job_id": "M002", "attempt": 3, "parents": ["a"]}, **elsewhere),
        ]
    )
    lines = list(report.remarks())
    assert ["job M001: 1 call, 3 J", "job M000: 1 call, 2 J", "job M002: 1 call, no number"] == lines[:3]
    assert ["host iiiiiiiiiiii: 2 calls, 3 J", "host h: 1 call, 2 J"] == lines[3:5]
    assert "2 attempts beyond the first, 3 at most; without a result: 1 error (2 J), 1 lost (no number)" == lines[5]
    assert "1 lost: as the test asked for" == lines[6]
    rows = report.to_dicts()
    assert [2.0, 3.0, None] == [row["shared_j"] for row in rows]
    assert [(1, None), (2, None), (3, ["a"])] == [(row["attempt"], row["parents"]) for row in rows]
    assert ["h", "i" * 32, "i" * 32] == [row["host_id"] for row in rows]
    assert lines[0] in str(report)


@pytest.mark.parametrize(
    ("given", "configured", "expected"),
    [
        ({}, None, {"exclude_modules": [*sorted(OURS)]}),
        ({"exclude_modules": ["big"]}, [], {"exclude_modules": ["big", *sorted(OURS)]}),
        ({"include_modules": None}, [], {"include_modules": None}),
        ({"include_modules": ["mine"]}, [], {"include_modules": ["mine", "plugin"]}),
        ({"include_modules": ["mine"]}, "none", {"include_modules": ["mine", "plugin"]}),
        ({}, ["theirs"], {"include_modules": ["plugin"]}),
        ({}, "none", {}),
    ],
)
def test_plugins_of_others_are_left_to_lithops(given, configured, expected):
    """
    Named in an explicit list, never where nothing is sent; where Lithops looks by itself, greensdk is kept out.
    """
    settings = {"lithops": {} if configured is None else {"include_modules": configured}}
    arguments = dict(given)
    sends = send_modules(arguments, ["plugin"], settings)
    assert [expected, expected != given] == [arguments, sends]


def test_every_target_of_a_specification_travels():
    """
    Monitors, sinks, adapters and enrichers: their modules, and the packages of those that aren't greensdk's.
    """
    spec = {
        "sources": [["a", "one.deep:A", {}, "named"]],
        "sinks": [["x:", "two:B", {}]],
        "enrichers": [["c", "three.x.y:c"]],
        "adapters": [["four:D", "VARIABLE"]],
    }
    assert ["one.deep", "two", "three.x.y", "four"] == list(modules_of(spec))
    assert ["one", "three"] == others({"one.deep", "three.x.y", "greensdk_rapl", "greensdk.sink"})


def test_a_function_is_made_ready_once():
    """
    With the name, signature and result that it had; what can't be measured is left alone.
    """
    for fn in (plain, decorated, Odd().method, functools.partial(plain, 1)):
        ready = measured(fn, {}, BEGINNING, LOCAL)
        assert hasattr(ready, PREPARED)
        assert ready is measured(ready, {}, BEGINNING, LOCAL)
    assert "plain" == measured(plain, {}, BEGINNING, LOCAL).__name__
    assert "Odd" == measured(Odd(), {}, BEGINNING, LOCAL).__name__
    for fn in (abs, Odd, "text"):
        assert fn is measured(fn, {}, BEGINNING, LOCAL)


def test_lithops_finds_its_special_parameters():
    """
    It looks for them in the signature, and gives them by keyword.
    """

    def special(x, obj, id, storage, rabbitmq, ibm_cos, *rest, scale=1, **more):
        return x

    ready = measured(special, {"label": "a"}, BEGINNING, LOCAL)
    assert inspect.signature(special) == inspect.signature(ready)


def test_a_retry_knows_its_future():
    """
    And nothing else is mistaken for one.
    """

    class Retried:
        failure_count = 2

        def _retry(self, submit):
            return submit()

    retried = Retried()
    assert retried is retried._retry(retrying)
    assert retrying() is None


def test_earlier_attempts_are_followed():
    """
    From the last to the first, each once, in their order; what is no future of ours has only itself.
    """
    first, second, third = (Future() for _ in range(3))
    for each, before in ((first, None), (second, first), (third, second)):
        remember([each], {"attempt": 1}, before)
    assert [first, second, third] == attempts(third)
    assert [1, 1] == [known_of(third)["attempt"], known_of(third)["calls"]]
    odd = SimpleNamespace()
    assert [odd] == attempts(odd)


def test_only_the_executors_own_calls_are_job_facts(monkeypatch):
    """
    A worker's variables go on to the executors that it makes.
    """
    monkeypatch.setenv(VARIABLE, json.dumps({"executor_id": "ab12-0", "stage": "load", "attempt": 2}))
    assert ("load", 2) == (job_facts("ab12-0")["stage"], job_facts("ab12-0")["attempt"])
    assert {} == job_facts("ab12-0-M000-00000-1") == job_facts(None)
    monkeypatch.setenv(REDUCE, "True")
    assert ("load-reduce", ["load"]) == (job_facts("ab12-0")["stage"], job_facts("ab12-0")["parents"])
    monkeypatch.delenv(VARIABLE)
    assert {} == job_facts("ab12-0")


@pytest.mark.parametrize(("key", "wrong"), [("stage", 1), ("workflow", []), ("parents", [1]), (FLUSH, 1)])
def test_an_invalid_setting_of_a_job_is_reported(key, wrong):
    """
    Which, where, and what it may be; None is no setting.
    """
    with pytest.raises(ConfigError, match=f"here: {key} = .*: expected"):
        split({key: wrong}, "here")
    assert ({}, {"label": "x"}) == split({key: None, "label": "x"}, "here")


def test_lithops_sees_what_it_would_have_seen():
    """
    The modules of the function inside a partial, a method or an object, and a plugin's beside them.
    """
    serialize = pytest.importorskip("lithops.job.serialize")

    def parses(x):
        import sqlite3

        return sqlite3.sqlite_version, x

    class Parser:
        def __call__(self, x):
            return parses(x)

    beginning = Beginning(None, {"json.decoder"}, None)
    for fn in (parses, functools.partial(parses, 1), Parser(), Parser().__call__):
        seen = serialize.SerializeIndependent([])._module_inspect(measured(fn, {}, beginning, LOCAL))
        assert {"sqlite3", "greensdk", "json"} <= seen


def test_a_runtime_named_after_the_function_keeps_its_name():
    """
    Lithops builds ``runtime_include_function`` images under a hash of the file that the code comes from.
    """
    config = {"lithops": {"backend": "k8s"}, "k8s": {"runtime_include_function": True}}
    assert plain.__code__.co_filename == measured(plain, {}, BEGINNING, config).__code__.co_filename


def test_functions_that_travel_by_name_are_known():
    """
    Those that their module has under their name.
    """
    assert is_importable(plain)
    assert is_importable(decorated)
    assert not is_importable(lambda: None)
    assert not is_importable(measured(plain, {}, BEGINNING, LOCAL))


@pytest.mark.parametrize(
    ("home", "before", "after"),
    [
        (POOL, {"func": ..., "data": {"func": "f", "op": "apply"}}, {"data": {"func": "F", "op": "apply"}}),
        (POOL, {"map_function": ..., "extra_args": ("f", None)}, {"extra_args": ("F", None)}),
        (FUTURES, {"func": ..., "data": ("f", (), {})}, {"data": ("F", (), {})}),
        (
            FUTURES,
            {"map_function": ..., "map_iterdata": [("f", (1,), {})] * 2},
            {"map_iterdata": [("F", (1,), {})] * 2},
        ),
        (FUTURES, {"map_function": ..., "map_iterdata": iter(())}, None),
        (POOL, {"func": ..., "data": 7}, None),
        ("mine", {"func": ..., "data": ("f", (), {})}, None),
    ],
)
def test_trampolines_are_unfolded(home, before, after):
    """
    The user's function is in their data; anything else in there is left as it is.
    """
    fn = SimpleNamespace(__module__=home)
    arguments = {key: fn if value is ... else value for key, value in before.items()}
    unchanged = dict(arguments)
    assert (after is not None) is unfold(arguments, str.upper)
    assert {**unchanged, **(after or {})} == arguments


def test_joblibs_calls_are_those_of_the_users_function():
    """
    Which a pool's trampoline has joblib's call, with its arguments; what it calls in threads is measured as one.
    """
    pool, process = SimpleNamespace(__module__=POOL), SimpleNamespace(__module__=JOBLIB)
    arguments = {"map_function": pool, "extra_args": (process, None), "map_iterdata": [(("f", (1,), {}, [0]),)]}
    assert unfold(arguments, str.upper)
    assert [[(("F", (1,), {}, [0]),)], (process, None)] == [arguments["map_iterdata"], arguments["extra_args"]]
    batch = {"map_function": pool, "extra_args": (process, None), "map_iterdata": [([("f", (1,), {})],)]}
    assert unfold(batch, lambda fn: [fn])
    assert ([process], None) == batch["extra_args"]


@pytest.mark.parametrize(
    ("arguments", "added"),
    [
        ({"config": {"lithops": {"backend": "localhost"}}}, True),
        ({"config": {"lithops": {"mode": "localhost"}, "localhost": None}}, True),
        ({"config": {"lithops": {"backend": "k8s"}}, "backend": "localhost"}, True),
        ({"config": {"lithops": {}}, "mode": "localhost"}, True),
        ({"config": {"lithops": {"backend": "localhost"}, "localhost": {"runtime": "image"}}}, False),
        ({"config": {"lithops": {"backend": "localhost"}}, "runtime": "python3"}, False),
        ({"config": {"lithops": {"backend": "localhost"}}, "backend": "k8s"}, False),
        ({"config": {"lithops": {}}}, False),
        ({"config": {"lithops": {"mode": "serverless"}, "serverless": {"backend": "k8s"}}}, False),
    ],
)
def test_localhost_gets_this_python_where_none_is_configured(arguments, added):
    """
    Whatever says that it is localhost; nothing is touched elsewhere.
    """
    pytest.importorskip("lithops")
    from greensdk_lithops.localhost import with_runtime

    assert {**arguments, **({"runtime": sys.executable} if added else {})} == with_runtime(arguments)
