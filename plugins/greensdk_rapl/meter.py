"""
The counters of a machine, opened: one descriptor for each, and each meter once.
"""

import os
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from greensdk.machine.signals import is_from_signal
from greensdk.monitor import MACHINE, MEASURED, Metric
from greensdk_rapl.access import LENGTH, open_counter
from greensdk_rapl.zones import COUNTED, Zone, explain, find

MIRROR_LOOKS = 20
"""How often two dies that agree are looked at again, a millisecond apart, for a movement."""


class Meter(NamedTuple):
    """
    What is open.

    Attributes:
        zones: Each meter once.
        fds: The descriptor of each.
        lost: Key of each zone that could not be opened, to the reason.
        against: Why there is no total: the lost zones that are part of it.
        duplicates: Zone that shows a meter for the second time, to the key of the first.
        boundary: What the total has inside.
    """

    zones: tuple[Zone, ...] = ()
    fds: tuple[int, ...] = ()
    lost: Mapping[str, str] = {}
    against: tuple[str, ...] = ()
    duplicates: Mapping[str, str] = {}
    boundary: str = "package"


def open_meter(root: str, max_power_w: float | None) -> Meter:
    """
    Open every counter under `root` that can be opened.
    """
    found = find(root, max_power_w)
    opened: dict[Zone, int] = {}
    lost = {zone: zone.problem for zone in found.zones if zone.problem}
    for zone in found.zones:
        if zone not in lost:
            try:
                opened[zone] = open_counter(zone)
            except OSError as error:
                if is_from_signal(error):
                    raise
                lost[zone] = f"energy_uj could not be opened: {explain(error)}"
    repeats = mirrors(opened.items())
    for zone in repeats:
        os.close(opened.pop(zone))
    return Meter(
        tuple(opened),
        tuple(opened.values()),
        {zone.key: reason for zone, reason in lost.items()},
        tuple(f"{zone.key}: {reason}" for zone, reason in lost.items() if zone.counted),
        found.duplicates | {zone.key: original.key for zone, original in repeats.items()},
        "package+dram" if any(zone.kind == "dram" for zone in found.zones) else "package",
    )


def mirrors(opened: Iterable[tuple[Zone, int]]) -> dict[Zone, Zone]:
    """
    Return which zones show the meter of another die once more, and whose.

    AMD processors with several dies of Zen 1 and Zen 2 list a package zone for each die, all of which
    read one socket-wide counter (https://github.com/mlco2/codecarbon/issues/1274). Two dies of one
    package with the same range are taken for one meter only if they agree, and agree again after the
    counter has moved. Meters of their own differ by the joules of a whole uptime.
    """
    repeats: dict[Zone, Zone] = {}
    groups: dict[tuple[str, int | None], list[tuple[Zone, int]]] = {}
    for zone, fd in opened:
        package, die, _ = zone.key.partition("-die-")
        if not die or zone.kind not in COUNTED:
            continue
        kept = groups.setdefault((package, zone.range_uj), [])
        original = next((other for other, other_fd in kept if _is_one_meter(other_fd, fd)), None)
        if original is None:
            kept.append((zone, fd))
        else:
            repeats[zone] = original
    return repeats


def _is_one_meter(one: int, other: int) -> bool:
    before = _agree(one, other)
    if before is None:
        return False
    for _ in range(MIRROR_LOOKS):
        time.sleep(0.001)
        after = _agree(one, other)
        if after != before:
            return after is not None
    return False


def _agree(one: int, other: int) -> int | None:
    # The counter may tick between the reads, so the other has to lie between two reads of the one.
    try:
        low, middle, high = (int(os.pread(fd, LENGTH, 0)) for fd in (one, other, one))
    except (OSError, ValueError):
        return None
    return low if low <= middle <= high else None


_MEANINGS = {
    "package": "the whole processor package",
    "dram": "the memory at the package",
    "core": "the cores, a part of the package",
    "uncore": "what is beside the cores, mostly the graphics unit; a part of the package",
    "psys": "the platform, which contains the packages",
}


def describe(zone: Zone) -> Metric:
    """
    Say what the number of a zone means.
    """
    meaning = _MEANINGS.get(zone.kind, "a zone of a kind that is not known here")
    total = "in the total" if zone.counted else "not in the total"
    return Metric(zone.key, "J", zone.kind, MACHINE, MEASURED, f"Joules of {meaning}; {total}.")
