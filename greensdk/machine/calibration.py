"""
What this machine draws when it does nothing, as ``greensdk calibrate`` measured it, and what a reference meter reads.

A file of JSON holds the watts of each meter with the machine and the kernel they belong to. It is used for
``active_j`` only while it fits: another machine's watts, another kernel's, or a quarter-old ones are named and left
alone. Beside them stand the references: watts read at the plug or reported by the battery, with what the model
said of the same seconds. They scale the model, and narrow its interval.
"""

import os
from collections.abc import Mapping, Sequence
from math import exp, hypot, inf, log
from time import strftime, time
from typing import Any

SCHEMA = "greensdk.calibration/1"
FRESH_DAYS = 90
"""Fans, firmware and background services change what a machine draws at rest: measure again every quarter."""

METER = 1.05
"""A plug, a battery's gauge or a management controller is off by up to 5%: IEC 62053-21 allows a plug's 1 to 2%."""

WORK = 1.3
"""
One load says what another takes within this factor, nine times in ten: RAPL readings of one machine under different
work, around what the power model makes of them, lie within 0.75 to 1.22 (benchmarks/estimators.py).
"""


UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What a file raises that is no calibration, whatever it holds."""


class Reference:
    """
    What reference meters read over what a model said, on this machine.

    Attributes:
        factor: The geometric mean of all readings.
        low: 90% factor around it for other loads, below.
        high: The same above.
        words: How the model is scaled, by what and when, for a person.
    """

    __slots__ = ("factor", "high", "low", "words")

    def __init__(self, factor: float, low: float, high: float, words: str) -> None:
        self.factor = factor
        self.low = low
        self.high = high
        self.words = words

    def as_dict(self) -> dict[str, Any]:
        """
        Return all of it by name.
        """
        return {name: getattr(self, name) for name in self.__slots__}


def load(path: str, host_id: str | None, now_s: float | None = None) -> tuple[dict[str, float], str]:
    """
    Return what the file at `path` says of this machine.

    Args:
        path: The file.
        host_id: Which machine this is.
        now_s: Seconds since 1970; None for now.

    Returns:
        Watts at rest of each meter by :func:`greensdk.measure.primaries.key_of`, and why there are none; empty when
        there are.
    """
    if not os.path.exists(path):
        return {}, "not measured yet: greensdk calibrate"
    try:
        found = _read(path)
        meters: Mapping[str, Any] = found["meters"]
        reason = _misfit(found, host_id) or _stale(found, time() if now_s is None else now_s)
        if not reason and meters == {}:
            reason = "without watts at rest: greensdk calibrate"
        return {} if reason else {name: _watts(row["idle_w"]) for name, row in meters.items()}, reason
    except UNREADABLE as error:
        return {}, f"{path} can't be read ({type(error).__name__}: {error}): greensdk calibrate"


def _watts(value: Any) -> float:
    if not 0 <= (watts := float(value)) < inf:
        raise ValueError(f"{value!r:.60} W")
    return watts


def references(path: str, host_id: str | None) -> dict[str, Reference]:
    """
    Return how to scale each model, by the name of its monitor, where the file at `path` says so for this machine.
    """
    if not os.path.exists(path):
        return {}
    # What is wrong with the file is said beside the watts at rest.
    kept = _kept(path, host_id).get("references") or {}
    made = {name: reference(points, time()) for name, points in kept.items()}
    return {name: each for name, each in made.items() if each}


def reference(points: Sequence[Mapping[str, Any]], now_s: float) -> Reference | None:
    """
    Put the readings of reference meters together; None where none is younger than `FRESH_DAYS`.

    The interval is the meter's error beside what readings at different loads differ by, at least `WORK`, which more
    readings average out.

    Args:
        points: ``watts``, ``model_w``, ``source``, ``measured_at`` and ``measured_s`` of each.
        now_s: Seconds since 1970.

    Raises:
        Exception: One of :data:`UNREADABLE`: the points hold something else.

    Example:
        >>> one = {"watts": 30, "model_w": 20, "source": "plug", "measured_at": "2026-11-30T", "measured_s": 0.0}
        >>> reference([one], 86400.0).words
        'scaled ×1.50 by 1 reading (plug, 2026-11-30, 1 day ago), 90% between ×0.77 and ×1.31 of that'
    """
    fresh = [point for point in points if (now_s - point["measured_s"]) / 86400 <= FRESH_DAYS]
    if not fresh:
        return None
    logs = [log(_watts(point["watts"]) / _watts(point["model_w"])) for point in fresh]
    middle = sum(logs) / len(logs)
    spread = max(log(WORK), 2 * max(abs(each - middle) for each in logs))
    aside = hypot(log(METER), spread / len(logs) ** 0.5)
    last = max(fresh, key=lambda point: float(point["measured_s"]))
    words = (
        f"scaled ×{exp(middle):.2f} by {_many(len(logs), 'reading')} ({last['source']}, {last['measured_at'][:10]}, "
        f"{_many(round((now_s - last['measured_s']) / 86400), 'day')} ago), "
        f"90% between ×{exp(-aside):.2f} and ×{exp(aside):.2f} of that"
    )
    return Reference(exp(middle), exp(-aside), exp(aside), words)


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _read(path: str) -> Any:
    import json

    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _misfit(found: Mapping[str, Any], host_id: str | None) -> str:
    """Return why a calibration does not fit here; empty when it does."""
    if found["schema"] != SCHEMA:
        return f"of another version ({found['schema']}): greensdk calibrate"
    if found["host_id"] != host_id:
        return f"of another machine ({found['host_id']}, this is {host_id}): greensdk calibrate"
    if found["kernel"] != kernel():
        return f"of another kernel ({found['kernel']}, this is {kernel()}): greensdk calibrate"
    return ""


def _stale(found: Mapping[str, Any], now_s: float) -> str:
    """Return why watts at rest are too old; empty when they are not."""
    age_days = (now_s - found["measured_s"]) / 86400
    if age_days > FRESH_DAYS:
        return f"{age_days:.0f} days old, of {found['measured_at'][:10]}: greensdk calibrate"
    return ""


def kernel() -> str:
    """
    Return the running kernel's release.
    """
    return os.uname().release


def save(path: str, host_id: str | None, meters: Mapping[str, Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """
    Write a calibration and return it; references that are there and still fit are kept.

    Raises:
        OSError: The file can't be written.
    """
    made = _new(host_id, meters, seconds)
    return _write(path, {**made, "references": _kept(path, host_id).get("references") or {}})


def add_reference(path: str, host_id: str | None, monitor: str, watts: float, model_w: float, source: str) -> Reference:
    """
    Write down one more reading of a reference meter, beside all that is there and fits, and return what they come to.

    Watts at rest that the model gave before go: they have another scale.

    Args:
        path: The file.
        host_id: Which machine this is.
        monitor: Whose model it is.
        watts: What the meter read.
        model_w: What the model said of the same seconds.
        source: What the meter is, for a person.

    Raises:
        OSError: The file can't be written.
    """
    now_s = time()
    made = _kept(path, host_id) or _new(host_id, {}, 0.0)
    references = {name: list(points) for name, points in (made.get("references") or {}).items()}
    point = {"watts": watts, "model_w": model_w, "source": source, "measured_at": _at(now_s), "measured_s": now_s}
    references.setdefault(monitor, []).append(point)
    meters = {name: row for name, row in made["meters"].items() if not name.startswith(f"{monitor} ")}
    _write(path, {**made, "meters": meters, "references": references})
    found = reference(references[monitor], now_s)
    assert found is not None, "one is fresh"
    return found


def _new(host_id: str | None, meters: Mapping[str, Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    now_s = time()
    return {
        "schema": SCHEMA,
        "host_id": host_id,
        "kernel": kernel(),
        "measured_at": _at(now_s),
        "measured_s": now_s,
        "seconds": seconds,
        "meters": dict(meters),
    }


def _kept(path: str, host_id: str | None) -> dict[str, Any]:
    """Return what is in the file, where it is of this machine and kernel, and whole."""
    try:
        found = _read(path)
        if _misfit(found, host_id):
            return {}
        for row in found["meters"].values():
            _watts(row["idle_w"])
        for points in (found.get("references") or {}).values():
            reference(points, time())
        return dict(found)
    except UNREADABLE:
        return {}


def _write(path: str, made: dict[str, Any]) -> dict[str, Any]:
    """Write the file; a reader never sees half of one."""
    import json

    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    half = f"{path}.{os.getpid()}"
    with open(half, "w", encoding="utf-8") as file:
        json.dump(made, file, indent=2)
    os.replace(half, path)
    return made


def _at(now_s: float) -> str:
    from time import gmtime

    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now_s))
