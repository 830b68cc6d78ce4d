"""
What a CPU's numbers say where its name says nothing: makers, microarchitectures, ARM cores, Gravitons, Apple's parts.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hardware_kit import arm, machine, x86
from hypothesis import given
from hypothesis import strategies as st

from greensdk.machine import hardware
from greensdk.machine.cores import arm_core, graviton, x86_microarch

if TYPE_CHECKING:
    from pathlib import Path


def guest(root: Path, model: str, vendor: str, family: int, number: int, stepping: int) -> str:
    """
    Write the tree of a virtual machine whose kernel tells these numbers.
    """
    fields = {"vendor_id": vendor, "cpu__family": family, "model": number, "stepping": stepping}
    return machine(root, x86(model, cpus=2, siblings=2, cores=2, flags="fpu hypervisor", **fields), cpus=2)


@pytest.mark.parametrize(
    ("model", "vendor", "numbers", "expected"),
    [
        ("AMD EPYC", "AuthenticAMD", (26, 2, 1), ("masked-amd", "Zen 5")),
        ("AMD EPYC-Rome Processor", "AuthenticAMD", (23, 49, 0), ("masked-amd", "Zen 2")),
        ("AMD EPYC Processor", "AuthenticAMD", (25, 17, 1), ("masked-amd", "Zen 4")),
        ("Intel(R) Xeon(R) Processor @ 2.50GHz", "GenuineIntel", (6, 63, 2), ("masked-intel", "Haswell-EP")),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "GenuineIntel", (6, 79, 0), ("masked-intel", "Broadwell-EP")),
        ("Intel(R) Xeon(R) CPU @ 2.00GHz", "GenuineIntel", (6, 85, 3), ("masked-intel", "Skylake-SP")),
        ("Intel Xeon Processor (Cascadelake)", "GenuineIntel", (6, 85, 6), ("masked-intel", "Cascade Lake-SP")),
        ("Intel(R) Xeon(R) Processor", "GenuineIntel", (6, 85, 11), ("masked-intel", "Cooper Lake-SP")),
        ("Intel(R) Xeon(R) Processor @ 2.90GHz", "GenuineIntel", (6, 106, 6), ("masked-intel", "Ice Lake-SP")),
        ("Intel(R) Xeon(R) Processor", "GenuineIntel", (6, 143, 8), ("masked-intel", "Sapphire Rapids")),
        ("Common KVM processor", "GenuineIntel", (15, 6, 1), ("masked-intel", None)),
        ("Common KVM processor", "AuthenticAMD", (15, 6, 1), ("masked-amd", None)),
        ("QEMU Virtual CPU version 2.5+", "AuthenticAMD", (15, 107, 1), ("masked-amd", None)),
        ("Westmere E56xx/L56xx/X56xx (Nehalem-C)", "GenuineIntel", (6, 44, 1), ("masked-intel", "Westmere-EP")),
        ("DO-Premium-AMD", "AuthenticAMD", (23, 49, 0), ("masked-amd", "Zen 2")),
        ("Common KVM processor", "HygonGenuine", (24, 0, 1), ("hygon", "Zen")),
        ("AMD Eng Sample: 100-000000897-03", "AuthenticAMD", (25, 97, 2), ("masked-amd", "Zen 4")),
        ("AMD EPYC Processor", "AuthenticAMD", (25, 160, 1), ("masked-amd", "Zen 4c")),
    ],
)
def test_a_masked_cpu_still_has_a_maker_and_numbers(
    tmp_path: Path, model: str, vendor: str, numbers: tuple[int, int, int], expected: tuple[str, str | None]
) -> None:
    """
    A hypervisor hides the name; the vendor and CPUID's numbers stay, and an odd name alone proves no hypervisor.
    """
    root = guest(tmp_path, model, vendor, *numbers)
    assert expected == (
        hardware.describe(root, system="linux", arch="x86_64")["cpu_class"],
        hardware.microarch(root),
    )


@pytest.mark.parametrize(
    ("steppings", "expected"),
    [((0, 3, 4), "Skylake-SP"), ((5, 6, 7, 9), "Cascade Lake-SP"), ((10, 11), "Cooper Lake-SP")],
)
def test_the_stepping_tells_three_generations_of_one_model_number_apart(
    steppings: tuple[int, ...], expected: str
) -> None:
    """
    Model 85 was sold from 2017 to 2020.
    """
    assert {expected} == {x86_microarch("GenuineIntel", 6, 85, stepping) for stepping in steppings}


def test_the_class_of_a_nameless_cpu_needs_its_vendor() -> None:
    """
    The same name without a vendor says nothing; a maker in the name needs none.
    """
    assert hardware.classify("Common KVM processor") == "unknown"
    assert hardware.classify("Common KVM processor", vendor="GenuineIntel") == "masked-intel"
    assert hardware.classify("AMD EPYC", vendor="") == "masked-amd"
    assert hardware.classify("Common KVM processor", "aarch64", "GenuineIntel") == "arm"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("AMD Ryzen Z1 Extreme", "amd-client"),
        ("AMD PRO A10-8700B R6, 10 Compute Cores 4C+6G", "amd-client"),
        ("AMD E2-9000 RADEON R2, 4 COMPUTE CORES 2C+2G", "amd-client"),
        ("AMD Turion(tm) II Dual-Core Mobile M520", "amd-client"),
        ("Intel(R) Xeon(R) w9-3495X", "intel-server"),
        ("Intel(R) Core(TM) i3-N305", "intel-client"),
        ("Intel(R) Xeon(R) CPU Max 9460", "intel-server"),
    ],
)
def test_rarer_names_have_their_class_too(model: str, expected: str) -> None:
    """
    A console's part with one digit, laptop parts of ten years ago, workstations.
    """
    assert expected == hardware.classify(model)


def test_numbers_that_no_table_has_are_nothing(tmp_path: Path) -> None:
    """
    No neighbour's name, no exception.
    """
    assert x86_microarch("GenuineIntel", 6, 0xFFFF, 0) is None
    assert x86_microarch("GenuineIntel", 15, 0x55, 0) is None
    assert x86_microarch("AuthenticAMD", 26, 0x50, 0) is None
    assert x86_microarch("HygonGenuine", 25, 0, 1) is None
    assert hardware.microarch(str(tmp_path)) is None
    assert hardware.microarch(machine(tmp_path, x86("POWER9", cpus=1, siblings=1, cores=1), cpus=1)) is None


@given(st.sampled_from(["GenuineIntel", "AuthenticAMD", ""]), *[st.integers(0, 255)] * 3)
def test_every_cpuid_has_some_answer(vendor: str, family: int, model: int, stepping: int) -> None:
    """
    A name or None for all numbers there are.
    """
    found = x86_microarch(vendor, family, model, stepping)
    assert found is None or found.strip()


@pytest.mark.parametrize(
    ("maker", "part", "expected"),
    [
        (0x41, 0xD0C, ("ARM Neoverse-N1", "arm-server")),
        (0x41, 0xD40, ("ARM Neoverse-V1", "arm-server")),
        (0x41, 0xD49, ("ARM Neoverse-N2", "arm-server")),
        (0x41, 0xD4F, ("ARM Neoverse-V2", "arm-server")),
        (0x41, 0xD08, ("ARM Cortex-A72", "arm-client")),
        (0x41, 0xC07, ("ARM Cortex-A7", "arm-client")),
        (0x41, 0xD85, ("ARM Cortex-X925", "arm-client")),
        (0xC0, 0xAC3, ("Ampere AmpereOne", "ampere")),
        (0x6D, 0xD49, ("Microsoft Azure Cobalt 100", "arm-server")),
        (0x48, 0xD01, ("HiSilicon Kunpeng 920", "arm-server")),
        (0x46, 0x001, ("Fujitsu A64FX", "arm-server")),
        (0x61, 0x024, ("Apple M1 Pro", "apple")),
        (0x61, 0x000, ("Apple part 0x0", "apple")),
        (0x70, 0x662, ("Phytium FTC662", "arm-server")),
        (0x48, 0xD02, ("HiSilicon Kunpeng (HIP09)", "arm-server")),
        (0x99, 0x001, ("maker 0x99 part 0x1", "arm")),
        (0x51, 0x001, ("Qualcomm Oryon", "arm-client")),
    ],
)
def test_an_arm_core_is_named_by_its_maker_and_part(
    tmp_path: Path, maker: int, part: int, expected: tuple[str, str]
) -> None:
    """
    The kernel gives two numbers on ARM; "Apple part 0x0" is a guest on a Mac.
    """
    root = machine(tmp_path, arm(maker, part, cpus=4), cpus=4)
    host = hardware.describe(root, system="linux", arch="aarch64")
    assert expected == (host["cpu_model"], host["cpu_class"])
    assert hardware.microarch(root) == expected[0]


@given(st.integers(0, 255), st.integers(0, 4095))
def test_every_arm_core_has_some_name(maker: int, part: int) -> None:
    """
    And none is anybody else's.
    """
    assert arm_core(maker, part)
    assert arm_core(maker, part) == arm_core(0x41, part) or maker != 0x41


@pytest.mark.parametrize(
    ("part", "instance", "expected"),
    [
        (0xD08, "a1.metal", "AWS Graviton (ARM Cortex-A72)"),
        (0xD0C, "m6g.large", "AWS Graviton2 (ARM Neoverse-N1)"),
        (0xD0C, "g5g.xlarge", "AWS Graviton2 (ARM Neoverse-N1)"),
        (0xD0C, "im4gn.large", "AWS Graviton2 (ARM Neoverse-N1)"),
        (0xD40, "c7g.16xlarge", "AWS Graviton3 (ARM Neoverse-V1)"),
        (0xD40, "c7gn.large", "AWS Graviton3E (ARM Neoverse-V1)"),
        (0xD40, "hpc7g.4xlarge", "AWS Graviton3E (ARM Neoverse-V1)"),
        (0xD4F, "r8g.large", "AWS Graviton4 (ARM Neoverse-V2)"),
        (0xD84, "m9g.large", "AWS Graviton5 (ARM Neoverse-V3)"),
        (0xEEE, "c8gb.large", "AWS Graviton4 (ARM part 0xeee)"),
        (0xEEE, "m5.large", "ARM part 0xeee"),
        (0xEEE, "g5g.xlarge", "ARM part 0xeee"),
        (0xEEE, "", "ARM part 0xeee"),
    ],
)
def test_a_graviton_is_known_by_its_core_then_by_its_instance(
    tmp_path: Path, part: int, instance: str, expected: str
) -> None:
    """
    The instance type helps with cores that came after the table; it alone tells 3 from 3E.
    """
    dmi = {"sys__class__dmi__id__sys_vendor": "Amazon EC2", "sys__class__dmi__id__product_name": instance}
    root = machine(tmp_path, arm(0x41, part, cpus=2), cpus=2, **dmi)
    assert hardware.describe(root, system="linux", arch="aarch64")["cpu_model"] == expected
    assert graviton(arm_core(0x41, part), instance) == expected


def test_without_dmi_an_arm_core_is_only_a_core(tmp_path: Path) -> None:
    """
    In a Lambda and on other clouds nothing says Graviton.
    """
    root = machine(tmp_path, arm(0x41, 0xD0C, cpus=2), cpus=2)
    host = hardware.describe(root, system="linux", arch="aarch64")
    assert (host["cpu_model"], host["cpu_class"]) == ("ARM Neoverse-N1", "arm-server")


@pytest.mark.parametrize(
    ("compatible", "expected"),
    [
        ("apple,j375d\0apple,t6002\0apple,arm-platform\0", "Apple M1 Ultra"),
        ("apple,j314c\0apple,t6001\0apple,arm-platform\0", "Apple M1 Max"),
        ("apple,j999\0apple,t9999\0apple,arm-platform\0", "Apple M1 Max"),
    ],
)
def test_linux_on_a_mac_asks_the_device_tree(tmp_path: Path, compatible: str, expected: str) -> None:
    """
    An Ultra is two Max and has their part numbers; the device tree knows, the core is the second best.
    """
    root = machine(tmp_path, arm(0x61, 0x029, cpus=4), cpus=4, **{"proc__device-tree__compatible": compatible})
    assert hardware.describe(root, system="linux", arch="aarch64")["cpu_model"] == expected


@pytest.mark.parametrize("brand", ["Apple M1", "Apple M2 Pro", "Apple M3 Max", "Apple M1 Ultra", "Apple M4"])
def test_a_mac_names_its_part(tmp_path: Path, brand: str) -> None:
    """
    By sysctl, word for word.
    """
    answers = {"machdep.cpu.brand_string": brand.encode() + b"\0"}
    host = hardware.describe(str(tmp_path), system="darwin", arch="arm64", sysctl=lambda name: answers.get(name, b""))
    assert (host["cpu_model"], host["cpu_class"]) == (brand, "apple")


@pytest.mark.parametrize(
    ("cpuinfo", "arch", "expected"),
    [
        ("processor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t\t: 3800MHz\n\n", "ppc64le", ("POWER9", "power")),
        (
            "vendor_id       : IBM/S390\n# processors    : 4\nbogomips per cpu: 3241.00\n\n",
            "s390x",
            ("IBM/S390", "s390x"),
        ),
        (
            "processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\nuarch\t\t: sifive,u74-mc\n\n",
            "riscv64",
            ("sifive", "riscv"),
        ),
        ("processor\t\t: 0\nModel Name\t\t: Loongson-3A6000\n\n", "loongarch64", ("Loongson-3A6000", "loongarch")),
        ("processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\n\n", "armv7l", ("ARMv7", "arm-client")),
        ("processor\t: 0\nisa\t\t: rv64imafdc\n\n", "riscv64", ("", "riscv")),
        ("", "mips64", ("", "unknown")),
    ],
)
def test_every_architecture_of_linux_has_a_class(
    tmp_path: Path, cpuinfo: str, arch: str, expected: tuple[str, str]
) -> None:
    """
    Their /proc/cpuinfo have other keys, and some no name at all.
    """
    host = hardware.describe(machine(tmp_path, cpuinfo, cpus=4), system="linux", arch=arch)
    assert expected == ((host["cpu_model"] or "")[: len(expected[0])], host["cpu_class"])


@pytest.mark.parametrize(
    ("flags", "model", "numbers", "expected"),
    [
        ("fpu", "AMD Eng Sample: 100-000000894-04_38/24_Y", ("AuthenticAMD", 25, 97, 2), ("amd-client", "Zen 4")),
        ("fpu", "AMD Eng Sample: 100-000000997-01", ("AuthenticAMD", 26, 17, 0), ("masked-amd", "Zen 5c")),
        ("fpu", "Genuine Intel(R) CPU 0000%@", ("GenuineIntel", 6, 151, 2), ("intel-client", "Alder Lake")),
        ("fpu", "Genuine Intel(R) CPU 0000%@", ("GenuineIntel", 6, 143, 2), ("masked-intel", "Sapphire Rapids")),
        (
            "fpu hypervisor",
            "Intel Core Processor (Broadwell)",
            ("GenuineIntel", 6, 61, 2),
            ("masked-intel", "Broadwell"),
        ),
    ],
)
def test_a_sample_on_bare_metal_is_told_by_its_numbers(
    tmp_path: Path, flags: str, model: str, numbers: tuple[str, int, int, int], expected: tuple[str, str]
) -> None:
    """
    Client silicon or a server's; under a hypervisor QEMU makes the numbers up.
    """
    vendor, family, number, stepping = numbers
    fields = {"vendor_id": vendor, "cpu__family": family, "model": number, "stepping": stepping}
    root = machine(tmp_path, x86(model, cpus=8, siblings=8, cores=8, flags=flags, **fields), cpus=8)
    host = hardware.describe(root, system="linux", arch="x86_64")
    assert expected == (host["cpu_class"], host["cpu_generation"])


def test_windows_is_asked_by_its_registry() -> None:
    """
    A Hyper-V guest on a Xeon that hides its name: CPUID's numbers stand in a sentence.
    """
    answers = {
        "ProcessorNameString": "Intel(R) Xeon(R) Processor @ 2.50GHz   ",
        "Identifier": "Intel64 Family 6 Model 85 Stepping 7",
        "VendorIdentifier": "GenuineIntel",
        "SystemManufacturer": "Microsoft Corporation",
        "SystemProductName": "Virtual Machine",
    }
    host = hardware.describe(system="win32", arch="amd64", registry=lambda _path, name: answers.get(name, ""))
    assert ("Intel(R) Xeon(R) Processor @ 2.50GHz", "masked-intel") == (host["cpu_model"], host["cpu_class"])
    assert ("Cascade Lake-SP", True) == (host["cpu_generation"], host["virtualised"])
    empty = hardware.describe(system="win32", arch="amd64", registry=lambda _path, _name: "")
    assert (None, "x86", None) == (empty["cpu_model"], empty["cpu_class"], empty["virtualised"])


def test_there_is_no_registry_outside_of_windows() -> None:
    """
    Empty, as everything that is unknown.
    """
    assert hardware.registry("HARDWARE", "SystemManufacturer") == "" or sys.platform == "win32"
