"""
From ``/proc/cpuinfo`` to joules: which machine this is, which part of a host, and what a busy CPU second takes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from greensdk_lambda_estimator import LambdaEstimator
from greensdk_psutil_tdp import PsutilTdpEstimator
from hardware_kit import arm, machine, x86
from tdp_kit import NO_POWERCAP, use

from greensdk.errors import ConfigError
from greensdk.machine import hardware

if TYPE_CHECKING:
    from pathlib import Path

GUEST, METAL = "fpu vme hypervisor", "fpu vme"
CASCADE_LAKE = ("GenuineIntel", 6, 85, 7)
ICE_LAKE = ("GenuineIntel", 6, 106, 6)
GENOA = ("AuthenticAMD", 25, 17, 1)
MILAN = ("AuthenticAMD", 25, 1, 1)
M5 = "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz"


class Said(NamedTuple):
    """
    What the package model says of a machine, for one of its CPUs.
    """

    idle_w: float
    busy_w: float
    low_w: float
    high_w: float
    basis: str


def cpuinfo(
    name: str, numbers: tuple[str, int, int, int], *, cpus: int, flags: str = GUEST, siblings: int = 0, cores: int = 0
) -> str:
    """
    Make an x86 /proc/cpuinfo with CPUID's numbers in it.
    """
    vendor, family, model, stepping = numbers
    siblings = siblings or cpus
    fields = {"vendor_id": vendor, "cpu__family": family, "model": model, "stepping": stepping}
    return x86(name, cpus=cpus, siblings=siblings, cores=cores or max(1, siblings // 2), flags=flags, **fields)


def say(root: Path, text: str, cpus: int, *, arch: str = "x86_64", files: Any = None, **settings: Any) -> Said:
    """
    Describe the machine of a /proc/cpuinfo, and estimate it at rest and with all CPUs busy.
    """
    tree = machine(root, text, cpus=cpus, **(files or {}))
    host = hardware.describe(tree, system="linux", arch=arch)
    estimator = PsutilTdpEstimator(powercap_root=NO_POWERCAP, host=host, **settings)
    assert estimator.open()
    rest, busy = (next(iter(estimator.estimate(use(load, 1.0, host_cpu_s=load)))) for load in (0.0, float(cpus)))
    watts = (reading[key] / cpus for reading, key in ((rest, "energy_j"), *((busy, k) for k in KEYS)))
    return Said(*watts, estimator.basis["package"])


KEYS = ("energy_j", "energy_low_j", "energy_high_j")


def test_a_guest_that_hides_an_epyc_takes_what_its_generation_does(tmp_path: Path) -> None:
    """
    Two vCPUs of a Genoa: 1.6 to 2.6 J a busy CPU second.
    """
    said = say(tmp_path, cpuinfo("AMD EPYC", GENOA, cpus=2), 2)
    assert 1.6 <= said.busy_w <= 2.6
    assert said.idle_w == pytest.approx(0.47, rel=0.25)
    assert "2 of 192 threads" in said.basis
    assert "Zen 4" in said.basis


@pytest.mark.parametrize(
    ("name", "numbers", "rest_w", "busy_w"),
    [
        (M5, CASCADE_LAKE, 0.61, 5.0),
        ("Intel(R) Xeon(R) Platinum 8275CL CPU @ 3.00GHz", CASCADE_LAKE, 0.70, 5.7),
        ("Intel(R) Xeon(R) Platinum 8488C", ("GenuineIntel", 6, 143, 8), 1.0, 4.4),
    ],
)
def test_guests_on_ec2_take_what_their_hosts_were_measured_to(
    tmp_path: Path, name: str, numbers: tuple[str, int, int, int], rest_w: float, busy_w: float
) -> None:
    """
    m5.large, c5.large and c7i.large, within a quarter; the truth of RAPL on their metal hosts lies inside.
    """
    said = say(tmp_path, cpuinfo(name, numbers, cpus=2), 2)
    assert said.idle_w == pytest.approx(rest_w, rel=0.25)
    assert said.busy_w == pytest.approx(busy_w, rel=0.25)
    assert said.low_w < 5.8 < said.high_w


@pytest.mark.parametrize(
    ("text", "arch", "joules"),
    [
        (cpuinfo("Intel(R) Xeon(R) Processor @ 2.50GHz", CASCADE_LAKE, cpus=2), "x86_64", 5.4),
        (cpuinfo("Intel(R) Xeon(R) Processor @ 2.90GHz", ICE_LAKE, cpus=2), "x86_64", 5.4),
        (cpuinfo("Intel(R) Xeon(R) Processor @ 3.00GHz", CASCADE_LAKE, cpus=2), "x86_64", 5.4),
        (cpuinfo("AMD EPYC", MILAN, cpus=2), "x86_64", 3.1),
        (arm(0x41, 0xD0C, cpus=2), "aarch64", 2.4),
    ],
    ids=["2.50 GHz", "2.90 GHz", "3.00 GHz", "AMD", "Graviton2"],
)
def test_a_lambda_of_one_vcpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, arch: str, joules: float
) -> None:
    """
    1,769 MB, one busy CPU second, memory included: within a quarter.
    """
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
    tree = machine(tmp_path, text, cpus=2)
    estimator = LambdaEstimator(root=tree, host=hardware.describe(tree, system="linux", arch=arch))
    assert estimator.open()
    reading = estimator.estimate(use(1.0, 1.0))
    assert reading["energy_j"] == pytest.approx(joules, rel=0.25)


def test_guests_that_show_their_hosts_name_differ_by_what_the_hosts_do(tmp_path: Path) -> None:
    """
    Two vCPUs of Azure, Alibaba, Proxmox: never a whole socket, and each says its share.
    """
    brands = {
        "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz": (ICE_LAKE, "2 of 64 threads of a socket of 270 W"),
        "Intel(R) Xeon(R) Platinum 8272CL CPU @ 2.60GHz": (CASCADE_LAKE, "2 of 52 threads of a socket of 195 W"),
        "Intel(R) Xeon(R) Platinum 8269CY CPU @ 2.50GHz": (CASCADE_LAKE, "2 of 52 threads of a socket of 205 W"),
        "Intel(R) Xeon(R) Gold 6354 CPU @ 3.00GHz": (ICE_LAKE, "2 of 36 threads of a socket of 205 W"),
        "AMD EPYC 7763 64-Core Processor": (MILAN, "2 of 128 threads of a socket of 280 W"),
        "AMD Ryzen 7 5700G with Radeon Graphics": (("AuthenticAMD", 25, 80, 0), "2 of 16 threads of a socket of 65 W"),
    }
    said = []
    for number, (brand, (numbers, share)) in enumerate(brands.items()):
        said.append(say(tmp_path / str(number), cpuinfo(brand, numbers, cpus=2), 2))
        assert share in said[-1].basis, brand
        assert 1.0 < said[-1].busy_w < 10.0, brand
    # a Gold 6354 has 5.7 W of TDP a thread, 2.6 times those of an EPYC 7763, and comes less near to them
    assert max(each.busy_w for each in said) < 2.5 * min(each.busy_w for each in said)


@pytest.mark.parametrize("sockets", [1, 2])
def test_a_guest_of_all_threads_has_the_hosts_watts(tmp_path: Path, sockets: int) -> None:
    """
    A dedicated host, and WSL2: no one else is on it.
    """
    cpus = 48 * sockets
    guest = say(tmp_path / "guest", cpuinfo(M5, CASCADE_LAKE, cpus=cpus, siblings=48), cpus)
    metal = say(tmp_path / "metal", cpuinfo(M5, CASCADE_LAKE, cpus=cpus, siblings=48, flags=METAL), cpus)
    assert guest[:4] == pytest.approx(metal[:4])
    assert "all threads of" in guest.basis


def test_smt_that_is_off_leaves_the_socket_its_watts(tmp_path: Path) -> None:
    """
    24 busy cores are the socket at full load.
    """
    off = say(tmp_path / "off", cpuinfo(M5, CASCADE_LAKE, cpus=24, cores=24, flags=METAL), 24)
    on = say(tmp_path / "on", cpuinfo(M5, CASCADE_LAKE, cpus=48, cores=24, flags=METAL), 48)
    assert 24 * off.busy_w == pytest.approx(48 * on.busy_w)
    assert 24 * off.idle_w == pytest.approx(48 * on.idle_w)


def test_cpus_that_are_offline_leave_the_rest_of_the_socket_at_rest(tmp_path: Path) -> None:
    """
    Four of 48 threads are online: they pay for the whole socket's rest, and their load is a twelfth.
    """
    few = say(tmp_path / "few", cpuinfo(M5, CASCADE_LAKE, cpus=4, flags=METAL), 4)
    all_of_them = say(tmp_path / "all", cpuinfo(M5, CASCADE_LAKE, cpus=48, flags=METAL), 48)
    assert 4 * few.idle_w == pytest.approx(48 * all_of_them.idle_w)
    assert 4 * few.idle_w < 4 * few.busy_w < 48 * all_of_them.busy_w / 2
    assert "44 of 48 CPUs are offline" in few.basis


def test_cpus_that_a_container_hides_are_shared_out(tmp_path: Path) -> None:
    """
    LXC's lxcfs shows four CPUs of a socket of 48 threads, on bare metal: others use the rest.
    """
    said = say(tmp_path, cpuinfo(M5, CASCADE_LAKE, cpus=4, siblings=48, flags=METAL), 4)
    assert "4 of 48 threads of a socket of 210 W" in said.basis
    assert said.busy_w == pytest.approx(5.0, rel=0.25)


def test_a_quota_or_a_cpuset_hides_no_cpu(tmp_path: Path) -> None:
    """
    The machine stays the whole socket; attribution gives the call its part of it.
    """
    files = {"sys__fs__cgroup__cpu.max": "200000 100000\n", "sys__fs__cgroup__cpuset.cpus.effective": "0-1\n"}
    text = cpuinfo(M5, CASCADE_LAKE, cpus=48, flags=METAL)
    limited = say(tmp_path / "limited", text, 48, files=files)
    assert limited[:4] == say(tmp_path / "free", text, 48)[:4]


def test_a_guest_in_a_guest_is_a_guest(tmp_path: Path) -> None:
    """
    KVM inside of EC2 passes the name on and sets the flag itself.
    """
    files = {"sys__class__dmi__id__sys_vendor": "QEMU\n", "sys__class__dmi__id__product_name": "Standard PC\n"}
    said = say(tmp_path, cpuinfo(M5, CASCADE_LAKE, cpus=1), 1, files=files)
    assert "1 of 48 threads" in said.basis
    assert said.busy_w == pytest.approx(5.0, rel=0.25)


def test_wsl_has_the_laptops_watts(tmp_path: Path) -> None:
    """
    Hyper-V's flag is set, and all threads are there: base power, never the turbo's.
    """
    name, numbers = "13th Gen Intel(R) Core(TM) i7-1370P", ("GenuineIntel", 6, 186, 2)
    guest = say(tmp_path / "wsl", cpuinfo(name, numbers, cpus=20, cores=10), 20)
    laptop = say(tmp_path / "linux", cpuinfo(name, numbers, cpus=20, cores=14, flags=METAL), 20)
    assert guest[:4] == laptop[:4]
    assert 20 * guest.busy_w < 28


@pytest.mark.parametrize(
    ("dmi", "part", "cpus", "basis"),
    [
        (("Amazon EC2", "m7g.metal"), 0xD40, 64, None),
        (("Amazon EC2", "m8g.metal-24xl"), 0xD4F, 96, None),
        (("Amazon EC2", "m6g.large"), 0xD0C, 2, "3.1% of a host"),
        (("WIWYNN", "Mt.Jade"), 0xD0C, 80, None),
        (("Hetzner", "vServer"), 0xD0C, 4, "5.0% of a host"),
        (("Some Cloud", "Some Instance"), 0xD0C, 4, "5.0% of a host"),
        (("NVIDIA", "Grace CPU"), 0xD4F, 72, None),
    ],
)
def test_bare_metal_arm_is_not_taken_for_a_guest(
    tmp_path: Path, dmi: tuple[str, str], part: int, cpus: int, basis: str | None
) -> None:
    """
    EC2's names say metal; elsewhere a machine has all the threads of its part, and a guest has not.
    """
    topology = "sys__devices__system__cpu__cpu0__topology__"
    files = {
        "sys__class__dmi__id__sys_vendor": dmi[0],
        "sys__class__dmi__id__product_name": dmi[1],
        f"{topology}thread_siblings_list": "0",
        f"{topology}core_siblings_list": f"0-{cpus - 1}",
    }
    said = say(tmp_path, arm(0x41, part, cpus=cpus), cpus, arch="aarch64", files=files)
    assert ("of a host" in said.basis) == (basis is not None)
    assert (basis or "") in said.basis
    assert 1.0 < said.busy_w < 6.0


@pytest.mark.parametrize(
    ("text", "arch", "least_w", "most_w"),
    [
        (cpuinfo("Common KVM processor", ("GenuineIntel", 15, 6, 1), cpus=4), "x86_64", 1.0, 8.0),
        (cpuinfo("AMD Eng Sample: 100-000000894-04_38/24_Y", ("AuthenticAMD", 25, 97, 2), cpus=4), "x86_64", 1.0, 8.0),
        (cpuinfo("Genuine Intel(R) CPU 0000%@", ("GenuineIntel", 6, 151, 2), cpus=4, flags=METAL), "x86_64", 1.0, 8.0),
        (cpuinfo("Hygon C86 7285 32-core Processor", ("HygonGenuine", 24, 0, 1), cpus=4), "x86_64", 1.0, 8.0),
        (cpuinfo("ZHAOXIN KaiXian KX-6640MA", ("CentaurHauls", 7, 59, 0), cpus=4, flags=METAL), "x86_64", 1.0, 8.0),
        (cpuinfo("Something", ("SomeVendor", 1, 1, 1), cpus=4, flags=METAL), "x86_64", 1.0, 8.0),
        (arm(0x70, 0x662, cpus=4), "aarch64", 0.5, 5.0),
        (arm(0x48, 0xD02, cpus=4), "aarch64", 0.5, 5.0),
        (arm(0x51, 0x001, cpus=4), "aarch64", 0.3, 5.0),
        (arm(0x99, 0x001, cpus=4), "aarch64", 0.3, 5.0),
        ("processor\t: 0\ncpu\t\t: POWER9, altivec supported\n\n", "ppc64le", 1.0, 8.0),
        ("vendor_id       : IBM/S390\n# processors    : 4\n\n", "s390x", 2.0, 20.0),
        ("processor\t: 0\nuarch\t\t: sifive,u74-mc\n\n", "riscv64", 0.3, 5.0),
        ("processor\t: 0\nModel Name\t\t: Loongson-3A6000\n\n", "loongarch64", 2.0, 15.0),
        ("", "riscv64", 0.3, 5.0),
    ],
)
def test_every_class_of_machine_has_joules_and_says_how_sure_they_are(
    tmp_path: Path, text: str, arch: str, least_w: float, most_w: float
) -> None:
    """
    What no table knows gets a number whose interval admits it.
    """
    said = say(tmp_path, text, 4, arch=arch)
    assert least_w < said.busy_w < most_w
    assert said.high_w > 2 * said.low_w


def test_a_machine_of_which_nothing_is_known_has_a_reason(tmp_path: Path) -> None:
    """
    An architecture that no table has: None, why, and what helps.
    """
    host = hardware.describe(machine(tmp_path, "", cpus=4), system="linux", arch="mips64")
    available = PsutilTdpEstimator(powercap_root=NO_POWERCAP, host=host).probe()
    assert (False, "no TDP is known for a CPU without a name") == (available.ok, available.reason)
    assert "tdp_w in [tool.greensdk.psutil-tdp]" in available.fix


def test_a_configured_socket_is_shared_out_on_a_guest(tmp_path: Path) -> None:
    """
    225 W are a socket's, of which two vCPUs have two threads, however they are configured.
    """
    text = cpuinfo("AMD EPYC", GENOA, cpus=2)
    said = say(tmp_path / "alone", text, 2, tdp_w=225.0)
    assert "2 of 192 threads of a socket of 225 W" in said.basis
    assert said.busy_w < 2.6
    table = {"AMD EPYC": {"tdp_w": 360, "threads": 192}, "Intel(R) Xeon(R) Gold 9999 CPU @ 2.00GHz": 100}
    assert 1.6 < say(tmp_path / "table", text, 2, tdp=table).busy_w < 2.6
    plain = say(tmp_path / "watts", cpuinfo(M5, CASCADE_LAKE, cpus=2), 2, tdp={M5: 420})
    assert "2 of 48 threads of a socket of 420 W" in plain.basis


def test_watts_that_no_guest_can_draw_are_warned_of(tmp_path: Path) -> None:
    """
    Somebody who tells that a socket has two threads has taken the guest's for the socket's.
    """
    said = say(tmp_path, cpuinfo("AMD EPYC", GENOA, cpus=2), 2, tdp_w=225.0, tdp_threads=2)
    assert "tdp_w = 225 makes 112 W a thread, and no part has more than 20: set tdp_threads" in said.basis


@pytest.mark.parametrize(
    "row", [0, -5, "225", True, {"threads": 4}, {"tdp_w": 225, "cores": 4}, {"tdp_w": 225, "threads": 0}]
)
def test_a_row_of_the_own_table_that_makes_no_sense_is_an_error(row: Any) -> None:
    """
    At once, with the CPU it stands for.
    """
    with pytest.raises(ConfigError, match=r"'AMD EPYC' is .*, and must be the watts of a socket"):
        PsutilTdpEstimator(tdp={"AMD EPYC": row})


def test_the_own_table_can_stand_in_the_configuration(tmp_path: Path) -> None:
    """
    As a table of the plugin's.
    """
    import greensdk

    name = hardware.describe()["cpu_model"] or ""
    with greensdk.track(
        "x", sink="memory:", monitors=["psutil-tdp"], plugins={"psutil-tdp": {"tdp": {name: 123.0}}}
    ) as call:
        pass
    assert {} == call.record["errors"]
    assert call.record["host"]["tdp_source"] == "user"
    assert call.record["readings"][0]["attributes"]["socket_tdp_w"] == 123.0


def test_a_container_with_limits_has_the_watts_of_its_own_cpu(tmp_path: Path) -> None:
    """
    Half a CPU of a Raspberry Pi, and of a Xeon that Cloud Run hides: not those of Lambda's.
    """
    limits = {"sys__fs__cgroup__cpu.max": "50000 100000\n", "sys__fs__cgroup__memory.max": "536870912\n"}
    busy = {}
    for label, text, arch, files in (
        ("pi", arm(0x41, 0xD08, cpus=4), "aarch64", {"proc__device-tree__model": "Raspberry Pi 4 Model B Rev 1.4\0"}),
        ("cloud run", cpuinfo("Intel(R) Xeon(R) CPU @ 2.20GHz", ("GenuineIntel", 6, 79, 0), cpus=2), "x86_64", {}),
        ("epyc", cpuinfo("AMD EPYC 9654 96-Core Processor", GENOA, cpus=192, flags=METAL), "x86_64", {}),
    ):
        tree = machine(tmp_path / label, text, cpus=4, **limits, **files)
        estimator = LambdaEstimator(root=tree, host=hardware.describe(tree, system="linux", arch=arch))
        estimator.open()
        reading = estimator.estimate(use(0.5, 1.0))
        busy[label] = reading["attributes"]["busy_w_per_vcpu"], reading["attributes"]["cpu"]
    assert busy["pi"] == (pytest.approx(1.2, rel=0.25), "Raspberry Pi 4 Model B Rev 1.4")
    assert busy["cloud run"] == (pytest.approx(4.6, rel=0.25), "Intel(R) Xeon(R) CPU @ 2.20GHz")
    assert busy["epyc"] == (pytest.approx(2.1, rel=0.25), "AMD EPYC 9654 96-Core Processor")
