"""
The counters of a machine, opened: one descriptor for each, and each meter once.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk.machine.signals import is_from_signal
from greensdk.monitor import MACHINE, MEASURED, Metric
from greensdk_rapl.access import open_counter
from greensdk_rapl.zones import COUNTED, ONE_CORE, PACKAGE, Zone, explain, find

if TYPE_CHECKING:
    from greensdk_rapl.mirrors import Pair


# No annotation in it is a text, which would cost each import a compilation.
class Meter(NamedTuple):
    """
    What is open.

    Attributes:
        zones: The counters.
        fds: The descriptor of each.
        lost: Each zone that could not be opened, to the reason.
        duplicates: Zone that shows a meter for the second time, to the key of the first; it may be open.
        pairs: Each :class:`~greensdk_rapl.mirrors.Pair` of counters that agree and have not moved yet: they may be one.
    """

    zones: tuple[Zone, ...] = ()
    fds: tuple[int, ...] = ()
    lost: Mapping[Zone, str] = {}
    duplicates: Mapping[str, str] = {}
    pairs: tuple[Any, ...] = ()

    @property
    def single(self) -> tuple[Zone, ...]:
        """
        The open counters, each meter once.
        """
        return tuple(zone for zone in self.zones if zone.key not in self.duplicates)

    @property
    def kinds(self) -> dict[str, str]:
        """
        What each zone is, those included that could not be opened; one whose name is unknown may be a package.
        """
        return {zone.key: PACKAGE if zone.problem else zone.kind for zone in (*self.single, *self.lost)}

    @property
    def reasons(self) -> dict[str, str]:
        """
        Why zones could not be opened, by key.
        """
        return {zone.key: reason for zone, reason in self.lost.items()}


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
                opened[zone] = open_counter(zone.file)
            except OSError as error:
                if is_from_signal(error):
                    raise
                lost[zone] = f"energy_uj could not be opened: {explain(error)}"
    same, waiting = mirrored(opened)
    for zone in [zone for zone in opened if zone.key in same]:
        os.close(opened.pop(zone))
    return Meter(tuple(opened), tuple(opened.values()), lost, found.duplicates | same, waiting)


def mirrored(opened: Mapping[Zone, int]) -> "tuple[dict[str, str], tuple[Pair, ...]]":
    """
    Return which dies show the meter of another once more, as key and original, and the pairs that are not settled.

    Only dies of one package are compared, and their memory only where the dies themselves agree.
    """
    groups: dict[tuple[str, int | None], list[tuple[str, int]]] = {}
    for zone, fd in opened.items():
        name, die, _ = zone.key.partition("-die-")
        if die and zone.kind in COUNTED:
            groups.setdefault((name, zone.range_uj), []).append((zone.key, fd))
    if not groups:
        return {}, ()
    from greensdk_rapl import mirrors

    found = [pair for group in groups.values() for pair in mirrors.pairs(group)]
    agree = {pair.key.partition("-")[2] for pair in found if pair.key.startswith(PACKAGE)}
    return mirrors.watch(pair for pair in found if pair.key.partition("-")[2] in agree)


_MEANINGS = {
    "package": "the whole processor package",
    "dram": "the memory at the package",
    "core": "the cores (on AMD: a single core), a part of the package",
    "uncore": "what is beside the cores, mostly the graphics unit; a part of the package",
    "psys": "the platform, which contains the packages",
    ONE_CORE: "a single core, a part of the package",
}


def describe(zone: Zone) -> Metric:
    """
    Say what the number of a zone means.
    """
    kind = ONE_CORE if zone.key.startswith(ONE_CORE) else zone.kind
    meaning = _MEANINGS.get(kind, "a zone of a kind that is not known here")
    total = "in the total" if zone.counted else "not in the total"
    return Metric(zone.key, "J", zone.kind, MACHINE, MEASURED, f"Joules of {meaning}; {total}.")
