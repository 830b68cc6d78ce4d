"""
One meter, many calls: joules to each of them, and to everything else, so that nothing is counted twice or lost.

Every window read the meter's counter and the machine's CPU clock when it began and when it ended. Put in order
of time, these readings cut the time into stretches in which the same calls ran; for each stretch it is known
exactly what the meter and the CPU clock counted. What is not known is when, inside its own window, a call used its
CPU seconds. Of all answers that agree with every reading the most even one is taken: the machine's seconds in
each stretch are filled with the calls' by iterative proportional fitting (W. E. Deming and F. F. Stephan, "On a
least squares adjustment of a sampled frequency table when the expected marginal totals are known", Annals of
Mathematical Statistics 11, 1940), everything else that ran being one more row. Where one call runs alone this is
``attribution.share_of``, and always

    sum of calls + unattributed = what the meter counted

Pure functions: no file, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from greensdk.report.stretch import Seen, Stretch, overlapping, stretches

CPU, WALL, EQUAL = RULES = ("cpu", "wall", "equal")
"""
By CPU seconds; in each stretch the same to every call that runs; the same to every call. The last two leave nothing
unattributed, whoever else used the machine.
"""

ROUNDS = 200
CLOSE = 1e-9
"""Fitting ends after so many rounds, or when every call has its CPU seconds to this part of them."""
MOST = 1e100
"""
No weight grows beyond this. A call can say that it used more than there was (it waited for a child that had begun
before it): it takes all there was while it ran, and fitting, which would raise its weight for ever, has to end.
"""


class Split(NamedTuple):
    """
    What became of a meter's joules.

    Attributes:
        meter_j: What it counted while at least one window was open.
        calls: Joules of each call.
        unattributed_j: Joules of everything else.
    """

    meter_j: float
    calls: dict[str, float]
    unattributed_j: float


def split(windows: Sequence[Seen], rule: str = CPU) -> Split:
    """
    Share a meter's joules out among the windows that read it.

    Args:
        windows: Calls that are not inside each other, on one meter, in any order.
        rule: One of :data:`RULES`.

    Raises:
        ValueError: There is no such rule.
    """
    if rule not in RULES:
        raise ValueError(f"rule = {rule!r}: expected one of {', '.join(RULES)}")
    calls: dict[str, float] = {}
    meter_j = rest_j = 0.0
    for group in overlapping(windows):
        cut = stretches(group)
        joules, rest = _RULES[rule](group, cut)
        for window, energy_j in zip(group, joules, strict=True):
            calls[window.call] = calls.get(window.call, 0.0) + energy_j
        meter_j += sum(each.energy_j for each in cut)
        rest_j += rest
    return Split(meter_j, calls, rest_j)


def _by_cpu(group: Sequence[Seen], cut: Sequence[Stretch]) -> tuple[list[float], float]:
    if len(group) == 1:
        return _alone(group[0])
    shares = fit([window.cpu_s for window in group], cut)
    joules = [0.0] * len(group)
    rest_j = 0.0
    for stretch, (parts, rest) in zip(cut, shares, strict=True):
        for place, part in zip(stretch.members, parts, strict=True):
            joules[place] += stretch.energy_j * part
        rest_j += stretch.energy_j * rest
    return joules, rest_j


def _alone(window: Seen) -> tuple[list[float], float]:
    busy_s = window.busy_stop_s - (window.busy_start_s or 0.0)
    energy_j = window.stop_j - window.start_j
    own_j = energy_j * min(1.0, window.cpu_s / busy_s) if busy_s > 0.0 else 0.0
    return [own_j], energy_j - own_j


def fit(cpu_s: Sequence[float], cut: Sequence[Stretch]) -> list[tuple[list[float], float]]:
    """
    Return, for each stretch, the share of each of its members and of everything else; they add up to 1.

    Args:
        cpu_s: CPU seconds of each call.
        cut: The stretches.
    """
    busy_s = sum(stretch.busy_s for stretch in cut)
    around = [0.0] * len(cpu_s)
    for stretch in cut:
        for place in stretch.members:
            around[place] += stretch.busy_s
    # Clocks are read one after the other, and coarse ones lag: no call can have used more than there was while it ran,
    # nor all together more than there was.
    wanted = [min(seconds, total) for seconds, total in zip(cpu_s, around, strict=True)]
    own_s = sum(wanted)
    scale = min(1.0, busy_s / own_s) if own_s else 1.0
    wanted = [seconds * scale for seconds in wanted]
    rest_wanted = max(0.0, busy_s - sum(wanted))
    weights = [seconds / (total or 1.0) for seconds, total in zip(wanted, around, strict=True)]
    rest_weight = rest_wanted / busy_s if busy_s else 1.0
    # A row's weight times a column's is its share: scaling rows and columns in turn is scaling these.
    shares: list[tuple[list[float], float]] = []
    for _ in range(ROUNDS):
        shares = [_filled(stretch, weights, rest_weight) for stretch in cut]
        got = [0.0] * len(cpu_s)
        rest_got = 0.0
        for stretch, (parts, rest) in zip(cut, shares, strict=True):
            for place, part in zip(stretch.members, parts, strict=True):
                got[place] += part * stretch.busy_s
            rest_got += rest * stretch.busy_s
        off = [abs(have - want) for have, want in zip(got, wanted, strict=True)]
        if all(error <= CLOSE * (want or 1.0) for error, want in zip(off, wanted, strict=True)):
            break
        weights = [_raised(*each) for each in zip(weights, wanted, got, strict=True)]
        rest_weight = _raised(rest_weight, rest_wanted, rest_got)
    return shares


def _raised(weight: float, wanted: float, got: float) -> float:
    return min(MOST, weight * wanted / got) if got else 0.0


def _filled(stretch: Stretch, weights: Sequence[float], rest_weight: float) -> tuple[list[float], float]:
    """
    Return the shares in one stretch that are in proportion to the weights and add up to 1.
    """
    parts = [weights[place] for place in stretch.members]
    whole = sum(parts) + rest_weight
    if not whole:
        return parts, 1.0
    return [part / whole for part in parts], rest_weight / whole


def _by_wall(group: Sequence[Seen], cut: Sequence[Stretch]) -> tuple[list[float], float]:
    joules = [0.0] * len(group)
    for stretch in cut:
        for place in stretch.members:
            joules[place] += stretch.energy_j / len(stretch.members)
    return joules, 0.0


def _equally(group: Sequence[Seen], cut: Sequence[Stretch]) -> tuple[list[float], float]:
    each_j = sum(stretch.energy_j for stretch in cut) / len(group)
    return [each_j] * len(group), 0.0


_RULES = {CPU: _by_cpu, WALL: _by_wall, EQUAL: _equally}
