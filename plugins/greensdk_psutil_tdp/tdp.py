"""
How many watts this CPU is built for.
"""

import os
from typing import NamedTuple

from .names import cores, normalise
from .parts import CLASS_DEFAULTS, Part
from .table import find

USER = "user"
RAPL = "rapl-constraint"
EXACT = "exact"
CLASS_DEFAULT = "class-default"


class Tdp(NamedTuple):
    """
    A thermal design power and where it comes from.

    Attributes:
        tdp_w: Watts of one socket; None when only a class is known, or nothing.
        source: `USER`, `RAPL`, `EXACT`, `CLASS_DEFAULT`; None when nothing is known.
        threads: Hardware threads of the socket as the part's maker says. None for most parts of the generated tables,
            though their watts are known: a virtual machine with such a part gets its share from :func:`of_class`.
        sockets: Sockets that `tdp_w` was read from; None when the caller has to know.
        watts_per_thread: Of a class default, or where the user told the threads; else None.
        low: 90 % factor of the class below its default; 1 for a known part.
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


def lookup(
    model: str | None,
    cpu_class: str,
    powercap_root: str = "/sys/class/powercap",
    *,
    user_w: float | None = None,
    user_threads: int | None = None,
) -> Tdp:
    """
    Find the TDP of a CPU: the user's word, the kernel's limit, the exact part, the class, or none.

    Args:
        model: The brand string, as in ``/proc/cpuinfo``.
        cpu_class: What :func:`greensdk.hardware.classify` says of it.
        powercap_root: The kernel's power capping tree.
        user_w: Watts of one socket that somebody configured.
        user_threads: Hardware threads that share `user_w`.
    """
    model = model or ""
    part = find(normalise(model))
    count, threads, year = _counts(model, part)
    if user_w is not None:
        per_thread = user_w / user_threads if user_threads else None
        found = Tdp(user_w, USER, watts_per_thread=per_thread, note="configured")
        threads = user_threads or threads
    elif limits := rapl_limits_w(powercap_root):
        note = f"constraint_0_max_power_uw of {len(limits)} package zone(s)"
        found = Tdp(sum(limits) / len(limits), RAPL, sockets=len(limits), note=note)
    elif part and part[0] is not None:
        found = Tdp(part[0], EXACT, note=part[-1])
    else:
        found = of_class(cpu_class, f"no TDP is known for {model or 'a CPU without a name'}")
    return found._replace(cores=count, threads=threads, year=year)


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
    packages = [zone for zone in zones if _read(root, zone, "name").startswith("package")]
    limits = [_read(root, zone, "constraint_0_max_power_uw") for zone in packages]
    watts = [int(limit) / 1e6 for limit in limits if limit.isdigit() and int(limit) > 0]
    return watts if len(watts) == len(packages) else []


def _counts(model: str, part: Part | None) -> tuple[int | None, int | None, int | None]:
    # Cores, threads, year.
    count, threads, year = part[1:4] if part else (None, None, None)
    count = count or cores(model)
    if threads is None and count and model.startswith("AMD EPYC"):
        threads = 2 * count  # AMD's product pages, 7001 to 9005 series; the exception, 9754S, is a part by hand
    return count, threads, year


def _read(*path: str) -> str:
    try:
        with open(os.path.join(*path), encoding="ascii", errors="replace") as file:
            return file.read(64).strip()
    except OSError:
        return ""
