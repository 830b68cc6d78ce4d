"""
How many watts this CPU is built for, and how many hardware threads share them.
"""

import os
from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Any

from greensdk.errors import ConfigError
from greensdk.machine.hardware import text_of
from greensdk_psutil_tdp.classes import BY_YEAR, CLASS_DEFAULTS, GENERATIONS, ONE_THREAD, SUFFIXES
from greensdk_psutil_tdp.era import launch_year
from greensdk_psutil_tdp.table import Part, cores, find, letters, normalise

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from greensdk.light import NamedTuple

USER = "user"
RAPL = "rapl-constraint"
EXACT = "exact"
GENERATION = "generation"
SERIES = "series"
CLASS_DEFAULT = "class-default"


class Tdp(NamedTuple):
    """
    A thermal design power and where it comes from.

    Attributes:
        tdp_w: Watts of one socket (the base power, never a turbo power); None when only a class is known, or nothing.
        source: `USER`, `RAPL`, `EXACT`, `GENERATION`, `SERIES`, `CLASS_DEFAULT`; None when nothing is known.
        threads: Hardware threads of the socket. None for some parts of the generated tables, though their watts are
            known: :func:`greensdk_psutil_tdp.hosts.with_threads` estimates them for a virtual machine.
        sockets: Sockets that `tdp_w` was read from; None when the caller has to know.
        watts_per_thread: Of a class default, or where the user configured the threads; else None.
        low: 90% factor of the generation, series or class below its default; 1 for a known part.
        high: The same above.
        note: The origin of the number, or the reason why there is none.
        cores: Cores of the socket.
        year: Of the part's launch.
        kind: Which curve of the power model fits, by the table; None asks :func:`greensdk_psutil_tdp.era.kind_of`.
        peak_w: The most watts that the socket may take for long (Intel's maximum turbo power, AMD's PPT), if published.
    """

    tdp_w: float | None
    source: str | None
    threads: int | None = None
    sockets: int | None = None
    watts_per_thread: float | None = None
    low: float = 1.0
    high: float = 1.0
    note: str = ""
    cores: int | None = None
    year: int | None = None
    kind: str | None = None
    peak_w: float | None = None


NOTHING = Tdp(None, None)
_UNLISTED: Part = (None, None, None, None, "", None)


def lookup(
    model: str | None,
    cpu_class: str,
    powercap_root: str = "/sys/class/powercap",
    *,
    user_w: float | None = None,
    user_threads: int | None = None,
    user_parts: Mapping[str, Any] | None = None,
    generation: str | None = None,
) -> Tdp:
    """
    Find the TDP of a CPU: the user's word, the kernel's limit, the exact part, its generation or series, its class.

    Args:
        model: The brand string, as in ``/proc/cpuinfo``.
        cpu_class: What :func:`greensdk.machine.hardware.classify` says of it.
        powercap_root: The kernel's power capping tree.
        user_w: Watts of one socket, as configured.
        user_threads: Hardware threads that share `user_w`.
        user_parts: The user's own table: brand string to watts of a socket, or to ``{"tdp_w": ..., "threads": ...}``.
        generation: Where the brand string hides the part, what :func:`greensdk.machine.hardware.describe` says of it.
    """
    model = model or ""
    name = normalise(model)
    if user_w is None:
        user_w, user_threads = _of_user(name, user_parts or {}, user_threads)
    found = _counted(model, name, cpu_class, find(name), generation)
    if user_w is not None:
        per_thread = user_w / user_threads if user_threads else None
        threads = user_threads or found.threads
        known = Tdp(user_w, USER, threads, watts_per_thread=per_thread, note="configured")
    elif limits := rapl_limits_w(powercap_root):
        note = f"constraint_0_max_power_uw of {len(limits)} package zone(s)"
        known = Tdp(sum(limits) / len(limits), RAPL, found.threads, len(limits), note=note)
    else:
        return found
    return known._replace(cores=found.cores, year=found.year, peak_w=found.peak_w)


def checked(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return the user's own table of parts.

    Raises:
        ConfigError: A row is neither watts nor a table of watts and threads, or has numbers that no part has.
    """
    for brand, value in table.items():
        row = value if isinstance(value, Mapping) else {"tdp_w": value}
        numbers = [row.get("tdp_w"), row.get("threads", 1)]
        real = all(isinstance(each, (int, float)) and not isinstance(each, bool) and each > 0 for each in numbers)
        if not real or row.keys() - {"tdp_w", "threads"}:
            expected = "the watts of a socket, or { tdp_w = 225, threads = 128 }"
            raise ConfigError(f"psutil-tdp: tdp: {brand!r} is {value!r}, and must be {expected}")
    return table


def of_class(cpu_class: str, why: str = "") -> Tdp:
    """
    Return the default of a class, in watts per hardware thread; without a class, `why` as the note.
    """
    if cpu_class not in CLASS_DEFAULTS:
        return NOTHING._replace(note=why)
    watts, low, high, note = CLASS_DEFAULTS[cpu_class]
    return Tdp(None, CLASS_DEFAULT, watts_per_thread=watts, low=low, high=high, note=note)


def rapl_limits_w(root: str) -> list[float]:
    """
    Read each package's highest long-term limit, which the CPU itself reports as its thermal design power.

    ``constraint_0`` of an intel-rapl zone is the long-term one, and its ``max_power_uw`` comes from the
    "thermal spec power" of MSR_PKG_POWER_INFO: Linux, Documentation/power/powercap/powercap.rst and
    drivers/powercap/intel_rapl_common.c. AMD has no limits here, and some machines say 0: both are nothing read.
    """
    try:
        zones = sorted(zone for zone in os.listdir(root) if zone.startswith("intel-rapl:") and zone.count(":") == 1)
    except OSError:
        return []
    packages = [zone for zone in zones if text_of(root, zone, "name").startswith("package")]
    limits = [text_of(root, zone, "constraint_0_max_power_uw") for zone in packages]
    watts = [int(limit) / 1e6 for limit in limits if limit.isdigit() and int(limit) > 0]
    return watts if len(watts) == len(packages) else []


def _of_user(name: str, parts: Mapping[str, Any], threads: int | None) -> tuple[float | None, int | None]:
    """Return watts and threads of the user's own table, in which names are written as anybody does."""
    for brand, value in parts.items():
        if normalise(brand) == name:
            row = value if isinstance(value, Mapping) else {"tdp_w": value}
            return row["tdp_w"], row.get("threads", threads)
    return None, threads


def _counted(model: str, name: str, cpu_class: str, part: Part | None, generation: str | None) -> Tdp:
    """Return what tables, names and numbers know together."""
    watts, count, threads, year, source, peak_w = part or _UNLISTED
    count = count or cores(model)
    if threads is None and count and model.startswith(("AMD EPYC", "AMD Ryzen")):
        threads = 2 * count  # AMD's product pages, all Zen parts with their cores in the name but those in the tables
    if watts is not None:
        found = Tdp(watts, EXACT, note=source)
    else:
        found = _of_kind(name, cpu_class, count, year, generation)
        if found.source is None:
            return NOTHING._replace(note=f"no TDP is known for {model or 'a CPU without a name'}")
    return found._replace(
        cores=count or found.cores, threads=threads or found.threads, year=year or found.year, peak_w=peak_w
    )


def _of_kind(name: str, cpu_class: str, count: int | None, year: int | None, generation: str | None) -> Tdp:
    """
    Return the watts of a part that is in no table: by its generation, by the letters of its series, or by its class.
    """
    if generation is None and cpu_class in ("intel-server", "amd-server") and "phi" not in name:
        generation = BY_YEAR[cpu_class.partition("-")[0]].get(year or launch_year(name) or 0)
    if generation in GENERATIONS and cpu_class not in SUFFIXES:
        per_core_w, usual, since, low, high, such_as = GENERATIONS[generation]
        size = count or usual
        note = f"{generation}: {per_core_w:g} W a core (such as {such_as})"
        threads = size if generation in ONE_THREAD else 2 * size
        return Tdp(per_core_w * size, GENERATION, threads, low=low, high=high, note=note, cores=size, year=since)
    ending = "" if "threadripper" in name else letters(name)
    for suffix, watts, low, high in SUFFIXES.get(cpu_class, ()):
        if ending == suffix:
            return Tdp(watts, SERIES, low=low, high=high, note=f"parts whose number ends in {suffix.upper()}")
    return of_class(cpu_class)


def threads_of(tdp_w: float, cpu_class: str) -> int:
    """
    Estimate the threads of a socket from its watts and those of a thread of its class; at least one.
    """
    watts, *_ = CLASS_DEFAULTS.get(cpu_class, CLASS_DEFAULTS["x86"])
    return max(1, ceil(tdp_w / watts))
