"""
Monte Carlo pi: the points are all there, and the error bar is honest.
"""

from __future__ import annotations

from math import pi

import pytest
from greensdk_workloads.pi import count_inside, estimate
from greensdk_workloads.workload import split
from hypothesis import given
from hypothesis import strategies as st


@given(total=st.integers(0, 10**12), parts=st.integers(1, 500))
def test_the_parts_sum_to_the_total_and_differ_by_at_most_one(total, parts):
    """
    No point is lost or done twice, for any number of workers.
    """
    found = split(total, parts)
    assert parts == len(found)
    assert total == sum(found)
    assert max(found) - min(found) <= 1
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(("total", "parts"), [(10, 0), (10, -1), (-1, 3)])
def test_an_impossible_split_is_refused(total, parts):
    """
    No worker, or fewer than no points.
    """
    with pytest.raises(ValueError, match="can't split"):
        split(total, parts)


def test_a_million_points_in_seven_parts_find_pi():
    """
    Within four standard deviations, which an honest error bar misses once in 16,000 runs; the seeds are fixed.
    """
    total = 1_000_000
    inside = sum(count_inside(points, seed) for seed, points in enumerate(split(total, 7)))
    pi_hat, sigma = estimate(inside, total)
    assert abs(pi_hat - pi) < 4 * sigma
    assert sigma == pytest.approx(1.642e-3, rel=0.01)


def test_the_error_bar_covers_as_often_as_it_says():
    """
    Of 200 runs about 68% lie within one standard deviation: binomial, 55 to 81% is four deviations of that.
    """
    runs = [estimate(count_inside(500, seed), 500) for seed in range(200)]
    covered = sum(abs(pi_hat - pi) < sigma for pi_hat, sigma in runs)
    assert 110 <= covered <= 162


def test_a_seed_gives_the_same_points_again_and_another_gives_others():
    """
    Parts with different seeds are independent.
    """
    assert count_inside(2000, 1) == count_inside(2000, 1)
    assert len({count_inside(2000, seed) for seed in range(8)}) > 1


def test_no_points_are_no_points_inside():
    """
    A worker beyond the last point has nothing to do.
    """
    assert 0 == count_inside(0, 1)


def test_all_points_inside_still_leave_doubt():
    """
    One point inside says 4, with an error bar that is not 0.
    """
    pi_hat, sigma = estimate(1, 1)
    assert 4.0 == pi_hat
    assert sigma > 1.0


@pytest.mark.parametrize(("inside", "total"), [(1, 0), (-1, 5), (6, 5)])
def test_a_count_that_can_not_be_is_refused(inside, total):
    """
    More points inside than there are, or none at all.
    """
    with pytest.raises(ValueError, match="can't estimate pi"):
        estimate(inside, total)
