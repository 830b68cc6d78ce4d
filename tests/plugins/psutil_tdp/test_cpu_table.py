"""
The table of CPU parts: real brand strings find their own watts, and nobody else's.
"""

from __future__ import annotations

from math import inf
from pathlib import Path
from statistics import median

import greensdk_psutil_tdp
import pytest
from greensdk_psutil_tdp import table_amd, table_intel
from greensdk_psutil_tdp.names import normalise
from greensdk_psutil_tdp.parts import ALTRA_MEDIAN, CLASS_DEFAULTS, CLOUD, CLOUD_MEDIAN, MEDIAN, PARTS
from greensdk_psutil_tdp.table import CODECARBON, find
from greensdk_psutil_tdp.tdp import CLASS_DEFAULT, EXACT, RAPL, USER, lookup, of_class
from hypothesis import given
from hypothesis import strategies as st

from greensdk.machine.hardware import CPU_CLASSES, classify
from greensdk.testing import PowercapTree

NO_POWERCAP = "/nonexistent/powercap"
GENERATED = {
    f"{maker} {family} {rest}".replace("  ", " ")
    for maker, lines in (("intel", table_intel.LINES), ("amd", table_amd.LINES))
    for family, text in lines.items()
    for rest in text.replace("\n", "").split(";")
    if rest and rest[0] != "="
}
NAMES = sorted(GENERATED | PARTS.keys())

BRANDS = [
    # Clouds that show the name
    ("Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", "intel-server", 145, EXACT),
    ("Intel(R) Xeon(R) CPU E5-2676 v3 @ 2.40GHz", "intel-server", None, CLASS_DEFAULT),
    ("Intel(R) Xeon(R) Platinum 8124M CPU @ 3.00GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) Platinum 8151 CPU @ 3.40GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) Platinum 8171M CPU @ 2.60GHz", "intel-server", 165, EXACT),
    ("Intel(R) Xeon(R) Platinum 8175M CPU @ 2.50GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", "intel-server", 210, EXACT),
    ("Intel(R) Xeon(R) Platinum 8272CL CPU @ 2.60GHz", "intel-server", 195, EXACT),
    ("Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz", "intel-server", 240, EXACT),
    ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "intel-server", 300, EXACT),
    ("Intel(R) Xeon(R) Platinum 8488C", "intel-server", None, CLASS_DEFAULT),
    ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "intel-server", None, CLASS_DEFAULT),
    ("AMD EPYC 7571", "amd-server", None, CLASS_DEFAULT),
    ("AMD EPYC 7R32", "amd-server", None, CLASS_DEFAULT),
    ("AMD EPYC 7R13 Processor", "amd-server", 225, EXACT),
    ("AMD EPYC 7R13 48-Core Processor", "amd-server", 225, EXACT),
    ("AMD EPYC 9R14", "amd-server", None, CLASS_DEFAULT),
    ("AMD EPYC 7B12", "amd-server", 240, EXACT),
    ("AMD EPYC 7B13", "amd-server", None, CLASS_DEFAULT),
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
]


@pytest.mark.parametrize(("brand", "cpu_class", "tdp_w", "source"), BRANDS)
def test_a_brand_string_has_its_class_its_watts_and_their_source(
    brand: str, cpu_class: str, tdp_w: float | None, source: str | None
) -> None:
    """
    As the CPUs and the hypervisors really print them; no watts of one socket without a part.
    """
    found = lookup(brand, classify(brand), NO_POWERCAP)
    assert (cpu_class, tdp_w, source) == (classify(brand), found.tdp_w, found.source)
    assert (found.watts_per_thread is not None) == (source == CLASS_DEFAULT)
    assert found.note


def test_the_list_above_is_long_enough() -> None:
    """
    Every class but none twice.
    """
    assert len(BRANDS) >= 60
    assert len(BRANDS) == len({brand for brand, *_ in BRANDS})
    assert set(CPU_CLASSES) == {cpu_class for _, cpu_class, *_ in BRANDS}


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
    assert lookup(brand, classify(brand), NO_POWERCAP).source in (None, CLASS_DEFAULT)


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
    assert (find(near) is not None) == (near in GENERATED or near in PARTS)


@given(st.text(max_size=80))
def test_any_text_is_looked_up_without_an_error(brand: str) -> None:
    """
    /proc/cpuinfo can hold anything.
    """
    assert lookup(brand, "unknown", NO_POWERCAP).source in (None, EXACT)


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
        tdp_w, *_, source = find(name) or (None, "")
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
    assert sum(path.stat().st_size for path in folder.glob("*.py")) <= 300_000
    for path in folder.glob("table_*.py"):
        text = path.read_text()
        assert "# Copyright (c) 2019 Mila, BCG Gamma, CometML, Haverford College\n" in text
        assert "# Permission is hereby granted, free of charge" in text
        assert f"Thermal design power of {sum(name.startswith(path.stem[6:]) for name in GENERATED)} parts" in text
    assert find("intel core i7-9700") == (65.0, None, None, None, CODECARBON)


def test_parts_by_hand_are_plausible() -> None:
    """
    0.5 to 20 W a thread is what parts have had since 2010, and a core has one thread or two.
    """
    for name, (tdp_w, cores, threads, year, source) in PARTS.items():
        assert 2010 <= (year or 0) <= 2026, name
        assert source
        assert (threads is None) == (cores is None)
        if cores and threads:
            assert cores <= threads <= 2 * cores, name
        if tdp_w and threads:
            assert 0.5 <= tdp_w / threads <= 20, name


@pytest.mark.parametrize(
    ("brand", "expected"),
    [
        ("Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz", (24, 48, 2019)),
        ("AMD EPYC 9R14", (96, 96, 2023)),
        ("AWS Graviton4 (ARM Neoverse-V2)", (96, 96, 2024)),
        ("Apple M1 Ultra", (20, 20, 2022)),
        ("Apple M4 Pro", (None, None, 2024)),
        ("AMD EPYC 7713 64-Core Processor", (64, 128, None)),
        ("AMD EPYC 9V74 80-Core Processor", (80, 160, None)),
        ("AMD EPYC 9754S 128-Core Processor", (128, 128, 2023)),
        ("AMD Ryzen 7 5800X3D 8-Core Processor", (8, None, None)),
        ("AMD FX(tm)-8350 Eight-Core Processor", (None, None, None)),
        ("Intel(R) Core(TM) i7-9700 CPU @ 3.00GHz", (None, None, None)),
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
    per_thread = [
        tdp_w / threads
        for name, (tdp_w, _, threads, _, origin) in PARTS.items()
        if tdp_w and threads and classify(name) == real and (source != CLOUD_MEDIAN or origin == CLOUD)
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
