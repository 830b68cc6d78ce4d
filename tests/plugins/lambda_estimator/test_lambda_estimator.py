"""
The estimator for places where CPUs come in shares.
"""

from __future__ import annotations

import pytest
from greensdk_lambda_estimator import LambdaEstimator
from greensdk_lambda_estimator.model import Model
from greensdk_lambda_estimator.watts import ARM, INTEL, MEMORY, MEMORY_W_PER_GB
from hypothesis import given
from hypothesis import strategies as st
from lambda_estimator_kit import host, opened, use

from greensdk import capture, track
from greensdk.monitor import CALL, ESTIMATED, Estimator
from greensdk.testing import check_monitor

seconds = st.floats(0.0, 1e5)
sizes = st.integers(128, 10_240)
machines = st.sampled_from([("x86_64", "masked-intel"), ("x86_64", "masked-amd"), ("aarch64", "arm-server")])


@pytest.mark.parametrize(
    ("arch", "memory_mb", "share", "vcpu_j", "memory_j", "energy_j"),
    [
        ("x86_64", 512, 0.2894, 2.6144, 0.1, 2.7144),
        ("x86_64", 1024, 0.5789, 3.1238, 0.2, 3.3238),
        ("x86_64", 2048, 1.1577, 4.1426, 0.4, 4.5426),
        ("aarch64", 512, 0.2894, 1.2679, 0.1, 1.3679),
        ("aarch64", 1024, 0.5789, 1.5457, 0.2, 1.7457),
        ("aarch64", 2048, 1.1577, 2.1014, 0.4, 2.5014),
    ],
)
def test_lambdas_of_both_architectures(
    monkeypatch: pytest.MonkeyPatch,
    arch: str,
    memory_mb: int,
    share: float,
    vcpu_j: float,
    memory_j: float,
    energy_j: float,
) -> None:
    """
    Two seconds with half a CPU second in them, worked out by hand.
    """
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "work")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(memory_mb))
    estimator = LambdaEstimator(host=host(arch))
    estimator.open()
    reading = estimator.estimate(use(0.5))
    assert energy_j == pytest.approx(reading["energy_j"], abs=1e-4)
    assert {"vcpu": vcpu_j, "memory": memory_j} == pytest.approx(reading["domains"], abs=1e-4)
    part = INTEL if arch == "x86_64" else ARM
    ends = [factor * vcpu_j + more * memory_j for factor, more in zip(part.factors, MEMORY, strict=True)]
    assert ends == pytest.approx([reading["energy_low_j"], reading["energy_high_j"]], abs=4e-4)
    assert share == pytest.approx(reading["attributes"]["vcpu_share"], abs=1e-4)


def test_a_reading_says_what_it_is_and_how_it_came_about() -> None:
    """
    An estimate of the call alone, with every constant and its source.
    """
    reading = opened(512).estimate(use(0.25))
    attributes = dict(reading["attributes"])
    idle_w, busy_w = attributes.pop("idle_w_per_vcpu"), attributes.pop("busy_w_per_vcpu")
    assert (CALL, ESTIMATED, "vcpu+memory", None) == (
        reading["scope"],
        reading["quality"],
        reading["boundary"],
        reading["meter_id"],
    )
    assert (0.88, 5.09) == (idle_w, busy_w)
    assert {
        "environment": "configured",
        "vcpu_share": 512 / 1769,
        "memory_mb": 512,
        "limits_source": "user",
        "arch": "x86_64",
        "cpu": "Intel Xeon, one of Lambda's",
        "watts_source": INTEL.source,
        "memory_w_per_gb": 0.1,
        "memory_watts_source": "RAPL's dram domain of EC2 bare metal",
        "basis": "configured 512 MB, 0.289 vCPU, x86_64 (Intel Xeon, one of Lambda's); watts from the package model of "
        "psutil-tdp, between 2.50 and 2.90 GHz, 90% between ×0.48 and ×2.26",
        "model_id": "lambda-estimator x86_64 0.88 5.09 0.1",
        "common_factor_low": INTEL.common[0],
        "common_factor_high": INTEL.common[1],
        "cpu_s_used": 0.25,
        "cpu_basis": "counted",
        "cpu_source": "process",
    } == attributes


def test_a_call_that_waits_takes_its_share_of_a_machine_at_rest() -> None:
    """
    A vCPU at rest and the memory, for as long as it lasts.
    """
    reading = opened(2048, vcpus=2.0).estimate(use(0.0, duration_s=10.0))
    assert {"vcpu": 2.0 * 10.0 * INTEL.idle_w, "memory": 2.0 * 10.0 * MEMORY_W_PER_GB} == pytest.approx(
        reading["domains"]
    )


def test_a_vcpu_that_is_busy_all_the_time_takes_its_busy_watts() -> None:
    """
    Rest and work add up to the published watts of a fully busy vCPU, whatever the size.
    """
    for vcpus in (0.1, 1.0, 5.79):
        reading = opened(1024, vcpus=vcpus).estimate(use(vcpus * 3.0, duration_s=3.0))
        assert vcpus * 3.0 * INTEL.busy_w == pytest.approx(reading["domains"]["vcpu"])


def test_the_most_is_far_below_a_socket() -> None:
    """
    The largest Lambda, all CPUs busy, at the top of the interval: a third of the 210 W that such a socket is built for.
    """
    reading = opened(10_240).estimate(use(5.79, duration_s=1.0))
    assert 45 < reading["energy_high_j"] < 70


def test_a_short_call_may_run_ahead_of_its_share() -> None:
    """
    Five milliseconds of CPU in five milliseconds, with a fourteenth of a CPU: so it is until the quota is used up.
    """
    reading = opened(128).estimate(use(0.005, duration_s=0.005))
    assert (0.005, "counted") == (reading["attributes"]["cpu_s_used"], reading["attributes"]["cpu_basis"])


def test_more_than_any_quota_allows_is_cut() -> None:
    """
    Ten CPU seconds in ten seconds of a fourteenth of a CPU are not this call's.
    """
    reading = opened(128).estimate(use(10.0, duration_s=10.0))
    # 10 s and two periods of 0.1 s, times the share, and a tick of the scheduler
    assert 128 / 1769 * 10.2 + 0.01 == pytest.approx(reading["attributes"]["cpu_s_used"])
    assert "cut to what the share allows" == reading["attributes"]["cpu_basis"]


def test_without_cpu_seconds_anything_from_none_to_all_may_have_been_used() -> None:
    """
    Half of the share in the middle, and an interval from an idle call to a busy one.
    """
    estimator = opened(1769)
    idle, busy, unknown = (estimator.estimate(use(cpu_s)) for cpu_s in (0.0, 2.0, None))
    assert (idle["energy_j"] + busy["energy_j"]) / 2 == pytest.approx(unknown["energy_j"])
    assert (idle["energy_low_j"], busy["energy_high_j"]) == pytest.approx(
        (unknown["energy_low_j"], unknown["energy_high_j"])
    )
    assert "assumed: half of the share" == unknown["attributes"]["cpu_basis"]


def test_an_estimator_that_was_not_opened_says_so() -> None:
    """
    No number from constants that were not looked up.
    """
    reading = LambdaEstimator(vcpus=1.0, memory_mb=512).estimate(use(1.0))
    assert (None, "open() was not called") == (reading["energy_j"], reading["reason"])


@given(machine=machines, memory_mb=sizes, duration_s=seconds, cpu_s=st.none() | seconds)
def test_the_estimate_lies_in_its_interval(
    machine: tuple[str, str], memory_mb: int, duration_s: float, cpu_s: float | None
) -> None:
    """
    For every size and every amount of work; the domains add up to it.
    """
    reading = opened(memory_mb, machine=host(*machine)).estimate(use(cpu_s, duration_s))
    assert 0 <= reading["energy_low_j"] <= reading["energy_j"] <= reading["energy_high_j"]
    assert reading["energy_j"] == sum(reading["domains"].values())


@given(machine=machines, memory_mb=sizes, duration_s=seconds, cpu_s=seconds, more=st.floats(1.0, 100.0))
def test_more_of_anything_never_takes_less(
    machine: tuple[str, str], memory_mb: int, duration_s: float, cpu_s: float, more: float
) -> None:
    """
    Time, CPU seconds, and memory with the share that comes with it.
    """
    here = host(*machine)
    base = opened(memory_mb, machine=here).estimate(use(cpu_s, duration_s))["energy_j"]
    longer = opened(memory_mb, machine=here).estimate(use(cpu_s, duration_s * more))["energy_j"]
    busier = opened(memory_mb, machine=here).estimate(use(cpu_s * more, duration_s))["energy_j"]
    bigger = opened(memory_mb * more, machine=here).estimate(use(cpu_s, duration_s))["energy_j"]
    assert base <= min(longer, busier, bigger) * (1 + 1e-12)


@given(vcpus=st.floats(0.07, 96), duration_s=seconds, part=st.floats(0, 1))
def test_what_the_share_allows_is_never_cut(vcpus: float, duration_s: float, part: float) -> None:
    """
    Whatever part of it was used.
    """
    cpu_s = vcpus * duration_s * part
    assert (cpu_s, cpu_s, cpu_s, "counted") == Model(vcpus, 1.0, 1.0, 2.0, 0.4).cpu_s(use(cpu_s, duration_s))


def test_it_keeps_the_contract() -> None:
    """
    Probe, open, estimate and close, twice.
    """
    estimator = LambdaEstimator(vcpus=2, memory_mb=512)
    assert isinstance(estimator, Estimator)
    assert ("lambda-estimator", True) == (estimator.name, estimator.cheap)
    assert ["vcpu", "memory"] == [metric.name for metric in check_monitor(estimator)]


def test_in_a_lambda_it_stands_for_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nothing is configured; the environment alone brings it in, and it comes before the TDP.
    """
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "work")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    with capture() as records, track("block", sink="memory:", order=["lambda-estimator", "psutil-tdp"]):
        sum(range(100_000))
    (record,) = records
    assert ("lambda-estimator", "vcpu+memory", "estimated") == (
        record["energy_source"],
        record["energy_boundary"],
        record["energy_quality"],
    )
    assert 0 < record["energy_low_j"] < record["energy_j"] < record["energy_high_j"]


def test_the_settings_of_a_user_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    From the environment, as numbers.
    """
    monkeypatch.setenv("GREENSDK_LAMBDA_ESTIMATOR_VCPUS", "0.5")
    monkeypatch.setenv("GREENSDK_LAMBDA_ESTIMATOR_MEMORY_MB", "256")
    with capture() as records, track("block", sink="memory:", monitors=["lambda-estimator"]):
        pass
    (reading,) = records[0]["readings"]
    assert (0.5, 256.0) == (reading["attributes"]["vcpu_share"], reading["attributes"]["memory_mb"])
