"""
When a part was launched, which kind of CPU it is to the power model, and how far above its base power it goes.
"""

from __future__ import annotations

import pytest
from greensdk_psutil_tdp.era import (
    AMD_DESKTOP,
    INTEL_CLIENT,
    INTEL_OLD,
    SERVER,
    kind_of,
    launch_year,
    peak_of,
    spelled,
)
from greensdk_psutil_tdp.table import normalise
from tdp_kit import LAMBDA

from greensdk.machine.hardware import classify


@pytest.mark.parametrize(
    ("cpu", "expected"),
    [
        ("Intel(R) Xeon(R) CPU           L5420  @ 2.50GHz", 2007),
        ("Intel(R) Xeon(R) CPU           X5570  @ 2.93GHz", 2009),
        ("Intel(R) Xeon(R) CPU E5-2680 0 @ 2.70GHz", 2012),
        ("Intel(R) Xeon(R) CPU E5-2676 v3 @ 2.40GHz", 2014),
        ("Intel(R) Xeon(R) CPU E3-1260L v5 @ 2.90GHz", 2015),
        ("Intel(R) Xeon(R) Platinum 8176 CPU @ 2.10GHz", 2017),
        ("Intel(R) Xeon(R) Silver 4214 CPU @ 2.20GHz", 2019),
        ("Intel(R) Xeon(R) Platinum 8488C", 2023),
        ("Intel(R) Xeon(R) E-2388G CPU @ 3.20GHz", 2021),
        ("Intel(R) Xeon(R) D-2146NT CPU @ 2.30GHz", 2018),
        ("Intel(R) Xeon(R) W-2145 CPU @ 3.70GHz", 2017),
        ("Intel(R) Xeon(R) 6780E", 2017),
        ("AMD EPYC 7601 32-Core Processor", 2017),
        ("AMD EPYC 7R32", 2019),
        ("AMD EPYC 7742 64-Core Processor", 2019),
        ("AMD EPYC 7763 64-Core Processor", 2021),
        ("AMD EPYC 9654 96-Core Processor", 2022),
        ("AMD EPYC 9755 128-Core Processor", 2024),
        ("AMD Opteron(tm) Processor 6276", 2011),
        ("Intel(R) Core(TM) i5-4570 CPU @ 3.20GHz", 2013),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", 2017),
        ("Intel(R) Core(TM) i7 CPU         860  @ 2.80GHz", 2010),
        ("Intel(R) Core(TM)2 Quad CPU    Q6600  @ 2.40GHz", 2006),
        ("Intel(R) Core(TM) Ultra 7 155H", 2017),
        ("AMD Ryzen 9 5950X 16-Core Processor", 2017),
        ("AMD FX(tm)-8350 Eight-Core Processor", 2012),
        (LAMBDA, None),
        ("AMD EPYC", None),
        ("Apple M1", None),
    ],
)
def test_a_name_tells_the_year_of_its_generation(cpu: str, expected: int | None) -> None:
    """
    Exact enough to tell hosts before 2017 from later ones; None where the name says nothing.
    """
    found = launch_year(normalise(cpu))
    assert expected == found or (expected == 2017 and found is not None and found >= 2017)


@pytest.mark.parametrize(
    ("written", "brand"),
    [
        ("AMD EPYC 7763 2.45GHz", "amd epyc 7763"),
        ("2.6 GHz AMD Opteron 2435", "amd opteron 2435"),
        ("AMD Opteron 2216HE", "amd opteron 2216 he"),
        ("Quad-Core AMD Opteron(r) Processor 8376 HE", "amd opteron 8376 he"),
        ("Intel Xeon E3-1220v2 (Intel Turbo Boost Technology up to 3.50 GHz)", "intel xeon e3-1220 v2"),
        (
            "Intel Xeon Platinum 8176 CPU 2.10 GHz (Intel Turbo Boost Technology up to 2.80 GHz)",
            "intel xeon platinum 8176",
        ),
        ("Intel E3-1260L v5", "intel xeon e3-1260l v5"),
        ("Intel X3350", "intel xeon x3350"),
        ("Xeon L5420", "intel xeon l5420"),
        ("Intel(R) Xeon(R) E-2388G CPU 3.20GHz", "intel xeon e-2388g"),
        ("Intel(R) Xeon(R) Processor @ 2.50GHz", "intel xeon"),
        ("Apple M1 Pro", "apple m1 pro"),
        ("12th Gen Intel(R) Core(TM) i7-12700H", "intel core i7-12700h"),
    ],
)
def test_a_part_has_one_name_however_it_is_written(written: str, brand: str) -> None:
    """
    As vendors' lists have it: with its clock, without its maker, without a space.
    """
    assert brand == normalise(spelled(written))
    assert brand == normalise(spelled(brand))


@pytest.mark.parametrize(
    ("name", "socket_w", "year", "expected"),
    [
        ("intel xeon e-2288g", 95, 2019, INTEL_CLIENT),
        ("intel xeon e3-1230 v6", 72, 2017, INTEL_CLIENT),
        ("intel core i7-10700", 65, 2020, INTEL_CLIENT),
        ("intel core ultra 7 155h", 28, 2023, INTEL_CLIENT),
        ("amd ryzen 9 5950x", 105, 2020, AMD_DESKTOP),
        ("amd ryzen 7 5800u", 15, 2021, INTEL_CLIENT),
        ("intel xeon gold 6130", 125, 2017, INTEL_OLD),
        ("intel xeon platinum 8259cl", 210, 2019, INTEL_OLD),
        ("intel xeon platinum 8380", 270, 2021, SERVER),
        ("intel xeon", 200, None, SERVER),
        ("amd epyc 7742", 225, 2019, SERVER),
        ("neoverse-n1", 100, 2020, SERVER),
        ("apple m1", 20, 2020, INTEL_CLIENT),
    ],
)
def test_each_cpu_has_its_kind(name: str, socket_w: float, year: int | None, expected: str) -> None:
    """
    Servers by maker and year, desktops by maker, laptops and client silicon together.
    """
    assert expected == kind_of(name, classify(name), year, socket_w)


@pytest.mark.parametrize(
    ("kind", "socket_w", "year", "peak_w", "expected"),
    [
        (AMD_DESKTOP, 170, 2022, None, 1.35),
        (AMD_DESKTOP, 65, 2023, 88, 1.35),
        (AMD_DESKTOP, 105, 2020, 142, 1.0),
        (INTEL_CLIENT, 125, 2023, 253, 2.0),
        (INTEL_CLIENT, 65, 2022, 117, 1.8),
        (INTEL_CLIENT, 65, 2023, 219, 2.0),
        (INTEL_CLIENT, 125, 2020, 182, 1.0),
        (INTEL_CLIENT, 28, 2023, 64, 1.0),
        (INTEL_CLIENT, 125, None, 253, 1.0),
    ],
)
def test_only_new_desktops_take_more_than_their_base_power_for_long(
    kind: str, socket_w: float, year: int | None, peak_w: float | None, expected: float
) -> None:
    """
    The published limit, up to what RAPL showed; a laptop's cooling and a server's limits end it at the base power.
    """
    assert expected == pytest.approx(peak_of(kind, socket_w, year, peak_w, thread_w=4.0), rel=2e-3)


@pytest.mark.parametrize(
    ("kind", "thread_w", "expected"),
    [(SERVER, 4.0, 1.0), (SERVER, 2.0, 1.11), (INTEL_OLD, 8.0, 0.9), (SERVER, 0.1, 1.137), (INTEL_OLD, 65.0, 0.872)],
)
def test_servers_of_many_slow_threads_come_nearer_to_their_limit(kind: str, thread_w: float, expected: float) -> None:
    """
    By a tenth for half the watts a thread, within what was measured.
    """
    assert expected == pytest.approx(peak_of(kind, 200, 2022, None, thread_w), rel=2e-3)
