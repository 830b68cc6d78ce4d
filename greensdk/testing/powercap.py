"""
A powercap tree in a directory of the test, laid out as the kernel lays out ``/sys/class/powercap``.

Source of the layout: https://docs.kernel.org/power/powercap/powercap.html. Zones are directories below
``devices/virtual/powercap``, sub-zones lie inside their package, and the class directory links to all of
them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict, Unpack

from greensdk.testing.counter import Counter

RANGE_UJ = 262143328850
"""The range that the kernel gives for a 32-bit counter with a unit of 61.035 uJ, as most packages have."""

START_UJ = 1_000_000_000
"""What counters start with, as far as their range goes: a machine that has been up for a while."""


class ZoneOptions(TypedDict, total=False):
    """
    What every method that adds a zone takes.

    Keys:
        uj: What the counter starts with; 1000 J into its rounds if not given.
        range_uj: Where it wraps around; 0 for a zone without a range file.
        max_w: The long-term power limit that the zone publishes, in watts. Without it none is published, as on AMD.
    """

    uj: int
    range_uj: int
    max_w: float


class FakeZone(Counter):
    """
    One zone: a counter, and the files that say what it is.

    Attributes:
        key: What it should be called in readings: ``package-0``, ``dram-1``.
        path: Its directory, named as in sysfs: ``intel-rapl:0:1``.
    """

    def __init__(self, tree: PowercapTree, path: Path, key: str, uj: int, range_uj: int) -> None:
        super().__init__(path / "energy_uj", uj, range_uj)
        self.key = key
        self.path = path
        self._tree = tree

    def zone(self, name: str, **options: Unpack[ZoneOptions]) -> FakeZone:
        """
        Add a sub-zone of any name.
        """
        number = sum(child.is_dir() for child in self.path.glob(f"{self.path.name}:*"))
        key = f"{name}-{self.key.removeprefix('package-')}"
        return self._tree.make(self.path / f"{self.path.name}:{number}", name, key, **options)

    def dram(self, **options: Unpack[ZoneOptions]) -> FakeZone:
        """
        Add the memory at this package.
        """
        return self.zone("dram", **options)

    def core(self, **options: Unpack[ZoneOptions]) -> FakeZone:
        """
        Add the cores, a part of this package.
        """
        return self.zone("core", **options)

    def uncore(self, **options: Unpack[ZoneOptions]) -> FakeZone:
        """
        Add what is beside the cores, a part of this package.
        """
        return self.zone("uncore", **options)


class PowercapTree:
    """
    A machine's energy counters, with any topology.

    Args:
        path: An empty directory, which takes the place of ``/sys``.
        amd: Say beside it, in ``devices/system/cpu/modalias``, that the processor is AMD's.

    Attributes:
        root: What takes the place of ``/sys/class/powercap``.
        zones: Every zone by its key in readings.
    """

    def __init__(self, path: str | Path, *, amd: bool = False) -> None:
        self._class = Path(path, "class", "powercap")
        self._devices = Path(path, "devices", "virtual", "powercap")
        self._class.mkdir(parents=True)
        if amd:
            cpus = Path(path, "devices", "system", "cpu")
            cpus.mkdir(parents=True)
            (cpus / "modalias").write_text("cpu:type:x86,ven0002fam0019mod0011:feature:,0000,0001\n")
        self.root = str(self._class)
        self.zones: dict[str, FakeZone] = {}

    def package(self, number: int, *, die: int | None = None, **options: Unpack[ZoneOptions]) -> FakeZone:
        """
        Add a processor package, or one die of it.
        """
        name = f"package-{number}" + ("" if die is None else f"-die-{die}")
        return self.zone(name, **options)

    def psys(self, **options: Unpack[ZoneOptions]) -> FakeZone:
        """
        Add the platform, which contains the packages.
        """
        return self.zone("psys", **options)

    def zone(self, name: str, **options: Unpack[ZoneOptions]) -> FakeZone:
        """
        Add a zone of any name, the text of its ``name`` file. Zones are numbered as they come, whatever their names
        say.
        """
        return self.make(self._next("intel-rapl"), name, name, **options)

    def mirror(self, original: FakeZone, name: str) -> Path:
        """
        Add a zone that shows the counter of `original` under another name, as the dies of one AMD package do.
        """
        return self._repeat(original, self._next("intel-rapl"), name)

    def mmio(self, number: int) -> Path:
        """
        Add the second control type that newer Intel machines have, with package `number` once more.
        """
        name = f"package-{number}"
        return self._repeat(self.zones[name], self._next("intel-rapl-mmio"), name)

    def make(self, path: Path, name: str, key: str, **options: Unpack[ZoneOptions]) -> FakeZone:
        """
        Make a zone in a given directory. Topologies that no other method gives are made with this.
        """
        range_uj = options.get("range_uj", RANGE_UJ)
        self._describe(path, name, range_uj)
        if "max_w" in options:
            (path / "constraint_0_name").write_text("long_term\n")
            (path / "constraint_0_max_power_uw").write_text(f"{round(options['max_w'] * 1e6)}\n")
        around_uj = range_uj or RANGE_UJ
        zone = self.zones[key] = FakeZone(self, path, key, options.get("uj", START_UJ % around_uj), around_uj)
        return zone

    def _next(self, control: str) -> Path:
        home = self._devices / control
        if not home.exists():
            home.mkdir(parents=True)
            (home / "enabled").write_text("1\n")
            self._link(home / "subsystem", self._class)
            self._link(self._class / control, home)
        return home / f"{control}:{len(list(home.glob(f'{control}:*')))}"

    def _repeat(self, original: FakeZone, path: Path, name: str) -> Path:
        self._describe(path, name, original.range_uj)
        (path / "energy_uj").symlink_to(original.file)
        return path

    def _describe(self, path: Path, name: str, range_uj: int) -> None:
        path.mkdir(parents=True)
        (path / "name").write_text(f"{name}\n")
        (path / "enabled").write_text("1\n")
        if range_uj:
            (path / "max_energy_range_uj").write_text(f"{range_uj}\n")
        self._link(path / "subsystem", self._class)
        self._link(path / "device", path.parent)
        self._link(self._class / path.name, path)

    def _link(self, link: Path, target: Path) -> None:
        link.symlink_to(os.path.relpath(target, link.parent))
