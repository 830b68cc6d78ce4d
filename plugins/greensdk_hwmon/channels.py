"""
Which sensors a board has, and what each of them sees.

Files: Linux, Documentation/hwmon/sysfs-interface.rst: ``energyN_input`` counts microjoules, ``powerN_input`` and
``powerN_average`` show microwatts, ``*_label`` names them. What a label means is the driver's business; the ones
known are in :data:`MEANINGS`, and an unknown channel is shown and never counted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from greensdk.machine.hardware import text_of

PACKAGE, WALL, GPU, PART, OTHER = "package", "wall", "gpu", "core", "other"

MEANINGS = (
    ("amd_energy", "energy", r"esocket(?P<number>\d+)", PACKAGE),
    ("amd_energy", "energy", r"ecore(?P<number>\d+)", PART),
    ("zenergy", "energy", r"esocket(?P<number>\d+)", PACKAGE),
    ("zenergy", "energy", r"ecore(?P<number>\d+)", PART),
    ("altra_hwmon", "energy", r"core energy (?P<number>\d+)", PART),
    ("apm_xgene", "power", r"(?P<part>cpu|io) power", PACKAGE),
    ("power_meter", "power", r"grace power socket (?P<number>\d+)", PACKAGE),
    ("power_meter", "power", r"cpu power socket (?P<number>\d+)", PART),
    ("power_meter", "power", r"(?!.*power socket).*", WALL),
    ("macsmc_hwmon", "power", r"total system power", WALL),
    ("xe", "energy", r".*", GPU),
    ("i915", "energy", r".*", GPU),
    ("amdgpu", "power", r".*", GPU),
    ("nouveau", "power", r".*", GPU),
)
"""
Driver, kind of channel, its label, and what it sees. Linux, Documentation/hwmon/amd_energy.rst (until 5.12) and
acpi_power_meter.rst (what the power supplies take), drivers/hwmon/macsmc-hwmon.c, drivers/gpu/drm. On NVIDIA Grace the
ACPI meters are sockets and their rails, by ``power1_oem_info``: Grace Performance Tuning Guide, "Power Telemetry"
(https://docs.nvidia.com/grace-perf-tuning-guide/power-thermals.html). A module may hold a GPU, so it is not counted.

``zenergy`` is amd_energy for newer processors (https://github.com/boukehaarsma23/zenergy). ``altra_hwmon`` is Ampere's
own driver, with a counter for each core that has one. ``apm_xgene`` (Linux, Documentation/hwmon/xgene-hwmon.rst) shows
the watts of the cores and those of the rest of the chip: together they are the package.
"""

_CHANNEL = re.compile(r"(energy|power)(\d+)_(input|average)$")


class Channel(NamedTuple):
    """
    One sensor.

    Attributes:
        key: Its name in readings, such as ``package-0`` or ``wall``.
        kind: ``energy`` (a counter) or ``power`` (a value of the moment).
        sees: `PACKAGE`, `WALL`, `GPU`, `PART` of a package, or `OTHER`.
        path: The file.
        interval_s: Over how long a ``power`` is averaged, where the driver says so.
    """

    key: str
    kind: str
    sees: str
    path: str
    interval_s: float | None = None


def find(root: str) -> list[Channel]:
    """
    Return the channels of every chip under ``<root>/class/hwmon``.
    """
    found: list[Channel] = []
    for chip in _chips(root):
        driver = text_of(chip, "name")
        for kind, number, file in _files(chip):
            label = _label(chip, f"{kind}{number}")
            sees, place = _meaning(driver, kind, label)
            key = f"{sees}-{place}" if place else _key(sees, driver, label or f"{kind}{number}")
            channel = Channel(key, kind, sees, os.path.join(chip, file), _interval_s(chip, kind, number))
            found.append(_unlike(channel, found))
    return found


def counted(channels: list[Channel]) -> list[Channel]:
    """
    Return the channels that make up the total: the packages' counters, else their watts, else one sensor of the whole
    machine, else the counters of the cores.

    A counter is exact where a power is a sample, and a second sensor of the machine would count it twice.
    """
    packages = [channel for channel in channels if channel.sees == PACKAGE]
    packages = [channel for channel in packages if channel.kind == "energy"] or packages
    whole = packages or [channel for channel in channels if channel.sees == WALL][:1]
    return whole or [channel for channel in channels if channel.sees == PART and channel.kind == "energy"]


def _chips(root: str) -> list[str]:
    folder = os.path.join(root, "class", "hwmon")
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    chips = [os.path.join(folder, name) for name in sorted(names, key=lambda name: (len(name), name))]
    # Drivers that register without their files have them one folder further, as acpi_power_meter once did.
    return [chip if os.path.exists(os.path.join(chip, "name")) else os.path.join(chip, "device") for chip in chips]


def _files(chip: str) -> Iterator[tuple[str, int, str]]:
    """Yield kind, number and file of each channel; of two files for one power the averaged one."""
    best: dict[tuple[str, int], str] = {}
    with suppress(OSError):
        for name in sorted(os.listdir(chip)):
            if match := _CHANNEL.fullmatch(name):
                where = match[1], int(match[2])
                if match[3] == "average" or where not in best:
                    best[where] = name
    for (kind, number), name in sorted(best.items()):
        yield kind, number, name


def _meaning(driver: str, kind: str, label: str) -> tuple[str, str]:
    """Return what a channel sees, and which package or core that is."""
    for known, of, pattern, sees in MEANINGS:
        if known == driver and of == kind and (match := re.fullmatch(pattern, label.lower())):
            found = match.groupdict()
            place = str(int(found.get("number") or 0)) if found else ""
            return sees, "-".join(filter(None, (place, found.get("part"))))
    return OTHER, ""


def _label(chip: str, channel: str) -> str:
    """Return what a channel is called; the ACPI meter has no labels, but the firmware's own words."""
    return text_of(chip, f"{channel}_label") or text_of(chip, f"{channel}_oem_info")


def _key(sees: str, driver: str, label: str) -> str:
    return sees if sees == WALL else f"{sees}-{driver or 'chip'}-{'-'.join(label.lower().split())}"


def _unlike(channel: Channel, others: list[Channel]) -> Channel:
    taken = {other.key for other in others}
    number, key = 1, channel.key
    while key in taken:
        number += 1
        key = f"{channel.key}-{number}"
    return channel._replace(key=key)


def _interval_s(chip: str, kind: str, number: int) -> float | None:
    text = text_of(chip, f"{kind}{number}_average_interval")
    return int(text) / 1000 if text.isdecimal() else None
