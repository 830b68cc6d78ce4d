"""
The estimator with the power model: the machine's joules at two boundaries, and what it does where clocks are missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from greensdk_psutil_tdp import PsutilTdpEstimator, power_w
from greensdk_psutil_tdp.hosts import machine_of
from greensdk_psutil_tdp.power import DRAM_W_PER_GB, HOST_THREADS, PACKAGE, SUPPLY, WALL, curve, watts
from greensdk_psutil_tdp.tdp import lookup
from hypothesis import given
from hypothesis import strategies as st
from tdp_kit import EPYC, LAMBDA, NO_POWERCAP, XEON, host, opened, use

import greensdk
from greensdk.deliver.lines import encode
from greensdk.machine.calibration import Reference
from greensdk.measure.attribution import MODEL_KEYS
from greensdk.monitor import Reading, Usage
from greensdk.schema.check import problems

SERVER = host(EPYC, cpus=256, sockets=2, memory_gb=256)


def both(machine: Any, usage: Usage, **settings: Any) -> Sequence[Reading]:
    """
    Return the two readings.
    """
    made = opened(machine, **settings).estimate(usage)
    assert not isinstance(made, dict)
    assert len(made) == 2
    return made


def test_both_readings_are_the_machines_joules_at_its_load() -> None:
    """
    128 of 256 threads busy for two seconds; what the call itself did is attribution's matter.
    """
    of = machine_of(lookup(EPYC, "amd-server", NO_POWERCAP), SERVER)
    package, wall = both(SERVER, use(1.0, host_cpu_s=256.0))
    for reading, boundary in ((package, PACKAGE), (wall, WALL)):
        low, middle, high = watts(curve(of, boundary), 0.5)
        assert reading["energy_j"] == pytest.approx(2 * middle)
        assert (reading["energy_low_j"], reading["energy_high_j"]) == (pytest.approx(2 * low), pytest.approx(2 * high))
        assert (reading["scope"], reading["quality"], reading["boundary"]) == ("machine", "estimated", boundary)
        assert reading["domains"] == {boundary: reading["energy_j"]}
        assert (reading["call_j"], reading["meter_id"], reading["reason"]) == (None, None, None)
        assert reading["attributes"]["load"] == 0.5


def test_the_package_and_memory_of_a_record_fit_into_its_wall() -> None:
    """
    At any load, of machines and guests; half of the wall that SPECpower's servers would take is not enough for them.
    """
    for percent in range(0, 101, 5):
        for here in (SERVER, host(XEON, cpus=2, virtual=True, memory_gb=8), host(LAMBDA, cpus=2, virtual=True)):
            room_s = 2.0 * here["cpus_logical"]
            package, wall = both(here, use(0.0, host_cpu_s=percent / 100 * room_s))
            memory_j = 2 * DRAM_W_PER_GB * here["memory_bytes"] / 2**30
            assert package["energy_j"] is not None
            assert wall["energy_j"] is not None
            assert package["energy_j"] + memory_j <= SUPPLY * wall["energy_j"] * (1 + 1e-9)


def test_records_of_one_machine_share_a_model_id() -> None:
    """
    One for each boundary; another machine, or another setting, has another.
    """

    def ids(machine: Any, **settings: Any) -> list[str]:
        return [each["attributes"]["model_id"] for each in both(machine, use(1.0, host_cpu_s=9.0), **settings)]

    assert ids(SERVER) == ids(SERVER)
    assert len({*ids(SERVER), *ids(host(EPYC, cpus=128)), *ids(SERVER, tdp_w=200.0)}) == 6


def test_the_record_carries_what_its_estimates_share() -> None:
    """
    The factor that cancels between two records of one machine; with a meter there is none.
    """

    @greensdk.energy_tracked(monitors=["psutil-tdp"], sink="memory:", plugins={"psutil-tdp": {"tdp_w": 65.0}})
    def work() -> int:
        return sum(range(200_000))

    with greensdk.capture() as records:
        work()
        work()
    first, second = records
    about = first["readings"][0]["attributes"]
    for key in MODEL_KEYS:
        assert first[key] == second[key] == about[key]
    whole = first["energy_low_j"] / first["energy_j"], first["energy_high_j"] / first["energy_j"]
    assert whole[0] < first["common_factor_low"] < 1 < first["common_factor_high"] < whole[1]
    assert not problems(json.loads(encode(first)))


def test_a_reference_scales_the_wall() -> None:
    """
    By its factor, with its date in words and the narrower of both intervals; the package keeps its estimate.
    """
    estimator = opened(SERVER)
    package, wall = list(estimator.estimate(use(1.0, host_cpu_s=256.0)))
    estimator.refer(Reference(2.0, 0.8, 1.25, "scaled ×2.00 by 1 reading (battery, 2026-11-30, 1 day ago)"))
    same, scaled = list(estimator.estimate(use(1.0, host_cpu_s=256.0)))
    assert scaled["energy_j"] == pytest.approx(2.0 * wall["energy_j"])
    assert same["energy_j"] == package["energy_j"]
    assert _width(scaled) < _width(wall)
    assert "scaled ×2.00 by 1 reading (battery, 2026-11-30, 1 day ago)" in scaled["attributes"]["basis"]
    assert wall["attributes"]["common_factor_low"] == scaled["attributes"]["common_factor_low"] > 0.8
    assert 1.25 == scaled["attributes"]["common_factor_high"] < wall["attributes"]["common_factor_high"]
    assert scaled["attributes"]["model_id"] != wall["attributes"]["model_id"]


def test_the_boundary_that_was_asked_for_comes_first() -> None:
    """
    The first of a monitor's readings stands for the call, the other beside it.
    """
    assert ["package", "wall"] == [each["boundary"] for each in both(SERVER, use(1.0, host_cpu_s=9.0))]
    assert ["wall", "package"] == [each["boundary"] for each in both(SERVER, use(1.0, host_cpu_s=9.0), boundary="wall")]
    metrics = PsutilTdpEstimator(powercap_root=NO_POWERCAP, host=SERVER, boundary="wall").open()
    assert [("wall", "machine"), ("package", "machine")] == [(metric.name, metric.scope) for metric in metrics]


def test_a_reading_says_what_it_rests_on() -> None:
    """
    In words, each of its own boundary; the constants once.
    """
    estimator = opened(SERVER)
    package, wall = both(SERVER, use(1.0, host_cpu_s=9.0))
    for reading in (package, wall):
        assert estimator.basis[reading["boundary"]] == reading["attributes"]["basis"]
        assert reading["attributes"]["model"] == "power"
    assert "TDP 560 W from exact match" in wall["attributes"]["basis"]
    assert package["attributes"]["tdp_w"] == 560.0
    assert package["attributes"]["cpu_source"] == "process-clock"
    assert set(wall["attributes"]) == {"model", "basis", "load", *MODEL_KEYS}
    json.dumps([package, wall])


@given(host_cpu_s=st.floats(0, 1e6), duration_s=st.floats(0, 1e4))
def test_a_machine_is_never_more_than_fully_busy(host_cpu_s: float, duration_s: float) -> None:
    """
    A clock with coarse steps may show more CPU seconds in a short window than there are.
    """
    full_w = watts(curve(machine_of(lookup(EPYC, "amd-server", NO_POWERCAP), SERVER), WALL), 1.0)[2]
    for reading in both(SERVER, use(0.0, duration_s, host_cpu_s=host_cpu_s)):
        low, middle, high = reading["energy_low_j"], reading["energy_j"], reading["energy_high_j"]
        assert low is not None
        assert middle is not None
        assert high is not None
        assert 0 <= low <= middle <= high <= full_w * duration_s
        assert 0 <= reading["attributes"]["load"] <= 1


def test_two_virtual_cpus_pay_their_part_of_a_host() -> None:
    """
    Two of 48 threads of a socket that is half busy otherwise: never the socket, and more uncertain.
    """
    guest = host(XEON, cpus=2, sockets=1, virtual=True, memory_gb=4)
    machine = machine_of(lookup(XEON, "intel-server", NO_POWERCAP), guest)
    assert (machine.tdp_w, machine.share) == (8.75, pytest.approx(2 / 48))
    package, wall = both(guest, use(2.0, host_cpu_s=2.0))
    socket = machine_of(lookup(XEON, "intel-server", NO_POWERCAP), host(XEON, cpus=48, memory_gb=96))
    for reading in (package, wall):
        _, socket_w, _ = watts(curve(socket, reading["boundary"]), 0.5)
        assert reading["energy_j"] == pytest.approx(2.0 * socket_w / 24), "as busy as its neighbours"
    for guests, real in zip((package, wall), both(host(XEON, cpus=48), use(2.0, host_cpu_s=48.0)), strict=True):
        assert _width(guests) > 1.1 * _width(real)
    assert "4.2% of a host whose other CPUs are 50% busy" in wall["attributes"]["basis"]


def test_a_guest_at_rest_pays_for_the_host_that_is_awake_for_it() -> None:
    """
    Its threads' part of what the host takes at any load, and nothing for the neighbours' work.
    """
    guest = host(XEON, cpus=2, virtual=True, memory_gb=4)
    (package, wall), (_, busy) = both(guest, use(0.0, host_cpu_s=0.0)), both(guest, use(4.0, host_cpu_s=4.0))
    rest_w, *_ = curve(machine_of(lookup(XEON, "intel-server", NO_POWERCAP), guest), PACKAGE)
    assert package["energy_j"] == pytest.approx(2 * rest_w)
    assert package["energy_j"] is not None
    assert wall["energy_j"] is not None
    assert busy["energy_j"] is not None
    assert 0 < package["energy_j"] < wall["energy_j"] < busy["energy_j"]


def test_a_guest_as_large_as_its_host_is_its_host() -> None:
    """
    All 48 threads: no neighbours, the guest's load is the host's.
    """
    guest = host(XEON, cpus=48, virtual=True, memory_gb=96)
    for mine, real in zip(
        both(guest, use(1.0, host_cpu_s=30.0)),
        both(host(XEON, cpus=48, memory_gb=96), use(1.0, host_cpu_s=30.0)),
        strict=True,
    ):
        assert mine["energy_j"] == pytest.approx(real["energy_j"])


@pytest.mark.parametrize(
    ("cpus", "share"), [(2, 2 / 48), (48, None), (64, 64 / 96), (96, None), (97, 97 / 144)], ids=str
)
def test_a_guest_of_more_than_a_socket_has_a_part_of_several(cpus: int, share: float | None) -> None:
    """
    As many sockets as its threads fill; one that fills them all is modelled as the host.
    """
    found = lookup(XEON, "intel-server", NO_POWERCAP)
    assert machine_of(found, host(XEON, cpus=cpus, virtual=True)).share == (share and pytest.approx(share))


def test_a_masked_guest_is_taken_for_a_part_of_a_common_host() -> None:
    """
    Lambda's name: watts of its maker's servers for each thread, of a host of 96.
    """
    package, wall = both(host(LAMBDA, cpus=2, virtual=True, memory_gb=2), use(1.0, host_cpu_s=4.0))
    machine = machine_of(lookup(LAMBDA, "masked-intel", NO_POWERCAP), host(LAMBDA, cpus=2, virtual=True))
    assert (machine.share, machine.tdp_w) == (2 / HOST_THREADS, pytest.approx(2 * 3.32))
    assert package["energy_j"] is not None
    assert wall["energy_j"] is not None
    assert 2.0 < package["energy_j"] / 4.0 < wall["energy_j"] / 4.0 < 8.0, "a busy vCPU, where 2 to 8 W are published"
    assert "TDP unknown and taken as 3.3 W a thread (masked-intel)" in package["attributes"]["basis"]


def test_memory_that_nobody_tells_is_assumed_and_said() -> None:
    """
    Two GB for each thread.
    """
    _, seen = both(host(EPYC, cpus=128, memory_gb=256), use(1.0, host_cpu_s=9.0))
    _, untold = both(host(EPYC, cpus=128, memory_gb=None), use(1.0, host_cpu_s=9.0))
    assert seen["energy_j"] == untold["energy_j"]
    assert "memory unknown: 2 GB a thread" in untold["attributes"]["basis"]
    assert "memory unknown" not in seen["attributes"]["basis"]


def test_without_a_clock_of_the_machine_the_call_gets_its_part_at_once() -> None:
    """
    macOS has no /proc/stat: the machine may have been fully busy, or the call alone; half is taken, and said.
    """
    quiet, cpu_s = use(2.0), 2.0
    of = machine_of(lookup(EPYC, "amd-server", NO_POWERCAP), SERVER)
    for reading in both(SERVER, quiet):
        low, middle, high = (watts(curve(of, reading["boundary"]), load) for load in (1.0, 0.5, cpu_s / 512))
        assert (reading["scope"], reading["quality"]) == ("call", "estimated")
        assert reading["energy_j"] == pytest.approx(middle[1] / 0.5 * cpu_s / 256)
        assert reading["energy_low_j"] == pytest.approx(low[0] * cpu_s / 256)
        assert reading["energy_high_j"] == pytest.approx(high[2] * 2.0), "the whole machine, as the call was alone"
        assert reading["attributes"]["load"] is None
        assert "no clock tells the host's load" in reading["attributes"]["basis"]


@given(cpu_s=st.floats(0, 1e5), duration_s=st.floats(0, 1e4).map(lambda s: round(s, 9)), host_cpu_s=st.floats(0, 1e6))
def test_the_interval_without_that_clock_holds_the_share_with_it(
    cpu_s: float, duration_s: float, host_cpu_s: float
) -> None:
    """
    Whatever the load really was, as long as the call's seconds are part of it and fit into the window.
    """
    cpu_s, host_cpu_s = round(cpu_s, 9), round(host_cpu_s, 9)  # clocks count nanoseconds
    cpu_s = min(cpu_s, duration_s * 256)
    host_cpu_s = min(max(host_cpu_s, cpu_s), duration_s * 256)
    share = cpu_s / host_cpu_s if host_cpu_s else 0.0
    for blind, seeing in zip(
        both(SERVER, use(cpu_s, duration_s)), both(SERVER, use(cpu_s, duration_s, host_cpu_s=host_cpu_s)), strict=True
    ):
        assert blind["energy_j"] is not None
        assert blind["energy_low_j"] is not None
        assert blind["energy_high_j"] is not None
        assert seeing["energy_j"] is not None
        assert 0 <= blind["energy_low_j"] <= blind["energy_j"] <= blind["energy_high_j"]
        assert blind["energy_low_j"] * 0.999 <= seeing["energy_j"] * share <= blind["energy_high_j"] * 1.001


def test_a_call_gets_its_share_of_both_boundaries() -> None:
    """
    Through the window: the joules of each boundary times the call's part of the machine's CPU time.
    """

    @greensdk.energy_tracked(
        monitors=["psutil-tdp"], sink="memory:", plugins={"psutil-tdp": {"tdp_w": 65.0, "boundary": "wall"}}
    )
    def work() -> int:
        return sum(range(200_000))

    with greensdk.capture() as records:
        work()
    record = records[0]
    wall, package = record["readings"]
    assert (record["energy_boundary"], record["energy_quality"]) == ("wall", "estimated")
    assert record["energy_j"] == wall["call_j"]
    for reading in (wall, package):
        assert reading["call_j"] == pytest.approx(reading["energy_j"] * record["cpu_share"])
        assert 0 < reading["low_j"] <= reading["call_j"] <= reading["high_j"]
    assert package["energy_j"] < wall["energy_j"]


def test_the_pure_function_is_for_tuned_servers_at_the_wall() -> None:
    """
    A record's wall is no less; at the package they are the same.
    """
    of = machine_of(lookup(EPYC, "amd-server", NO_POWERCAP), SERVER)
    for percent in range(0, 101, 5):
        load = percent / 100
        assert watts(curve(of, PACKAGE), load) == pytest.approx(power_w(EPYC, 2, 256, 256, load, PACKAGE))
        assert watts(curve(of, WALL), load)[1] >= power_w(EPYC, 2, 256, 256, load)[1]


def _width(reading: Reading) -> float:
    assert reading["energy_low_j"]
    assert reading["energy_high_j"]
    return reading["energy_high_j"] / reading["energy_low_j"]
