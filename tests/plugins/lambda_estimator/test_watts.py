"""
The watts of the estimator for places where CPUs come in shares: whose they are, and what is published.
"""

from __future__ import annotations

from typing import Any

import pytest
from greensdk_lambda_estimator import LambdaEstimator
from greensdk_lambda_estimator.watts import AMD, ARM, HIGH, INTEL, LOW, MEMORY_W_PER_GB, part_of
from lambda_estimator_kit import host, opened, use

from greensdk.errors import ConfigError
from greensdk.machine.hardware import CPU_CLASSES


def test_the_users_watts_win() -> None:
    """
    And the reading says whose they are.
    """
    own = {"busy_w_per_vcpu": 3.0, "idle_w_per_vcpu": 1.0, "memory_w_per_gb": 0.5}
    reading = opened(2048, vcpus=1.0, **own).estimate(use(1.0, duration_s=2.0))
    assert {"vcpu": 4.0, "memory": 2.0} == reading["domains"]
    assert ("user", "user") == (reading["attributes"]["watts_source"], reading["attributes"]["memory_watts_source"])


def test_half_of_the_watts_may_be_the_users() -> None:
    """
    The other half is the published one, and the source says both.
    """
    attributes = opened(busy_w_per_vcpu=9.0).estimate(use(1.0))["attributes"]
    assert (9.0, INTEL.idle_w) == (attributes["busy_w_per_vcpu"], attributes["idle_w_per_vcpu"])
    assert f"user, and {INTEL.source}" == attributes["watts_source"]


@pytest.mark.parametrize("key", ["busy_w_per_vcpu", "idle_w_per_vcpu", "memory_w_per_gb", "vcpus", "memory_mb"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_setting_that_makes_no_sense_is_an_error(key: str, value: float) -> None:
    """
    At once, with its name.
    """
    with pytest.raises(ConfigError, match=key):
        LambdaEstimator(**{key: value})


def test_a_cpu_that_takes_more_at_rest_than_at_work_is_refused() -> None:
    """
    Half of the watts are the user's, so that only the machine tells whether they fit.
    """
    available = LambdaEstimator(vcpus=1.0, memory_mb=512, idle_w_per_vcpu=5.0, host=host()).probe()
    assert not available.ok
    assert "5 W at rest and 4.29 W when it is busy" in available.reason
    assert "busy_w_per_vcpu" in available.fix


def test_an_architecture_without_figures_needs_the_users() -> None:
    """
    No default for what nobody has published, and no number without both ends.
    """
    riscv = host("riscv64", "unknown")
    estimator = LambdaEstimator(vcpus=1.0, memory_mb=1024, host=riscv)
    assert not estimator.probe().ok
    assert "no watts are known for a vCPU of riscv64" == estimator.probe().reason
    assert [] == estimator.open()
    reading = estimator.estimate(use(1.0))
    assert (None, None, None) == (reading["energy_j"], reading["energy_low_j"], reading["energy_high_j"])
    assert "riscv64; set busy_w_per_vcpu and idle_w_per_vcpu in [tool.greensdk.lambda-estimator]" in reading["reason"]
    own = opened(1024, 1.0, riscv, busy_w_per_vcpu=2.0, idle_w_per_vcpu=1.0).estimate(use(2.0, 2.0))
    assert ("riscv64", 4.0) == (own["attributes"]["arch"], own["domains"]["vcpu"])


@pytest.mark.parametrize("cpu_class", CPU_CLASSES)
def test_every_class_of_cpu_has_its_part(cpu_class: str) -> None:
    """
    The maker tells AMD from Intel; the architecture alone decides on ARM.
    """
    assert (AMD if "amd" in cpu_class else INTEL) == part_of("x86_64", cpu_class)
    assert ARM == part_of("aarch64", cpu_class) == part_of("arm64", cpu_class)


@pytest.mark.parametrize(
    ("part", "published"),
    [
        (INTEL, {"idle_w": (0.64, 0.57), "busy_w": (3.97, 4.26, 4.64, 8.18)}),
        (AMD, {"idle_w": (0.47, 0.28), "busy_w": (1.69, 2.24, 2.39)}),
        (ARM, {"idle_w": (0.47, 0.27), "busy_w": (1.69, 2.39)}),
    ],
)
def test_the_interval_holds_every_published_figure(part: Any, published: dict[str, tuple[float, ...]]) -> None:
    """
    Cloud Carbon Footprint's and Teads', the whole instance around the vCPU included.
    """
    for key, watts in published.items():
        assert LOW * getattr(part, key) <= min(watts) <= max(watts) <= HIGH * getattr(part, key)


@pytest.mark.parametrize("memory_w", [0.2, 0.284, 0.375, 0.38, 0.4, 0.4083, 0.6])
def test_the_interval_holds_what_is_said_of_memory(memory_w: float) -> None:
    """
    Teads at rest, half busy and busy, Boavizta, Crucial, Micron.
    """
    assert LOW * MEMORY_W_PER_GB <= memory_w <= HIGH * MEMORY_W_PER_GB
