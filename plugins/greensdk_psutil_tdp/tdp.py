"""
How many watts this CPU is built for.
"""

import os
from typing import NamedTuple

from .parts import CLASS_DEFAULTS, PARTS

USER = "user"
RAPL = "rapl-constraint"
EXACT = "exact"
CLASS_DEFAULT = "class-default"

_DROPPED = frozenset(("cpu", "processor", "gen"))


class Tdp(NamedTuple):
    """
    A thermal design power and where it comes from.

    Attributes:
        tdp_w: Watts of one socket; None when only a class is known, or nothing.
        source: `USER`, `RAPL`, `EXACT`, `CLASS_DEFAULT`; None when nothing is known.
        threads: Hardware threads of the socket as the part's maker says; None for a part that is not in the table.
        sockets: Sockets that `tdp_w` was read from; None when the caller has to know.
        watts_per_thread: Of a class default, or where the user told the threads; else None.
        low: 90 % factor of the class below its default; 1 for a known part.
        high: The same above.
        note: The origin of the number, or the reason why there is none.
    """

    tdp_w: float | None
    source: str | None
    threads: int | None = None
    sockets: int | None = None
    watts_per_thread: float | None = None
    low: float = 1.0
    high: float = 1.0
    note: str = ""


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
    part = PARTS.get(normalise(model or ""))
    threads = part[1] if part else None
    if user_w is not None:
        per_thread = user_w / user_threads if user_threads else None
        return Tdp(user_w, USER, user_threads or threads, watts_per_thread=per_thread, note="configured")
    limits = rapl_limits_w(powercap_root)
    if limits:
        note = f"constraint_0_max_power_uw of {len(limits)} package zone(s)"
        return Tdp(sum(limits) / len(limits), RAPL, threads, len(limits), note=note)
    if part:
        return Tdp(part[0], EXACT, threads, note=part[2])
    if cpu_class in CLASS_DEFAULTS:
        watts, low, high, note = CLASS_DEFAULTS[cpu_class]
        return Tdp(None, CLASS_DEFAULT, watts_per_thread=watts, low=low, high=high, note=note)
    return NOTHING._replace(note=f"no TDP is known for {model or 'a CPU without a name'}")


def normalise(model: str) -> str:
    """
    Reduce a brand string to the words that tell parts apart: ``Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz`` to
    ``intel xeon e5-2686 v4``. Two parts never become one: no letter of a model number is dropped.
    """
    name = model.lower().partition("@")[0].partition(" with ")[0].partition(" w/")[0]
    for mark in ("(r)", "(tm)", "(c)"):
        name = name.replace(mark, " ")
    return " ".join(word for word in name.split() if word not in _DROPPED and not _is_count(word))


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


def _is_count(word: str) -> bool:
    # "64-core" and the "11th" of "11th Gen"
    return word.endswith("-core") or (word[:1].isdigit() and word.endswith(("st", "nd", "rd", "th")))


def _read(*path: str) -> str:
    try:
        with open(os.path.join(*path), encoding="ascii", errors="replace") as file:
            return file.read(64).strip()
    except OSError:
        return ""
