"""
The table of CPU parts: real brand strings find their own watts, and nobody else's.
"""

from __future__ import annotations

from math import inf
from pathlib import Path
from statistics import median

import greensdk_psutil_tdp
import pytest
from greensdk_psutil_tdp.data import amd, core, intel, threads
from greensdk_psutil_tdp.data.classes import (
    ALTRA_MEDIAN,
    BY_YEAR,
    CLASS_DEFAULTS,
    CLOUD_MEDIAN,
    GENERATIONS,
    MEDIAN,
    SUFFIXES,
)
from greensdk_psutil_tdp.data.parts import ARK, CLOUD, PARTS
from greensdk_psutil_tdp.names import letters, normalise
from greensdk_psutil_tdp.table import CODECARBON, find
from greensdk_psutil_tdp.tdp import CLASS_DEFAULT, EXACT, GENERATION, RAPL, SERIES, USER, lookup, of_class
from hypothesis import given
from hypothesis import strategies as st

from greensdk.hardware import CPU_CLASSES, classify
from greensdk.testing import PowercapTree

NO_POWERCAP = "/nonexistent/powercap"


def names_in(maker: str, lines: dict[str, str]) -> set[str]:
    """
    Return the names of a table of text.
    """
    return {
        f"{maker} {family} {rest}".replace("  ", " ")
        for family, text in lines.items()
        for rest in text.replace("\n", "").split(";")
        if rest and rest[0] != "="
    }


GENERATED = names_in("intel", intel.LINES) | names_in("amd", amd.LINES)
KNOWN = GENERATED | names_in("intel", core.LINES) | PARTS.keys()
NAMES = sorted(KNOWN)

BRANDS = [
    # Clouds that show the name
    ("Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", "intel-server", 145, EXACT),
    ("Intel(R) Xeon(R) CPU E5-2676 v3 @ 2.40GHz", "intel-server", 120, GENERATION),
    ("Intel(R) Xeon(R) Platinum 8124M CPU @ 3.00GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) Platinum 8151 CPU @ 3.40GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) Platinum 8171M CPU @ 2.60GHz", "intel-server", 165, EXACT),
    ("Intel(R) Xeon(R) Platinum 8175M CPU @ 2.50GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", "intel-server", 210, EXACT),
    ("Intel(R) Xeon(R) Platinum 8272CL CPU @ 2.60GHz", "intel-server", 195, EXACT),
    ("Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "intel-server", 300, EXACT),
    ("Intel(R) Xeon(R) Platinum 8488C", "intel-server", 385, EXACT),
    ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "intel-server", 350, EXACT),
    ("AMD EPYC 7571", "amd-server", 200, EXACT),
    ("AMD EPYC 7R32", "amd-server", 280, EXACT),
    ("AMD EPYC 7R13 Processor", "amd-server", 225, EXACT),
    ("AMD EPYC 7R13 48-Core Processor", "amd-server", 225, EXACT),
    ("AMD EPYC 9R14", "amd-server", 360, GENERATION),
    ("AMD EPYC 7B12", "amd-server", 240, EXACT),
    ("AMD EPYC 7B13", "amd-server", 288, GENERATION),
    # Clouds that hide it
    ("Intel(R) Xeon(R) Processor @ 2.50GHz", "masked-intel", None, CLASS_DEFAULT),
    ("Intel(R) Xeon(R) Processor @ 2.90GHz", "masked-intel", None, CLASS_DEFAULT),
    ("Intel(R) Xeon(R) Processor @ 3.00GHz", "masked-intel", None, CLASS_DEFAULT),
    ("Intel(R) Xeon(R) CPU @ 2.20GHz", "masked-intel", None, CLASS_DEFAULT),
    ("Intel Xeon Processor (Skylake, IBRS)", "masked-intel", None, CLASS_DEFAULT),
    ("Intel Xeon Processor (Cascadelake)", "masked-intel", None, CLASS_DEFAULT),
    ("Intel Core Processor (Broadwell, no TSX, IBRS)", "masked-intel", None, CLASS_DEFAULT),
    ("AMD EPYC", "masked-amd", None, CLASS_DEFAULT),
    ("AMD EPYC Processor", "masked-amd", None, CLASS_DEFAULT),
    ("AMD EPYC Processor (with IBPB)", "masked-amd", None, CLASS_DEFAULT),
    ("AMD EPYC-Rome Processor", "masked-amd", None, CLASS_DEFAULT),
    ("Common KVM processor", "unknown", None, None),
    ("QEMU Virtual CPU version 2.5+", "unknown", None, None),
    # ARM
    ("AWS Graviton (ARM Cortex-A72)", "graviton", None, CLASS_DEFAULT),
    ("AWS Graviton2 (ARM Neoverse-N1)", "graviton", None, CLASS_DEFAULT),
    ("AWS Graviton3 (ARM Neoverse-V1)", "graviton", None, CLASS_DEFAULT),
    ("AWS Graviton4 (ARM Neoverse-V2)", "graviton", None, CLASS_DEFAULT),
    ("ARM Neoverse-N1", "arm-server", None, CLASS_DEFAULT),
    ("Microsoft Azure Cobalt 100", "arm-server", None, CLASS_DEFAULT),
    ("Ampere(R) Altra(R) Processor Q80-30 CPU @ 3.0GHz", "ampere", 210, EXACT),
    ("Ampere AmpereOne", "ampere", None, CLASS_DEFAULT),
    ("Raspberry Pi 4 Model B Rev 1.4", "arm-client", None, CLASS_DEFAULT),
    # Apple tells no watts, and the parts of one family are not each other
    ("Apple M1", "apple", None, CLASS_DEFAULT),
    ("Apple M1 Pro", "apple", None, CLASS_DEFAULT),
    ("Apple M2 Ultra", "apple", None, CLASS_DEFAULT),
    ("Apple M4 Pro", "apple", None, CLASS_DEFAULT),
    ("VirtualApple @ 2.50GHz", "apple", None, CLASS_DEFAULT),
    # Servers
    ("Intel(R) Xeon(R) CPU E5-2680 0 @ 2.70GHz", "intel-server", 130, EXACT),
    ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", "intel-server", 120, EXACT),
    ("Intel(R) Xeon(R) CPU E3-1240 V2 @ 3.40GHz", "intel-server", 69, EXACT),
    ("Intel(R) Xeon(R) CPU           X5650  @ 2.67GHz", "intel-server", 95, EXACT),
    ("Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", "intel-server", 125, EXACT),
    ("Intel(R) Xeon(R) Platinum 8480+", "intel-server", 350, EXACT),
    ("Intel(R) Xeon(R) Platinum 8358P CPU @ 2.60GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) CPU Max 9460", "intel-server", 350, EXACT),
    ("Intel(R) Xeon(R) 6979P", "intel-server", 500, EXACT),
    ("Intel(R) Xeon Phi(TM) CPU 7210F @ 1.30GHz", "intel-server", 230, EXACT),
    ("AMD EPYC 7763 64-Core Processor", "amd-server", 280, EXACT),
    ("AMD EPYC 7713 64-Core Processor", "amd-server", 225, EXACT),
    ("AMD EPYC 4124P 4-Core Processor", "amd-server", 65, EXACT),
    ("AMD EPYC 9754S 128-Core Processor", "amd-server", 360, EXACT),
    # Desktops and laptops
    ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", "intel-client", 28, EXACT),
    ("Intel(R) Core(TM) i7-9700 CPU @ 3.00GHz", "intel-client", 65, EXACT),
    ("Intel(R) Core(TM) i7 CPU         860  @ 2.80GHz", "intel-client", 95, EXACT),
    ("Intel(R) Core(TM)2 Duo CPU     E8400  @ 3.00GHz", "intel-client", 65, EXACT),
    ("Intel(R) Core(TM) Ultra 7 155H", "intel-client", 28, EXACT),
    ("Intel(R) N100", "intel-client", 6, EXACT),
    ("Intel(R) Pentium(R) Silver N5000 CPU @ 1.10GHz", "intel-client", 6, EXACT),
    ("AMD Ryzen 7 5800X3D 8-Core Processor", "amd-client", 105, EXACT),
    ("AMD Ryzen 7 PRO 6850U with Radeon Graphics", "amd-client", 28, EXACT),
    ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", "amd-client", 28, EXACT),
    ("AMD Ryzen Threadripper PRO 3995WX 64-Cores", "amd-client", 280, EXACT),
    ("AMD FX(tm)-8350 Eight-Core Processor", "amd-client", 125, EXACT),
    ("AMD A10-7850K Radeon R7, 12 Compute Cores 4C+8G", "amd-client", 95, EXACT),
    ("AMD Eng Sample: 100-000000897-03 8-Core Processor", "unknown", None, None),
    # Clouds and resellers, parts without a published TDP among them
    ("Intel(R) Xeon(R) CPU E5-2666 v3 @ 2.90GHz", "intel-server", 100, GENERATION),
    ("Intel(R) Xeon(R) CPU E5-2673 v4 @ 2.30GHz", "intel-server", 135, EXACT),
    ("Intel(R) Xeon(R) Platinum 8163 CPU @ 2.50GHz", "intel-server", 165, EXACT),
    ("Intel(R) Xeon(R) Platinum 8167M CPU @ 2.00GHz", "intel-server", 165, EXACT),
    ("Intel(R) Xeon(R) Platinum 8252C CPU @ 3.80GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) Platinum 8255C CPU @ 2.50GHz", "intel-server", 165, EXACT),
    ("Intel(R) Xeon(R) Platinum 8269CY CPU @ 2.50GHz", "intel-server", 205, EXACT),
    ("Intel(R) Xeon(R) Platinum 8358 CPU @ 2.60GHz", "intel-server", 250, EXACT),
    ("Intel(R) Xeon(R) Platinum 8369B CPU @ 2.70GHz", "intel-server", 284.8, GENERATION),
    ("Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz", "intel-server", 270, EXACT),
    ("Intel(R) Xeon(R) Platinum 8373C CPU @ 2.60GHz", "intel-server", 300, EXACT),
    ("Intel(R) Xeon(R) Platinum 8473C", "intel-server", 350, EXACT),
    ("Intel(R) Xeon(R) Platinum 8475B", "intel-server", 345.6, GENERATION),
    ("Intel(R) Xeon(R) Platinum 8480C", "intel-server", 350, EXACT),
    ("Intel(R) Xeon(R) Platinum 8559C", "intel-server", 288, GENERATION),
    ("INTEL(R) XEON(R) PLATINUM 8581C CPU @ 2.10GHz", "intel-server", 360, GENERATION),
    ("Intel(R) Xeon(R) 6975P-C", "intel-server", 576, GENERATION),
    ("Intel(R) Xeon(R) Gold 6266C CPU @ 3.00GHz", "intel-server", 205, EXACT),
    ("Intel(R) Xeon(R) Gold 6278C CPU @ 2.60GHz", "intel-server", 185, EXACT),
    ("Intel(R) Xeon(R) Gold 6354 CPU @ 3.00GHz", "intel-server", 205, EXACT),
    ("AMD EPYC 7K62 48-Core Processor", "amd-server", 211.2, GENERATION),
    ("AMD EPYC 7J13 64-Core Processor", "amd-server", 288, GENERATION),
    ("AMD EPYC 7V12 64-Core Processor", "amd-server", 281.6, GENERATION),
    ("AMD EPYC 7V13 64-Core Processor", "amd-server", 288, GENERATION),
    ("AMD EPYC 9B14", "amd-server", 360, GENERATION),
    ("AMD EPYC 9B45", "amd-server", 499.2, GENERATION),
    ("AMD EPYC 9J14 96-Core Processor", "amd-server", 360, GENERATION),
    ("AMD EPYC 9R45", "amd-server", 374.4, GENERATION),
    ("AMD EPYC 9V74 80-Core Processor", "amd-server", 300, GENERATION),
    ("AMD EPYC 7452 32-Core Processor", "amd-server", 155, EXACT),
    ("AMD EPYC 9654 96-Core Processor", "amd-server", 360, EXACT),
    ("AMD EPYC 9965 192-Core Processor", "amd-server", 500, EXACT),
    ("AMD Instinct MI300A Accelerator", "amd-server", 90, GENERATION),
    # Client parts of 2021 to 2026: base power
    ("12th Gen Intel(R) Core(TM) i9-12900K", "intel-client", 125, EXACT),
    ("12th Gen Intel(R) Core(TM) i9-12900KS", "intel-client", 150, EXACT),
    ("12th Gen Intel(R) Core(TM) i7-12700K", "intel-client", 125, EXACT),
    ("12th Gen Intel(R) Core(TM) i7-12700", "intel-client", 65, EXACT),
    ("12th Gen Intel(R) Core(TM) i5-12400F", "intel-client", 65, EXACT),
    ("12th Gen Intel(R) Core(TM) i3-12100F", "intel-client", 58, EXACT),
    ("12th Gen Intel(R) Core(TM) i7-1270P", "intel-client", 28, EXACT),
    ("12th Gen Intel(R) Core(TM) i7-1260P", "intel-client", 28, EXACT),
    ("12th Gen Intel(R) Core(TM) i5-1235U", "intel-client", 15, EXACT),
    ("12th Gen Intel(R) Core(TM) i7-1250U", "intel-client", 9, EXACT),
    ("12th Gen Intel(R) Core(TM) i9-12900HX", "intel-client", 55, EXACT),
    ("12th Gen Intel(R) Core(TM) i7-12700H", "intel-client", 45, EXACT),
    ("13th Gen Intel(R) Core(TM) i9-13900KS", "intel-client", 150, EXACT),
    ("13th Gen Intel(R) Core(TM) i7-13700", "intel-client", 65, EXACT),
    ("13th Gen Intel(R) Core(TM) i5-13600K", "intel-client", 125, EXACT),
    ("13th Gen Intel(R) Core(TM) i5-13500T", "intel-client", 35, EXACT),
    ("13th Gen Intel(R) Core(TM) i7-1370P", "intel-client", 28, EXACT),
    ("13th Gen Intel(R) Core(TM) i5-1340P", "intel-client", 28, EXACT),
    ("13th Gen Intel(R) Core(TM) i5-1335U", "intel-client", 15, EXACT),
    ("13th Gen Intel(R) Core(TM) i9-13980HX", "intel-client", 55, EXACT),
    ("Intel(R) Core(TM) i9-14900K", "intel-client", 125, EXACT),
    ("Intel(R) Core(TM) i7-14700", "intel-client", 65, EXACT),
    ("Intel(R) Core(TM) i5-14600KF", "intel-client", 125, EXACT),
    ("Intel(R) Core(TM) i9-14900HX", "intel-client", 55, EXACT),
    ("Intel(R) Core(TM) Ultra 9 185H", "intel-client", 45, EXACT),
    ("Intel(R) Core(TM) Ultra 5 125U", "intel-client", 15, EXACT),
    ("Intel(R) Core(TM) Ultra 7 165H", "intel-client", 28, EXACT),
    ("Intel(R) Core(TM) Ultra 9 285K", "intel-client", 125, EXACT),
    ("Intel(R) Core(TM) Ultra 7 265", "intel-client", 65, EXACT),
    ("Intel(R) Core(TM) Ultra 9 285H", "intel-client", 45, EXACT),
    ("Intel(R) Core(TM) Ultra 7 258V", "intel-client", 17, EXACT),
    ("Intel(R) Core(TM) Ultra 9 275HX", "intel-client", 55, EXACT),
    ("Intel(R) Core(TM) 7 150U", "intel-client", 15, EXACT),
    ("Intel(R) Core(TM) 5 210H", "intel-client", 45, EXACT),
    ("Intel(R) Core(TM) 3 N355", "intel-client", 15, EXACT),
    ("Intel(R) Core(TM) i3-N305", "intel-client", 15, EXACT),
    ("Intel(R) U300", "intel-client", 15, EXACT),
    ("Intel(R) N150", "intel-client", 6, EXACT),
    ("Intel(R) Pentium(R) Gold G7400", "intel-client", 46, EXACT),
    ("Intel(R) Celeron(R) 7305", "intel-client", 15, EXACT),
    ("11th Gen Intel(R) Core(TM) i9-11950H @ 2.60GHz", "intel-client", 45, EXACT),
    ("11th Gen Intel(R) Core(TM) i5-11400 @ 2.60GHz", "intel-client", 65, EXACT),
    ("AMD Ryzen 7 5700G with Radeon Graphics", "amd-client", 65, EXACT),
    ("AMD Ryzen 5 5500U with Radeon Graphics", "amd-client", 15, EXACT),
    ("AMD Ryzen 9 7950X3D 16-Core Processor", "amd-client", 120, EXACT),
    ("AMD Ryzen 9 9950X3D 16-Core Processor", "amd-client", 170, EXACT),
    ("AMD Ryzen 7 8845HS w/ Radeon 780M Graphics", "amd-client", 45, EXACT),
    ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", "amd-client", 55, EXACT),
    ("AMD Ryzen Embedded V1605B with Radeon Vega Gfx", "amd-client", 15, EXACT),
    # Client parts that no table has yet: by the letters of their series
    ("Intel(R) Core(TM) Ultra 7 356H", "intel-client", 38, SERIES),
    ("Intel(R) Core(TM) Ultra 7 299HX", "intel-client", 55, SERIES),
    ("Intel(R) Core(TM) i7-15700K", "intel-client", 125, SERIES),
    ("AMD Ryzen 9 9999X3D 16-Core Processor", "amd-client", 120, SERIES),
    ("AMD Ryzen 7 9999U w/ Radeon Graphics", "amd-client", 20, SERIES),
    ("Intel(R) Core(TM) Ultra 7 365", "intel-client", None, CLASS_DEFAULT),
    ("AMD GX-412TC SOC", "amd-client", None, CLASS_DEFAULT),
    # Servers and workstations
    ("Intel(R) Xeon(R) CPU E5-2699 v4 @ 2.20GHz", "intel-server", 145, EXACT),
    ("Intel(R) Xeon(R) CPU E7-8890 v4 @ 2.20GHz", "intel-server", 165, EXACT),
    ("Intel(R) Xeon(R) CPU E5620 @ 2.40GHz", "intel-server", 80, EXACT),
    ("Intel(R) Xeon(R) Silver 4314 CPU @ 2.40GHz", "intel-server", 135, EXACT),
    ("Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz", "intel-server", 205, EXACT),
    ("Intel(R) Xeon(R) Gold 6548Y+", "intel-server", 250, EXACT),
    ("Intel(R) Xeon(R) Platinum 8592+", "intel-server", 350, EXACT),
    ("Intel(R) Xeon(R) E-2388G CPU @ 3.20GHz", "intel-server", 95, EXACT),
    ("Intel(R) Xeon(R) D-2796TE CPU @ 2.00GHz", "intel-server", 118, EXACT),
    ("Intel(R) Xeon(R) W-2295 CPU @ 3.00GHz", "intel-server", 165, EXACT),
    ("Intel(R) Xeon(R) w9-3495X", "intel-server", 374.4, GENERATION),
    ("AMD Ryzen Threadripper PRO 7995WX 96-Cores", "amd-client", 350, EXACT),
    ("Quad-Core AMD Opteron(tm) Processor 2376", "amd-server", None, CLASS_DEFAULT),
    # Other makers and architectures
    ("Ampere Altra (ARM Neoverse-N1)", "ampere", None, CLASS_DEFAULT),
    ("NVIDIA Grace (ARM Neoverse-V2)", "arm-server", 250, EXACT),
    ("Google Axion (ARM Neoverse-V2)", "arm-server", None, CLASS_DEFAULT),
    ("Alibaba Yitian 710 (ARM Neoverse-N2)", "arm-server", None, CLASS_DEFAULT),
    ("HiSilicon Kunpeng 920", "arm-server", None, CLASS_DEFAULT),
    ("Qualcomm Oryon", "arm-client", None, CLASS_DEFAULT),
    ("Snapdragon(R) X Elite - X1E78100 - Qualcomm(R) Oryon(TM) CPU", "arm-client", None, CLASS_DEFAULT),
    ("ARMv7 Processor rev 3 (v7l)", "arm-client", None, CLASS_DEFAULT),
    ("Hygon C86 7285 32-core Processor", "hygon", None, CLASS_DEFAULT),
    ("ZHAOXIN KaiXian KX-6640MA@2.2+GHz", "zhaoxin", None, CLASS_DEFAULT),
    ("POWER10 (architected), altivec supported", "power", None, CLASS_DEFAULT),
    ("IBM/S390", "s390x", None, CLASS_DEFAULT),
    ("Loongson-3A6000", "loongarch", None, CLASS_DEFAULT),
]


@pytest.mark.parametrize(("brand", "cpu_class", "tdp_w", "source"), BRANDS)
def test_a_brand_string_has_its_class_its_watts_and_their_source(
    brand: str, cpu_class: str, tdp_w: float | None, source: str | None
) -> None:
    """
    As the CPUs and the hypervisors really print them; no watts of one socket without a part, a generation or a series.
    """
    found = lookup(brand, classify(brand), NO_POWERCAP)
    assert (cpu_class, source) == (classify(brand), found.source)
    assert (None if tdp_w is None else pytest.approx(tdp_w)) == found.tdp_w
    assert (found.watts_per_thread is not None) == (source == CLASS_DEFAULT)
    assert found.note


def test_the_list_above_is_long_enough() -> None:
    """
    Every class that a name can tell, and no name twice; RISC-V and unnamed CPUs are told by their architecture.
    """
    assert len(BRANDS) >= 150
    assert len(BRANDS) == len({brand for brand, *_ in BRANDS})
    assert set(CPU_CLASSES) - {"riscv", "arm", "x86"} == {cpu_class for _, cpu_class, *_ in BRANDS}


@pytest.mark.parametrize(
    "brand",
    [
        "AMD EPYC 7763X 64-Core Processor",
        "AMD EPYC 776 64-Core Processor",
        "Intel(R) Xeon(R) CPU E5-2680 v9 @ 2.70GHz",
        "Intel(R) Xeon(R) Platinum 8259 CPU @ 2.50GHz",
        "Intel(R) Xeon(R) Platinum",
        "Intel(R) Core(TM) i7",
        "Intel(R) Core(TM) i7-9700KX CPU @ 3.00GHz",
        "Intel(R) Core(TM) 65",
        "Intel(R) Core(TM) =65",
        "Intel(R) Core(TM) i7-7700;i7-7700K",
        "Intel(R) Core(TM) i7-7700\ni7-7700K",
        "Xeon E5-2680 v4",
        "AMD Core i7-9700",
        "Apple M4 Ultra",
        "Apple M1 Pro Max",
        "",
    ],
)
def test_a_name_that_is_not_a_parts_finds_nothing(brand: str) -> None:
    """
    One letter more or less is another part; two names are none, nor is a watt figure or a family.
    """
    assert find(normalise(brand)) is None
    assert lookup(brand, classify(brand), NO_POWERCAP).source in (None, CLASS_DEFAULT, GENERATION)


@given(st.sampled_from(NAMES), st.data())
def test_a_part_of_a_name_or_more_than_it_is_another_name(name: str, data: st.DataObject) -> None:
    """
    Whatever is cut off or put on: what is found then is a name of its own, or nothing.
    """
    words = name.split()
    near = data.draw(
        st.one_of(
            st.integers(0, len(name) - 1).map(lambda at: name[:at]),
            st.integers(1, len(name)).map(lambda at: name[at:]),
            st.integers(0, len(words) - 1).map(lambda at: " ".join(words[:at] + words[at + 1 :])),
            st.sampled_from(("x", "k", " pro", ";", "=", " v2", "0", "-")).map(lambda more: name + more),
            st.text(max_size=12).map(lambda more: f"{name} {more}"),
            st.sampled_from(NAMES).map(lambda other: f"{name};{other.partition(' ')[2]}"),
        )
    )
    assert (find(near) is not None) == (near in KNOWN)


@given(st.text(max_size=80))
def test_any_text_is_looked_up_without_an_error(brand: str) -> None:
    """
    /proc/cpuinfo can hold anything.
    """
    assert lookup(brand, "unknown", NO_POWERCAP).source in (None, EXACT)
    assert lookup(brand, "intel-client", NO_POWERCAP).source in (EXACT, SERIES, CLASS_DEFAULT)


@given(st.one_of(st.text(max_size=60), st.sampled_from([brand for brand, *_ in BRANDS]), st.sampled_from(NAMES)))
def test_normalising_twice_changes_nothing(brand: str) -> None:
    """
    A key is its own key.
    """
    assert normalise(brand) == normalise(normalise(brand))


def test_every_name_in_the_tables_can_be_found_and_is_a_known_cpu() -> None:
    """
    A key that normalising changes would never match, and one without a model number would match masked names.
    """
    for name in NAMES:
        tdp_w, *_, source, _ = find(name) or (None, "", None)
        assert name == normalise(name)
        assert name in PARTS or (tdp_w or 0) > 0, name
        assert source
        assert classify(name) in CPU_CLASSES[:9], name
        assert PARTS.get(name, (None,))[-1] in (None, source)


def test_the_generated_tables_are_as_large_as_they_say() -> None:
    """
    With the owners' names and licence in each, as the licence wants, and small enough to travel into a worker.
    """
    assert len(GENERATED) > 4300
    folder = Path(greensdk_psutil_tdp.__file__).parent
    assert sum(path.stat().st_size for path in folder.rglob("*.py")) <= 300_000
    for maker in ("intel", "amd"):
        text = (folder / "data" / f"{maker}.py").read_text()
        assert "# Copyright (c) 2019 Mila, BCG Gamma, CometML, Haverford College\n" in text
        assert "# Permission is hereby granted, free of charge" in text
        assert f"Thermal design power of {sum(name.startswith(maker) for name in GENERATED)} parts" in text
    assert find("intel core i7-9700") == (65.0, 8, 8, None, CODECARBON, None)
    assert find("intel core i7-12700k") == (125.0, 12, 20, 2021, ARK, 190.0)


def test_every_table_says_where_it_comes_from() -> None:
    """
    Source, licence, date, and why it is a module.
    """
    folder = Path(greensdk_psutil_tdp.__file__).parent / "data"
    assert "Lithops ships only" in (folder / "__init__.py").read_text()
    for path in folder.glob("[a-z]*.py"):
        text = path.read_text().lower()
        assert "licence" in text, path
        assert "2026" in text or "codecarbon 3.3.2" in text, path


def test_threads_are_plausible_and_of_parts_that_have_watts() -> None:
    """
    One to eight threads a core, of names that are found; those that only a cloud has are parts by hand.
    """
    for maker, families in (("intel", ("xeon", "core")), ("amd", ("ryzen",))):
        for name in names_in(maker, {family: threads.LINES[family] for family in families}):
            part = find(name)
            if part is None or part[0] is None:
                continue
            cores, count = part[1], part[2]
            assert cores, name
            assert count in (cores, 2 * cores), name
            assert 0.5 <= part[0] / count <= 40, name
    known = names_in("intel", {"xeon": threads.LINES["xeon"]})
    assert sum(name in KNOWN for name in known) >= 0.97 * len(known)


def test_base_power_is_never_turbo_power() -> None:
    """
    The table by hand wins over the list that mixes them; the turbo power stands beside.
    """
    for name in names_in("intel", core.LINES):
        tdp_w, cores, count, year, _, peak_w = find(name) or (None,) * 6
        assert tdp_w, name
        assert cores <= count <= 2 * cores, name
        assert 2020 <= year <= 2026, name
        assert peak_w is None or tdp_w < peak_w <= 5 * tdp_w, name


def test_generations_are_those_that_the_hardware_names() -> None:
    """
    With plausible watts, factors around 1, and a name for each that a year tells.
    """
    from greensdk.cores import _AMD, _INTEL, _SKYLAKE_SP

    named = {*(row[3] for row in _AMD), *_INTEL.values(), *(name for _, name in _SKYLAKE_SP)}
    assert GENERATIONS.keys() <= named
    assert {name for years in BY_YEAR.values() for name in years.values()} <= GENERATIONS.keys()
    for per_core_w, cores, year, low, high, such_as in GENERATIONS.values():
        assert 1 < per_core_w < 30
        assert 4 <= cores <= 192
        assert 2009 <= year <= 2026
        assert 0.3 < low < 1 < high < 3
        assert such_as


@pytest.mark.parametrize("cpu_class", sorted(SUFFIXES))
def test_the_letters_of_a_series_hold_most_of_its_parts(cpu_class: str) -> None:
    """
    From 2021 on: nine of ten parts of the tables lie between the factors.
    """
    ryzen = names_in("amd", {"ryzen": amd.LINES["ryzen"]})
    family = {
        "intel-client": names_in("intel", core.LINES),
        "amd-client": {name for name in ryzen if "threadripper" not in name},
    }
    for suffix, watts, low, high in SUFFIXES[cpu_class]:
        tdps = [(find(name) or (0.0,))[0] or 0.0 for name in family[cpu_class] if letters(name) == suffix]
        if tdps:
            inside = sum(0.99 * low <= tdp_w / watts <= 1.01 * high for tdp_w in tdps)
            assert inside >= 0.8 * len(tdps), (suffix, sorted(tdps))


def test_parts_by_hand_are_plausible() -> None:
    """
    0.5 to 20 W a thread is what parts have had since 2010, and a core has one thread or two.
    """
    for name, (tdp_w, cores, count, year, source) in PARTS.items():
        assert 2010 <= (year or 0) <= 2026, name
        assert source
        assert (count is None) == (cores is None)
        if cores and count:
            assert cores <= count <= 2 * cores, name
        if tdp_w and count:
            assert 0.5 <= tdp_w / count <= 20, name


@pytest.mark.parametrize(
    ("brand", "expected"),
    [
        ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", (24, 48, 2019)),
        ("AMD EPYC 9R14", (96, 96, 2023)),
        ("AWS Graviton4 (ARM Neoverse-V2)", (96, 96, 2024)),
        ("Apple M1 Ultra", (20, 20, 2022)),
        ("Apple M4 Pro", (None, None, 2024)),
        ("AMD EPYC 7713 64-Core Processor", (64, 128, None)),
        ("AMD EPYC 9V74 80-Core Processor", (80, 160, 2022)),
        ("AMD EPYC 9754S 128-Core Processor", (128, 128, 2023)),
        ("AMD Ryzen 7 5800X3D 8-Core Processor", (8, 16, None)),
        ("AMD Ryzen 5 3500X 6-Core Processor", (6, 6, None)),
        ("AMD Ryzen 7 5700G with Radeon Graphics", (8, 16, None)),
        ("Intel(R) Xeon(R) Platinum 8269CY CPU @ 2.50GHz", (26, 52, None)),
        ("Intel(R) Xeon(R) CPU E3-1225 v5 @ 3.30GHz", (4, 4, None)),
        ("12th Gen Intel(R) Core(TM) i7-12700K", (12, 20, 2021)),
        ("AMD FX(tm)-8350 Eight-Core Processor", (None, None, None)),
        ("Intel(R) Core(TM) i7-9700 CPU @ 3.00GHz", (8, 8, None)),
        ("Intel(R) Core(TM) i7-4558U CPU @ 2.80GHz", (None, None, None)),
    ],
)
def test_cores_threads_and_year_come_with_the_part(brand: str, expected: tuple[int | None, ...]) -> None:
    """
    By hand, or from AMD's own words in the name; None where nobody says.
    """
    found = lookup(brand, classify(brand), NO_POWERCAP)
    assert expected == (found.cores, found.threads, found.year)


def test_the_kernels_limit_wins_over_the_table_and_the_user_over_all(tmp_path: Path) -> None:
    """
    The CPU's own word is newer than any table; a person's word is meant.
    """
    tree = PowercapTree(tmp_path)
    tree.package(0, max_w=205.0)
    tree.package(1, max_w=205.0)
    brand = "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz"
    limit = lookup(brand, classify(brand), str(tree.root))
    assert (limit.tdp_w, limit.source, limit.sockets, limit.threads) == (205.0, RAPL, 2, 48)
    for model in (brand, "AMD EPYC", "nonsense", None):
        user = lookup(model, classify(model or ""), str(tree.root), user_w=99.0)
        assert (user.tdp_w, user.source, user.watts_per_thread) == (99.0, USER, None)
    threads = lookup(brand, classify(brand), str(tree.root), user_w=90.0, user_threads=30)
    assert (threads.threads, threads.watts_per_thread) == (30, 3.0)


@pytest.mark.parametrize(
    "cpu_class", [name for name, row in CLASS_DEFAULTS.items() if row[3] in (MEDIAN, CLOUD_MEDIAN, ALTRA_MEDIAN)]
)
def test_a_class_default_is_the_median_of_its_parts(cpu_class: str) -> None:
    """
    And its factors hold nearly nine of ten of them, so that a new line can't leave the default behind.
    """
    watts, low, high, source = CLASS_DEFAULTS[cpu_class]
    real = {"masked-intel": "intel-server", "masked-amd": "amd-server", "arm-server": "ampere"}.get(
        cpu_class, cpu_class
    )
    parts = {name: find(name) for name in NAMES if classify(name) == real}
    per_thread = [
        part[0] / part[2]
        for part in parts.values()
        if part and part[0] and part[2] and (source != CLOUD_MEDIAN or part[4] == CLOUD)
    ]
    assert watts == pytest.approx(median(per_thread), abs=0.06)
    assert sum(low <= value / watts <= high for value in per_thread) >= 0.85 * len(per_thread)


def test_every_class_but_unknown_has_a_default() -> None:
    """
    With a source, and factors around 1; without a class there is a reason.
    """
    assert set(CPU_CLASSES) - {"unknown"} == set(CLASS_DEFAULTS)
    for watts, low, high, source in CLASS_DEFAULTS.values():
        assert 0 < watts < 10
        assert 0 < low < 1 < high < inf
        assert source
    assert of_class("apple").watts_per_thread == CLASS_DEFAULTS["apple"][0]
    assert (of_class("unknown", "why").source, of_class("unknown", "why").note) == (None, "why")
