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

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

from greensdk.monitor import ATTRIBUTED, CALL, ESTIMATED, MACHINE, MEASURED, Reading, reading
from greensdk.schema.primary import has_gpu

NO_CLOCK = "no clock here tells the machine's CPU time, so its joules can't be shared out"
NO_METER = "there is no meter here whose joules it could share out"
IDLE_HOST = "the machine's CPU clock did not move in this window, so its joules can't be shared out"

Share = tuple[float, float, float]
"""
The part of the machine's CPU time that is one call's, between 0 and 1; the part if the clocks erred against the call;
the part if they erred in its favour.
"""

KEYS = len(Reading.__annotations__)

MODEL_KEYS = ("model_id", "common_factor_low", "common_factor_high")
"""
What an estimator puts into the attributes of a reading to tell the two kinds of doubt apart: which model of which
machine it is, and the 90% factors of the error that all its readings share. It cancels where two of them are compared.
"""


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
    return cpu_s / host, cpu_s / (host + resolution_s), high


def attribute(found: Reading, share: Share | None, reason: str = NO_CLOCK) -> bool:
    """
    Fill ``call_j``, ``low_j`` and ``high_j`` of `found`: the call's part of ``energy_j``, and its interval.

    A machine's reading that says already what the call's part is, or why it is unknown, stays as it is: CPU
    time tells nothing about the joules of a GPU.

    The ends multiply (the lowest meter with the lowest share), which is wider than independent
    errors would need; it never claims more than is known.

    Args:
        found: As the monitor returned it; changed in place.
        share: The call's share of the machine, or None when it is unknown.
        reason: Why there is no share.

    Returns:
        It was the machine's, and has been shared out by CPU time.

    Raises:
        ValueError: It is no reading: other keys than :class:`greensdk.monitor.Reading`'s, no number of joules,
            or neither a number nor a reason.
    """
    if len(found) != KEYS:
        _complete(found)
    words = found["monitor"], found["scope"], found["quality"], found["boundary"], found["meter_id"]
    if words not in _known_words or found["domains"].__class__ is not dict or found["attributes"].__class__ is not dict:
        _check_words(found, words)
    energy, low, high = found["energy_j"], found["energy_low_j"], found["energy_high_j"]
    if energy is None:
        if not found["reason"] or not isinstance(found["reason"], str):
            raise ValueError("energy_j is None without a reason")
        if not (low is high is found["call_j"] is found["low_j"] is found["high_j"] is None):
            _make_floats(found)
        return False
    if energy.__class__ is not float or not (low.__class__ is high.__class__ is float):
        energy, low, high = _make_floats(found)
    if not 0.0 <= energy < inf:
        raise ValueError(f"energy_j = {energy!r} is no number of joules")
    if found["scope"] != MACHINE:
        found["call_j"], found["low_j"], found["high_j"] = energy, low, high
        _check_reason(found)
        return False
    if found["call_j"] is not None or found["reason"]:
        _make_floats(found)
        _check_reason(found)
        _check_own_share(found, energy)
        return False
    found["reason"] = None
    if share is None:
        found["low_j"] = found["high_j"] = None
        found["reason"] = reason
        return False
    found["call_j"] = energy * share[0]
    found["low_j"] = (energy if low is None else low) * share[1]
    found["high_j"] = (energy if high is None else high) * share[2]
    return True


_known_words: set[tuple[str, str, str, str, str | None]] = set()
"""Those of readings that were right: a meter's are always the same."""
MOST_WORDS = 1000


def _check_words(found: Reading, words: tuple[str, str, str, str, str | None]) -> None:
    """
    Raises:
        ValueError: A text of a reading is none, or none of those that its key may hold.
    """
    *texts, meter_id = words
    if not all(isinstance(each, str) for each in texts) or not (meter_id is None or isinstance(meter_id, str)):
        raise ValueError(f"not the texts of a reading: {words!r:.200}")
    if found["scope"] not in _SCOPES or found["quality"] not in _QUALITIES:
        raise ValueError(f"scope {found['scope']!r:.60} or quality {found['quality']!r:.60} is none that there is")
    for key in ("domains", "attributes"):
        if not isinstance(found[key], Mapping):
            raise ValueError(f"{key} is no mapping")
    if len(_known_words) < MOST_WORDS:
        _known_words.add(words)


def _check_reason(found: Reading) -> None:
    """
    Raises:
        ValueError: It is no text.
    """
    if not (found["reason"] is None or isinstance(found["reason"], str)):
        raise ValueError(f"reason is no text: {found['reason']!r:.60}")


def _make_floats(found: Reading) -> tuple[Any, float | None, float | None]:
    """
    Make floats of other libraries' numbers, and return ``energy_j`` and its interval.

    Raises:
        ValueError: One is no number; the truth is none.
    """
    for key in _NUMBERS:
        value: Any = found[key]  # type: ignore[literal-required]
        if value is None:
            continue
        if isinstance(value, bool | str | bytes):
            raise ValueError(f"{key} = {value!r:.60} is no number")
        found[key] = float(value)  # type: ignore[literal-required]
    return found["energy_j"], found["energy_low_j"], found["energy_high_j"]


_NUMBERS = ("energy_j", "energy_low_j", "energy_high_j", "call_j", "low_j", "high_j")
_SCOPES = frozenset({MACHINE, CALL})
_QUALITIES = frozenset({MEASURED, ATTRIBUTED, ESTIMATED})


def _complete(found: Reading) -> None:
    """
    Add what a monitor that was written for an older release leaves out.
    """
    try:
        found.update(reading(**found))
    except TypeError as error:
        raise ValueError("not the keys of greensdk.monitor.Reading") from error


def _check_own_share(found: Reading, energy_j: float) -> None:
    """
    Check a reading whose monitor has said itself what the call's part is.
    """
    call_j = found["call_j"]
    if call_j is not None and not 0.0 <= call_j <= energy_j:
        raise ValueError(f"call_j = {call_j!r} is no part of energy_j = {energy_j!r}")


def by_clock(
    clock: str, meters: Sequence[Reading], ranks: Mapping[str, int], boundary: str | None, attributes: Mapping[str, Any]
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
    meter = choose(meters, ranks, boundary)
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
        energy_low_j=meter["low_j"],
        energy_high_j=meter["high_j"],
        call_j=call_j,
        low_j=meter["low_j"],
        high_j=meter["high_j"],
        domains={name: None if joules is None else joules * share for name, joules in meter["domains"].items()},
        meter_id=meter["meter_id"],
        attributes={**attributes, "meter": meter["monitor"], **doubt_of(meter)},
    )


def doubt_of(estimate: Reading) -> dict[str, Any]:
    """
    Return the `MODEL_KEYS` of a reading; nothing for one that rests on no model.
    """
    attributes = estimate["attributes"]
    if not isinstance(attributes, dict) or "model_id" not in attributes:
        return {}
    return {key: attributes.get(key) for key in MODEL_KEYS}


def choose(readings: Iterable[Reading], ranks: Mapping[str, int], boundary: str | None = None) -> Reading | None:
    """
    Return the primary reading, which stands for the call: of those with a number the first in `ranks`.

    Args:
        readings: All readings of the call, attributed.
        ranks: Monitor name to its position in the configured order; names that are not in it come last.
        boundary: Only a reading with this boundary may stand for the call; None for any.
    """
    best: Reading | None = None
    best_rank = 1 << 30
    for each in readings:
        if each["call_j"] is None or (boundary is not None and each["boundary"] != boundary):
            continue
        rank = ranks.get(each["monitor"], 1 << 20)
        if rank < best_rank:
            best, best_rank = each, rank
    return best


def lacking(found: Iterable[Reading], others: Iterable[Reading] = ()) -> str | None:
    """
    Return in words what some readings leave out, and the parts that others were asked for and do not know.

    A GPU that the call's process has not used is not left out.
    """
    texts = []
    for each in found:
        missing, reasons, shares = (each["attributes"].get(key) for key in ("missing", "reasons", "shares"))
        if isinstance(missing, list) and isinstance(reasons, dict):  # any monitor may mean something else by it
            unused = shares if has_gpu(each["boundary"]) and isinstance(shares, dict) else {}
            texts += [f"without {key}: {reasons.get(key)}" for key in missing if unused.get(key) != 0]
    texts += [f"without {each['boundary']}: {each['monitor']}: {each['reason']}" for each in others]
    return "; ".join(texts) or None


def quality_of(primary: Reading) -> str:
    """
    Return how the call's joules of a reading are known; a model of the whole machine stays one when it is shared out.
    """
    return ATTRIBUTED if primary["scope"] == MACHINE and primary["quality"] == MEASURED else primary["quality"]


def total(joules: Iterable[float | None]) -> float | None:
    """
    Return the sum of some joules; None where one of them is.
    """
    found = 0.0
    for each in joules:
        if each is None:
            return None
        found += each
    return found


def reasons(readings: Iterable[Reading]) -> str:
    """
    Return why none of some readings stands for the call.
    """
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


class Nested:
    """
    Sums over the calls directly inside one call.

    Attributes:
        cpu_s: Their CPU seconds.
        known: Of each monitor and boundary the joules of those calls that have any, and their CPU seconds.
    """

    __slots__ = ("cpu_s", "known")

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.known: dict[tuple[str, str], tuple[float, float]] = {}

    def add(self, readings: Iterable[Reading], cpu_s: float) -> None:
        """
        Add a call that has ended.
        """
        self.cpu_s += cpu_s
        for each in readings:
            call_j = each["call_j"]
            if call_j is not None:
                key = each["monitor"], each["boundary"]
                known_j, known_cpu_s = self.known.get(key, (0.0, 0.0))
                self.known[key] = known_j + call_j, known_cpu_s + cpu_s

    def left_of(self, primary: Reading, cpu_s: float) -> float | None:
        """
        Return the joules that are the outer call's own; see :func:`self_energy`.

        Args:
            primary: The outer call's.
            cpu_s: Its CPU seconds.
        """
        known_j, known_cpu_s = self.known.get((primary["monitor"], primary["boundary"]), (0.0, 0.0))
        unknown_cpu_s = 0.0 if has_gpu(primary["boundary"]) else self.cpu_s - known_cpu_s  # CPU time says nothing of it
        return self_energy(primary["call_j"], cpu_s, known_j, unknown_cpu_s)
