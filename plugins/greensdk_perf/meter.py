"""
The energy counters of a machine, opened: the widest set of events that works.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from greensdk.errors import MonitorUnavailable
from greensdk.monitor import MACHINE, MEASURED, Metric
from greensdk_perf import counts, pmu
from greensdk_perf.access import explain, no_events, no_package
from greensdk_perf.syscall import perf_open

KINDS = {
    "energy-pkg": "package",
    "energy-ram": "dram",
    "energy-cores": "core",
    "energy-gpu": "uncore",
    "energy-psys": "psys",
}
"""Events of arch/x86/events/rapl.c to the field's terms, which are the names of powercap's zones; the package first."""

UNIT = "Joules"


class Meter(NamedTuple):
    """
    What is open.

    Attributes:
        groups: The counters of each CPU of the mask.
        events: The events that work, the package first.
        keys: The domains that have counters.
        lost: Domain that has none, to the reason.
        duplicates: CPU of the mask that shows a package for the second time, to that package.
        opened_ns: When all counts were 0, on CLOCK_MONOTONIC.
    """

    groups: tuple[counts.Group, ...] = ()
    events: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    lost: Mapping[str, str] = {}
    duplicates: Mapping[str, str] = {}
    opened_ns: int = 0

    @property
    def kinds(self) -> dict[str, str]:
        """
        What each domain is, those included that have no counter.
        """
        return {key: kind_of(key) for key in (*self.keys, *self.lost)}


class Member(NamedTuple):
    """
    One open counter.

    Attributes:
        fd: Its descriptor.
        leader: That of the counter in whose read it appears.
        key: Its domain.
        scale: Joules of one count.
    """

    fd: int
    leader: int
    key: str
    scale: float


def key_of(kind: str, suffix: str, several: bool) -> str:
    """
    Return the name of a domain; the platform has a number only where there are several.
    """
    return f"{kind}-{suffix}" if several or kind != "psys" else kind


def kind_of(key: str) -> str:
    """
    Return what a domain is.
    """
    return key.partition("-")[0]


def located(root: str) -> tuple[list[str], list[pmu.Place], dict[str, str]]:
    """
    Return the energy events of the power PMU, and where it counts as :func:`greensdk_perf.pmu.places` has it.

    Raises:
        MonitorUnavailable: It has no package event, or does not say where it counts.
    """
    names = [name for name in KINDS if name in pmu.events(root)]
    if "energy-pkg" not in names:
        raise MonitorUnavailable(*no_events(root))
    try:
        return names, *pmu.places(root)
    except (OSError, ValueError) as error:
        raise MonitorUnavailable(f"{pmu.device(root, pmu.POWER)}: {explain(error)}") from error


def open_meter(root: str) -> Meter:
    """
    Open every energy event of the power PMU that can be opened.

    An event works if it does so on each CPU of the mask: a part of the packages would not be the machine. What is
    on one CPU becomes a group, so that one read and one interrupt of that CPU return all of its counters.

    Raises:
        MonitorUnavailable: There is no PMU, or its package event does not work.
    """
    names, places, duplicates = located(root)
    open_ones: dict[str, list[Member]] = {}
    lost: dict[str, str] = {}
    opened_ns = time.monotonic_ns()
    for name in names:
        keys = [key_of(KINDS[name], place.suffix, len(places) > 1) for place in places]
        try:
            event = checked(pmu.event(root, pmu.POWER, name))
            leaders = [member.fd for member in open_ones.get("energy-pkg", ())]
            open_ones[name] = _open_event(event, places, keys, leaders)
        except (OSError, ValueError) as error:
            if name == "energy-pkg":
                raise MonitorUnavailable(*no_package(root, name, error)) from error
            lost |= dict.fromkeys(keys, f"{name}: {explain(error)}")
    members = [member for each in open_ones.values() for member in each]
    return Meter(
        tuple(_grouped(members)),
        tuple(open_ones),
        tuple(member.key for member in members),
        lost,
        duplicates,
        opened_ns,
    )


def checked(event: pmu.Event) -> pmu.Event:
    """
    Return an energy event whose counts are joules.

    Raises:
        ValueError: They are something else, or their unit is unknown.
    """
    if event.unit != UNIT:
        raise ValueError(f"its unit is {event.unit!r} instead of {UNIT!r}" if event.unit else "its unit is not given")
    if not event.scale > 0:
        raise ValueError(f"its scale is {event.scale}")
    return event


def _open_event(
    event: pmu.Event, places: Sequence[pmu.Place], keys: Sequence[str], leaders: Sequence[int]
) -> list[Member]:
    members: list[Member] = []
    try:
        for number, (place, key) in enumerate(zip(places, keys, strict=True)):
            fd, leader = _join(event, place.cpu, leaders[number] if leaders else -1)
            members.append(Member(fd, leader, key, event.scale))
    except OSError:
        for member in members:
            os.close(member.fd)
        raise
    return members


def _join(event: pmu.Event, cpu: int, leader: int) -> tuple[int, int]:
    if leader >= 0:
        try:
            return perf_open(event, cpu, leader), leader
        except OSError:
            pass  # alone it may still work, for the price of a read of its own
    fd = perf_open(event, cpu)
    return fd, fd


def _grouped(members: Sequence[Member]) -> Iterator[counts.Group]:
    # The kernel returns a leader's value first, then the others' in the order in which they joined.
    for leader in members:
        if leader.fd == leader.leader:
            inside = [member for member in members if member.leader == leader.fd]
            yield counts.group(
                [member.fd for member in inside], [member.key for member in inside], [m.scale for m in inside]
            )


_MEANINGS = {
    "package": "the whole processor package; in the total",
    "dram": "the memory at the package; in the total",
    "core": "the cores, a part of the package; not in the total",
    "uncore": "the graphics unit, a part of the package; not in the total",
    "psys": "the platform, which contains the packages; not in the total",
}


def describe(key: str) -> Metric:
    """
    Say what the number of a domain means.
    """
    kind = kind_of(key)
    return Metric(key, "J", kind, MACHINE, MEASURED, f"Joules of {_MEANINGS[kind]}.")
