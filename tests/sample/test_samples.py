"""
From two looks to a sample, from samples to what a record says: pure functions.
"""

from __future__ import annotations

import json
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk.machine.processes import Process
from greensdk.sample.samples import PROCESSES, Part, Sample, compare, parts, statistics, summary
from greensdk.schema.sampled import SAMPLED, STATISTICS

NUMBERS = st.floats(0, 1e12, allow_subnormal=False)
WEIGHTS = st.floats(1e-6, 1e6)
TREE = dict.fromkeys(SAMPLED, 1.0)


def process(pid=1, birth=0.0, cpu_s=0.0, waited_s=0.0, rss=100, read=0, write=0, ppid=0):
    """
    Make a process.
    """
    return Process(pid, birth, ppid, cpu_s, waited_s, rss, read, write)


def sample(since_s=0.0, at_s=1.0, power=None, tree=TREE, processes=()):
    """
    Make a sample.
    """
    return Sample(int(since_s * 1e9), int(at_s * 1e9), int(at_s * 1e9), power or {}, tree, processes)


@given(st.lists(st.tuples(NUMBERS, WEIGHTS), min_size=1))
def test_statistics_are_in_order(values):
    """
    The lowest is not above the mean, nor the mean above the highest, and the percentile lies between them.
    """
    found = statistics(values)

    assert STATISTICS.keys() == found.keys()
    assert len(values) == found["n"]
    assert found["min"] <= found["mean"] <= found["max"]
    assert found["min"] <= found["p95"] <= found["max"]


@given(st.lists(st.tuples(NUMBERS, WEIGHTS), min_size=1))
def test_the_percentile_is_the_nearest_rank(values):
    """
    It was seen, 95% are not above it, and that is so of none below it.
    """
    p95 = statistics(values)["p95"]
    numbers = [number for number, _ in values]

    assert p95 in numbers
    assert sum(number <= p95 for number in numbers) * 100 >= 95 * len(numbers)
    assert sum(number < p95 for number in numbers) * 100 < 95 * len(numbers)
    assert sorted(numbers)[ceil(95 * len(numbers) / 100) - 1] == p95


@given(NUMBERS, st.lists(WEIGHTS, min_size=1))
def test_the_mean_of_equal_numbers_is_that_number(number, weights):
    """
    No rounding carries it over the edge.
    """
    assert number == statistics([(number, weight) for weight in weights])["mean"]


def test_a_mean_counts_each_number_for_the_time_that_it_spans():
    """
    10 W for one second and 20 W for three are 17.5 W.
    """
    assert 17.5 == statistics([(10.0, 1.0), (20.0, 3.0)])["mean"]
    assert None is statistics([])


def test_what_a_tree_did_is_the_difference_of_its_sums():
    """
    CPU seconds of live and of waited-for processes, over the time; memory as it is in the end.
    """
    before = [process(1, cpu_s=1.0, read=100, write=0), process(2, cpu_s=0.5, rss=50)]
    after = [process(1, cpu_s=1.5, waited_s=0.75, rss=300, read=300, write=50)]

    assert {
        "cpu_percent": pytest.approx(100 * 0.75 / 2),
        "rss_bytes": 300,
        "io_read_bytes_per_s": 100.0,
        "io_write_bytes_per_s": 25.0,
    } == compare(before, after, 2.0)


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ([], [process()], set(SAMPLED)),
        ([process()], [], set(SAMPLED)),
        ([process(cpu_s=2.0)], [process(cpu_s=1.0)], {"cpu_percent"}),
        ([process(), process(2, read=None)], [process()], {"io_read_bytes_per_s"}),
        ([process()], [process(), process(2, write=None)], {"io_write_bytes_per_s"}),
    ],
)
def test_what_cannot_be_told_is_none(before, after, lost):
    """
    A look that failed, a sum with a hole, a process that took its numbers away: never a zero instead.
    """
    assert lost == {name for name, number in compare(before, after, 1.0).items() if number is None}


def test_a_sum_that_falls_by_less_than_two_ticks_has_not_fallen():
    """
    So much is lost to rounding when a process is waited for by its parent, not by us.
    """
    before = [process(), process(2, cpu_s=1.0), process(3, cpu_s=0.519)]
    after = [process(), process(2, cpu_s=1.0, waited_s=0.50)]

    assert 0.0 == compare(before, after, 1.0)["cpu_percent"]


def test_a_pid_that_was_reused_is_another_process():
    """
    Its CPU seconds are not the difference to its namesake's.
    """
    before = [process(1, cpu_s=1.0), process(7, birth=10.0, cpu_s=5.0)]
    after = [process(1, cpu_s=1.25), process(7, birth=20.0, cpu_s=0.5), process(8, birth=20.0, cpu_s=0.125)]

    assert [0.25, 0.5, 0.125] == [part.cpu_s for part in parts(before, after)]


@given(st.lists(st.builds(process, st.integers(1, 5), st.integers(0, 2), NUMBERS)), st.data())
def test_no_process_ever_takes_back_cpu_seconds(after, data):
    """
    Whatever was seen before.
    """
    before = data.draw(st.lists(st.builds(process, st.integers(1, 5), st.integers(0, 2), NUMBERS)))

    assert all(0.0 <= part.cpu_s <= now.cpu_s for part, now in zip(parts(before, after), after, strict=True))


def test_a_summary_of_nothing_says_why():
    """
    In its own words, or in those it is given.
    """
    assert "shorter than the sampling period" in summary([], {})["reason"]
    assert "because" == summary([], {}, "because")["reason"]
    assert (0, None, {}, []) == tuple(summary([], {1: "m"})[key] for key in ("n", "achieved_s", "power_w", "processes"))


def test_a_summary_knows_the_achieved_period_and_each_meter():
    """
    Samples without a number are left out of the statistics, and other calls' meters of the summary.
    """
    samples = [
        sample(0.0, 1.0, {7: (10.0, 1.0), 8: "too short", 9: (1.0, 1.0)}),
        sample(1.0, 3.0, {7: (40.0, 2.0), 8: "still too short"}),
        sample(3.0, 3.5, {7: "broken"}),
    ]
    found = summary(samples, {7: "good", 8: "none", 6: "silent"})

    assert (3, pytest.approx(3.5 / 3)) == (found["n"], found["achieved_s"])
    assert {"good": {"n": 2, "min": 10.0, "mean": 30.0, "max": 40.0, "p95": 40.0}, "none": None} == found["power_w"]
    assert "power_w: none: still too short" == found["reason"]
    assert found == json.loads(json.dumps(found))


def test_a_summary_says_which_metric_is_missing_and_why():
    """
    A null beside numbers has its reason, too.
    """
    found = summary([sample(power={7: (1.0, 1.0)}, tree={**TREE, "cpu_percent": None})], {7: "m"})

    assert (None, 1) == (found["cpu_percent"], found["rss_bytes"]["n"])
    assert found["reason"].startswith("cpu_percent: ")
    assert ";" not in found["reason"]


def test_a_summary_names_the_processes_that_took_most():
    """
    Each once, with all that it took, and no more of them than a record may hold.
    """
    several = [Part(pid, 0.0, 1, pid * 0.5, pid) for pid in range(1, PROCESSES + 51)]
    moved = [Part(PROCESSES + 50, 0.0, 2, 1.0, 5), Part(PROCESSES + 50, 9.0, 3, 0.0, 5)]
    found = summary([sample(processes=several), sample(1.0, 2.0, processes=moved)], {})["processes"]

    assert {"pid": 150, "ppid": 2, "cpu_s": 76.0, "rss_max_bytes": 150} == found[0]
    assert PROCESSES == len(found)
    assert sorted((row["cpu_s"] for row in found), reverse=True) == [row["cpu_s"] for row in found]
