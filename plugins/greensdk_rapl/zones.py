"""
Which RAPL zones a powercap tree has, and what each of them is.

A zone is known by the text of its ``name`` file, never by its number: ``intel-rapl:1`` is package 1 on
one machine and psys on the next. Sources:
https://docs.kernel.org/power/powercap/powercap.html for the tree and its files, and the names that
drivers/powercap/intel_rapl_common.c gives: ``package-N``, ``package-N-die-M``, ``core``, ``uncore``,
``dram``, ``psys`` and ``psys-N``.
"""

import errno
import os
from collections.abc import Iterator
from typing import NamedTuple

from greensdk.machine.hardware import number_of, read_text, text_of

PACKAGE, DRAM, CORE, UNCORE, PSYS, OTHER = "package", "dram", "core", "uncore", "psys", "other"

COUNTED = (PACKAGE, DRAM)
"""The kinds that make up the total: core and uncore are parts of the package, psys contains the packages."""

PARTS = (PACKAGE, DRAM, CORE, UNCORE)
"""The kinds that are no more than a processor and its memory."""

ONE_CORE = "one-core"
"""
What the zone ``core`` is called where it shows one core only, as on AMD: its register is each core's own, and the
driver reads that of a single CPU (RAPL_DOMAIN_PP0 of ``rapl_msr_priv_amd``, drivers/powercap/intel_rapl_msr.c).
"""

PACKAGE_WIDE_VENDORS = ("ven0002", "ven0009")
"""AMD and Hygon in ``modalias``: X86_VENDOR_AMD and X86_VENDOR_HYGON of arch/x86/include/asm/processor.h."""

TURBO_FACTOR = 5
"""
How far a zone may draw above its long-term limit, which is what ``constraint_0_max_power_uw`` says.
Intel's data sheets give a maximum turbo power of up to 3.7 times the base power (15 W and 55 W for the
Core i7-1365U); the rest is reserve.
"""

DEFAULT_MAX_POWER_W = 1000.0
"""
The most a zone without a published limit is believed to draw: twice the 500 W of the largest packages
sold in 2025 (AMD EPYC 9965, Intel Xeon 6980P).
"""


class Zone(NamedTuple):
    """
    One energy counter.

    Attributes:
        key: Its name in readings: ``package-0``, ``dram-1``, ``core-0-die-1``, ``one-core-0``, ``psys``.
        kind: package, dram, core, uncore, psys or other.
        id: Its name in sysfs, for example ``intel-rapl:1:0``.
        path: Its directory.
        range_uj: Where the counter wraps around; None if the kernel does not say.
        max_power_w: The most it is believed to draw.
        problem: Why it is not known what it is; empty when it is.
    """

    key: str
    kind: str
    id: str
    path: str
    range_uj: int | None
    max_power_w: float
    problem: str = ""

    @property
    def file(self) -> str:
        """
        The file that shows the counter.
        """
        return os.path.join(self.path, "energy_uj")

    @property
    def counted(self) -> bool:
        """
        Part of the total.
        """
        return self.kind in COUNTED

    @property
    def jump_w(self) -> float:
        """
        The power above which a number is refused; none for the platform, which may hold any number of GPUs.
        """
        return self.max_power_w if self.kind in PARTS else float("inf")

    @property
    def wrap_s(self) -> float:
        """
        The shortest time in which the counter can go round once.
        """
        return float("inf") if self.range_uj is None else self.range_uj / 1e6 / self.max_power_w


class Found(NamedTuple):
    """
    What a tree has.

    Attributes:
        zones: Each meter once.
        duplicates: Id of a zone that shows a meter for the second time, to the key of the first.
    """

    zones: tuple[Zone, ...]
    duplicates: dict[str, str]


def explain(error: OSError) -> str:
    """
    Return an error as people look it up: ``EIO (Input/output error)``.
    """
    return f"{errno.errorcode.get(error.errno or 0, 'OSError')} ({error.strerror or error})"


def find(root: str, max_power_w: float | None = None) -> Found:
    """
    Return the zones under `root`, packages of the ``intel-rapl`` control type first.

    Args:
        root: A powercap class directory, with or without the kernel's symlinks.
        max_power_w: Overrides what is believed of each zone's power.
    """
    names = {path: _name(path) for path in _directories(root)}
    if is_package_wide(os.path.dirname(os.path.dirname(os.path.abspath(root)))):
        names = {path: ONE_CORE if name == CORE else name for path, name in names.items()}
    suffixes = {os.path.basename(path): name[8:] for path, name in names.items() if name.startswith("package-")}
    taken: dict[str, str] = {}
    ids: set[str] = set()
    zones: list[Zone] = []
    duplicates: dict[str, str] = {}
    for path in sorted(names, key=_order):
        zone = _zone(path, names[path], suffixes, max_power_w)
        if zone is None or zone.id in ids:
            continue
        control, numbered, _ = zone.id.partition(":")
        if numbered:
            ids.add(zone.id)
        if taken.setdefault(zone.key, control) != control:
            duplicates[zone.id] = zone.key
        else:
            clash = any(zone.key == other.key for other in zones)
            zones.append(zone._replace(key=f"{zone.key}@{zone.id}") if clash else zone)
    return Found(tuple(zones), duplicates)


def is_package_wide(sysfs: str) -> bool:
    """
    Say whether the processor is one whose package has a single energy register for all dies, and each core its own.
    """
    modalias = text_of(sysfs, "devices/system/cpu", "modalias")
    return any(f",{vendor}" in modalias for vendor in PACKAGE_WIDE_VENDORS)


def _directories(root: str) -> Iterator[str]:
    # sysfs shows a sub-zone twice (flat in the class, nested in its package) and links back with
    # "subsystem" and "device", so every directory counts once, by its resolved path. (In a copy of
    # sysfs without links, the id shows that both are one zone.)
    seen: set[str] = set()
    todo = [root]
    while todo:
        path = os.path.realpath(todo.pop())
        if path in seen:
            continue
        seen.add(path)
        try:
            entries = os.listdir(path)
        except OSError:
            continue
        if "name" in entries:
            yield path
        todo += [
            child
            for entry in entries
            if entry not in ("subsystem", "device", "power") and os.path.isdir(child := os.path.join(path, entry))
        ]


def _order(path: str) -> tuple[int, str, list[int], str]:
    control, *numbers = os.path.basename(path).split(":")
    last = 0 if control == "intel-rapl" else 2 if control.endswith("-mmio") else 1
    return last, control, [int(n) if n.isdigit() else -1 for n in numbers], path


def _name(path: str) -> str:
    try:
        name = read_text(path, "name")
    except OSError as error:
        return f"?{explain(error)}"
    return "?not a text" if "\ufffd" in name else name


def _zone(path: str, name: str, suffixes: dict[str, str], max_power_w: float | None) -> Zone | None:
    zone_id = os.path.basename(path)
    kind = _kind(name)
    problem = f"its name could not be read: {name[1:] or 'empty'}" if name[:1] in ("", "?") else ""
    if not (kind in COUNTED or os.path.lexists(os.path.join(path, "energy_uj"))):
        return None
    above = (zone_id.rpartition(":")[0], os.path.basename(os.path.dirname(path)))
    suffix = next((suffixes[parent] for parent in above if parent in suffixes), None)
    key = zone_id if problem else name if suffix is None or kind == PACKAGE else f"{name}-{suffix}"
    limit_w = max_power_w or TURBO_FACTOR * (_number(path, "constraint_0_max_power_uw") or 0) / 1e6
    range_uj = _number(path, "max_energy_range_uj")
    return Zone(key, kind, zone_id, path, range_uj, limit_w or DEFAULT_MAX_POWER_W, problem)


def _kind(name: str) -> str:
    if name == ONE_CORE:
        return CORE
    if name.startswith("package-"):
        return PACKAGE
    if name.startswith("psys-"):
        return PSYS
    return name if name in (CORE, UNCORE, DRAM, PSYS) else OTHER


def _number(path: str, file: str) -> int | None:
    value = number_of(path, file)
    return value if value is not None and value > 0 else None
