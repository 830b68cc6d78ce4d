"""
Objects that are fetched while others are read: in their order, all of them, and not too many at once.
"""

from __future__ import annotations

import threading

import pytest

from greensdk.logs.ahead import fetched

READERS = 4


def test_many_are_on_their_way_at_once_and_come_in_order():
    """
    The first ones arrive only when as many have been asked for as there are readers.
    """
    together = threading.Barrier(READERS)

    def fetch(number: int) -> int:
        if number < READERS:
            together.wait(60.0)
        return number

    assert list(range(50)) == list(fetched(fetch, range(50), READERS))


def test_no_more_wait_than_there_are_readers():
    """
    Whatever the number of objects, memory holds a few.
    """
    asked: list[int] = []
    answers = fetched(lambda number: asked.append(number) or number, range(1000), READERS)
    for number in range(100):
        assert number == next(answers)
        assert len(asked) <= number + READERS + 1
    answers.close()
    assert len(asked) < 1000


def test_an_error_comes_at_its_turn():
    """
    What was before it is given first; what is behind it is not fetched.
    """

    def fetch(number: int) -> int:
        if number == 3:
            raise OSError("gone")
        return number

    answers = fetched(fetch, range(1000), READERS)
    assert [0, 1, 2] == [next(answers) for _ in range(3)]
    with pytest.raises(OSError, match="gone"):
        next(answers)
