"""
A machine whose energy registers a test turns by hand: a directory with ``dev``, ``proc`` and ``sys`` in it.

A device is a sparse file that holds the 8 bytes of each register, :data:`STRIDE` bytes apart; a register that is not
there reads as nothing. Package-wide registers show the same on every CPU of the package. What a file of a test
can't show is the kernel's question for CAP_SYS_RAWIO.
"""

from __future__ import annotations

import os
from pathlib import Path

from greensdk.testing.counter import descriptors, point

SERVER, CLIENT, AMD = "server", "client", "amd"

_CPUINFO = {
    SERVER: ("GenuineIntel", 6, 0x6A),
    CLIENT: ("GenuineIntel", 6, 0x9E),
    AMD: ("AuthenticAMD", 0x19, 0x01),
}
"""Vendor, family and model: Ice Lake SP, Coffee Lake, Milan."""

_KINDS = {
    SERVER: {"package": 0x611, "dram": 0x619},
    CLIENT: {"package": 0x611, "core": 0x639, "uncore": 0x641, "psys": 0x64D},
    AMD: {"package": 0xC001029B},
}
_AMD_CORE = 0xC001029A
_UNIT = {SERVER: 0x606, CLIENT: 0x606, AMD: 0xC0010299}
_SERVER_DRAM_UJ = 15.3
_POWER_INFO = 0x614

STRIDE = 8
"""A plain file has a byte at each offset, not a register: registers stand so far apart. See the monitor's `stride`."""

START_COUNTS = 1_000_000
"""What counters start with: a machine that has been up for a while."""


class FakeRegister:
    """
    One energy counter, which wraps after 2**32 counts.

    Args:
        files: The devices that show it.
        address: Where.
        unit_uj: Microjoules of one count.

    Attributes:
        counts: What it shows.
        total_counts: All that was ever added: the truth that a reader has to find.
    """

    def __init__(self, files: list[Path], address: int, unit_uj: float) -> None:
        self.files = files
        self.address = address
        self.unit_uj = unit_uj
        self.counts = 0
        self.total_counts = 0
        self.set_counts(START_COUNTS)

    def add_counts(self, counts: int) -> None:
        """
        Count `counts` more, around 2**32 if need be.
        """
        self.total_counts += counts
        self.set_counts((self.counts + counts) % (1 << 32))

    def add_j(self, joules: float) -> None:
        """
        Count `joules` more, to the nearest whole count.
        """
        self.add_counts(round(joules * 1e6 / self.unit_uj))

    def set_counts(self, counts: int) -> None:
        """
        Put the counter at `counts`, without counting anything. The upper half of the register holds other bits.
        """
        self.counts = counts
        for file in self.files:
            write(file, self.address, 0xABCD << 32 | counts)


class MsrTree:
    """
    A machine with energy registers.

    Args:
        path: An empty directory.
        kind: `SERVER` (Intel, with memory counters), `CLIENT` (Intel, with parts and a platform) or `AMD`.
        packages: How many packages.
        dies: Dies of each package.
        cores: Cores of each die; each has two CPUs, numbered as Linux does, the second threads last.
        esu: Bits 12:8 of the unit register: a count is worth 1/2**esu joules.
        tdp_w: Thermal specification power of the packages, in bits 14:0 of an info register; 0 for none.

    Attributes:
        root: What takes the place of ``/``.
        registers: Every counter by its key in readings; those of AMD's cores end with ``-cpu-N``.
        files: The device of each CPU.
    """

    def __init__(
        self,
        path: str | Path,
        kind: str = SERVER,
        *,
        packages: int = 1,
        dies: int = 1,
        cores: int = 2,
        esu: int = 14,
        tdp_w: int = 0,
    ) -> None:
        self.root = str(path)
        self.kind = kind
        self.files: list[Path] = []
        self.registers: dict[str, FakeRegister] = {}
        each = [(package, die, core) for package in range(packages) for die in range(dies) for core in range(cores)]
        for package, die, core in each * 2:
            self._cpu(package, die, core, esu, tdp_w)
        for package in range(packages):
            self._package(package, dies, cores, 1e6 / (1 << esu))
        self.describe(*_CPUINFO[kind])

    def describe(self, vendor: str, family: int, model: int) -> None:
        """
        Say in ``proc/cpuinfo`` whose processor it is.
        """
        lines = f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n"
        file = Path(self.root, "proc", "cpuinfo")
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{lines}\nprocessor\t: 1\nvendor_id\t: Other\n")

    def fail(self, cpu: int) -> None:
        """
        Have every read of a CPU's device fail with a real EIO, also through descriptors of this process.

        They are moved to ``/proc/self/mem``, where neither the first pages nor those at 26 GB are mapped.
        """
        file = self.files[cpu]
        held = descriptors(file)
        file.unlink()
        file.symlink_to("/proc/self/mem")
        for fd in held:
            point(fd, file)

    def remove(self, register: FakeRegister) -> None:
        """
        Have a register hold 0, as one that a model does not have.
        """
        for file in register.files:
            write(file, register.address, 0)

    def _cpu(self, package: int, die: int, core: int, esu: int, tdp_w: int) -> None:
        number = len(self.files)
        file = Path(self.root, "dev", "cpu", str(number), "msr")
        topology = Path(self.root, "sys", "devices", "system", "cpu", f"cpu{number}", "topology")
        for folder in (file.parent, topology):
            folder.mkdir(parents=True)
        for name, value in (("physical_package_id", package), ("die_id", die), ("core_id", core)):
            (topology / name).write_text(f"{value}\n")
        file.touch(0o600)
        self.files.append(file)
        write(file, _UNIT[self.kind], 0xA0003 | esu << 8)  # power in 1/8 W, as most processors have it
        write(file, _POWER_INFO, tdp_w << 3)

    def _package(self, package: int, dies: int, cores: int, unit_uj: float) -> None:
        half = len(self.files) // 2
        by_die = dies if self.kind != AMD else 1
        size = dies * cores // by_die
        for die in range(by_die):
            first = package * dies * cores + die * size
            inside = [cpu + thread for cpu in range(first, first + size) for thread in (0, half)]
            suffix = f"{package}" if by_die == 1 else f"{package}-die-{die}"
            for name, address in _KINDS[self.kind].items():
                unit = _SERVER_DRAM_UJ if self.kind == SERVER and name == "dram" else unit_uj
                key = "psys" if name == "psys" else f"{name}-{suffix}"
                register = FakeRegister([self.files[cpu] for cpu in inside], address, unit)
                self.registers.setdefault(key, register)
            if self.kind == AMD:
                for cpu in range(first, first + size):
                    files = [self.files[cpu], self.files[cpu + half]]
                    self.registers[f"core-{suffix}-cpu-{cpu}"] = FakeRegister(files, _AMD_CORE, unit_uj)


def write(file: Path, address: int, value: int) -> None:
    """
    Put `value` into the register at `address` of a device, in one call.
    """
    fd = os.open(file, os.O_WRONLY)
    try:
        os.pwrite(fd, value.to_bytes(8, "little"), address * STRIDE)
    finally:
        os.close(fd)
