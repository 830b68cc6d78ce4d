"""
What is said of a ratio of pairs holds.
"""

import random
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk.ab import stats
from greensdk.ab.stats import Interval

LOGS = st.lists(st.floats(-1, 1), min_size=6, max_size=40)


def trial(seed: int, true: float, deviation: float, shift: float = 0.0) -> Interval:
    """
    Return the interval at which a run of 45 pairs stops that looks at each look.
    """
    draw = random.Random(seed)
    logs, order = [], []
    for n in range(45):
        order.append((1, -1)[n % 2])
        logs.append(log(true) + draw.gauss(0, deviation) + shift * order[-1])
        if n + 1 in stats.LOOKS and stats.verdict(stats.interval(logs, order), 0.02) == "differs":
            break
    return stats.interval(logs, order)


def test_equal_things_are_seldom_told_to_differ_however_often_one_looks():
    """
    5% are promised; 400 trials of that have at most 8% in 99.5% of cases.
    """
    false = sum(stats.verdict(trial(seed, 1.0, 0.1), 0.02) == "differs" for seed in range(400))
    assert false <= 32


def test_a_difference_is_found_and_has_the_right_size():
    """
    0.8 with a scatter of 10% is found in nearly all trials, and lies in nearly all intervals.
    """
    found = [trial(seed, 0.8, 0.1) for seed in range(200)]
    assert sum(stats.verdict(each, 0.02) == "differs" for each in found) >= 190
    assert sum(each.low <= 0.8 <= each.high for each in found) >= 185


def test_what_the_order_does_is_taken_out():
    """
    Whoever runs second takes a third more: the ratio stays, and so does the width.
    """
    assert trial(1, 0.9, 0.02) == pytest.approx(trial(1, 0.9, 0.02, shift=0.3), rel=1e-9)


@given(LOGS, st.floats(0.1, 10))
def test_other_units_change_nothing(logs, factor):
    """
    b in other units is a ratio times the factor, with an interval of the same relative width.
    """
    order = [(1, -1)[place % 2] for place in range(len(logs))]
    one, other = stats.interval(logs, order), stats.interval([each + log(factor) for each in logs], order)
    assert [each * factor for each in one] == pytest.approx(list(other), rel=1e-6)


@given(LOGS)
def test_a_against_b_is_the_inverse_of_b_against_a(logs):
    """
    Swapping the sides inverts the interval.
    """
    order = [(1, -1)[place % 2] for place in range(len(logs))]
    one, other = stats.interval(logs, order), stats.interval([-each for each in logs], [-each for each in order])
    assert [one.low, one.ratio, one.high] == pytest.approx([1 / other.high, 1 / other.ratio, 1 / other.low], rel=1e-6)


def test_one_wild_pair_does_not_decide():
    """
    A pair that something hit is pulled in.
    """
    logs = [0.01, -0.01, 0.02, 0.0, -0.02, 0.01, -0.01, 0.0, 8.0]
    assert stats.interval(logs, [1, -1] * 4 + [1]).ratio == pytest.approx(1, abs=0.05)


def test_fewer_than_six_pairs_say_nothing():
    """
    The interval is as wide as can be.
    """
    assert stats.reach(5) == float("inf")
    assert [stats.REACH[6], stats.REACH[13]] == [(stats.reach(n), stats.reach(n, 0.9)) for n in (8, 19)]


@pytest.mark.parametrize(
    ("interval", "word", "enough"),
    [
        (Interval(0.99, 1.0, 1.01), "same", True),
        (Interval(0.9, 1.0, 1.1), "open", False),
        (Interval(1.03, 1.05, 1.07), "differs", True),
        (Interval(1.01, 1.2, 1.42), "differs", False),
        (Interval(1.9, 2.2, 2.5), "differs", True),
    ],
)
def test_words(interval, word, enough):
    """
    Same within 2%; different where 1 is left out; enough where that is known to 5% or to half of the difference.
    """
    assert [word, enough] == [stats.verdict(interval, 0.02), stats.is_enough(interval, 0.02, 0.05)]


def test_sums_that_say_something_else_are_seen():
    """
    One run in ten takes fifty times as much: the many are equal, the sums are not.
    """
    a = [1.0] * 20
    b = [1.0] * 18 + [50.0] * 2
    found = stats.interval([log(y / x) for x, y in zip(a, b, strict=True)], [1, -1] * 10)
    assert [True, 5.9] == [found.high < 1.3, stats.heavy(a, b, found)]


@pytest.mark.parametrize(
    ("level", "degrees", "expected"),
    [(0.95, 1, 6.314), (0.95, 4, 2.132), (0.95, 10, 1.812), (0.95, 30, 1.697), (0.975, 5, 2.571), (0.975, 1e9, 1.960)],
)
def test_student(level, degrees, expected):
    """
    The quantiles of the tables, to 1%.
    """
    assert stats.student(level, degrees) == pytest.approx(expected, rel=0.01)


def test_pairs_that_are_needed_show_it():
    """
    With so many pairs a difference of 5% is seen in about 80% of trials.
    """
    draw = random.Random(3)
    logs = [draw.gauss(0, 0.05) for _ in range(100)]
    needed = stats.pairs_needed(logs, [1, -1] * 50, 0.05)
    assert needed in stats.LOOKS
    assert needed <= 30
