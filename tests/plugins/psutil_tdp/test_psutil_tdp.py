"""
The estimator that needs no meter: how it finds its watts, and the linear model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from greensdk_psutil_tdp import PsutilTdpEstimator, linear_j
from greensdk_psutil_tdp.hosts import interval
from greensdk_psutil_tdp.tdp import NOTHING, Tdp, lookup, rapl_limits_w
from hypothesis import given
from hypothesis import strategies as st
from tdp_kit import LAMBDA, NO_POWERCAP, XEON, host, opened, use

from greensdk.errors import ConfigError
from greensdk.monitor import Estimator, Reading, Usage

if TYPE_CHECKING:
    from pathlib import Path


def linear(machine: Any, usage: Usage, **settings: Any) -> Reading:
    """
    Return the one reading of the linear model.
    """
    made = opened(machine, model="linear", **settings).estimate(usage)
    assert isinstance(made, dict)
    return made


def powercap(root: Path, limits_uw: dict[str, str]) -> str:
    """
    Write a package zone for each of `limits_uw`, with a core zone in it and a psys zone beside it.
    """
    for number, (name, limit) in enumerate(limits_uw.items()):
        for zone, zone_name in ((f"intel-rapl:{number}", name), (f"intel-rapl:{number}:0", "core")):
            (root / zone).mkdir(parents=True)
            (root / zone / "name").write_text(f"{zone_name}\n")
            (root / zone / "constraint_0_max_power_uw").write_text(f"{limit}\n")
    return str(root)


def test_the_seed_formula_is_exact() -> None:
    """
    A 65 W machine, fully used for two seconds.
    """
    assert linear_j(65.0, 100.0, 2.0) == 130.0


@pytest.mark.parametrize("cpus", [1, 2, 3, 6, 7, 12, 128])
def test_a_machine_that_is_fully_used_takes_its_tdp(cpus: int) -> None:
    """
    130 J to the last digit, however many CPUs share the 65 W.
    """
    estimate = linear(host(cpus=cpus), use(2.0 * cpus), tdp_w=65.0)
    assert estimate["energy_j"] == 130.0
    assert estimate["domains"] == {"package": 130.0}


def test_a_call_gets_its_own_cpu_seconds_only() -> None:
    """
    One of four CPUs half the time: an eighth of the machine, whatever else runs on it.
    """
    reading = linear(host(cpus=4), use(1.0, host_cpu_s=7.0), tdp_w=80.0)
    assert reading["energy_j"] == 20.0
    assert (reading["scope"], reading["quality"], reading["boundary"]) == ("call", "estimated", "package")
    assert reading["meter_id"] is None


@pytest.mark.parametrize("model", ["linear", "power"])
def test_the_duration_alone_is_told_with_its_label(model: str) -> None:
    """
    What a busy thread would have taken, beside what the CPU seconds say.
    """
    made = opened(host(cpus=4), tdp_w=80.0, model=model).estimate(use(0.1, duration_s=3.0))
    attributes = (made if isinstance(made, dict) else made[0])["attributes"]
    assert attributes["duration_only_j"] == 60.0
    assert attributes["duration_only_label"] == "one CPU busy for the whole duration"


def test_the_attributes_say_how_the_number_came_about() -> None:
    """
    Every constant of the formula and its source.
    """
    expected = {
        "model": "linear",
        "tdp_w": 160.0,
        "tdp_source": "user",
        "socket_tdp_w": 80.0,
        "tdp_note": "configured",
        "watts_per_thread": 40.0,
        "duration_only_label": "one CPU busy for the whole duration",
        "cpu_source": "process-clock",
        "duration_only_j": 80.0,
    }
    estimator = opened(host(cpus=4, sockets=2), tdp_w=80.0, model="linear")
    reading = estimator.estimate(use(1.0))
    assert isinstance(reading, dict)
    attributes = dict(reading["attributes"])
    assert attributes.pop("model_id").startswith("psutil-tdp linear ")
    assert (0.47, 1.94) == pytest.approx(
        (attributes.pop("common_factor_low"), attributes.pop("common_factor_high")), abs=0.01
    )
    assert expected == attributes
    assert estimator.host_facts == {"tdp_w": 160.0, "tdp_source": "user"}
    assert estimator.basis == {}


@pytest.mark.parametrize("model", ["linear", "power"])
def test_without_cpu_seconds_there_are_no_joules(model: str) -> None:
    """
    None and a reason, while the duration-only figure stays.
    """
    reading = opened(host(cpus=4), tdp_w=80.0, model=model).estimate(use(None))
    assert isinstance(reading, dict)
    assert [reading["energy_j"], reading["energy_low_j"], reading["energy_high_j"]] == [None] * 3
    assert reading["reason"] == "no clock tells the call's CPU seconds"
    assert reading["attributes"]["duration_only_j"] == 40.0


@pytest.mark.parametrize("machine", [host("QEMU Virtual CPU version 2.5+"), host(None), host(XEON, cpus=None)])
def test_an_unknown_cpu_has_no_default(machine: Any) -> None:
    """
    None, a reason, and the setting that helps.
    """
    estimator = PsutilTdpEstimator(powercap_root=NO_POWERCAP, host=machine)
    available = estimator.probe()
    assert not available.ok
    assert available.reason
    assert "tdp_w in [tool.greensdk.psutil-tdp]" in available.fix
    assert estimator.open() == []
    reading = estimator.estimate(use(1.0))
    assert isinstance(reading, dict)
    assert reading["energy_j"] is None
    assert available.reason in (reading["reason"] or "")
    assert "tdp_w" in (reading["reason"] or "")
    assert estimator.host_facts == {}


def test_an_estimator_that_was_not_opened_says_so() -> None:
    """
    No number from constants that were not looked up.
    """
    reading = PsutilTdpEstimator(tdp_w=65.0).estimate(use(1.0))
    assert isinstance(reading, dict)
    assert (reading["energy_j"], reading["reason"]) == (None, "open() was not called")


def test_bare_metal_counts_every_socket() -> None:
    """
    Two sockets of 210 W and 48 threads each.
    """
    attributes = linear(host(XEON, cpus=96, sockets=2), use(1.0))["attributes"]
    assert (attributes["tdp_w"], attributes["tdp_source"], attributes["watts_per_thread"]) == (420.0, "exact", 4.375)


def test_two_virtual_cpus_are_not_the_whole_socket() -> None:
    """
    They are two of the 48 threads that share 210 W, whatever topology the hypervisor pretends.
    """
    machine = host(XEON, cpus=2, sockets=2, virtual=True)
    for model in ("linear", "power"):
        assert opened(machine, model=model).host_facts == {"tdp_w": 8.75, "tdp_source": "exact"}
    assert linear(machine, use(2.0))["energy_j"] == 8.75


def test_a_configured_socket_is_shared_out_on_a_virtual_machine() -> None:
    """
    By the part's own threads, those of its generation, or those that are configured; else by those of a usual socket.
    """
    masked = host(LAMBDA, cpus=2, virtual=True)
    assert opened(host(XEON, cpus=2, virtual=True), tdp_w=240.0).host_facts["tdp_w"] == 10.0
    assert opened(masked, tdp_w=225.0, tdp_threads=90).host_facts["tdp_w"] == 5.0
    assert opened({**masked, "cpu_generation": "Zen 4"}, tdp_w=288.0).host_facts["tdp_w"] == 3.0
    assert opened(masked, tdp_w=240.0).host_facts["tdp_w"] == 10.0
    assert "taken as of 48 threads" in opened(masked, tdp_w=240.0).basis["package"]


def test_a_masked_part_takes_watts_per_thread() -> None:
    """
    Lambda's name: a class default, never a socket for two CPUs.
    """
    machine = host(LAMBDA, cpus=2, virtual=True)
    assert opened(machine, model="linear").host_facts == {"tdp_w": 9.0, "tdp_source": "class-default"}
    assert linear(machine, use(1.0))["attributes"]["socket_tdp_w"] is None


def test_the_order_is_user_then_kernel_then_part_then_class(tmp_path: Path) -> None:
    """
    The first that knows wins.
    """
    root = powercap(tmp_path, {"package-0": "205000000", "package-1": "205000000"})
    two_sockets = host(XEON, cpus=96, sockets=2)
    assert opened(two_sockets, powercap_root=root, tdp_w=100.0).host_facts["tdp_source"] == "user"
    assert opened(two_sockets, powercap_root=root).host_facts == {"tdp_w": 410.0, "tdp_source": "rapl-constraint"}
    assert opened(two_sockets).host_facts["tdp_source"] == "exact"
    unpublished = host("AMD EPYC 9R14", cpus=192, sockets=2)
    assert opened(unpublished).host_facts == {"tdp_w": 720.0, "tdp_source": "generation"}
    unlisted = host("Intel(R) Core(TM) Ultra 7 356H", cpus=16)
    assert opened(unlisted).host_facts == {"tdp_w": 38.0, "tdp_source": "series"}
    assert opened(host("AMD Opteron(tm) Processor 2376", cpus=4)).host_facts["tdp_source"] == "class-default"


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        ({"package-0": "65000000"}, [65.0]),
        ({"package-0": "205000000", "package-1": "150000000"}, [205.0, 150.0]),
        ({"package-0-die-0": "90000000", "package-0-die-1": "90000000"}, [90.0, 90.0]),
        ({"package-0": "28000000", "psys": "0"}, [28.0]),
        ({"package-0": "0"}, []),
        ({"package-0": "205000000", "package-1": "0"}, []),
        ({"package-0": "-1"}, []),
        ({"package-0": ""}, []),
        ({}, []),
    ],
)
def test_the_kernels_limits_are_those_of_package_zones(
    tmp_path: Path, zones: dict[str, str], expected: list[float]
) -> None:
    """
    No core, no psys, and no sum over a socket that does not tell.
    """
    assert expected == rapl_limits_w(powercap(tmp_path, zones))


def test_a_package_zone_without_constraints_has_no_limit(tmp_path: Path) -> None:
    """
    AMD's zones count energy and limit nothing.
    """
    (tmp_path / "intel-rapl:0").mkdir()
    (tmp_path / "intel-rapl:0" / "name").write_text("package-0\n")
    assert rapl_limits_w(str(tmp_path)) == []


def test_the_linear_interval_grows_with_what_is_not_known() -> None:
    """
    A known part on bare metal is the narrowest; a virtual class default the widest.
    """
    known, default = Tdp(65.0, "exact"), lookup("AMD EPYC", "masked-amd", NO_POWERCAP)
    assert interval(known, virtual=False) == pytest.approx((0.45, 2.0))
    widths = [
        high / low
        for low, high in (
            interval(known, virtual=False),
            interval(known, virtual=True),
            interval(default, virtual=False),
            interval(default, virtual=True),
        )
    ]
    assert widths[0] < min(widths[1:3])
    assert widths[3] == max(widths)


@given(cpu_s=st.floats(0, 1e9), low=st.floats(0.01, 1.0), high=st.floats(1.0, 100.0), virtual=st.booleans())
def test_the_linear_estimate_lies_in_its_interval(cpu_s: float, low: float, high: float, virtual: bool) -> None:
    """
    For every amount of work and every uncertainty.
    """
    factors = interval(NOTHING._replace(low=low, high=high), virtual=virtual)
    assert 0 < factors[0] <= 0.45 + 1e-9
    assert factors[1] >= 2.0 - 1e-9
    reading = linear(host("AMD EPYC 7763 64-Core Processor", cpus=128, virtual=virtual), use(cpu_s))
    assert reading["energy_low_j"] is not None
    assert reading["energy_j"] is not None
    assert reading["energy_high_j"] is not None
    assert 0 <= reading["energy_low_j"] <= reading["energy_j"] <= reading["energy_high_j"]


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "cubic"},
        {"boundary": "psys"},
        {"boundary": "wall", "model": "linear"},
        {"tdp_w": 0.0},
        {"tdp_w": -1.0},
        {"tdp_threads": 0},
    ],
)
def test_a_setting_that_makes_no_sense_is_an_error(settings: dict[str, Any]) -> None:
    """
    At once, with its name.
    """
    with pytest.raises(ConfigError, match=next(iter(settings))):
        PsutilTdpEstimator(**settings)


def test_it_is_an_estimator_that_works_on_this_machine() -> None:
    """
    Made without arguments, with whatever this machine is.
    """
    estimator = PsutilTdpEstimator()
    assert isinstance(estimator, Estimator)
    assert (estimator.name, estimator.cheap) == ("psutil-tdp", True)
    available = estimator.probe()
    metrics = estimator.open()
    made = estimator.estimate(use(1.0, host_cpu_s=1.5))
    estimator.close()
    readings = [made] if isinstance(made, dict) else made
    assert available.ok == all(reading["energy_j"] is not None for reading in readings)
    assert available.ok == ([metric.name for metric in metrics] == ["package", "wall"])
