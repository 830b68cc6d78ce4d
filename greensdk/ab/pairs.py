"""
Running two or more things in turns until it is known how they compare.

All run in one job, in rounds: by a coin a, b and then b, a; or the other way round. What changes slowly - frequency,
temperature, a neighbour - hits all alike, and what the order does is fitted out.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from greensdk.ab.comparison import Comparison, Sample
from greensdk.ab.stats import FEWEST, LOOKS

SAMPLE_S = 0.1
"""
Seconds that one measurement should take at least. A pair's standard error with RAPL, whose counter moves once a
millisecond: 49% at 1 ms, 18% at 5, 7% at 20, 2.3% at 100 (benchmarks/README.md).
"""
MOST_PAIRS = 100
SHORTEST_S = 1e-7


class Side(NamedTuple):
    """
    One of the things to compare.

    Attributes:
        name: What it is called in sentences.
        measure: Runs it so many times and returns what one run took, with the monitor that the joules are from.
    """

    name: str
    measure: Callable[[int], tuple[Sample, str | None]]


class Plan(NamedTuple):
    """
    How to compare.

    Attributes:
        by: What to compare; None for what the machine can tell best.
        least: The difference that matters.
        precise: How well a difference has to be known: to 5%, or to half of it.
        budget_s: Seconds after which it ends in any case.
        most: Pairs after which it ends in any case.
        runs: Calls in one measurement; None for as many as take `SAMPLE_S`.
        seed: Of the coin; None for another one each time.
    """

    by: str | None = None
    least: float = 0.02
    precise: float = 0.05
    budget_s: float = 60.0
    most: int = MOST_PAIRS
    runs: int | None = None
    seed: int | None = None


def best(first: Sample, source: str | None, models: Sequence[str]) -> str:
    """
    Return what to compare by: a meter's joules above rest, else the call's share; with only a model, CPU seconds.

    A model's joules are its CPU seconds with noise added, four times the scatter of the seconds themselves.
    """
    if source is None or source in models:
        return "cpu"
    return "call" if first.get("active") is None else "active"


def run(
    sides: Sequence[Side],
    plan: Plan,
    *,
    empty: Side | None = None,
    progress: Callable[[float, Sequence[Comparison]], None] = lambda _, __: None,
) -> list[Comparison]:
    """
    Compare each side with the first.

    Args:
        sides: At least two.
        plan: How.
        empty: What is in all sides and should not count: its median is taken off.
        progress: Called after each round with the share of the budget that is used up, and what is known so far.

    Returns:
        A comparison for each side but the first.
    """
    from greensdk.ab.comparison import MODELS

    began, coin = time.monotonic(), random.Random(plan.seed)
    for side in (*sides, *filter(None, [empty])):
        side.measure(1)  # imports, caches, specialised bytecode
    first = [side.measure(1) for side in sides]
    runs = plan.runs or _runs([sample["time"] or 0.0 for sample, _ in first], plan.budget_s)
    by = plan.by or best(*first[0], MODELS)
    found = [Comparison(sides[0].name, side.name, by, first[0][1], runs, plan.least) for side in sides[1:]]
    nothing = [] if empty is None else [empty.measure(runs)[0] for _ in range(3)]
    turn, rounds = 1, 0
    while rounds < plan.most:
        turn = -turn if rounds % 2 else coin.choice((1, -1))
        if empty is not None:
            nothing.append(empty.measure(runs)[0])
        taken: dict[int, Sample] = {}
        for place in range(len(sides))[::turn]:
            taken[place] = sides[place].measure(runs)[0]
        rounds += 1
        seconds = time.monotonic() - began
        for place, each in enumerate(found, start=1):
            each.samples_a.append(_without(taken[0], nothing))
            each.samples_b.append(_without(taken[place], nothing))
            each.order.append(turn)
            each.seconds = seconds
        progress(min(seconds / plan.budget_s, 1.0), found)
        if rounds in LOOKS and all(each.is_enough(plan.precise) for each in found):
            break
        if rounds >= FEWEST and seconds * (1 + 1 / rounds) > plan.budget_s:
            break
    return found


def _runs(times_s: Sequence[float], budget_s: float) -> int:
    """
    Return the calls in one measurement: enough for a meter, and few enough for the least number of pairs in the budget.
    """
    wanted = SAMPLE_S / max(min(times_s), SHORTEST_S)
    affordable = budget_s / FEWEST / max(sum(times_s), SHORTEST_S)
    return max(1, ceil(min(wanted, affordable)))


def _without(sample: Sample, nothing: Sequence[Sample]) -> Sample:
    """Return what a run took beyond an empty one."""
    from statistics import median

    if not nothing:
        return sample
    left: dict[str, float | None] = {}
    for by, value in sample.items():
        known = [each for each in (empty.get(by) for empty in nothing) if each is not None]
        left[by] = value - median(known) if value is not None and known else None
    return left
