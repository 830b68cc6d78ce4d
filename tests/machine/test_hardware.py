"""
Hardware identification, on trees of machines that are not here.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest
from hardware_kit import MACHINE_ID, arm, machine, x86
from hypothesis import given
from hypothesis import strategies as st

from greensdk.machine import hardware

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", "intel-server"),
        ("Intel(R) Xeon(R) CPU E5-2676 v3 @ 2.40GHz", "intel-server"),
        ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", "intel-server"),
        ("Intel(R) Xeon(R) Platinum 8488C", "intel-server"),
        ("Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", "intel-server"),
        ("Intel(R) Xeon(R) 6980P", "intel-server"),
        ("Intel(R) Xeon(R) CPU X5650 @ 2.67GHz", "intel-server"),
        ("Intel(R) Xeon(R) E-2288G CPU @ 3.70GHz", "intel-server"),
        ("Intel(R) Xeon Phi(TM) CPU 7250 @ 1.40GHz", "intel-server"),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", "intel-client"),
        ("Intel(R) Core(TM) i7-1365U", "intel-client"),
        ("Intel(R) Core(TM) m3-7Y30 CPU @ 1.00GHz", "intel-client"),
        ("Intel(R) Core(TM)2 Duo CPU     E8400  @ 3.00GHz", "intel-client"),
        ("Intel(R) Core(TM) Ultra 7 155H", "intel-client"),
        ("Intel(R) Pentium(R) Silver N5000 CPU @ 1.10GHz", "intel-client"),
        ("Intel(R) Celeron(R) N4020 CPU @ 1.10GHz", "intel-client"),
        ("Intel(R) Atom(TM) CPU D525   @ 1.80GHz", "intel-client"),
        ("Intel(R) N100", "intel-client"),
        ("Intel(R) Xeon(R) Processor @ 2.50GHz", "masked-intel"),
        ("Intel(R) Xeon(R) Processor @ 2.90GHz", "masked-intel"),
        ("Intel(R) Xeon(R) Processor @ 3.00GHz", "masked-intel"),
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "masked-intel"),
        ("Intel(R) Xeon(R) Platinum", "masked-intel"),
        ("Intel Xeon Processor (Skylake, IBRS)", "masked-intel"),
        ("Intel Xeon E3-12xx v2 (Ivy Bridge)", "masked-intel"),
        ("Intel Core Processor (Broadwell, no TSX)", "masked-intel"),
        ("Intel(R) Processor", "masked-intel"),
        ("AMD EPYC 7R32", "amd-server"),
        ("AMD EPYC 7R13 Processor", "amd-server"),
        ("AMD EPYC 9R14", "amd-server"),
        ("AMD EPYC 7B12", "amd-server"),
        ("AMD EPYC 7763 64-Core Processor", "amd-server"),
        ("Quad-Core AMD Opteron(tm) Processor 2376", "amd-server"),
        ("AMD EPYC", "masked-amd"),
        ("AMD EPYC Processor", "masked-amd"),
        ("AMD EPYC Processor (with IBPB)", "masked-amd"),
        ("AMD EPYC-Rome Processor", "masked-amd"),
        ("AMD EPYC-Milan-v2 Processor", "masked-amd"),
        ("AMD Ryzen 7 PRO 6850U with Radeon Graphics", "amd-client"),
        ("AMD Ryzen Threadripper 1950X 16-Core Processor", "amd-client"),
        ("AMD A10-7850K Radeon R7, 12 Compute Cores 4C+8G", "amd-client"),
        ("AMD FX(tm)-8350 Eight-Core Processor", "amd-client"),
        ("AMD Custom APU 0405", "amd-client"),
        ("Apple M1", "apple"),
        ("Apple M1 Pro", "apple"),
        ("Apple M4 Pro", "apple"),
        ("VirtualApple @ 2.50GHz", "apple"),
        ("AWS Graviton2 (ARM Neoverse-N1)", "graviton"),
        ("AWS Graviton4 (ARM Neoverse-V2)", "graviton"),
        ("Ampere(R) Altra(R) Processor Q80-30 CPU @ 3.0GHz", "ampere"),
        ("Ampere AmpereOne", "ampere"),
        ("ARM Neoverse-N1", "arm-server"),
        ("Microsoft Azure Cobalt 100", "arm-server"),
        ("HiSilicon Kunpeng 920", "arm-server"),
        ("ARM Cortex-A76", "arm-client"),
        ("Raspberry Pi 4 Model B Rev 1.4", "arm-client"),
        ("Snapdragon(R) X Elite - X1E80100 - Qualcomm(R) Oryon(TM) CPU", "arm-client"),
        ("QEMU Virtual CPU version 2.5+", "unknown"),
        ("Common KVM processor", "unknown"),
        ("Hygon C86 7185 32-core Processor", "hygon"),
        ("AMD Eng Sample: 100-000000897-03 8-Core Processor", "unknown"),
        ("VIA Nano X2 U4025 @ 1.2 GHz", "zhaoxin"),
        ("ZHAOXIN KaiXian KX-6640MA@2.2+GHz", "zhaoxin"),
        ("AMD Instinct MI300A Accelerator", "amd-server"),
        ("AMD GX-412TC SOC", "amd-client"),
        ("Ampere Altra (ARM Neoverse-N1)", "ampere"),
        ("NVIDIA Grace (ARM Neoverse-V2)", "arm-server"),
        ("Phytium FTC662", "arm-server"),
        ("Qualcomm Oryon", "arm-client"),
        ("ARMv7 Processor rev 3 (v7l)", "arm-client"),
        ("Loongson-3A6000", "loongarch"),
        ("IBM/S390", "s390x"),
        ("POWER9 (raw), altivec supported", "power"),
        ("", "unknown"),
    ],
)
def test_a_brand_string_has_its_class(model: str, expected: str) -> None:
    """
    Real names, and those that hypervisors put in their place.
    """
    assert expected == hardware.classify(model, "")
    assert expected in hardware.CPU_CLASSES


@given(st.text(max_size=60), st.sampled_from(["x86_64", "aarch64", ""]))
def test_every_name_has_some_class(model: str, arch: str) -> None:
    """
    Whatever the kernel says, the class is one of the list.
    """
    assert hardware.classify(model, arch) in hardware.CPU_CLASSES


def test_an_x86_name_on_arm_is_the_emulators_host() -> None:
    """
    Under qemu-user /proc/cpuinfo is that of the machine outside.
    """
    assert hardware.classify("AMD EPYC 7763 64-Core Processor", "aarch64") == "unknown"


def test_two_intel_sockets_with_hyperthreads(tmp_path: Path) -> None:
    """
    96 threads, 24 cores of two threads in each of two sockets, on bare metal.
    """
    model = "Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz"
    root = machine(tmp_path, x86(model, cpus=96, siblings=48, cores=24), cpus=96)
    expected = {
        "host_id": hardware.host_id(root),
        "boot_id": "b00t",
        "os": "linux",
        "arch": "x86_64",
        "cpu_model": model,
        "cpu_class": "intel-server",
        "cpu_generation": None,
        "cpus_logical": 96,
        "cpus_physical": 48,
        "sockets": 2,
        "memory_bytes": 16384000 * 1024,
        "virtualised": False,
    }
    assert expected == hardware.describe(root, system="linux", arch="x86_64")


def test_an_amd_virtual_machine(tmp_path: Path) -> None:
    """
    The hypervisor hides the part and shows itself in the flags.
    """
    root = machine(tmp_path, x86("AMD EPYC", cpus=2, siblings=2, cores=2, flags="fpu ht hypervisor"), cpus=2)
    host = hardware.describe(root, system="linux", arch="x86_64")
    assert (
        host["cpu_class"],
        host["cpus_logical"],
        host["cpus_physical"],
        host["sockets"],
        host["virtualised"],
    ) == ("masked-amd", 2, 2, 1, True)


@pytest.mark.parametrize(
    ("part", "dmi", "expected"),
    [
        (0xD0C, ("Amazon EC2", "t4g.small"), ("AWS Graviton2 (ARM Neoverse-N1)", "graviton", True)),
        (0xD40, ("Amazon EC2", "c7g.metal"), ("AWS Graviton3 (ARM Neoverse-V1)", "graviton", False)),
        (0xD4F, ("Amazon EC2", "m8g.metal-24xl"), ("AWS Graviton4 (ARM Neoverse-V2)", "graviton", False)),
        (0xD0C, ("Google", "Google Compute Engine"), ("Ampere Altra (ARM Neoverse-N1)", "ampere", True)),
        (0xD4F, ("Google", "Google Compute Engine"), ("Google Axion (ARM Neoverse-V2)", "arm-server", True)),
        (0xD0C, ("Hetzner", "vServer"), ("Ampere Altra (ARM Neoverse-N1)", "ampere", True)),
        (0xD49, ("Alibaba Cloud", "Alibaba Cloud ECS"), ("Alibaba Yitian 710 (ARM Neoverse-N2)", "arm-server", True)),
        (0xD0C, ("Some Maker", "Some Board"), ("Ampere Altra (ARM Neoverse-N1)", "ampere", None)),
        (0xD4F, ("Some Maker", "Some Board"), ("NVIDIA Grace (ARM Neoverse-V2)", "arm-server", None)),
        (0xEEE, ("Some Maker", "Some Board"), ("ARM part 0xeee", "arm", None)),
    ],
)
def test_an_arm_server_is_named_by_its_part_number(
    tmp_path: Path, part: int, dmi: tuple[str, str], expected: tuple[str, str, bool | None]
) -> None:
    """
    Who made the machine tells the part; bare metal of EC2 is none of its guests; None where nothing tells.
    """
    root = machine(
        tmp_path,
        arm(0x41, part, cpus=4),
        cpus=4,
        sys__class__dmi__id__sys_vendor=dmi[0],
        sys__class__dmi__id__product_name=dmi[1],
        sys__devices__system__cpu__cpu0__topology__thread_siblings_list="0",
        sys__devices__system__cpu__cpu0__topology__core_siblings_list="0-3",
    )
    host = hardware.describe(root, system="linux", arch="aarch64")
    assert expected == (host["cpu_model"], host["cpu_class"], host["virtualised"])
    assert (host["cpus_physical"], host["sockets"]) == (4, 1)


def test_a_raspberry_pi_is_named_by_its_device_tree(tmp_path: Path) -> None:
    """
    The board says more than the core, and without topology files nothing is guessed.
    """
    files = {"proc__device-tree__model": "Raspberry Pi 4 Model B Rev 1.4\0"}
    root = machine(tmp_path, arm(0x41, 0xD08, cpus=4), cpus=4, **files)
    host = hardware.describe(root, system="linux", arch="aarch64")
    assert host["cpu_model"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert host["cpu_class"] == "arm-client"
    assert (host["cpus_logical"], host["cpus_physical"], host["sockets"]) == (4, None, None)


def test_an_unknown_arm_maker_keeps_its_numbers(tmp_path: Path) -> None:
    """
    Only ARM is called ARM.
    """
    root = machine(tmp_path, arm(0x77, 0x123, cpus=1), cpus=1)
    assert hardware.describe(root, system="linux", arch="aarch64")["cpu_model"] == "maker 0x77 part 0x123"


def test_a_device_tree_tells_of_its_hypervisor(tmp_path: Path) -> None:
    """
    KVM guests on ARM have no CPU flag, but a node.
    """
    files = {"proc__device-tree__hypervisor__compatible": "linux,kvm\0"}
    root = machine(tmp_path, arm(0x41, 0xD0C, cpus=2), cpus=2, **files)
    assert hardware.describe(root, system="linux", arch="aarch64")["virtualised"] is True


def test_a_xen_guest_without_the_flag_is_virtual(tmp_path: Path) -> None:
    """
    Paravirtual Xen hides the CPUID bit.
    """
    cpuinfo = x86("Intel(R) Xeon(R) CPU E5-2676 v3 @ 2.40GHz", cpus=1, siblings=1, cores=1)
    root = machine(tmp_path, cpuinfo, cpus=1, sys__hypervisor__type="xen\n")
    assert hardware.describe(root, system="linux", arch="x86_64")["virtualised"] is True


def test_a_long_cpuinfo_is_not_read_to_its_end(tmp_path: Path) -> None:
    """
    128 CPUs: the first block tells everything, and what stands after 8 KB may even be nonsense.
    """
    cpuinfo = x86("AMD EPYC 7763 64-Core Processor", cpus=128, siblings=128, cores=64, flags="fpu " * 300)
    assert len(cpuinfo) > 8192
    root = machine(tmp_path, cpuinfo + "model name : something else\n", cpus=128)
    host = hardware.describe(root, system="linux", arch="x86_64")
    assert (host["cpus_logical"], host["cpus_physical"], host["sockets"]) == (128, 64, 1)
    assert host["cpu_model"] == "AMD EPYC 7763 64-Core Processor"


def test_cpus_that_are_offline_make_the_numbers_unknown(tmp_path: Path) -> None:
    """
    Three of four threads online: cores and sockets can't be separated from it.
    """
    root = machine(tmp_path, x86("Intel(R) Core(TM) i5-6600", cpus=3, siblings=4, cores=4), cpus=3)
    host = hardware.describe(root, system="linux", arch="x86_64")
    assert (host["cpus_logical"], host["cpus_physical"], host["sockets"]) == (3, None, None)


def test_an_empty_tree_is_a_machine_about_which_nothing_is_known(tmp_path: Path) -> None:
    """
    A sandbox that hides /proc and /sys must not raise, nor lend us this machine's numbers.
    """
    host = hardware.describe(str(tmp_path), system="linux", arch="x86_64")
    unknown = ("boot_id", "cpu_model", "cpus_logical", "cpus_physical", "sockets", "memory_bytes", "virtualised")
    assert [None] * len(unknown) == [host[key] for key in unknown]  # type: ignore[literal-required]
    assert host["cpu_class"] == "x86"


def test_a_mac_is_asked_by_sysctl(tmp_path: Path) -> None:
    """
    An M4 Pro: strings end in NUL, numbers are little-endian of 4 or 8 bytes.
    """
    answers = {
        "machdep.cpu.brand_string": b"Apple M4 Pro\0",
        "hw.physicalcpu": (14).to_bytes(4, "little"),
        "hw.logicalcpu": (14).to_bytes(4, "little"),
        "hw.packages": (1).to_bytes(4, "little"),
        "hw.memsize": (24 << 30).to_bytes(8, "little"),
        "kern.bootsessionuuid": b"AAAA-BBBB\0",
        "kern.hv_vmm_present": bytes(4),
    }
    host = hardware.describe(str(tmp_path), system="darwin", arch="arm64", sysctl=answers.__getitem__)
    expected = {
        "host_id": hardware.host_id(str(tmp_path)),
        "boot_id": "AAAA-BBBB",
        "os": "darwin",
        "arch": "arm64",
        "cpu_model": "Apple M4 Pro",
        "cpu_class": "apple",
        "cpu_generation": None,
        "cpus_logical": 14,
        "cpus_physical": 14,
        "sockets": 1,
        "memory_bytes": 24 << 30,
        "virtualised": False,
    }
    assert expected == host


def test_a_mac_that_answers_nothing_is_unknown(tmp_path: Path) -> None:
    """
    An empty answer is None, not 0.
    """
    host = hardware.describe(str(tmp_path), system="darwin", arch="arm64", sysctl=lambda _name: b"")
    assert [host["cpu_model"], host["cpus_logical"], host["virtualised"]] == [None] * 3


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has sysctlbyname")
def test_sysctl_is_empty_where_there_is_none() -> None:
    """
    Linux has no such call.
    """
    assert hardware.sysctl("hw.memsize") == b""


def test_the_host_id_is_stable_and_hides_the_machine_id(tmp_path: Path) -> None:
    """
    The SHA-256 of a known id, cut to 16 digits: a change would make one machine two in every log.
    """
    root = machine(tmp_path, "", cpus=1)
    host_id = hardware.host_id(root)
    assert host_id == "cba914e5cc2c92ed"
    assert MACHINE_ID[:16] != host_id


@pytest.mark.parametrize("text", ["", "uninitialized\n"])
def test_without_a_machine_id_the_host_name_tells(tmp_path: Path, text: str) -> None:
    """
    systemd writes "uninitialized" into images; all of them together are not one machine.
    """
    root = machine(tmp_path, "", cpus=1, **{"etc/machine-id": text})
    with_dbus = machine(tmp_path / "dbus", "", cpus=1, **{"etc/machine-id": text, "var/lib/dbus/machine-id": "f" * 32})
    assert re.fullmatch("[0-9a-f]{16}", hardware.host_id(root))
    assert hardware.host_id(root) != hardware.host_id(with_dbus)
    assert hardware.host_id(root) == hardware.host_id(str(tmp_path / "nothing here"))


def test_this_machine_is_described() -> None:
    """
    The real files of the machine that runs the tests.
    """
    host = hardware.describe()
    assert os.cpu_count() == host["cpus_logical"]
    assert os.uname().machine == host["arch"]
    assert host["memory_bytes"] is not None
    assert host["memory_bytes"] > 1 << 27
    assert hardware.host_id() == host["host_id"]


def test_identify_takes_py_cpuinfos_words() -> None:
    """
    Its keys are renamed, and what it does not know is None.
    """
    info = {
        "brand_raw": "Intel(R) Xeon(R) Processor @ 2.50GHz",
        "arch_string_raw": "x86_64",
        "vendor_id_raw": "GenuineIntel",
        "family": 6,
        "model": 63,
        "hz_advertised": (2500000000, 0),
    }
    expected = {
        "cpu_model": "Intel(R) Xeon(R) Processor @ 2.50GHz",
        "cpu_class": "masked-intel",
        "vendor": "GenuineIntel",
        "family": 6,
        "model": 63,
        "stepping": None,
        "hz_advertised": 2500000000,
        "l3_cache_bytes": None,
        "reason": None,
    }
    assert expected == hardware.identify(lambda: info)


def test_identify_says_that_py_cpuinfo_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With the command that brings it.
    """
    monkeypatch.setitem(sys.modules, "cpuinfo", None)
    found = hardware.identify()
    assert "pip install" in found.pop("reason")
    assert {None} == set(found.values())
