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

from collections.abc import Iterator, Sequence
from typing import NamedTuple

CPU, WALL, EQUAL = RULES = ("cpu", "wall", "equal")
"""
By CPU seconds; in each stretch the same to every call that runs; the same to every call. The last two leave nothing
unattributed, whoever else used the machine.
"""

ROUNDS = 200
CLOSE = 1e-9
"""Fitting ends after so many rounds, or when every call has its CPU seconds to this part of them."""
IDLE = 1e-6
"""Busy seconds a second that a machine at rest is given, so that its joules in a stretch can be shared out."""


class Seen(NamedTuple):
    """
    One window, as the meter and the CPU clock saw it.

    Attributes:
        call: What the call is known by.
        start_s: When it began, on the host's monotonic clock.
        stop_s: When it ended.
        start_j: The meter's counter at its beginning, in joules, without wraps.
        stop_j: At its end.
        cpu_s: CPU seconds of the call.
        busy_start_s: The machine's CPU clock at its beginning; None where the record does not tell.
        busy_stop_s: At its end, or, without a beginning, what the clock counted in the window.
    """

    call: str
    start_s: float
    stop_s: float
    start_j: float
    stop_j: float
    cpu_s: float
    busy_start_s: float | None
    busy_stop_s: float

    def without_clock(self) -> Seen:
        """
        Return the same without what the CPU clock showed, but for what it counted.
        """
        return self._replace(busy_start_s=None, busy_stop_s=self.busy_stop_s - (self.busy_start_s or 0.0))


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


class Stretch(NamedTuple):
    """
    A stretch of time in which the same calls ran.

    Attributes:
        length_s: How long it is.
        energy_j: What the meter counted in it.
        busy_s: What the machine's CPU clock counted in it.
        members: Places of the calls in their list.
    """

    length_s: float
    energy_j: float
    busy_s: float
    members: tuple[int, ...]


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


def overlapping(windows: Sequence[Seen]) -> Iterator[list[Seen]]:
    """
    Yield the windows in groups between which nobody looked at the meter.
    """
    group: list[Seen] = []
    end_s = 0.0
    for window in sorted(windows, key=lambda each: each.start_s):
        if group and window.start_s >= end_s:
            yield group
            group = []
        end_s = max(end_s, window.stop_s) if group else window.stop_s
        group.append(window)
    if group:
        yield group


def stretches(group: Sequence[Seen]) -> list[Stretch]:
    """
    Cut the time from the first beginning to the last end wherever a window begins or ends.

    Counters only go up; a reading that is a hair older than its neighbour's, because reading takes time, is lifted.
    """
    has_clock = all(window.busy_start_s is not None for window in group)
    marks = sorted(
        [(w.start_s, 1, place, w.start_j, w.busy_start_s or 0.0) for place, w in enumerate(group)]
        + [(w.stop_s, 0, place, w.stop_j, w.busy_stop_s if has_clock else 0.0) for place, w in enumerate(group)]
    )
    # All begins at one instant come after all ends, and an empty group in between can't be: see overlapping().
    open_now: dict[int, None] = {}
    found: list[Stretch] = []
    (at_s, _, place, energy_j, busy_s), *others = marks
    open_now[place] = None
    for mark_s, begins, place, mark_j, mark_busy_s in others:
        next_j, next_busy_s = max(energy_j, mark_j), max(busy_s, mark_busy_s)
        length_s = mark_s - at_s
        if length_s > 0.0 or next_j > energy_j or next_busy_s > busy_s:
            counted_s = next_busy_s - busy_s if has_clock else _even(group, open_now, length_s)
            found.append(Stretch(length_s, next_j - energy_j, counted_s + IDLE * length_s, tuple(open_now)))
        at_s, energy_j, busy_s = mark_s, next_j, next_busy_s
        if begins:
            open_now[place] = None
        else:
            del open_now[place]
    return found


def _even(group: Sequence[Seen], members: dict[int, None], length_s: float) -> float:
    """
    Return the machine's busy seconds in a stretch where the records don't tell the clock's readings: the windows' mean.
    """
    rates = [group[place].busy_stop_s / ((group[place].stop_s - group[place].start_s) or 1.0) for place in members]
    return length_s * sum(rates) / len(rates) if rates else 0.0


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
    own_s = sum(cpu_s)
    # Clocks are read one after the other, and coarse ones lag: together the calls can't have used more than there was.
    scale = min(1.0, busy_s / own_s) if own_s else 1.0
    wanted = [seconds * scale for seconds in cpu_s]
    rest_wanted = max(0.0, busy_s - sum(wanted))
    around = [0.0] * len(cpu_s)
    for stretch in cut:
        for place in stretch.members:
            around[place] += stretch.busy_s
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
        weights = [w * want / have if have else 0.0 for w, want, have in zip(weights, wanted, got, strict=True)]
        rest_weight = rest_weight * rest_wanted / rest_got if rest_got else 0.0
    return shares


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
