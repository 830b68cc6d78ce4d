"""
Which registers hold joules, and what one count of each is worth.

Sources: Intel's Software Developer's Manual, volume 3, "RAPL interfaces" (MSR_RAPL_POWER_UNIT 606H and the
``*_ENERGY_STATUS`` registers); AMD's Processor Programming Reference for family 17h ("RAPL Power Unit" C001_0299,
"Core Energy Status" C001_029A, "Package Energy Status" C001_029B); for what differs from model to model, Linux,
drivers/powercap/intel_rapl_common.c, and for the addresses drivers/powercap/intel_rapl_msr.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

COUNTS = 1 << 32
"""Where every counter wraps around: the energy is in bits 31:0 (ENERGY_STATUS_MASK)."""

WIDTH = 8
"""Bytes of a register."""

INTEL_SERVERS = frozenset({0x3F, 0x4F, 0x55, 0x57, 0x6A, 0x6C, 0x85})
"""
Models of family 6 whose memory counts in 15.3 uJ, whatever the unit register says: HASWELL_X, BROADWELL_X, SKYLAKE_X,
XEON_PHI_KNL, ICELAKE_X, ICELAKE_D and XEON_PHI_KNM are ``rapl_defaults_hsw_server`` in the kernel.
"""

INTEL_PLATFORM_IN_JOULES = frozenset({0x8F, 0xCF})
"""SAPPHIRERAPIDS_X and EMERALDRAPIDS_X: psys counts whole joules (``rapl_defaults_spr_server``)."""

INTEL_SMALL = frozenset({0x37, 0x4A, 0x4C, 0x5A})
"""ATOM_SILVERMONT, ATOM_SILVERMONT_MID, ATOM_AIRMONT and ATOM_AIRMONT_MID: the unit is 2**ESU uJ, not 1/2**ESU J."""

SERVER_DRAM_UJ = 15.3
"""``dram_domain_energy_unit`` of those servers, 15300 in nanojoules times 1000."""


class Register(NamedTuple):
    """
    One energy counter of a package.

    Attributes:
        address: Where it is.
        kind: package, dram, core, uncore or psys.
        info: Address of the register that holds the kind's thermal specification power; 0 if there is none.
        per_core: Every core has one of its own; else the package has one.
    """

    address: int
    kind: str
    info: int = 0
    per_core: bool = False


class Layout(NamedTuple):
    """
    The registers of a family of processors.

    Attributes:
        unit: Address of the unit register.
        registers: The counters, the package first.
        by_die: Packages with several dies have a set of registers on each; else one set serves the package.
    """

    unit: int
    registers: tuple[Register, ...]
    by_die: bool


INTEL = Layout(
    0x606,
    (
        Register(0x611, "package", 0x614),
        Register(0x619, "dram", 0x61C),
        Register(0x639, "core"),
        Register(0x641, "uncore"),
        Register(0x64D, "psys"),
    ),
    by_die=True,
)

AMD = Layout(0xC0010299, (Register(0xC001029B, "package"), Register(0xC001029A, "core", per_core=True)), by_die=False)


class Processor(NamedTuple):
    """
    What ``/proc/cpuinfo`` says of the first CPU.

    Attributes:
        vendor: ``GenuineIntel`` and the like; empty where nothing is said.
        family: Its family, extended family included.
        model: Its model, extended model included.
    """

    vendor: str
    family: int
    model: int

    @property
    def layout(self) -> Layout | None:
        """
        Its registers; None for a processor of which none are known.
        """
        if self.vendor == "GenuineIntel" and self.family >= 6:
            return INTEL
        return AMD if self.vendor in ("AuthenticAMD", "HygonGenuine") and self.family >= 0x17 else None

    def unit_uj(self, register: Register, units: int) -> float:
        """
        Return the microjoules of one count; bits 12:8 of the unit register are the energy status unit.
        """
        is_intel = self.vendor == "GenuineIntel" and self.family == 6
        exponent = units >> 8 & 0x1F
        if is_intel and self.model in INTEL_SMALL:
            return float(1 << exponent)
        if is_intel and register.kind == "dram" and self.model in INTEL_SERVERS:
            return SERVER_DRAM_UJ
        if is_intel and register.kind == "psys" and self.model in INTEL_PLATFORM_IN_JOULES:
            return 1e6
        return 1e6 / (1 << exponent)

    def power_w(self, info: int, units: int) -> float:
        """
        Return the thermal specification power in a kind's info register: bits 14:0, in the unit of bits 3:0.

        The kernel publishes the same number as ``constraint_0_max_power_uw``.
        """
        is_small = self.vendor == "GenuineIntel" and self.family == 6 and self.model in INTEL_SMALL
        unit_w = (1 << (units & 0xF)) * 1e-3 if is_small else 1.0 / (1 << (units & 0xF))
        return (info & 0x7FFF) * unit_w


def processor(cpuinfo: str) -> Processor:
    """
    Return whose processor the text of ``/proc/cpuinfo`` describes.
    """
    fields: Mapping[str, str] = {
        key.strip(): value.strip()
        for key, _, value in (line.partition(":") for line in cpuinfo.partition("\n\n")[0].splitlines())
    }
    return Processor(fields.get("vendor_id", ""), _number(fields.get("cpu family")), _number(fields.get("model")))


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
