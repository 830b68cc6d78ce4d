"""
The table of CPU parts: real brand strings find their own watts, and no other.
"""

from __future__ import annotations

from math import inf
from pathlib import Path
from statistics import median

import greensdk_psutil_tdp
import pytest
from cpu_brands import BRANDS
from greensdk_psutil_tdp.classes import (
    ALTRA_MEDIAN,
    BY_YEAR,
    CLASS_DEFAULTS,
    CLOUD_MEDIAN,
    GENERATIONS,
    MEDIAN,
    SUFFIXES,
)
from greensdk_psutil_tdp.data import amd, core, intel, threads
from greensdk_psutil_tdp.parts import ARK, CLOUD, LINES
from greensdk_psutil_tdp.table import CODECARBON, find, letters, normalise
from greensdk_psutil_tdp.tdp import CLASS_DEFAULT, EXACT, GENERATION, RAPL, SERIES, USER, lookup, of_class
from hypothesis import given
from hypothesis import strategies as st

from greensdk.machine.hardware import CPU_CLASSES, classify
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


BY_HAND = {name.strip() for name in names_in("", {"": "".join(LINES.values())})}
GENERATED = names_in("intel", intel.LINES) | names_in("amd", amd.LINES)
KNOWN = GENERATED | names_in("intel", core.LINES) | BY_HAND
NAMES = sorted(KNOWN)


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
    Every class that a name can tell, and no name twice; RISC-V and unnamed CPUs are known by their architecture.
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
        assert name in BY_HAND or (tdp_w or 0) > 0, name
        assert source
        assert classify(name) in CPU_CLASSES[:9], name
        assert (name in BY_HAND) <= (source in LINES)


def test_the_generated_tables_are_as_large_as_they_say() -> None:
    """
    With the owners' names and licence beside them, as the licence wants, and small enough to travel into a worker.
    """
    assert len(GENERATED) > 4300
    folder = Path(greensdk_psutil_tdp.__file__).parent
    assert sum(path.stat().st_size for path in folder.rglob("*.py")) <= 300_000
    licence = (folder / "data" / "__init__.py").read_text()
    assert "# Copyright (c) 2019 Mila, BCG Gamma, CometML, Haverford College\n" in licence
    assert "# Permission is hereby granted, free of charge" in licence
    for maker in ("intel", "amd"):
        text = (folder / "data" / f"{maker}.py").read_text()
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
    from greensdk.machine.cores import _AMD, _INTEL, _SKYLAKE_SP

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
    for name in BY_HAND:
        tdp_w, cores, count, year, source, _ = find(name)
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
    By hand, or from AMD's own words in the name; None where unknown.
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
