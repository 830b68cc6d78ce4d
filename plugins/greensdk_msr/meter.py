"""
The registers of a machine, opened: one descriptor for each CPU that is asked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from greensdk_rapl.zones import DEFAULT_MAX_POWER_W, TURBO_FACTOR, Zone, explain

from greensdk.machine.hardware import text_of
from greensdk.monitor import Availability
from greensdk_msr.registers import COUNTS, WIDTH, Processor, Register, processor
from greensdk_msr.topology import Place, cpus, device, places


class Counter(NamedTuple):
    """
    One register that counts.

    Attributes:
        zone: What it is, as :mod:`greensdk_rapl` knows the same counter; its range and power are in microjoules.
        fd: Descriptor of the CPU that is asked.
        address: Where on it.
        unit_uj: Microjoules of one count.
        offset: Where in the device that address is.
    """

    zone: Zone
    fd: int
    address: int
    unit_uj: float
    offset: int


class Meter(NamedTuple):
    """
    What is open.

    Attributes:
        counters: Every counter that works.
        fds: The descriptors, each once.
        lost: Package that can't be read, to the reason.
    """

    counters: tuple[Counter, ...] = ()
    fds: tuple[int, ...] = ()
    lost: Mapping[str, str] = {}


def value(fd: int, offset: int) -> int:
    """
    Return what the register at an offset of the device holds.

    Raises:
        OSError: It can't be read, or is not there (EIO).
    """
    raw = os.pread(fd, WIDTH, offset)
    if len(raw) < WIDTH:
        raise OSError(f"{len(raw)} bytes instead of {WIDTH}")
    return int.from_bytes(raw, "little")


def read_processor(root: str) -> Processor:
    """
    Return whose processor this is; an empty vendor where it is unknown.
    """
    return processor(text_of(root, "proc/cpuinfo"))


def open_meter(root: str, max_power_w: float | None, cores: bool, stride: int) -> Meter:
    """
    Open the registers of every package.
    """
    cpu = read_processor(root)
    counters: list[Counter] = []
    fds: list[int] = []
    lost: dict[str, str] = {}
    if cpu.layout is not None:
        for place in places(cpus(root), cpu.layout.by_die):
            try:
                counters += _open_place(root, cpu, place, max_power_w, cores, stride, fds)
            except OSError as error:
                lost[f"package-{place.suffix}"] = f"{device(root, place.cpus[0])}: {explain(error)}"
    platforms = [counter for counter in counters if counter.zone.kind == "psys"]
    for extra in platforms[1:]:
        counters.remove(extra)  # every package shows the one platform: the kernel asks the first CPU only
    return Meter(tuple(counters), tuple(fds), lost)


def _open_place(
    root: str, cpu: Processor, place: Place, max_power_w: float | None, cores: bool, stride: int, fds: list[int]
) -> list[Counter]:
    """Return the counters of one place; what it opens is in `fds`, unless the package itself can't be read."""
    assert cpu.layout is not None
    lead = place.cpus[0]
    mine = [os.open(device(root, lead), os.O_RDONLY | os.O_CLOEXEC)]
    found: list[Counter] = []
    try:
        units = value(mine[0], cpu.layout.unit * stride)
        for register in cpu.layout.registers:
            if not register.per_core:
                key = "psys" if register.kind == "psys" else f"{register.kind}-{place.suffix}"
                found += _counter(root, cpu, register, units, (key, lead, mine[0]), max_power_w, stride)
            elif cores:
                for number in place.cpus:
                    fd = mine[0] if number == lead else os.open(device(root, number), os.O_RDONLY | os.O_CLOEXEC)
                    mine += [] if number == lead else [fd]
                    key = f"core-{place.suffix}-cpu-{number}"
                    found += _counter(root, cpu, register, units, (key, number, fd), max_power_w, stride)
        if not any(counter.zone.kind == "package" for counter in found):
            raise OSError(f"register {cpu.layout.registers[0].address:#x} is missing or zero")
    except OSError:
        for fd in mine:
            os.close(fd)
        raise
    fds += mine
    return found


def _counter(
    root: str,
    cpu: Processor,
    register: Register,
    units: int,
    where: tuple[str, int, int],
    max_power_w: float | None,
    stride: int,
) -> list[Counter]:
    # The kernel, too, takes a register that can't be read or holds 0 for one that is not there (rapl_check_domain).
    key, number, fd = where
    try:
        if not value(fd, register.address * stride):
            return []
    except OSError:
        return []
    unit_uj = cpu.unit_uj(register, units)
    limit_w = max_power_w or TURBO_FACTOR * _power_w(cpu, register, units, fd, stride) or DEFAULT_MAX_POWER_W
    name = f"cpu{number}:{register.address:#x}"
    zone = Zone(key, register.kind, name, device(root, number), round(COUNTS * unit_uj), limit_w)
    return [Counter(zone, fd, register.address, unit_uj, register.address * stride)]


def _power_w(cpu: Processor, register: Register, units: int, fd: int, stride: int) -> float:
    try:
        return cpu.power_w(value(fd, register.info * stride), units) if register.info else 0.0
    except OSError:
        return 0.0


def judge(root: str, stride: int) -> Availability:
    """
    Say whether the package counters can be read under `root`.
    """
    first = device(root, 0)
    if not os.path.exists(first):
        return Availability(False, f"there is no {first}: the kernel's msr driver is not loaded", "sudo modprobe msr")
    cpu = read_processor(root)
    if cpu.layout is None:
        named = f"{cpu.vendor} family {cpu.family:#x}" if cpu.vendor else "no vendor in /proc/cpuinfo"
        return Availability(False, f"no energy registers are known for this processor ({named})")
    try:
        os.close(os.open(first, os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError as error:
        return _forbidden(first, error)
    except OSError as error:
        return Availability(False, f"{first} can't be opened: {explain(error)}")
    meter = open_meter(root, None, cores=False, stride=stride)
    for fd in meter.fds:
        os.close(fd)
    if meter.lost:
        reason = "; ".join(f"{key} can't be read: {text}" for key, text in meter.lost.items())
        return Availability(False, f"{reason}; a virtual machine seldom has energy registers")
    return Availability(bool(meter.counters), "" if meter.counters else "the kernel shows no package of any CPU")


def _forbidden(first: str, error: PermissionError) -> Availability:
    import errno

    if error.errno == errno.EACCES:
        return Availability(
            False,
            f"only root may read {first}, since it shows every register of the processor",
            "run as root; or give this user the right to read it, and the interpreter CAP_SYS_RAWIO",
        )
    return Availability(
        False,
        f"the kernel refuses to open {first} without CAP_SYS_RAWIO ({explain(error)})",
        "in a container: run it with --cap-add SYS_RAWIO; elsewhere: sudo setcap cap_sys_rawio=ep on the interpreter",
    )
