"""
Lithops jobs: workers push nothing, the client pushes what it has collected, and feeds Lithops' own telemetry.
"""

from __future__ import annotations

import sys

import pytest
from greensdk_lithops.client_sinks import feed, hand_over
from otel_kit import receiver
from prometheus_kit import pushgateway, record, unreachable

from greensdk.deliver import spool
from greensdk.deliver.sinks import memory

pytest.importorskip("lithops")
pytest.importorskip("prometheus_client")


def collected(number: int, **more):
    """
    Return the records of a job.
    """
    from greensdk_lithops import client_sinks

    start = len(client_sinks._given)
    return [record(record_id=f"{start + n:032x}", **more) for n in range(number)]


@pytest.fixture
def gateway():
    """
    A running Pushgateway.
    """
    with pushgateway() as running:
        yield running


def test_five_hundred_calls_are_one_push_however_often_they_are_reported(gateway):
    """
    A second report of the same calls counts nothing twice; sinks that are the workers' own get nothing.
    """
    records = collected(500)
    for _ in range(3):
        hand_over(records, {"sink": [gateway.uri, "memory:"], "monitors": []})
    table = {"prometheus": {"max_values": 100}}
    hand_over(collected(1), {"sink": gateway.uri, "workflow": "nightly", "plugins": table})

    assert 501 == gateway.value("greensdk_calls_total")
    assert 2 == gateway.pushes()
    assert 1 == len(gateway.groups())
    assert [] == list(memory)


def test_a_call_that_is_not_over_is_left_for_the_next_time(gateway):
    """
    One that is lost is counted.
    """
    from greensdk_lithops.records import NOT_OVER

    hand_over(collected(1, status="lost", reason=NOT_OVER), {"sink": gateway.uri, "monitors": []})
    hand_over(collected(1, status="lost", reason="killed"), {"sink": gateway.uri, "monitors": []})

    assert 1 == gateway.value("greensdk_calls_total", status="lost")


def test_opentelemetry_gets_them_too():
    """
    From the client's machine, with the workers' backend.
    """
    pytest.importorskip("opentelemetry.sdk")
    with receiver() as taker:
        hand_over(collected(3), {"sink": taker.uri, "monitors": [], "plugins": {"otlp": {"timeout_s": 60}}})

        assert 3 == taker.value("greensdk.calls", greensdk_backend="localhost")


def test_a_dead_gateway_is_one_warning_and_no_error():
    """
    The report comes all the same.
    """
    with pytest.warns(RuntimeWarning, match="go with the next push"):
        hand_over(collected(1), {"sink": f"prometheus+{unreachable()}", "monitors": []})


def test_a_sink_that_can_not_be_made_leaves_the_records_in_the_spool():
    """
    Its error is reported.
    """
    with pytest.warns(RuntimeWarning, match=r"expected prometheus\+http"):
        hand_over(collected(2), {"sink": "prometheus+http:", "monitors": []})

    assert [2] == [count for _, _, count in spool.waiting()]


def test_wrong_settings_are_a_warning():
    """
    The jobs themselves have reported it already.
    """
    with pytest.warns(RuntimeWarning, match="could not hand over"):
        hand_over(collected(1), {"sink": "nosuch://x", "monitors": []})


@pytest.fixture
def telemetry(gateway):
    """
    Lithops' own telemetry, switched on.
    """
    module = pytest.importorskip("lithops.telemetry")
    config = {"lithops": {"telemetry": "prometheus", "telemetry_interval": 3600, "backend": "localhost"}}
    config["prometheus"] = {"gateway": gateway.url, "job": "lithops", "instance": "here", "timeout": 10}
    yield module.get_telemetry(config, "localhost")
    module.shutdown_telemetry()


def test_lithops_own_telemetry_gets_the_joules(telemetry, gateway):
    """
    In its registry, with its labels and the source; a call without a number adds none.
    """
    assert 2 == feed([record(), record(), record(energy_j=None, energy_self_j=None)])
    telemetry.flush()

    found = {"job": "lithops", "source": "rapl", "backend": "localhost", "runtime_memory": "1769"}
    assert 4.0 == gateway.value("greensdk_energy_joules_total", **found)


def test_without_telemetry_nothing_is_fed(monkeypatch):
    """
    Off, as it is by default; and in versions of Lithops that have none.
    """
    assert 0 == feed([record()])
    monkeypatch.delitem(sys.modules, "lithops.telemetry", raising=False)
    assert 0 == feed([record()])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_sampled_job_leaves_one_group_and_one_push(tmp_path, gateway):
    """
    At the period of Lithops' own profiler: its workers push nothing, its client everything.
    """
    import lithops_functions
    from greensdk_lithops import EnergyFunctionExecutor, collect
    from lithops_kit import lithops_at

    energy = {"sink": [gateway.uri, "lithops://greensdk/v1"], "monitors": []}
    with lithops_at(tmp_path) as config:
        config["lithops"]["profiler_timeout"] = 0.05
        with EnergyFunctionExecutor(config=config, energy=energy, log_level="ERROR") as fexec:
            fexec.get_result(fexec.map(lithops_functions.nap, [0.3, 0.3, 0.3]))
            records = collect(fexec.futures)
            assert all(each["samples"]["n"] for each in records)
            before = gateway.pushes()
            hand_over(records, energy)

    assert before + 1 == gateway.pushes() == len(gateway.groups())
    assert 3 == gateway.value("greensdk_calls_total", backend="localhost", status="ok")
    assert 0 < gateway.value("greensdk_sampled_memory_bytes", statistic="max")
