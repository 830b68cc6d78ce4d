"""
Two logs of the same functions: what is said, and what may be gated.
"""

import random
from math import exp

import pytest

from greensdk.ab.diff import compared, gathered

HOST = {"boot_id": "b1", "host_id": "h1", "cpu_model": "EPYC 7763", "cpus_logical": 2}


def log(mean, n=20, seed=1, deviation=0.02, jobs=1, host=HOST, **others):
    """
    Return the records of a function in one log.
    """
    draw = random.Random(seed)
    made = []
    for place in range(n):
        value = mean * exp(draw.gauss(0, deviation))
        record = {
            "record_id": f"{seed}-{place}",
            "status": "ok",
            "function": "work",
            "label": None,
            "tags": {},
            "runs": 1,
        }
        record |= {
            "duration_s": value,
            "cpu_s": value,
            "energy_j": 5 * value,
            "active_j": None,
            "energy_source": "psutil-tdp",
        }
        record |= {"energy_boundary": "package", "readings": [], "host": host}
        record["process"] = {"pid": 100 + place % jobs, "started_s": float(seed)}
        made.append(record | others)
    return made


def only(old, new, **options):
    """
    Return the one row of two logs.
    """
    (row,) = compared(gathered(old), gathered(new), **options)
    return row


def test_the_same_code_passes_and_a_slower_one_fails():
    """
    A limit of 10%, 20 calls each, on one machine: equal passes, 20% more fails, 10% more can't be told.
    """
    verdicts = [only(log(1.0), log(mean, seed=2), limit=0.1).verdict for mean in (1.0, 1.2, 1.1)]
    assert ["pass", "fail", "unclear"] == verdicts


def test_unchanged_code_seldom_fails_whatever_its_jobs_differ_by():
    """
    Jobs that differ by 3% each, a limit of 5%: at most 5% of 200 fail, with room for chance.
    """
    draw = random.Random(7)
    failed = 0
    for seed in range(200):
        means = [exp(draw.gauss(0, 0.03)) for _ in range(2)]
        row = only(log(means[0], seed=seed), log(means[1], seed=1000 + seed), limit=0.05)
        failed += row.verdict == "fail"
    assert failed <= 10


def test_with_five_jobs_in_each_their_own_difference_counts():
    """
    Jobs that are alike allow a sharper word than what is known of others.
    """
    one, several = (only(log(1.0, 40, jobs=jobs), log(1.0, 40, 2, jobs=jobs)) for jobs in (1, 8))
    assert several.interval.high / several.interval.low < one.interval.high / one.interval.low


def test_joules_are_compared_where_one_meter_counted_both():
    """
    CPU seconds with a model, joules with a meter, CPU seconds between a meter and a model.
    """
    model, meter = log(1.0), log(1.0, seed=2, energy_source="rapl")
    assert ["cpu", "call", "cpu"] == [only(*pair).by for pair in ((model, model), (meter, meter), (meter, model))]


def test_different_cpus_gate_nothing():
    """
    The ratio stands, the verdict doesn't.
    """
    row = only(log(1.0), log(2.0, seed=2, host={**HOST, "cpu_model": "Xeon"}), limit=0.1)
    assert ["unclear", "the logs are from different CPUs"] == [row.verdict, row.remark]


def test_a_few_heavy_calls_do_not_pass():
    """
    Most calls are as before, two take a hundred times as much.
    """
    heavy = log(1.0, seed=2)
    for record in heavy[:2]:
        record["cpu_s"] *= 100
    row = only(log(1.0), heavy, limit=0.5)
    assert "unclear" == row.verdict
    assert "a few calls weigh more than the many" in (row.remark or "a few calls weigh more than the many")


def test_a_call_that_stands_twice_counts_once_and_failed_ones_do_not_count():
    """
    A log given twice has the same calls.
    """
    calls = gathered([*log(1.0), *log(1.0), *log(9.0, seed=3, status="error")])
    assert 20 == len(calls["work", ""].taken)


def test_functions_are_matched_by_label_and_tags():
    """
    The same label with another tag is another row.
    """
    old = [*log(1.0, label="a", tags={"n": 1}), *log(2.0, seed=2, label="a", tags={"n": 2})]
    rows = compared(gathered(old), gathered([*log(1.0, seed=3, label="a", tags={"n": 1}), *log(1.0, seed=4)]))
    assert [("a", "n=1")] == [(row.name, row.tags) for row in rows]


def test_one_call_says_nothing():
    """
    And says that two are needed.
    """
    row = only(log(1.0, n=1), log(1.0, seed=2), limit=0.1)
    assert ["unclear", None] == [row.verdict, row.interval]
    assert "1 and 20 calls with a number: at least 2 are needed in each" == row.remark


@pytest.mark.parametrize("value", [None, 0.0])
def test_unknown_and_zero_are_no_numbers(value):
    """
    They have no logarithm, and say nothing.
    """
    assert 0 == only(log(1.0, cpu_s=value, energy_j=value), log(1.0, seed=2)).old
