"""
Named tuples and protocols that cost little to make behave as those of typing.
"""

from __future__ import annotations

import pickle
import typing

import pytest

from greensdk import light


class Slow(typing.NamedTuple):
    """
    As typing has it.
    """

    first: int
    second: str = "two"
    third: float | None = None


class Light(light.NamedTuple):
    """
    The same, ours.
    """

    first: int
    second: str = "two"
    third: float | None = None


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((1,), {}),
        ((1, "b", 0.5), {}),
        ((1,), {"third": 2.0}),
        ((), {"second": "b", "first": 3}),
        ((), {}),
        ((1, "b", 0.5, 4), {}),
        ((1,), {"first": 2}),
        ((1,), {"fourth": 2}),
    ],
)
def test_a_light_tuple_is_made_of_what_a_named_tuple_is_made_of(values, named):
    """
    Values in order, by name, left out; and what the one refuses the other refuses.
    """

    def made(of):
        try:
            return tuple(of(*values, **named))
        except TypeError:
            return TypeError

    assert made(Slow) == made(Light)


def test_a_light_tuple_can_be_used_as_a_named_tuple():
    """
    Its items have names, it is a tuple, it can be copied with a change, shown, and pickled.
    """
    slow, fast = Slow(1, third=0.5), Light(1, third=0.5)
    assert (slow.first, slow.second, slow.third) == (fast.first, fast.second, fast.third)
    assert tuple(slow._replace(second="b")) == fast._replace(second="b")
    assert (slow._asdict(), slow._fields) == (fast._asdict(), fast._fields)
    assert repr(slow).replace("Slow", "Light") == repr(fast)
    again = pickle.loads(pickle.dumps(fast))
    assert (Light, fast) == (type(again), again)
    with pytest.raises(AttributeError):
        fast.first = 2


class Closing(light.Protocol):
    """
    What can be closed.
    """

    name: str

    def close(self) -> None:
        """
        Close it.
        """


class File(Closing):
    """
    A class that says that it is one.
    """


class Other:
    """
    One that does not say so, and is.
    """

    name = "other"

    def close(self) -> None:
        """
        Do nothing.
        """


def test_a_light_protocol_is_what_has_its_members():
    """
    By its members alone; a class that derives from it is an ordinary one.
    """
    assert isinstance(Other(), Closing)
    assert not isinstance("text", Closing)
    assert not isinstance(Other(), File)
    assert isinstance(File(), File)
