"""
Machine joules to call joules. Pure functions, no clock, no file.

A package meter counts everything that ran on the package. What of it belongs to one call is its
share of the CPU time that the machine spent in the same window:

    share = cpu_s(call, with its children) / cpu_s(host, busy)
    call_j = machine_j * share

This is full-cost attribution: idle power is split along with the rest, so that the calls and
everything else together make up the meter. It is the rule of Kepler's and Scaphandre's process
share (CPU time ratio), applied to the call's own window instead of a scrape interval.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from greensdk.monitor import ATTRIBUTED, CALL, ESTIMATED, MACHINE, MEASURED, Reading, reading

NO_CLOCK = "no clock here tells the machine's CPU time, so its joules can't be shared out"
NO_METER = "there is no meter here whose joules it could share out"
IDLE_HOST = "the machine's CPU clock did not move in this window, so its joules can't be shared out"


class Share(NamedTuple):
    """
    The part of the machine's CPU time that is one call's, with the interval that the clocks' steps leave.

    Attributes:
        value: Between 0 and 1.
        low: The share if the clocks erred against the call.
        high: The share if they erred in its favour.
    """

    value: float
    low: float
    high: float


class Primary(NamedTuple):
    """
    The number that stands for the call, where it comes from, and, of an estimate, its `MODEL_KEYS`.
    """

    energy_j: float | None
    low_j: float | None
    high_j: float | None
    source: str | None
    quality: str | None
    boundary: str | None
    model: Mapping[str, Any] | None
    reason: str | None


KEYS = len(Reading.__annotations__)

MODEL_KEYS = ("model_id", "common_factor_low", "common_factor_high")
"""
What an estimator puts into the attributes of a reading to tell the two kinds of doubt apart: which model of which
machine it is, and the 90 % factors of the error that all its readings share. It cancels where two of them are compared.
"""

_tuple = tuple.__new__
"""Makes a named tuple in half the time; these are made in every call."""

NOTHING = Primary(None, None, None, None, None, None, None, None)


def share_of(cpu_s: float, host_cpu_s: float, resolution_s: float = 0.0) -> Share | None:
    """
    Return the call's share of the machine's busy CPU time.

    The machine can't have been busy for less than the call was, so a host clock that lags behind
    (``/proc/stat`` moves in steps of 10 ms) is lifted to the call's own seconds.

    Args:
        cpu_s: CPU seconds of the call and its children, >= 0.
        host_cpu_s: Busy CPU seconds of all CPUs in the same window.
        resolution_s: Smallest step of the host's clock.

    Returns:
        The share, or None when neither clock moved.
    """
    host = host_cpu_s if host_cpu_s > cpu_s else cpu_s
    if host <= 0.0:
        return None
    least = host - resolution_s
    high = cpu_s / least if least > cpu_s else (1.0 if cpu_s > 0.0 else 0.0)
    return _tuple(Share, (cpu_s / host, cpu_s / (host + resolution_s), high))


def attribute(reading: Reading, share: Share | None, reason: str = NO_CLOCK) -> bool:
    """
    Fill ``call_j`` of `reading`, and turn ``low_j``/``high_j`` from the meter's interval into the call's.

    A machine's reading that says already what the call's part is, or why nobody can know, stays as it is: CPU
    time tells nothing about the joules of a GPU.

    The ends multiply (the lowest meter with the lowest share), which is wider than independent
    errors would need; it never claims more than is known.

    Args:
        reading: As the monitor returned it; changed in place.
        share: The call's share of the machine, or None when it is unknown.
        reason: Why there is no share.

    Returns:
        It was the machine's, and has been shared out by CPU time.

    Raises:
        ValueError: It is no reading: other keys than :class:`greensdk.monitor.Reading`'s, no number of joules,
            or neither a number nor a reason.
    """
    energy = reading["energy_j"]
    if len(reading) != KEYS:
        raise ValueError("not the keys of greensdk.monitor.Reading")
    if energy is None:
        if not reading["reason"]:
            raise ValueError("energy_j is None without a reason")
        return False
    if not 0.0 <= energy < inf:
        raise ValueError(f"energy_j = {energy!r} is no number of joules")
    if reading["scope"] != MACHINE:
        reading["call_j"] = energy
        return False
    if reading["call_j"] is not None or reading["reason"]:
        return _own_share(reading, energy)
    if share is None:
        reading["low_j"] = reading["high_j"] = None
        reading["reason"] = reason
        return False
    reading["call_j"] = energy * share[0]
    low, high = reading["low_j"], reading["high_j"]
    reading["low_j"] = (energy if low is None else low) * share[1]
    reading["high_j"] = (energy if high is None else high) * share[2]
    return True


def _own_share(reading: Reading, energy_j: float) -> bool:
    """
    Check a reading whose monitor has said itself what the call's part is.
    """
    call_j = reading["call_j"]
    if call_j is None:
        reading["low_j"] = reading["high_j"] = None
    elif not 0.0 <= call_j <= energy_j:
        raise ValueError(f"call_j = {call_j!r} is no part of energy_j = {energy_j!r}")
    return False


def by_clock(
    clock: str, meters: Sequence[Reading], ranks: dict[str, int], boundary: str | None, attributes: Mapping[str, Any]
) -> Reading:
    """
    Return a CPU clock's own reading: the joules of the best meter times the share that the clock counted.

    Args:
        clock: Its name.
        meters: The machine's readings that have been shared out by it.
        ranks: As for :func:`choose`.
        boundary: As for :func:`choose`.
        attributes: What the clock counted.
    """
    meter = _best(meters, ranks, boundary)
    if meter is None:
        return reading(
            clock,
            scope=CALL,
            quality=ATTRIBUTED,
            boundary="none",
            energy_j=None,
            reason=NO_METER,
            attributes=attributes,
        )
    whole, call_j = meter["energy_j"], meter["call_j"]
    share = call_j / whole if whole and call_j else 0.0
    return reading(
        clock,
        scope=CALL,
        quality=ESTIMATED if meter["quality"] == ESTIMATED else ATTRIBUTED,
        boundary=meter["boundary"],
        energy_j=call_j,
        call_j=call_j,
        low_j=meter["low_j"],
        high_j=meter["high_j"],
        domains={name: None if joules is None else joules * share for name, joules in meter["domains"].items()},
        meter_id=meter["meter_id"],
        attributes={**attributes, "meter": meter["monitor"], **(model_of(meter) or {})},
    )


def model_of(reading: Reading) -> dict[str, Any] | None:
    """
    Return the `MODEL_KEYS` of a reading; None for one that has none.
    """
    about = reading["attributes"]
    if not isinstance(about, dict) or "model_id" not in about:
        return None
    return {key: about.get(key) for key in MODEL_KEYS}


def choose(readings: Sequence[Reading], ranks: dict[str, int], boundary: str | None = None) -> Primary:
    """
    Pick the reading that stands for the call: the first in `ranks` that has a number.

    Args:
        readings: All readings of the call, attributed.
        ranks: Monitor name to place in the configured order; names that are not in it come last.
        boundary: Only a reading with this boundary may stand for the call; None for any.

    Returns:
        The choice; without a usable reading, all None and the reasons of the ones that failed.
    """
    best = _best(readings, ranks, boundary)
    if best is None:
        return _tuple(Primary, (None, None, None, None, None, None, None, _reasons(readings)))
    # A model of the whole machine stays a model when it is shared out.
    quality = ATTRIBUTED if best["scope"] == MACHINE and best["quality"] == MEASURED else best["quality"]
    model = model_of(best) if quality == ESTIMATED else None
    return _tuple(
        Primary,
        (best["call_j"], best["low_j"], best["high_j"], best["monitor"], quality, best["boundary"], model, None),
    )


def _best(readings: Sequence[Reading], ranks: dict[str, int], boundary: str | None) -> Reading | None:
    best: Reading | None = None
    rank = 1 << 30
    for each in readings:
        if each["call_j"] is None or (boundary is not None and each["boundary"] != boundary):
            continue
        place = ranks.get(each["monitor"], 1 << 20)
        if place < rank:
            best, rank = each, place
    return best


def _reasons(readings: Iterable[Reading]) -> str:
    return "; ".join([f"{r['monitor']}: {r['reason'] or 'other boundary than asked for'}" for r in readings])


def self_energy(energy_j: float | None, cpu_s: float | None, children_j: float, unknown_cpu_s: float) -> float | None:
    """
    Return what of `energy_j` is the call's own, without its tracked children.

    A child that was too short for the meter has CPU seconds but no joules; it takes the parent's
    joules per CPU second.

    Args:
        energy_j: The call's joules, children included.
        cpu_s: The call's CPU seconds, children included.
        children_j: Sum of the joules of the tracked children that have a number.
        unknown_cpu_s: CPU seconds of the tracked children that have none.

    Returns:
        Joules, never below 0 (each window has its own reading error); None when `energy_j` is.
    """
    if energy_j is None:
        return None
    own = energy_j - children_j
    if unknown_cpu_s and cpu_s:
        own -= energy_j * min(1.0, unknown_cpu_s / cpu_s)
    return max(0.0, own)
