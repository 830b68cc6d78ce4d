"""
Running in turns: the design, when it ends, and what comes out, with sides whose truth is known.
"""

import random

import pytest

from greensdk.ab.pairs import Plan, Side, best, run


class World:
    """
    Things that take what they take, with scatter, drift and an effect of the order.
    """

    def __init__(self, seed: int = 1, deviation: float = 0.03, second: float = 1.0, drift: float = 0.0) -> None:
        self.draw = random.Random(seed)
        self.deviation, self.second, self.drift = deviation, second, drift
        self.runs: list[str] = []

    def side(self, name: str, cpu_s: float) -> Side:
        """
        Return one of them.
        """

        def measure(runs: int):
            self.runs.append(name)
            slow = self.second if len(self.runs) % 2 else 1.0
            factor = slow * (1 + self.drift * len(self.runs)) * (1 + self.draw.gauss(0, self.deviation))
            return {"cpu": cpu_s * factor, "time": cpu_s * factor, "call": None}, "psutil-tdp"

        return Side(name, measure)


def test_each_round_runs_all_and_every_other_the_other_way_round():
    """
    abba or baab, by a coin.
    """
    world = World()
    run([world.side("a", 0.2), world.side("b", 0.2)], Plan(most=6, least=1e-9, seed=5))
    rounds = ["".join(world.runs[place : place + 2]) for place in range(4, 16, 2)]
    assert all({one, other} == {"ab", "ba"} for one, other in zip(rounds[::2], rounds[1::2], strict=True))
    assert {"ab", "ba"} == set(rounds[::2]) | set(rounds[1::2])


def test_a_clear_difference_ends_it_early():
    """
    Half the work is seen at the first look.
    """
    world = World()
    (found,) = run([world.side("a", 0.2), world.side("b", 0.1)], Plan(seed=1))
    assert [6, "differs"] == [found.pairs, found.word]
    assert found.ratio == pytest.approx(0.5, rel=0.1)


def test_equal_things_end_as_same_where_that_can_be_known():
    """
    With a scatter of 1% it takes few pairs to know that they are within 2%.
    """
    world = World(deviation=0.01)
    (found,) = run([world.side("a", 0.2), world.side("b", 0.2)], Plan(seed=1))
    assert ["same", True] == [found.word, found.pairs <= 30]


def test_drift_and_order_are_no_difference():
    """
    What changes slowly, and what running second does, falls out.
    """
    world = World(deviation=0.01, second=1.3, drift=0.02)
    (found,) = run([world.side("a", 0.2), world.side("b", 0.2)], Plan(seed=2, most=45))
    assert found.ratio == pytest.approx(1.0, abs=0.02)
    assert found.word != "differs"


def test_each_of_several_is_compared_with_the_first():
    """
    Three sides, two ratios.
    """
    world = World(deviation=0.01)
    found = run([world.side("a", 0.2), world.side("b", 0.1), world.side("c", 0.4)], Plan(seed=2))
    assert [("a", "b"), ("a", "c")] == [(each.a, each.b) for each in found]
    assert [0.5, 2.0] == pytest.approx([each.ratio for each in found], rel=0.05)


def test_what_is_in_all_is_taken_off():
    """
    Both start an interpreter: 0.2 and 0.3 of which 0.1 is the start are 1 to 2.
    """
    world = World(deviation=0.002)
    sides = [world.side("a", 0.2), world.side("b", 0.3)]
    (found,) = run(sides, Plan(seed=1), empty=world.side("empty", 0.1))
    assert found.ratio == pytest.approx(2.0, rel=0.05)


def test_short_calls_are_run_many_times_in_one_measurement():
    """
    A millisecond a hundred times, to fill 0.1 s; no more than the budget has room for.
    """
    world = World(deviation=0)
    (found,) = run([world.side("a", 0.001), world.side("b", 0.001)], Plan(seed=1, most=6))
    assert found.runs == 100
    (found,) = run([world.side("a", 0.001), world.side("b", 0.001)], Plan(seed=1, most=6, budget_s=0.12))
    assert found.runs == 10


def test_the_budget_ends_it_but_not_before_anything_can_be_said():
    """
    Six pairs are the least.
    """
    world = World(deviation=0.2)
    (found,) = run([world.side("a", 0.2), world.side("b", 0.2)], Plan(seed=1, budget_s=1e-9))
    assert [6, "open"] == [found.pairs, found.word]


def test_unknown_numbers_are_no_pairs():
    """
    Nothing is said of what was not measured.
    """
    world = World()
    (found,) = run([world.side("a", 0.2), world.side("b", 0.2)], Plan(by="call", seed=1, most=8))
    assert [0, "open", None, None] == [found.pairs, found.word, found.ratio, found.more_pairs(0.02)]
    assert "nothing can be said: 0 of 8 pairs have a number" in str(found)


@pytest.mark.parametrize(
    ("active", "source", "expected"),
    [(1.0, "rapl", "active"), (None, "rapl", "call"), (1.0, "psutil-tdp", "cpu"), (None, None, "cpu")],
)
def test_what_is_compared_is_what_the_machine_can_tell_best(active, source, expected):
    """
    A meter's joules above rest, the call's share without calibration, CPU seconds where there is only a model.
    """
    assert expected == best({"active": active}, source, ("psutil-tdp",))
