"""
From two raw counter values to the microjoules between them.

The counters wrap around at ``max_energy_range_uj`` and are reset by a suspend or a reload of the
driver. Both look alike: the value goes back. What distinguishes them is power, see :func:`spent`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from greensdk.machine.signals import is_from_signal
from greensdk_rapl.total import NEVER, STUCK_UPDATES, jumped, still
from greensdk_rapl.zones import COUNTED, Zone, explain

CHANCE = 1000
"""
A counter that stood in the last thousandth of its range before it went back has wrapped: a reset finds it
there once in a thousand times.
"""


class Spent(NamedTuple):
    """
    What a counter counted between two reads.

    Attributes:
        uj: Microjoules; None when it can't be known.
        wraps: How often the counter went round.
        reason: Why `uj` is None, else empty.
    """

    uj: int | None
    wraps: int = 0
    reason: str = ""


def value(raw: bytes | OSError, when: str) -> int | str:
    """
    Return the number in a counter file, or in words why there is none.
    """
    if isinstance(raw, OSError):
        return f"energy_uj could not be read at {when}: {explain(raw)}"
    try:
        number = int(raw)
    except ValueError as error:
        if is_from_signal(error):
            raise
        number = -1
    return number if number >= 0 else f"energy_uj held no counter value at {when}: {raw[:24]!r}"


def spent(zone: Zone, start: int | str, stop: int | str, elapsed_s: float, checks: bool = True) -> Spent:
    """
    Return what `zone` counted between two values, each of which may be the reason why there is none.

    A value that went back is a wrap if the energy that this would mean can be drawn in the time
    (``max_power_w * elapsed_s``, plus one :data:`CHANCE`-th of the range), and a reset otherwise. The
    kernel's range is one unit (some 61 uJ) short of the true modulus, and so is each corrected wrap.
    """
    if isinstance(start, str) or isinstance(stop, str):
        return Spent(None, reason="; ".join(text for text in (start, stop) if isinstance(text, str)))
    if elapsed_s > zone.wrap_s:
        return Spent(
            None,
            reason=f"{elapsed_s:.0f} s went by between two reads, and at {zone.max_power_w:g} W the counter goes round "
            f"in {zone.wrap_s:.0f} s: how often it wrapped can't be known; with resources='full' "
            "a thread polls the meter in between",
        )
    if stop >= start:
        joules = (stop - start) / 1e6
        # Few are above the first of these, which is the cheaper one.
        is_high = checks and joules > zone.max_power_w * elapsed_s
        why = jumped(joules, elapsed_s, zone.jump_w) if is_high else ""
        return Spent(None, reason=why) if why else Spent(stop - start)
    back = f"the counter went back from {start} to {stop} uJ"
    if zone.range_uj is None:
        return Spent(None, reason=f"{back}, and max_energy_range_uj does not say where it wraps")
    corrected = stop - start + zone.range_uj
    if not 0 <= corrected <= zone.max_power_w * 1e6 * elapsed_s + zone.range_uj / CHANCE:
        return Spent(
            None,
            reason=f"{back} in {elapsed_s:.3g} s; a wraparound would mean {corrected / 1e6:.6g} J, which a zone of "
            f"{zone.max_power_w:g} W can't draw: it was reset (suspend, or a reload of the driver)",
        )
    return Spent(corrected, 1)


class Total(NamedTuple):
    """
    What a counter counted over all polls.

    Attributes:
        uj: Microjoules since the last break.
        wraps: Wraps since the last break.
        breaks: How often the chain broke: a failed read, a reset, a gap too long.
        reason: What broke it last.
    """

    uj: int = 0
    wraps: int = 0
    breaks: int = 0
    reason: str = ""


class Mark(NamedTuple):
    """
    The meter at one poll.

    Attributes:
        at_ns: When.
        values: Value of each zone, or why there is none.
        totals: Total of each zone.
    """

    at_ns: int
    values: tuple[int | str, ...]
    totals: tuple[Total, ...]


def advance(zones: Sequence[Zone], last: Mark | None, at_ns: int, values: tuple[int | str, ...], checks: bool) -> Mark:
    """
    Return the mark that follows `last`.
    """
    if last is None:
        return Mark(at_ns, values, (Total(),) * len(values))
    steps = _spent(zones, last.values, values, at_ns - last.at_ns, checks)
    return Mark(at_ns, values, tuple(map(_add, last.totals, steps)))


def _spent(
    zones: Sequence[Zone], starts: Sequence[int | str], stops: Sequence[int | str], elapsed_ns: int, checks: bool
) -> list[Spent]:
    elapsed_s = elapsed_ns / 1e9
    return [spent(*each, elapsed_s, checks) for each in zip(zones, starts, stops, strict=True)]


def _add(total: Total, step: Spent) -> Total:
    if step.uj is None:
        return Total(breaks=total.breaks + 1, reason=step.reason)
    return total._replace(uj=total.uj + step.uj, wraps=total.wraps + step.wraps)


class Side(NamedTuple):
    """
    One end of a window.

    Attributes:
        at_ns: When.
        values: Value of each zone, or why there is none.
        mark: The poll that is next to it, inside the window; None if there was none.
    """

    at_ns: int
    values: tuple[int | str, ...]
    mark: Mark | None


def window(zones: Sequence[Zone], opened: Side, start: Side, stop: Side, update_ns: float) -> list[Spent]:
    """
    Return what each zone counted in a window, by way of the polls in it.

    Args:
        zones: The counters.
        opened: When they were opened: a counter that stands where it stood then has stood still since.
        start: The window's beginning.
        stop: Its end.
        update_ns: How often the counters are updated; 0 leaves out what rests on time: jumps, and counters that stand
            still.
    """
    first, last, elapsed_ns = start.mark, stop.mark, stop.at_ns - start.at_ns
    checks = update_ns > 0
    if first is None or last is None:
        parts = _spent(zones, start.values, stop.values, elapsed_ns, checks)
    else:
        heads = _spent(zones, start.values, first.values, first.at_ns - start.at_ns, checks)
        tails = _spent(zones, last.values, stop.values, stop.at_ns - last.at_ns, checks)
        parts = list(map(_join, heads, first.totals, last.totals, tails))
    open_ns = max(elapsed_ns, stop.at_ns - opened.at_ns)
    return [
        part if part.uj else _heard(zone, part, end, open_ns if first == end else elapsed_ns, update_ns)
        for zone, part, first, end in zip(zones, parts, opened.values, stop.values, strict=True)
    ]


def _heard(zone: Zone, part: Spent, end: int | str, stood_ns: int, update_ns: float) -> Spent:
    """Return `part`, unless it is the nothing of a counter that does not count."""
    if part.uj != 0:
        return part
    if end == 0:
        return Spent(None, reason=NEVER)
    is_stuck = zone.kind in COUNTED and stood_ns >= STUCK_UPDATES * update_ns > 0
    return Spent(None, reason=still(stood_ns)) if is_stuck else part


def _join(head: Spent, first: Total, last: Total, tail: Spent) -> Spent:
    if head.uj is None:
        return head
    if first.breaks != last.breaks:
        return Spent(None, reason=last.reason)
    if tail.uj is None:
        return tail
    return Spent(head.uj + last.uj - first.uj + tail.uj, head.wraps + last.wraps - first.wraps + tail.wraps)
