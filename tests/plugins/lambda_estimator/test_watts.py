"""
The watts of the estimator for places where CPUs come in shares: whose they are, and what is published.
"""

from __future__ import annotations

from typing import Any

import pytest
from greensdk_lambda_estimator import LambdaEstimator
from greensdk_lambda_estimator.watts import (
    AMD,
    ARM,
    INTEL,
    INTEL_25,
    INTEL_29,
    INTEL_30,
    MEMORY,
    MEMORY_W_PER_GB,
    Part,
    part_of,
)
from greensdk_psutil_tdp.era import INTEL_OLD, SERVER, peak_of
from greensdk_psutil_tdp.power import BOUNDARIES, DRAM, DRAM_W_PER_GB, HOST_THREADS, PACKAGE, Machine, common, curve
from greensdk_psutil_tdp.power import watts as watts_of
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
    available = LambdaEstimator(vcpus=1.0, memory_mb=512, idle_w_per_vcpu=9.0, host=host()).probe()
    assert not available.ok
    assert "9 W at rest and 5.09 W when it is busy" in available.reason
    assert "busy_w_per_vcpu" in available.fix


def test_an_architecture_without_figures_needs_the_users() -> None:
    """
    No default for what is unpublished, and no number without both ends.
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
    ("clock", "part"), [("2.50", INTEL_25), ("2.90", INTEL_29), ("3.00", INTEL_30), ("3.10", INTEL)], ids=str
)
def test_the_clock_tells_which_intel_it_is(clock: str, part: Part) -> None:
    """
    The only thing in the name that Lambda leaves.
    """
    name = f"Intel(R) Xeon(R) Processor @ {clock}GHz"
    assert part == part_of("x86_64", "masked-intel", name)
    assert AMD == part_of("x86_64", "masked-amd", "AMD EPYC")


def thread(tdp_w: float, threads: int, kind: str, **more: Any) -> Machine:
    """
    Make one thread of a socket, on a host of 96.
    """
    peak = peak_of(kind, tdp_w, None, None, tdp_w / threads)
    return Machine(tdp_w / threads, 1 / threads, 0.0, kind=kind, peak=peak, share=1 / HOST_THREADS, **more)


OF_2_50 = [thread(240, 48, INTEL_OLD), thread(210, 48, INTEL_OLD)]
OF_2_90 = [thread(300, 64, SERVER)]


@pytest.mark.parametrize(
    ("part", "machines"),
    [
        (INTEL_25, OF_2_50),
        (INTEL_29, OF_2_90),
        (INTEL_30, [thread(240, 36, INTEL_OLD), thread(240, 48, INTEL_OLD)]),
        (AMD, [thread(280, 96, SERVER), thread(225, 96, SERVER)]),
        (ARM, [thread(128, 64, SERVER)]),
    ],
    ids=lambda value: value.cpu if isinstance(value, Part) else "",
)
def test_the_watts_are_what_the_package_model_gives_to_a_thread(part: Part, machines: list[Machine]) -> None:
    """
    At rest and busy, the geometric mean where it may be one of two; 2 W of TDP a thread for Graviton2.
    """
    for load, expected in ((0.0, part.idle_w), (1.0, part.busy_w)):
        said = [watts_of(curve(each, PACKAGE), load)[1] for each in machines]
        assert expected == pytest.approx((said[0] * said[-1]) ** 0.5, rel=0.01)


def test_an_intel_of_unknown_clock_lies_between_the_two_that_are_seen_most() -> None:
    """
    The geometric mean.
    """
    assert INTEL.busy_w == pytest.approx((INTEL_25.busy_w * INTEL_29.busy_w) ** 0.5, rel=0.01)
    assert INTEL.idle_w == pytest.approx((INTEL_25.idle_w * INTEL_29.idle_w) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("part", "of"),
    [
        (INTEL_25, thread(1, 1, INTEL_OLD, part=(0.7, 1.4))),
        (AMD, thread(1, 1, SERVER, part=(0.6, 2.2))),
        (ARM, thread(1, 1, SERVER, seen=())),
    ],
    ids=lambda value: value.cpu if isinstance(value, Part) else "",
)
def test_the_interval_is_a_guests(part: Part, of: Machine) -> None:
    """
    The package's, the neighbours', and that of the class of its CPU; for ARM that of an unmeasured kind.
    """
    *_, busy = curve(of, PACKAGE)[6]
    assert part.factors == pytest.approx(busy, abs=0.006)
    assert part.common == pytest.approx(common(of, PACKAGE), abs=0.006)
    assert of.seen in (BOUNDARIES, ())


@pytest.mark.parametrize(
    ("part", "published"),
    [
        (INTEL, {"idle_w": (0.64, 0.57), "busy_w": (3.97, 4.26, 4.64, 8.18)}),
        (AMD, {"idle_w": (0.47, 0.28), "busy_w": (1.69, 2.24, 2.39)}),
        (ARM, {"idle_w": (0.47, 0.27), "busy_w": (1.69, 2.39)}),
    ],
)
def test_the_interval_holds_every_published_figure(part: Part, published: dict[str, tuple[float, ...]]) -> None:
    """
    Cloud Carbon Footprint's and Teads', the whole instance around the vCPU included.
    """
    low, high = part.factors
    for key, watts in published.items():
        assert low * getattr(part, key) <= min(watts) <= max(watts) <= high * getattr(part, key)


def test_memory_is_what_the_power_model_takes() -> None:
    """
    One figure in the whole project.
    """
    assert (MEMORY_W_PER_GB, MEMORY) == (DRAM_W_PER_GB, DRAM)


@pytest.mark.parametrize(
    ("model", "expected_j"),
    [("Intel(R) Xeon(R) Processor @ 2.50GHz", 5.4), ("Intel(R) Xeon(R) Processor @ 2.90GHz", 5.4), ("AMD EPYC", 3.1)],
)
def test_a_busy_second_of_one_vcpu(model: str, expected_j: float) -> None:
    """
    A Lambda of 1769 MB; the call's reading tells the factor that all calls share, and it is inside the whole interval.
    """
    reading = opened(1769, 1.0, host("x86_64", "masked-amd" if "AMD" in model else "masked-intel", model)).estimate(
        use(1.0, duration_s=1.0)
    )
    assert reading["energy_j"] == pytest.approx(expected_j, rel=0.1)
    assert reading["energy_low_j"] is not None
    assert reading["energy_high_j"] is not None
    about = reading["attributes"]
    assert reading["energy_low_j"] / reading["energy_j"] < about["common_factor_low"] < 1
    assert reading["energy_high_j"] / reading["energy_j"] > about["common_factor_high"] > 1
    assert about["model_id"].startswith("lambda-estimator x86_64 ")
