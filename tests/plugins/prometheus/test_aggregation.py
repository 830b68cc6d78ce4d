"""
Records added up: what each adds, few label values, and sums that may be saved, loaded and merged.
"""

from __future__ import annotations

import json
import threading

import pytest
from greensdk_prometheus.aggregation import MAX_SERIES, OTHER, Aggregator, Labels, Totals
from greensdk_prometheus.families import FAMILIES, observations
from hypothesis import given
from hypothesis import strategies as st
from prometheus_kit import record

NUMBERS = st.none() | st.floats() | st.integers(-5, 10**6) | st.booleans() | st.text(max_size=5)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "function": st.none() | st.text(max_size=200) | st.just(["no", "name"]),
        "label": st.none() | st.text(st.characters(), max_size=5),
        "depth": st.sampled_from([0, 1, None]),
        "status": st.sampled_from(["ok", "error", "lost"]),
        "runs": NUMBERS,
        "energy_j": NUMBERS,
        "energy_self_j": NUMBERS,
        "duration_s": NUMBERS,
        "cpu_s": NUMBERS,
        "overhead_s": NUMBERS,
        "worker": st.none() | st.fixed_dictionaries({"backend": st.none() | st.text(max_size=3)}),
        "resources": st.none() | st.dictionaries(st.sampled_from(["cpu_user_s", "net_sent_bytes"]), NUMBERS),
        "samples": st.none() | st.fixed_dictionaries({"power_w": st.none() | st.just({"rapl": None})}),
    },
)


def summed(*records, **options) -> dict:
    """
    Return the state after these records.
    """
    numbers = Totals(**options)
    for each in records:
        numbers.add(each)
    return numbers.state()


def value(state: dict, name: str, *labels: str):
    """
    Return one value whose labels hold all of these.
    """
    (found,) = [value for key, value in state[name] if set(labels) <= set(key)]
    return found


def test_a_record_adds_what_it_says():
    """
    The energy is its own, without calls inside; the histogram has the whole.
    """
    state = summed(record(), record())

    assert 2 == value(state, "greensdk_calls", "shop.price", "nightly", "localhost", "ok")
    assert 4.0 == value(state, "greensdk_energy_joules", "rapl", "attributed", "package+dram")
    assert 6.0 == value(state, "greensdk_call_joules")[-1]
    assert 1.5 == value(state, "greensdk_cpu_seconds", "false")
    assert 1.0 == value(state, "greensdk_cpu_mode_seconds", "user")
    assert 16384 == value(state, "greensdk_disk_written_bytes")
    assert 200.0 == value(state, "greensdk_network_sent_bytes_per_second")
    assert 180.0 == value(state, "greensdk_sampled_cpu_percent", "max")
    assert 120.0 == value(state, "greensdk_sampled_power_watts", "rapl", "mean")
    assert 0.5 == value(state, "greensdk_sampled_process_cpu_seconds", "worker")
    assert 2000 == value(state, "greensdk_sampled_process_memory_bytes", "children")
    assert (0.5, 1.0) == (value(state, "greensdk_cost_usd"), value(state, "greensdk_carbon_grams"))
    assert "greensdk_calls_without_number" not in state


def test_a_call_inside_another_adds_nothing_twice():
    """
    Its own joules and itself, marked as nested; not the disk's bytes, which are the outer one's too.
    """
    state = summed(record(energy_self_j=2.0), record(depth=1, energy_j=1.0, energy_self_j=1.0))

    assert 3.0 == value(state, "greensdk_energy_joules")
    assert 8192 == value(state, "greensdk_disk_written_bytes")
    assert {"false", "true"} == {key[3] for key, _ in state["greensdk_cpu_seconds"]}


def test_a_record_of_many_runs_is_many_calls():
    """
    With the mean of their joules in the histogram, as often.
    """
    state = summed(record(runs=100, energy_j=50.0, energy_self_j=50.0))

    assert 100 == value(state, "greensdk_calls")
    assert 50.0 == value(state, "greensdk_call_joules")[-1]
    assert 100 == sum(value(state, "greensdk_call_joules")[:-1])


def test_a_call_whose_energy_nobody_knows_is_counted_and_adds_no_zero():
    """
    Nor does a lost one.
    """
    state = summed(record(energy_j=None, energy_self_j=None, status="lost"))

    assert 1 == value(state, "greensdk_calls_without_number")
    assert not {"greensdk_energy_joules", "greensdk_call_joules"} & state.keys()


def test_labels_are_few_and_what_was_replaced_is_counted():
    """
    The first values stay; a label of a megabyte is short, a lone surrogate is no error.
    """
    names = [f"f{number}" for number in range(10)]
    state = summed(*[record(function=name) for name in names], max_values=3)

    assert {"f0", "f1", "f2", OTHER} == {key[0] for key, _ in state["greensdk_calls"]}
    assert 7 == value(state, "greensdk_calls", OTHER)
    assert value(state, "greensdk_labels_replaced", "function") >= 7
    assert "xx?" == Labels().of("label", "xx\ud800")
    assert len(Labels().of("label", "x" * 1_000_000)) < 200


def test_a_metric_has_no_more_than_so_many_series():
    """
    Whatever the labels' values make together.
    """
    state = summed(*[record(function=f"f{n % 90}", label=f"l{n // 90}") for n in range(90 * 20)])

    assert len(state["greensdk_calls"]) <= MAX_SERIES + 1
    assert 1800 == sum(calls for _, calls in state["greensdk_calls"])


@given(st.lists(RECORDS, max_size=5))
def test_whatever_a_record_holds_adds_finite_numbers_that_do_not_fall(records):
    """
    Nothing raises, and each observation fits its metric.
    """
    for each in records:
        for name, labels, number, times in observations(each):
            assert len(FAMILIES[name].labels) == len(labels)
            assert 0 <= number < float("inf")
            assert times >= 1
    json.dumps(summed(*records), allow_nan=False)


@given(st.lists(RECORDS, max_size=6), st.integers(0, 6))
def test_sums_that_were_saved_and_loaded_go_on_as_if_nothing_had_been(records, cut):
    """
    Counters and histograms; a gauge shows the newest.
    """
    first, second = Totals(), Totals()
    for each in records[:cut]:
        first.add(each)
    for each in records[cut:]:
        second.add(each)
    second.merge(json.loads(json.dumps(first.state())))

    whole, parts = summed(*records), second.state()
    assert {name: {key for key, _ in rows} for name, rows in whole.items()} == {
        name: {key for key, _ in rows} for name, rows in parts.items()
    }
    for name, rows in whole.items():
        for key, number in rows:
            assert number == pytest.approx(dict(parts[name])[key])


def test_any_number_of_threads_may_bring_records():
    """
    None is lost, and none counted twice.
    """
    intake = Aggregator(Totals())
    threads = [
        threading.Thread(target=lambda: [intake.put(record(samples=None)) for _ in range(500)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 2000 == value(intake.state(), "greensdk_calls")
