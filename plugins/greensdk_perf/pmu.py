"""
What the kernel's sysfs says about a performance monitoring unit (PMU) and its events.

Source of the files and their syntax: Documentation/ABI/testing/sysfs-bus-event_source-devices-events and
-format of the Linux kernel.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from greensdk.machine.hardware import cpus_in, number_of, read_text

DEVICES = "bus/event_source/devices"
CPUS = "devices/system/cpu"
POWER = "power"
"""The PMU that arch/x86/events/rapl.c registers."""

_WORDS = ("config", "config1", "config2")


class Event(NamedTuple):
    """
    One event, ready for perf_event_open(2).

    Attributes:
        name: Its file's name, for example ``energy-pkg``.
        type: The number of its PMU.
        config: The three words that say which event it is.
        scale: What one count is worth in `unit`.
        unit: The unit in plain words, for example ``Joules``; empty when the kernel names none.
    """

    name: str
    type: int
    config: tuple[int, int, int]
    scale: float = 1.0
    unit: str = ""


class Place(NamedTuple):
    """
    Where a system-wide event is opened.

    Attributes:
        cpu: The CPU.
        suffix: Which package or die it stands for, as in ``package-0-die-1``: ``0-die-1``.
    """

    cpu: int
    suffix: str


def device(root: str, pmu: str) -> str:
    """
    Return the directory of a PMU.
    """
    return os.path.join(root, DEVICES, pmu)


def events(root: str, pmu: str = POWER) -> list[str]:
    """
    Return the names of a PMU's events; empty if there is no such PMU.
    """
    try:
        names = os.listdir(os.path.join(device(root, pmu), "events"))
    except OSError:
        return []
    return sorted(name for name in names if "." not in name)


def event(root: str, pmu: str, name: str) -> Event:
    """
    Return one event of a PMU.

    Raises:
        OSError: A file can't be read.
        ValueError: A file holds something else than it should; the text says what.
    """
    home = device(root, pmu)
    words = dict.fromkeys(_WORDS, 0)
    for term in read_text(home, "events", name).split(","):
        key, _, value = term.strip().partition("=")
        word, bits = _format(home, key)
        words[word] |= scatter(int(value, 0) if value else 1, bits)
    scale = float(_text_or(home, "1", "events", f"{name}.scale"))
    unit = _text_or(home, "", "events", f"{name}.unit")
    return Event(name, int(read_text(home, "type")), (words["config"], words["config1"], words["config2"]), scale, unit)


def _format(home: str, key: str) -> tuple[str, str]:
    if key in _WORDS:
        return key, "0-63"
    word, _, bits = read_text(home, "format", key).partition(":")
    if word not in _WORDS:
        raise ValueError(f"format {key} puts its value into {word!r}, which is none of {', '.join(_WORDS)}")
    return word, bits


def scatter(value: int, bits: str) -> int:
    """
    Return `value` with its bits put where a format says, lowest first: ``0-7,32-35`` has room for twelve.

    Raises:
        ValueError: The value has more bits than that, or is negative.
    """
    places = cpus_in(bits)
    if value < 0 or value >> len(places):
        raise ValueError(f"{value:#x} does not fit into bits {bits}")
    return sum((value >> number & 1) << place for number, place in enumerate(places))


def online(root: str) -> list[int]:
    """
    Return the CPUs that run.

    Raises:
        OSError: The file can't be read.
    """
    return cpus_in(read_text(root, CPUS, "online"))


def places(root: str) -> tuple[list[Place], dict[str, str]]:
    """
    Return where the power PMU counts, and which dies of a package would count for the second time.

    The ``cpumask`` lists one CPU for each meter. On AMD and Hygon the energy register belongs to the package
    (rapl_pkg_pmu_is_pkg_scope() in arch/x86/events/rapl.c), but kernels from before 2024 list a CPU for each die, and
    the dies all show that one register: the first CPU of a package stands for it.

    Raises:
        OSError: There is no mask.
        ValueError: The mask is empty.
    """
    from greensdk_rapl.zones import is_package_wide

    masked = cpus_in(read_text(device(root, POWER), "cpumask"))
    if not masked:
        raise ValueError("its cpumask is empty")
    packages: Sequence[int | None] = [_topology(root, cpu, "physical_package_id") for cpu in masked]
    if None in packages:
        packages = range(len(masked))
    of_package: dict[int | None, list[int]] = {}
    for cpu, package in zip(masked, packages, strict=True):
        of_package.setdefault(package, []).append(cpu)
    repeats: dict[str, str] = {}
    if len(of_package) < len(masked) and is_package_wide(root):
        repeats = {f"cpu{cpu}": f"package-{package}" for package, cpus in of_package.items() for cpu in cpus[1:]}
        of_package = {package: cpus[:1] for package, cpus in of_package.items()}
    suffixes = {
        cpu: f"{package}{die}"
        for package, cpus in of_package.items()
        for cpu, die in zip(cpus, _dies(root, cpus), strict=True)
    }
    return [Place(cpu, suffixes[cpu]) for cpu in masked if cpu in suffixes], repeats


def _dies(root: str, cpus: Sequence[int]) -> list[str]:
    if len(cpus) == 1:
        return [""]
    dies: Sequence[int | None] = [_topology(root, cpu, "die_id") for cpu in cpus]
    if None in dies or len(set(dies)) < len(cpus):
        dies = range(len(cpus))
    return [f"-die-{die}" for die in dies]


def _topology(root: str, cpu: int, file: str) -> int | None:
    # -1 is what the kernel shows for what it does not know.
    number = number_of(root, CPUS, f"cpu{cpu}", "topology", file)
    return number if number is not None and number >= 0 else None


def _text_or(home: str, otherwise: str, *names: str) -> str:
    try:
        return read_text(home, *names)
    except FileNotFoundError:
        return otherwise
