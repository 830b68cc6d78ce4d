"""
The watts of a machine at a load: the pure function, and what it says of itself.
"""

from __future__ import annotations

from math import inf, isfinite, nan

import pytest
from greensdk_psutil_tdp import coefficients as fitted
from greensdk_psutil_tdp import explain, power_w
from greensdk_psutil_tdp.interval import narrow, widen
from greensdk_psutil_tdp.power import (
    BOUNDARIES,
    DRAM_W_PER_GB,
    KINDS,
    PACKAGE,
    SUPPLY,
    TYPICAL_LOAD,
    WALL,
    Machine,
    common,
    curve,
    fitted_into,
    machine,
    scaled,
    watts,
)
from hypothesis import given
from hypothesis import strategies as st
from tdp_kit import EPYC, LAMBDA, XEON

CPUS = (
    EPYC,
    XEON,
    LAMBDA,
    "AMD EPYC",
    "Intel(R) Xeon(R) CPU E5-2680 0 @ 2.70GHz",
    "Intel(R) Xeon(R) E-2388G CPU @ 3.20GHz",
    "Intel(R) Xeon(R) CPU           L5420  @ 2.50GHz",
    "Quad-Core AMD Opteron(tm) Processor 2384",
    "11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz",
    "AMD Ryzen 9 5950X 16-Core Processor",
    "Apple M1 Pro",
    "AWS Graviton2",
    "Neoverse-N1",
    "a CPU of unknown make",
    "",
)
cpus = st.sampled_from(CPUS)
boundaries = st.sampled_from(BOUNDARIES)
loads = st.floats(0, 1)
machines = st.builds(
    Machine,
    tdp_w=st.floats(1, 5000),
    sockets=st.floats(0.01, 8),
    memory_gb=st.floats(0, 10_000),
    year=st.none() | st.integers(2004, 2026),
    kind=st.sampled_from(sorted(KINDS)),
    peak=st.floats(1, 2),
    part=st.tuples(st.floats(0.1, 1), st.floats(1, 10)),
    seen=st.sampled_from([BOUNDARIES, (PACKAGE,), ()]),
    share=st.none() | st.floats(0.001, 1),
)


@given(of=machines, boundary=boundaries, load=loads)
def test_the_middle_lies_in_its_interval_and_all_are_finite(of: Machine, boundary: str, load: float) -> None:
    """
    Of every machine, at every load.
    """
    low, middle, high = watts(curve(of, boundary), load)
    assert 0 < low <= middle <= high
    assert isfinite(high)


@given(of=machines, boundary=boundaries, ends=st.tuples(loads, loads))
def test_more_load_takes_more_watts(of: Machine, boundary: str, ends: tuple[float, float]) -> None:
    """
    The estimate; its interval is widest where a machine begins to wake.
    """
    model = curve(of, boundary)
    assert watts(model, min(ends))[1] <= watts(model, max(ends))[1] * (1 + 1e-9)


@given(
    cpu=cpus,
    boundary=boundaries,
    load=loads,
    sockets=st.integers(1, 8),
    per_socket=st.integers(1, 256),
    memory_gb=st.floats(0, 4096),
)
def test_more_of_the_machine_takes_more_watts(
    cpu: str, boundary: str, load: float, sockets: int, per_socket: int, memory_gb: float
) -> None:
    """
    More threads, more sockets, more memory; whatever the CPU is called.
    """
    threads = sockets * per_socket
    base = power_w(cpu, sockets, threads, memory_gb, load, boundary)
    assert all(isfinite(each) for each in base)
    for more in (
        power_w(cpu, sockets, threads + 1, memory_gb, load, boundary),
        power_w(cpu, sockets + 1, threads + per_socket, memory_gb, load, boundary),
        power_w(cpu, sockets, threads, memory_gb + 1, load, boundary),
    ):
        assert all(less <= each * (1 + 1e-9) for less, each in zip(base, more, strict=True))


@given(of=machines, load=loads)
def test_package_and_memory_never_take_more_than_their_machine(of: Machine, load: float) -> None:
    """
    Whatever the two models were fitted on: what they give goes through the power supply.
    """
    inside_w = watts(curve(of, PACKAGE), load)[1] + DRAM_W_PER_GB * of.memory_gb
    assert inside_w <= SUPPLY * watts(curve(of, WALL), load)[1] * (1 + 1e-9)


@given(of=machines, load=loads)
def test_a_tuned_wall_is_the_low_end_of_the_others(of: Machine, load: float) -> None:
    """
    A server that its vendor tuned takes less than its package would elsewhere; the interval of any holds it.
    """
    of = of._replace(share=None)
    low, middle, high = watts(curve(of, WALL), load)
    tuned_low, tuned, tuned_high = watts(curve(of, WALL, tuned=True), load)
    assert tuned <= middle
    assert tuned_high <= high * (1 + 1e-9)
    assert low == pytest.approx(tuned_low)
    assert low <= tuned * (1 + 1e-9)


@given(of=machines, boundary=boundaries, load=loads)
def test_guests_on_all_threads_take_what_their_host_takes(of: Machine, boundary: str, load: float) -> None:
    """
    One guest with all the threads is the host; two halves, both at the load that neighbours are taken to have, are too.
    """
    whole = watts(curve(of._replace(share=None), boundary), load)[1]
    assert whole == pytest.approx(watts(curve(of._replace(share=1.0), boundary), load)[1])
    half = of._replace(tdp_w=of.tdp_w / 2, sockets=of.sockets / 2, memory_gb=of.memory_gb / 2, share=0.5)
    busy = watts(curve(of._replace(share=None), boundary), TYPICAL_LOAD)[1]
    assert busy == pytest.approx(2 * watts(curve(half, boundary), TYPICAL_LOAD)[1])


@pytest.mark.parametrize(
    ("cpu", "sockets", "threads", "memory_gb", "load", "boundary", "expected"),
    [
        # 560 W of TDP: .223 * 560 + .261 * 256 = 191.7 W awake, .664 * 560 * .5 ** 1.5 = 131.5 W of load
        (EPYC, 2, 256, 256, 0.5, WALL, (232.7, 323.2, 465.4)),
        (EPYC, 2, 256, 256, 0.0, WALL, (73.3, 116.4, 232.7)),
        (EPYC, 2, 256, 256, 1.0, WALL, (405.7, 563.5, 811.4)),
        # .894 * 560 times (560 / 256 / 4) ** -.15; at rest .238 * 560; in between (133.3 + (548 - 133.3) * .5 ** .6)
        (EPYC, 2, 256, 256, 1.0, PACKAGE, (301.4, 548.1, 893.4)),
        (EPYC, 2, 256, 256, 0.0, PACKAGE, (85.3, 133.3, 303.9)),
        (EPYC, 2, 256, 256, 0.5, PACKAGE, (223.8, 406.9, 663.3)),
        # 210 W of 2019: .15 of it at rest
        (XEON, 1, 48, 96, 0.0, PACKAGE, (20.2, 31.5, 71.8)),
        # a desktop of 2022 at 1.35 times its TDP, .865 of that; the part between dies takes 9.07 W
        ("AMD Ryzen 9 7950X 16-Core Processor", 1, 32, 64, 1.0, PACKAGE, (95.3, 198.5, 268.0)),
        ("AMD Ryzen 9 7950X 16-Core Processor", 1, 32, 64, 0.0, PACKAGE, (2.45, 9.07, 16.6)),
        # 100 W of 3.32 W a thread
        (LAMBDA, 1, 30, 60, 1.0, WALL, (74.57, 104.0, 217.4)),
        # a socket of 2012: 2 years before 2014
        ("Intel(R) Xeon(R) CPU E5-2680 0 @ 2.70GHz", 1, 16, 32, 0.3, WALL, (51.3, 69.3, 108.8)),
        # client silicon
        ("Intel(R) Xeon(R) E-2388G CPU @ 3.20GHz", 1, 16, 16, 1.0, WALL, (45.7, 63.5, 91.4)),
    ],
)
def test_the_watts_are_these(
    cpu: str, sockets: int, threads: int, memory_gb: float, load: float, boundary: str, expected: tuple[float, ...]
) -> None:
    """
    Golden values, with the numbers as they are written down now.
    """
    assert expected == pytest.approx(power_w(cpu, sockets, threads, memory_gb, load, boundary), rel=2e-3)


def test_the_wall_is_the_default_and_the_formula_is_what_the_module_says() -> None:
    """
    With the numbers of the table, at a load above 10% and below.
    """
    awake_w = fitted.AWAKE * 560 + fitted.MEMORY_W * 256
    for load, part in ((0.4, 1.0), (0.05, (1 + fitted.ASLEEP) / 2)):
        expected = awake_w * part + fitted.DYNAMIC * 560 * load**fitted.EXPONENT
        assert expected == pytest.approx(power_w(EPYC, 2, 256, 256, load)[1])


def test_what_is_not_known_widens_the_interval() -> None:
    """
    Rest more than load, an old host more than a new one, a class more than a part, an unseen kind, a virtual machine.
    """

    def width(of: Machine, load: float = 0.5, boundary: str = WALL) -> float:
        low, _, high = watts(curve(of, boundary, tuned=True), load)
        return high / low

    known = machine(EPYC, 1, 128, 128)
    narrow = width(known)
    wider = [
        width(known, 0.0),
        width(known, 0.05),
        width(known._replace(year=2012)),
        width(machine("AMD EPYC", 1, 128, 128)),
        width(known._replace(seen=())),
        width(known._replace(share=0.02)),
        width(known, boundary=PACKAGE),
    ]
    assert narrow < min(wider)
    assert width(machine("", 1, 8, 8)) > width(machine("Apple M1", 1, 8, 8)) > narrow


def test_errors_that_are_independent_add_in_squares() -> None:
    """
    Two factors of 2 make 2 to the root of 2.
    """
    assert widen((0.5, 2.0), (0.5, 2.0)) == pytest.approx((2 ** -(2**0.5), 2 ** (2**0.5)))
    assert widen((0.7, 1.5), (1.0, 1.0)) == pytest.approx((0.7, 1.5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"load": -0.01}, "load"),
        ({"load": 1.01}, "load"),
        ({"load": nan}, "load"),
        ({"boundary": "psys"}, "boundary"),
        ({"sockets": 0}, "0 sockets"),
        ({"threads": -1}, "-1 threads"),
        ({"memory_gb": -1.0}, "-1.0 GB"),
        ({"memory_gb": nan}, "nan GB"),
        ({"memory_gb": inf}, "inf GB"),
    ],
)
def test_what_no_machine_has_is_an_error(change: dict[str, object], message: str) -> None:
    """
    Named, with the value.
    """
    arguments = {"cpu": EPYC, "sockets": 1, "threads": 128, "memory_gb": 128.0, "load": 0.5, "boundary": WALL}
    with pytest.raises(ValueError, match=message):
        power_w(**{**arguments, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("of", "boundary", "expected"),
    [
        (
            machine(EPYC, 2, 256, 256),
            WALL,
            "wall model for hosts from 2017 (SPECpower), TDP 560 W from exact match, no less than package and 0.1 W/GB "
            "of memory behind a power supply of 92%, 90% of such hosts lie between ×0.72 and ×1.44 from 10% load, at "
            "rest ×0.63 and ×2.00",
        ),
        (
            machine("Intel(R) Xeon(R) CPU E5-2680 0 @ 2.70GHz", 1, 16, 32),
            WALL,
            "wall model for hosts before 2017 (SPECpower), TDP 130 W from exact match, no less than package and 0.1 "
            "W/GB of memory behind a power supply of 92%, 90% of such hosts lie between ×0.74 and ×1.57 from 10% "
            "load, at rest ×0.81 and ×2.51",
        ),
        (
            machine("Apple M1", 1, 8, 16),
            PACKAGE,
            "package model for Intel clients and laptops (RAPL of 9 CPU models), TDP unknown and taken as 3.2 W a "
            "thread (apple), no host of this kind was measured, 90% of such hosts lie between ×0.21 and ×2.43 from "
            "40% load, at rest ×0.15 and ×2.81",
        ),
        (
            machine("AMD Ryzen 9 7950X 16-Core Processor", 1, 32, 64),
            PACKAGE,
            "package model for AMD desktops (RAPL of 6 CPU models), TDP 170 W from exact match, at full load ×1.35 by "
            "its published limit, 90% of such hosts lie between ×0.48 and ×1.35 from 40% load, at "
            "rest ×0.27 and ×1.83",
        ),
        (
            machine(EPYC, 1, 128, 128)._replace(share=0.25),
            PACKAGE,
            "package model for servers (RAPL of 10 CPU models), TDP 280 W from exact match, at full load ×1.09 by its "
            "watts a thread, 25.0% of a host whose other CPUs are 50% busy, 90% of such hosts lie between ×0.54 and "
            "×1.70",
        ),
    ],
)
def test_an_estimate_says_what_it_rests_on(of: Machine, boundary: str, expected: str) -> None:
    """
    In words, for doctor and report.
    """
    assert expected == explain(of, boundary, brief=True)


def test_the_long_word_names_the_cpus_behind_it_and_what_is_missing() -> None:
    """
    Of each kind; never in a record, where the number of them has to do.
    """
    for kind in KINDS:
        said = explain(machine(EPYC, 1, 128, 128)._replace(kind=kind), PACKAGE)
        assert f": {fitted.MEASURED[kind]}; " in said
    assert "8259CL" not in said
    assert "no ARM" in explain(machine(EPYC, 1, 128, 128), PACKAGE)


@given(of=machines, boundary=boundaries)
def test_what_estimates_of_one_machine_share_is_inside_their_interval(of: Machine, boundary: str) -> None:
    """
    The rest, their own noise, makes it up to the whole.
    """
    low, high = common(of, boundary)
    *_, (whole_low, whole_high) = curve(of, boundary)[6]
    assert whole_low <= low * (1 + 1e-9) <= 1 + 1e-6
    assert 1 <= high <= whole_high * (1 + 1e-9)


@given(st.tuples(st.floats(0.1, 1), st.floats(1, 10)), st.tuples(st.floats(0.1, 1), st.floats(1, 10)))
def test_an_error_can_be_taken_out_again(one: tuple[float, float], other: tuple[float, float]) -> None:
    """
    Of what it was put into; out of something smaller nothing is left.
    """
    assert narrow(widen(one, other), other) == pytest.approx(one, abs=1e-6)
    assert narrow((1.0, 1.0), one) == (1.0, 1.0)


@given(of=machines, load=loads, factor=st.floats(0.1, 10))
def test_a_reference_scales_the_wall_and_keeps_the_package_inside(of: Machine, load: float, factor: float) -> None:
    """
    With the reference's interval, and, unless memory alone takes all of it, room for both.
    """
    wall = scaled(curve(of, WALL), factor, (0.8, 1.25))
    low, middle, high = watts(wall, load)
    assert (low, high) == pytest.approx((0.8 * middle, 1.25 * middle))
    assert middle == pytest.approx(factor * watts(curve(of, WALL), load)[1])
    package_w = watts(fitted_into(curve(of, PACKAGE), wall, of.memory_gb), load)[1]
    memory_w = DRAM_W_PER_GB * of.memory_gb
    assert package_w <= middle
    assert package_w <= SUPPLY * middle * 1.08 - memory_w or memory_w > SUPPLY * middle / 2.2
