"""
:func:`greensdk.compare` on real functions.
"""

import pytest

import greensdk
from greensdk.errors import ConfigError


def work():
    """
    Take about a millisecond.
    """
    return sum(range(50_000))


def double():
    """
    Take twice as much.
    """
    return work() + work()


@pytest.mark.slow
def test_twice_the_work_takes_twice_the_cpu_seconds():
    """
    By default, CPU seconds where there is only a model; names stand in the sentence.
    """
    found = greensdk.compare(work, double, monitors=["psutil-tdp"], budget_s=20)
    assert ["differs", "cpu", "psutil-tdp"] == [found.word, found.by, found.source]
    assert found.low <= found.ratio <= found.high
    assert 1.5 < found.ratio < 2.7
    assert str(found).startswith("double takes ")
    assert {"call", "machine", "time"} <= found.others.keys()


def test_over_processes_the_pairs_are_put_together():
    """
    Two processes of three pairs make six.
    """
    found = greensdk.compare(work, double, by="cpu", most=6, runs=1, processes=2, budget_s=20)
    assert 6 == found.pairs


def test_with_more_than_two_each_is_compared_with_the_first():
    """
    Functions without names of their own get letters.
    """
    found = greensdk.compare(work, double, lambda: None, by="time", most=1, runs=1)
    assert [("a", "b"), ("a", "c")] == [(each.a, each.b) for each in found]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"bye": "cpu"}, "unknown option 'bye'"),
        ({"by": "joules"}, "by is 'joules', not one of active, call"),
        ({"least": 0}, "least is 0, not a number above 0"),
        ({"processes": 0}, "processes is 0"),
        ({"monitors": ["none-such"]}, "none-such"),
    ],
)
def test_wrong_options_are_named(options, text):
    """
    Before anything runs.
    """
    with pytest.raises(ConfigError, match=text):
        greensdk.compare(work, double, most=1, **options)


def test_what_can_not_be_called_is_named():
    """
    The result of a function instead of the function.
    """
    with pytest.raises(ConfigError, match="3 can't be called"):
        greensdk.compare(work, 3)


def test_nothing_is_compared_while_measuring_is_off(monkeypatch):
    """
    It says which variable does that.
    """
    monkeypatch.setenv("GREENSDK_DISABLED", "1")
    with pytest.raises(ConfigError, match="GREENSDK_DISABLED"):
        greensdk.compare(work, double, most=1)


def test_an_exception_of_a_function_is_the_callers():
    """
    It ends the comparison.
    """
    with pytest.raises(ZeroDivisionError):
        greensdk.compare(work, lambda: 1 / 0, most=1)
