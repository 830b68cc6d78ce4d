"""
What the program perf prints: pure functions from text to numbers.

``perf stat`` has two forms for programs, both by tools/perf/util/stat-display.c of the Linux kernel: one JSON object a
line (``-j``, since perf 5.18), and fields with a separator (``-x,``). The counter's value is printed with six decimals
in JSON and with two or none in the other, in words (``<not supported>``) where there is none, and,
without ``LC_ALL=C``, as people in the user's country write it: ``1.373,00``, ``1 373,00``, ``1'373.00``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from greensdk.machine.signals import is_from_signal

REASONS = {
    "<not supported>": "perf says <not supported>: the machine or the kernel does not have this event",
    "<not counted>": "perf says <not counted>: the counter never ran in the window",
}

_SPACES = "\u0020\u00a0\u2007\u2009\u202f\ufffd"
"""What stands between thousands; U+FFFD where bytes of an older encoding were not UTF-8."""

_WORDS = "<not supported>|<not counted>"
_PLACE = r"S-?\d+(?:-[DC]-?\d+)*"
_CSV = (
    rf"(?:({_PLACE}),(\d+),)?({_WORDS}|\d[\d.']*(?:,\d\d)?),"
    r"([A-Za-z%/]*),([^,]*[A-Za-z/][^,]*)(?:,(\d*)(?=,))?(?:,.*)?"
)


class Count(NamedTuple):
    """
    What perf says of one event, at one place.

    Attributes:
        event: As it was asked for: ``power/energy-pkg/``.
        value: The count; None together with a reason.
        unit: What it counts, for example ``Joules``; may be empty.
        reason: Why there is no value; empty if there is one.
        socket: ``S0``, ``S1-D0``; empty when perf added up the whole machine.
        counters: How many counters were added up; 1 when perf does not say.
        run_ns: Nanoseconds that they counted, added up; None when perf does not say.
    """

    event: str
    value: float | None
    unit: str = ""
    reason: str = ""
    socket: str = ""
    counters: int = 1
    run_ns: int | None = None


def number(text: str) -> float:
    """
    Return a number as perf prints it, in whatever country.

    perf prints no counter with three decimals, so a last group of three digits is thousands, not decimals.

    Raises:
        ValueError: It is not a number.

    Example:
        >>> number("1.373,00"), number("1,234,567"), number("0,004028"), number("12'345.60")
        (1373.0, 1234567.0, 0.004028, 12345.6)
    """
    plain = re.sub(rf"[{_SPACES}']", "", text.strip())
    if not re.fullmatch(r"\d+(?:[.,]\d+)*", plain):
        raise ValueError(f"{text!r} is not a number")
    whole, mark, decimals = plain, "", ""
    last = max(plain.rfind("."), plain.rfind(","))
    if last >= 0 and len(plain) - last - 1 != 3:
        whole, mark, decimals = plain[:last], ".", plain[last + 1 :]
    return float(re.sub(r"[.,]", "", whole) + mark + decimals)


def parse(text: str) -> list[Count]:
    """
    Return every count in the output of ``perf stat``, of either form.

    Lines that are something else (warnings, a line that was cut off) are passed over.
    """
    return [found for line in text.splitlines() if (found := _line(line))]


def _line(line: str) -> Count | None:
    if line.lstrip().startswith("{"):
        return parse_json(line)
    return parse_csv(line)


def parse_json(line: str) -> Count | None:
    """
    Return the count in one line of ``perf stat -j``; None if it holds none.
    """
    import json

    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        if is_from_signal(error):
            raise
        # Without LC_ALL=C, perf puts its decimal comma into numbers, too, which is not JSON.
        try:
            found = json.loads(re.sub(r"(?<=: )(\d+),(\d+)(?=[,}])", r"\1.\2", line))
        except (ValueError, RecursionError) as worse:
            if is_from_signal(worse):
                raise
            return None
    if not isinstance(found, dict) or not isinstance(found.get("event"), str) or "counter-value" not in found:
        return None
    run_ns, counters = found.get("event-runtime"), found.get("aggregate-number", found.get("counters"))
    return _count(
        found["event"],
        str(found["counter-value"]),
        str(found.get("unit") or ""),
        str(found.get("socket") or found.get("die") or ""),
        counters if isinstance(counters, int) else None,
        run_ns if isinstance(run_ns, int) else None,
    )


def parse_csv(line: str) -> Count | None:
    """
    Return the count in one line of ``perf stat -x,``; None if it holds none.

    A decimal comma has two digits behind it, and no unit is a number, which distinguishes it from a separator.
    """
    found = re.fullmatch(_CSV, line.strip())
    if not found:
        return None
    socket, counters, value, unit, event, run_ns = found.groups()
    return _count(event, value, unit, socket or "", _integer(counters), _integer(run_ns))


def _integer(text: str | None) -> int | None:
    return int(text) if text else None


def _count(event: str, value: str, unit: str, socket: str, counters: int | None, run_ns: int | None) -> Count | None:
    reason = REASONS.get(value.strip(), "")
    amount = None
    if not reason:
        try:
            amount = number(value)
        except ValueError as error:
            if is_from_signal(error):
                raise
            reason = f"perf says {value[:32]!r}, which is not a number"
    return Count(event, amount, unit, reason, socket, 1 if counters is None else counters, run_ns)


def by_event(found: Iterable[Count], events: Iterable[str]) -> Mapping[str, list[Count]]:
    """
    Return the counts of each event, in the order of the sockets; at least one, with a reason if perf says nothing.
    """
    every = list(found)
    return {
        event: [each for each in every if each.event == event]
        or [Count(event, None, reason="perf's output has no line for it, or was cut off")]
        for event in events
    }
