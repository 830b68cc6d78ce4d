"""
Factors around an estimate that hold the truth nine times in ten.
"""

from collections.abc import Sequence
from math import exp, hypot, log

Factors = tuple[float, float]

Knots = tuple[float, Factors, Factors, float, Factors]
"""
Factors by load: a low load; the factors at rest; those at the low load; a higher load; those from there up. In between
they are interpolated geometrically.
"""

EXACT: Factors = (1.0, 1.0)
# A virtual CPU's share of its host is unknown (neighbours, turbo, steal): public figures for one and the same chip,
# Teads' AWS EC2 dataset and Cloud Carbon Footprint, differ by this factor. The linear model's alone.
VIRTUAL: Factors = (0.5, 2.0)
# A kind of machine that no public measurement holds (laptops at the wall, ARM): as much again.
UNSEEN: Factors = (0.5, 2.0)
# A CPU of which not even the class is known: between an Atom's and a workstation's watts a thread.
UNKNOWN: Factors = (0.25, 4.0)
# RAPL watts over TDP * load, 5 to 95%: 0.47..1.90 on 78 points above 5% load of four machines (Threadripper 1950X,
# E3-1240 v2, two E5-2620 v3, EPYC 8024P) that codecarbon measured with stress-ng, data/hardware/cpu_load_profiling
# (MIT). A fifth, "E5-1240", draws more than its label's TDP and is left out.
LINEAR: Factors = (0.45, 2.0)


def widen(*errors: Factors) -> Factors:
    """
    Put errors together that are independent and multiply: their logarithms add like the sides of a right angle.
    """
    return exp(-hypot(*(log(low) for low, _ in errors))), exp(hypot(*(log(high) for _, high in errors)))


def narrow(whole: Factors, part: Factors) -> Factors:
    """
    Take an error out of a sum of independent ones: the rest of what :func:`widen` put together.

    A part that is larger than the whole leaves nothing.
    """
    ends = (max(0.0, log(one) ** 2 - log(other) ** 2) ** 0.5 for one, other in zip(whole, part, strict=True))
    return exp(-next(ends)), exp(next(ends))


def widened(knots: Knots, errors: Sequence[Factors]) -> Knots:
    """
    Return the knots with further errors in each.
    """
    low_at, rest, low, busy_at, busy = knots
    return low_at, widen(rest, *errors), widen(low, *errors), busy_at, widen(busy, *errors)


def factors(knots: Knots, load: float) -> Factors:
    """
    Return the factors at a load. Hot.
    """
    low_at, rest, low, busy_at, busy = knots
    if load >= busy_at:
        return busy
    if load < low_at:
        part, one, other = load / low_at, rest, low
    else:
        part, one, other = (load - low_at) / (busy_at - low_at), low, busy
    return one[0] * (other[0] / one[0]) ** part, one[1] * (other[1] / one[1]) ** part
