"""
From what the sensors showed at both ends of a window to joules, and why they are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from greensdk_rapl.total import NEVER, SLACK_S, STUCK_UPDATES, jumped, still
from greensdk_rapl.zones import DEFAULT_MAX_POWER_W

from greensdk_hwmon.channels import PACKAGE, PART, Channel
from greensdk_hwmon.snapshot import Snapshot

UNREAD = "the sensor could not be read"
"""Also a power sensor that shows 0 W for a machine that runs, or the megawatts that stand for an error."""


def joules(
    channels: Sequence[Channel], opened: Snapshot, before: Snapshot, after: Snapshot, update_ns: float
) -> tuple[dict[str, float | None], dict[str, str]]:
    """
    Return the joules of each channel, and why those that are None are unknown. A counter that shows what it did when it
    was `opened` has stood still since; an `update_ns` of 0 leaves out what rests on time: counters that jump or stand
    still.
    """
    found: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    elapsed_s = (after.at_ns - before.at_ns) / 1e9
    most_uj = DEFAULT_MAX_POWER_W * (elapsed_s + SLACK_S) * 1e6 if update_ns else inf
    for channel in channels:
        key = channel.key
        first, last = before.values[key], after.values[key]
        if first is None or last is None or after.breaks.get(key) != before.breaks.get(key):
            found[key], reasons[key] = None, UNREAD
        elif channel.kind == "power":
            found[key] = after.spent_j[key] - before.spent_j[key]
        elif 0 < last - first <= most_uj:
            found[key] = (last - first) / 1e6
        elif why := _why_not(channel, opened, before, after, update_ns):
            found[key], reasons[key] = None, why
        else:
            found[key] = (last - first) / 1e6
    return found, reasons


def _why_not(channel: Channel, opened: Snapshot, before: Snapshot, after: Snapshot, update_ns: float) -> str:
    first, last = before.values[channel.key] or 0, after.values[channel.key] or 0
    elapsed_ns = after.at_ns - before.at_ns
    stood_ns = after.at_ns - (opened if opened.values[channel.key] == last else before).at_ns
    if last < first:  # 64-bit microjoules: 500,000 years at a watt
        return f"the counter went back from {first} to {last} uJ: it was reset"
    if not last:
        return NEVER
    if not update_ns:
        return ""
    if last == first and channel.sees == PACKAGE and stood_ns >= STUCK_UPDATES * update_ns:
        return still(stood_ns)
    return jumped((last - first) / 1e6, elapsed_ns / 1e9, DEFAULT_MAX_POWER_W)


def against(
    counted: Sequence[str],
    boundary: str,
    found: Mapping[str, float | None],
    reasons: Mapping[str, str],
    elapsed_ns: int,
    update_ns: float,
) -> str:
    """
    Return why there is no total; empty if there is one.

    A core may sleep while others count, so that only all of them are stuck.
    """
    unknown = [f"{key}: {reasons[key]}" for key in counted if key in reasons] if reasons else []
    is_long = boundary == PART and elapsed_ns >= STUCK_UPDATES * update_ns > 0
    if is_long and not unknown and not any(found[key] for key in counted):
        return f"{counted[0]} and the others: {still(elapsed_ns)}"
    return "; ".join(unknown)
