"""
On which CPUs the registers are read: the first of each package that can be asked.

Sources: Linux, Documentation/admin-guide/cputopology.rst for the files, and msr(4) for ``/dev/cpu/N/msr``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from greensdk.machine.hardware import number_of


class Cpu(NamedTuple):
    """
    Where a CPU is.

    Attributes:
        number: Its number in ``/dev/cpu``.
        package: Its package.
        die: Its die in the package; 0 where the kernel does not tell.
        core: Its core on the die, of the package.
    """

    number: int
    package: int
    die: int
    core: int


class Place(NamedTuple):
    """
    A package, or one die of it, that has registers of its own.

    Attributes:
        suffix: What its domains end with: ``0``, ``0-die-1``.
        cpus: The first CPU of each of its cores, the lowest number first.
    """

    suffix: str
    cpus: tuple[int, ...]


def device(root: str, cpu: int) -> str:
    """
    Return the file through which the registers of a CPU are read.
    """
    return os.path.join(root, "dev/cpu", str(cpu), "msr")


def cpus(root: str) -> list[Cpu]:
    """
    Return the CPUs that have a device and a place, in the order of their numbers.
    """
    try:
        entries = os.listdir(os.path.join(root, "dev/cpu"))
    except OSError:
        return []
    numbers = sorted(int(entry) for entry in entries if entry.isdigit())
    return [cpu for number in numbers if os.path.exists(device(root, number)) and (cpu := _cpu(root, number))]


def _cpu(root: str, number: int) -> Cpu | None:
    home = os.path.join(root, "sys/devices/system/cpu", f"cpu{number}", "topology")
    numbers = (number_of(home, file) for file in ("physical_package_id", "die_id", "core_id"))
    package, die, core = (None if each is None or each < 0 else each for each in numbers)
    # An offline CPU has no topology; its registers can't be read either.
    return None if package is None else Cpu(number, package, die or 0, number if core is None else core)


def places(found: list[Cpu], by_die: bool) -> Iterator[Place]:
    """
    Return where there are registers, packages and dies in their order. With `by_die`, dies of one package have
    registers of their own, as the kernel's ``package-N-die-M`` zones.
    """
    for package in sorted({cpu.package for cpu in found}):
        inside = [cpu for cpu in found if cpu.package == package]
        dies = sorted({cpu.die for cpu in inside}) if by_die else []
        if len(dies) < 2:
            yield Place(str(package), _cores(inside))
        else:
            for die in dies:
                yield Place(f"{package}-die-{die}", _cores([cpu for cpu in inside if cpu.die == die]))


def _cores(inside: list[Cpu]) -> tuple[int, ...]:
    first: dict[tuple[int, int], int] = {}
    for cpu in inside:
        first.setdefault((cpu.die, cpu.core), cpu.number)
    return tuple(sorted(first.values()))
