"""
From records to what each meter saw: the windows that :mod:`greensdk.report.split` shares joules out to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from greensdk.monitor import MACHINE
from greensdk.report.scale import aligned
from greensdk.report.split import CPU, Split, split
from greensdk.report.stretch import Seen

Record = Mapping[str, Any]

MICRO = 1e-6


class Raw(NamedTuple):
    """
    A record's word on one meter.

    Attributes:
        record: The record.
        start_s: When the window began, on the host's monotonic clock.
        stop_s: When it ended.
        starts_j: Each counter at the beginning, in joules.
        ranges_j: Where each counter wraps around; None if it does not.
        counted_j: What each counted in the window.
        since_ns: When the counters were 0, on the same clock, if each process has its own; None for the machine's.
    """

    record: Record
    start_s: float
    stop_s: float
    starts_j: Mapping[str, float]
    ranges_j: Mapping[str, float | None]
    counted_j: Mapping[str, float]
    since_ns: int | None = None


class Anchor(NamedTuple):
    """
    Counters that were read before, from which others go on.

    Attributes:
        at_s: When the window began or ended that read them.
        raw_j: What they showed.
        total_j: The same without wraps.
    """

    at_s: float
    raw_j: Mapping[str, float]
    total_j: Mapping[str, float]


class Metered(NamedTuple):
    """
    One meter of one machine, and what became of its joules.

    Attributes:
        machine: The boot id of the machine, or its host id.
        meter: Which meter it is, for example ``rapl``.
        source: The monitor that read it.
        boundary: What it counts.
        split: Its joules.
    """

    machine: str
    meter: str
    source: str
    boundary: str
    split: Split


class Account(NamedTuple):
    """
    All joules of some records, each counted once.

    Attributes:
        meters: The shared meters.
        calls: Joules of each record, by ``record_id``: its part of a shared meter, or what the record itself says.
    """

    meters: list[Metered]
    calls: dict[str, float]


def account(records: Iterable[Record], rule: str = CPU) -> Account:
    """
    Share every meter out among the calls that read it, and take the other calls' joules as they are.

    Args:
        records: Calls that are not inside each other.
        rule: One of :data:`greensdk.report.split.RULES`.

    Raises:
        ValueError: There is no such rule.
    """
    seen: dict[tuple[str, str, str, str], list[Raw]] = {}
    calls: dict[str, float] = {}
    for record in records:
        found = primary(record)
        raw = raw_of(record, found) if found else None
        if found and raw:
            seen.setdefault(_meter(record, found), []).append(raw)
        elif record["energy_j"] is not None:
            calls[record["record_id"]] = record["energy_j"]
    meters = [Metered(*key, split(unwrapped(raws), rule)) for key, raws in seen.items()]
    for metered in meters:
        calls |= metered.split.calls
    return Account(meters, calls)


def primary(record: Record) -> Mapping[str, Any] | None:
    """
    Return the reading that stands for the call.
    """
    wanted = record["energy_source"], record["energy_boundary"]
    return next((each for each in record["readings"] if (each["monitor"], each["boundary"]) == wanted), None)


def _meter(record: Record, reading: Mapping[str, Any]) -> tuple[str, str, str, str]:
    # Containers have a machine-id of their own, and share the boot id with their machine.
    host = record["host"]
    machine = host.get("boot_id") or host.get("host_id") or "unknown"
    _, _, meter = reading["meter_id"].partition(":")
    return machine, meter or reading["meter_id"], reading["monitor"], reading["boundary"]


def raw_of(record: Record, reading: Mapping[str, Any]) -> Raw | None:
    """
    Return the counters behind a reading; None where they don't add up to it, or where it is no shared meter.
    """
    start_s, duration_s, attributes = record.get("monotonic_s"), record["duration_s"], reading["attributes"]
    if reading["scope"] != MACHINE or not reading["meter_id"] or start_s is None or record.get("host_cpu_s") is None:
        return None
    kinds = reading["boundary"].split("+")
    counted = {key: joules for key, joules in reading["domains"].items() if key.partition("-")[0] in kinds}
    starts = _counters(attributes)
    if not counted or None in counted.values() or not counted.keys() <= starts.keys():
        return None
    if duration_s is None or reading["energy_j"] is None:
        return None
    if abs(sum(counted.values()) - reading["energy_j"]) > MICRO * max(1.0, reading["energy_j"]):
        return None
    ranges = _numbers(attributes.get("range_uj"))
    ranges_j = {key: ranges[key] * MICRO if ranges.get(key) else None for key in counted}
    start_j = {key: starts[key] for key in counted}
    return Raw(record, start_s, start_s + duration_s, start_j, ranges_j, counted, attributes.get("counts_since_ns"))


def _counters(attributes: Mapping[str, Any]) -> dict[str, float]:
    """
    Return each counter at the window's beginning, in joules.
    """
    if "start_uj" in attributes:
        return {key: value * MICRO for key, value in _numbers(attributes["start_uj"]).items()}
    scales = _numbers(attributes.get("scale_j"))
    counts = _numbers(attributes.get("start_counts"))
    return {key: value * scales[key] for key, value in counts.items() if key in scales}


def _numbers(value: Any) -> dict[str, float]:
    """
    Return the numbers in an attribute; none where another monitor means something else by its name.
    """
    if not isinstance(value, Mapping):
        return {}
    return {key: each for key, each in value.items() if isinstance(each, int | float) and not isinstance(each, bool)}


def unwrapped(raws: Sequence[Raw]) -> list[Seen]:
    """
    Return the windows with counters that only go up, all from one zero.

    A counter that wrapped goes on from where it was; counters that each process has for itself are put side by side.
    """
    # Readings of two clocks can't be put in one order.
    one_clock = len({raw.record.get("host_cpu_source") for raw in raws}) == 1
    groups: dict[int | None, list[Raw]] = {}
    for raw in sorted(raws, key=lambda each: each.start_s):
        groups.setdefault(raw.since_ns, []).append(raw)
    found = aligned([_chained(group) for group in groups.values()])
    return found if one_clock else [seen.without_clock() for seen in found]


def _chained(raws: Iterable[Raw]) -> list[Seen]:
    """
    Return windows, in the order of their beginnings, with counters that go on over wraps.

    Two neighbouring readings are never more than one wrap apart: whoever has a window open polls its meter.
    """
    last: Anchor | None = None
    ends: list[Anchor] = []
    found = []
    for raw in raws:
        if before := [end for end in ends if end.at_s <= raw.start_s]:
            last = max(before, key=lambda end: end.at_s)
            ends = [end for end in ends if end.at_s > raw.start_s]
        start_j = {key: _next(key, value, raw, last) for key, value in raw.starts_j.items()}
        stop_j = {key: start_j[key] + raw.counted_j[key] for key in start_j}
        stop_raw = {key: _wrap(raw.starts_j[key] + raw.counted_j[key], raw.ranges_j[key]) for key in start_j}
        last = Anchor(raw.start_s, raw.starts_j, start_j)
        ends.append(Anchor(raw.stop_s, stop_raw, stop_j))
        found.append(_seen(raw, sum(start_j.values()), sum(stop_j.values())))
    return found


def _wrap(value: float, range_j: float | None) -> float:
    return value % range_j if range_j else value


def _next(key: str, value: float, raw: Raw, last: Anchor | None) -> float:
    """
    Return where a counter is that showed `value`, going on from `last`.

    Half a range is a wrap. A smaller step back is a counter that was read before the other window's: windows are in the
    order of the calls' first instructions, and a thread that waits for its turn has its counters read long before.
    """
    if last is None or key not in last.raw_j:
        return value
    step, range_j = value - last.raw_j[key], raw.ranges_j[key]
    if range_j and abs(step) > range_j / 2:
        step += range_j if step < 0 else -range_j
    return last.total_j[key] + step


def _seen(raw: Raw, start_j: float, stop_j: float) -> Seen:
    record, phases = raw.record, raw.record.get("phases", {})
    busy_s, began_s = record["host_cpu_s"], record.get("host_cpu_start_s")
    return Seen(
        record["record_id"],
        raw.start_s,
        raw.stop_s,
        start_j,
        stop_j,
        record["cpu_s"] or 0.0,
        began_s,
        busy_s if began_s is None else began_s + busy_s,
        phases.get("start_s") or 0.0,
        phases.get("stop_s") or 0.0,
        record.get("host", {}).get("cpus_logical") or inf,
    )
