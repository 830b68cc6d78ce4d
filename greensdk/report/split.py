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

Pure functions of arrays: no file, no clock.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from greensdk.report.stretches import Cut, Seen, cut, overlapping

CPU, WALL, EQUAL, CYCLES = RULES = ("cpu", "wall", "equal", "cycles")
"""
By CPU seconds; in each stretch the same to every call that runs; the same to every call; by CPU cycles, of which an
efficient or a slowed-down core has fewer a second. The second and third leave nothing unattributed, whoever else used
the machine.
"""

ROUNDS = 200
CLOSE = 1e-9
"""Fitting ends after so many rounds, or when every call has its CPU seconds to this part of them."""
HEAVIEST = 1e100
"""
No weight grows beyond this. A call can say that it used more than there was (it waited for a child that had begun
before it): it takes all there was while it ran, and fitting, which would raise its weight for ever, has to end.
"""


AT_ONCE = 400_000
"""As many groups at once as this over the square of their size: some 20 MB."""


class Split(NamedTuple):
    """
    What became of a meter's joules.

    Attributes:
        calls_j: Each call's.
        meter_j: What the meter counted while at least one window was open.
        rest_j: What of that is unattributed.
    """

    calls_j: Any
    meter_j: float
    rest_j: float


class Groups(NamedTuple):
    """
    The same for many groups of windows at once.

    Attributes:
        calls_j: Each call's joules.
        meter_j: What the meter counted while a window of each group was open.
        rest_j: What of that is unattributed.
    """

    calls_j: Any
    meter_j: Any
    rest_j: Any


def split(seen: Seen, rule: str) -> Split:
    """
    Share a meter's joules out among the windows that read it.

    Args:
        seen: Calls that are not inside each other, on one meter, in the order of their beginnings.
        rule: One of :data:`RULES`. By cycles, `cpu_s` and `busy_s` of `seen` are cycles.
    """
    found = grouped(seen, overlapping(seen.start_s, seen.stop_s), rule)
    return Split(found.calls_j, float(found.meter_j.sum()), float(found.rest_j.sum()))


def grouped(seen: Seen, heads: Any, rule: str) -> Groups:
    """
    Share joules out among the windows of each of many groups, whichever meters they are of.

    Args:
        seen: The groups one after the other, in each the windows in the order of their beginnings.
        heads: The first window of each group.
        rule: One of :data:`RULES`.
    """
    sizes = np.diff(np.append(heads, len(seen.start_s)))
    made = Groups(np.zeros(len(seen.start_s)), np.zeros(len(heads)), np.zeros(len(heads)))
    for size in np.unique(sizes).tolist():
        alike = np.flatnonzero(sizes == size)
        step = max(1, AT_ONCE // size**2)
        for some in (alike[place : place + step] for place in range(0, len(alike), step)):
            many = heads[some][:, None] + np.arange(size)
            found = _groups(Seen(*(each[many] for each in seen)), rule)
            made.calls_j[many], made.meter_j[some], made.rest_j[some] = found
    return made


def _groups(seen: Seen, rule: str) -> Groups:
    """
    Share out among windows that overlap, many groups of one size at once.
    """
    if seen.start_s.shape[1] == 1:
        return _alone(seen, rule)
    found = cut(seen)
    calls_j, rest_j = _RULES[rule](seen, found)
    return Groups(calls_j.reshape(seen.start_s.shape), found.energy_j.sum(axis=1), rest_j)


def _alone(seen: Seen, rule: str) -> Groups:
    energy_j = seen.stop_j - seen.start_j
    share = np.minimum(1.0, _over(seen.cpu_s, seen.busy_s, 0.0)) if rule in (CPU, CYCLES) else 1.0
    own_j = energy_j * share
    return Groups(own_j, energy_j[:, 0], (energy_j - own_j)[:, 0])


def _by_cpu(seen: Seen, found: Cut) -> tuple[Any, Any]:
    windows, stretches = found.members()
    parts, rest = fit(seen.cpu_s, found.busy_s, windows, stretches)
    calls_j = np.bincount(windows, found.energy_j.ravel()[stretches] * parts, seen.cpu_s.size)
    return calls_j, (found.energy_j * rest.reshape(found.energy_j.shape)).sum(axis=1)


def _by_wall(seen: Seen, found: Cut) -> tuple[Any, Any]:
    windows, stretches = found.members()
    each_j = found.energy_j.ravel() / np.maximum(np.bincount(stretches, minlength=found.energy_j.size), 1)
    return np.bincount(windows, each_j[stretches], seen.cpu_s.size), 0.0


def _equally(seen: Seen, found: Cut) -> tuple[Any, Any]:
    size = seen.cpu_s.shape[1]
    return np.repeat(found.energy_j.sum(axis=1) / size, size), 0.0


_RULES = {CPU: _by_cpu, CYCLES: _by_cpu, WALL: _by_wall, EQUAL: _equally}


def fit(cpu_s: Any, busy_s: Any, windows: Any, stretches: Any) -> tuple[Any, Any]:
    """
    Return the share of each window in each of its stretches, and of everything else in each stretch. In a stretch
    they add up to 1.

    Args:
        cpu_s: CPU seconds of each window, a row for each group.
        busy_s: Busy seconds of each stretch, a row for each group.
        windows: Each window once for each of its stretches, as its place among all.
        stretches: Those stretches.
    """
    width, size, total_s = cpu_s.shape[1], busy_s.shape[1], busy_s.sum(axis=1)
    around = np.bincount(windows, busy_s.ravel()[stretches], cpu_s.size).reshape(cpu_s.shape)
    # Clocks are read one after the other, and coarse ones lag: no call can have used more than there was while it ran,
    # nor all together more than there was.
    wanted = np.minimum(cpu_s, around)
    wanted = wanted * np.minimum(1.0, _over(total_s, wanted.sum(axis=1), 1.0))[:, None]
    rest_wanted = np.maximum(0.0, total_s - wanted.sum(axis=1))
    weights = wanted / np.where(around > 0.0, around, 1.0)
    rest_weight = _over(rest_wanted, total_s, 1.0)
    parts, rest = np.zeros(len(windows)), np.ones(busy_s.shape)
    pairs, groups = np.arange(len(windows)), np.arange(len(cpu_s))
    # A row's weight times a column's is its share: scaling rows and columns in turn is scaling these.
    for _ in range(ROUNDS):
        own = weights.ravel()[windows]
        whole = np.bincount(stretches, own, busy_s.size).reshape(busy_s.shape) + rest_weight[:, None]
        rest[groups] = rest_part = _over(rest_weight[:, None], whole, 1.0)
        parts[pairs] = part = own / np.where(whole > 0.0, whole, 1.0).ravel()[stretches]
        got = np.bincount(windows, part * busy_s.ravel()[stretches], weights.size).reshape(weights.shape)
        rest_got = (rest_part * busy_s).sum(axis=1)
        off = (np.abs(got - wanted) > CLOSE * np.where(wanted > 0.0, wanted, 1.0)).any(axis=1)
        if not off.any():
            break
        weights = np.minimum(HEAVIEST, _over(weights * wanted, got, 0.0))
        rest_weight = np.minimum(HEAVIEST, _over(rest_weight * rest_wanted, rest_got, 0.0))
        if not off.all():  # the others are done
            place, kept = np.cumsum(off) - 1, off[windows // width]
            windows, stretches = (
                place[each[kept] // most] * most + each[kept] % most
                for each, most in ((windows, width), (stretches, size))
            )
            pairs, groups = pairs[kept], groups[off]
            weights, wanted, busy_s, rest_weight, rest_wanted = (
                each[off] for each in (weights, wanted, busy_s, rest_weight, rest_wanted)
            )
    return parts, rest.ravel()


def _over(above: Any, below: Any, otherwise: float) -> Any:
    with np.errstate(over="ignore"):  # CPU seconds beside which others are infinite: what comes of it is capped
        return np.divide(above, below, out=np.full(below.shape, otherwise), where=below > 0.0)
