"""
The watts of a machine at a load, at two boundaries that are never mixed.

.. code-block:: text

    wall     (AWAKE * tdp + MEMORY * gb + AGE * sockets * years) * (ASLEEP at rest .. 1 from 10 % load)
             + DYNAMIC * tdp * load^1.5
    package  PACKAGE_IDLE * tdp + PACKAGE_DYNAMIC * tdp * load^1.5

``wall`` is what the plug of a whole server gives: fans, memory, disks and the loss in the power supply are in it.
``package`` is what RAPL counts, and never more than the server around it takes. `tdp` is that of all sockets, `load`
the busy part of all hardware threads of the machine, `gb` its memory, `years` those that the part is older than 2014.
`DYNAMIC` and `PACKAGE_DYNAMIC` are smaller by `DESKTOP` for desktop silicon from 2017 on. The numbers are in
:mod:`greensdk_psutil_tdp.coefficients`, with where they come from; the exponent and the 10 % are fixed, since other
values fit no better.

A virtual machine is modelled as its CPUs' part of a host: the host's load is made of the guest's own and, for all other
threads, of `TYPICAL_LOAD`; the guest pays its part of what the host takes at any load, and the host's watts per busy
thread for what it runs itself. So guests with all of a host's threads together pay what the host takes.
"""

from typing import NamedTuple

from greensdk.machine.hardware import classify

from . import coefficients as fitted
from .era import MODERN, is_desktop, launch_year, spelled
from .interval import EXACT, UNKNOWN, UNSEEN, VIRTUAL, Factors, widen
from .names import normalise
from .tdp import CLASS_DEFAULT, RAPL, USER, Tdp, lookup
from .tdp import EXACT as EXACT_MATCH

PACKAGE = "package"
WALL = "wall"
BOUNDARIES = (PACKAGE, WALL)

AWAKE_FROM = 0.1
"""SPECpower measures at rest and then at 10 %: from there on a machine is awake, in between we draw a straight line."""

AGED_BEFORE = 2014
"""Servers with parts launched before take more at rest, the more the older: SPECpower, rows before 2017."""

TYPICAL_LOAD = 0.5
"""Of hyperscale servers: United States Data Center Energy Usage Report, LBNL-1005775 (2016), for 2020."""

HOST_THREADS = 96
"""Of a virtual machine's host whose part is not known: two sockets of 24 cores, as EC2's c5 and m5 have."""

GB_PER_THREAD = 2.0
"""Where a machine's memory is not known: SPECpower servers from 2017 have 1 (median), most cloud instances 2 to 4."""

SOURCES = {EXACT_MATCH: "exact match", RAPL: "RAPL's own limit", USER: "the configuration"}
MAKERS = {"intel-server": "intel", "masked-intel": "intel", "amd-server": "amd", "masked-amd": "amd"}


_BEND = fitted.EXPONENT - 1.0


class Machine(NamedTuple):
    """
    What the model asks of a machine.

    Attributes:
        tdp_w: Thermal design power of all its CPUs; of a virtual machine, of its threads.
        sockets: Packages; of a virtual machine, the part of them that its threads are.
        memory_gb: Memory in GiB.
        year: Of the part's launch; None counts as modern.
        desktop: Desktop silicon from 2017 on.
        part: 90 % factors for not knowing the part.
        seen: The boundaries for which machines of this kind were measured.
        share: The part of the host's threads that a virtual machine has; None for a real machine.
        words: Where `tdp_w` comes from, for a person.
    """

    tdp_w: float
    sockets: float
    memory_gb: float
    year: int | None = None
    desktop: bool = False
    part: Factors = EXACT
    seen: tuple[str, ...] = BOUNDARIES
    share: float | None = None
    words: str = ""


# A named tuple costs a fresh worker a quarter of a millisecond to make.
Curve = tuple[float, float, float, float, float, Factors, Factors]
"""
The model of one machine at one boundary, all constants worked out: watts at rest, what comes on top once it is awake,
what comes on top at full load; how much the machine's own load counts in the load of its host (1 for a real machine)
and what the neighbours add to it; 90 % factors from `AWAKE_FROM` up, and at rest.
"""


def power_w(
    cpu: str, sockets: int, threads: int, memory_gb: float, load: float, boundary: str = WALL
) -> tuple[float, float, float]:
    """
    Return the watts of a real machine: the low end of the 90 % interval, the estimate, and the high end.

    Args:
        cpu: The brand string, as in ``/proc/cpuinfo`` or in a vendor's list.
        sockets: Packages.
        threads: Hardware threads of the machine, all sockets together.
        memory_gb: Its memory in GiB.
        load: The busy part of all hardware threads, 0 to 1.
        boundary: ``wall`` (the whole machine at its plug) or ``package`` (what RAPL counts).

    Raises:
        ValueError: A number that no machine has, or another boundary.

    Example:
        >>> [round(watts) for watts in power_w("AMD EPYC 7763 64-Core Processor", 2, 256, 256, 0.5)]
        [236, 323, 462]
    """
    if not 0.0 <= load <= 1.0:
        raise ValueError(f"load is {load!r}, and must be from 0 to 1")
    return watts(curve(machine(cpu, sockets, threads, memory_gb), boundary), load)


def explain(of: Machine, boundary: str = WALL) -> str:
    """
    Say in words what an estimate rests on.

    Example:
        >>> explain(machine("AMD EPYC 7763 64-Core Processor", 2, 256, 256), "package")
        'package model (RAPL of five hosts), TDP 560 W from exact match, 90 % of such hosts lie between x0.50 and x2.05'
    """
    *_, others, busy, rest = curve(of, boundary)
    kind = f"wall model for hosts {'before' if _is_old(of) else 'from'} {MODERN} (SPECpower)"
    said = [kind if boundary == WALL else "package model (RAPL of five hosts)", of.words]
    if of.share is not None:
        said.append(f"{of.share:.1%} of a host whose other CPUs are {TYPICAL_LOAD:.0%} busy")
    if boundary not in of.seen:
        said.append("no host of this kind was measured")
    said.append("90 % of such hosts lie between x{:.2f} and x{:.2f}".format(*busy))
    if rest != busy and others < AWAKE_FROM:
        said.append("at rest x{:.2f} and x{:.2f}".format(*rest))
    return ", ".join(said)


def machine(cpu: str, sockets: int, threads: int, memory_gb: float) -> Machine:
    """
    Return the model's view of a real machine; for the arguments see :func:`power_w`.

    A CPU whose TDP nobody tells gets the watts per hardware thread that servers of its maker have, or those of its
    class; without a class, of servers of any maker, with an interval that says so.
    """
    if not (sockets > 0 and threads > 0 and 0.0 <= memory_gb < float("inf")):
        raise ValueError(f"no machine has {sockets!r} sockets, {threads!r} threads and {memory_gb!r} GB of memory")
    name = spelled(cpu)
    cpu_class = classify(name)
    found = lookup(name, cpu_class, "")
    return described(found, cpu_class, normalise(name), (found.tdp_w or 0.0) * sockets, sockets, threads, memory_gb)


def described(
    found: Tdp,
    cpu_class: str,
    name: str,
    tdp_w: float,
    sockets: float,
    threads: int,
    memory_gb: float,
    share: float | None = None,
) -> Machine:
    """
    Put a machine together from what is known of its CPU.

    Args:
        found: What the table of parts says.
        cpu_class: What :func:`greensdk.machine.hardware.classify` says.
        name: The normalised name.
        tdp_w: Of all CPUs, where `found` knows it; else it is worked out from `threads`.
        sockets: See :class:`Machine`.
        threads: Hardware threads of the machine.
        memory_gb: In GiB.
        share: See :class:`Machine`.
    """
    year = found.year or launch_year(name)
    desktop = is_desktop(name, cpu_class)
    part, words = EXACT, f"TDP {tdp_w:.4g} W from {SOURCES.get(found.source or '', 'nowhere')}"
    if found.tdp_w is None:
        per_thread_w = _per_thread_w(found, cpu_class, year)
        tdp_w = per_thread_w * threads
        part = _around(found, per_thread_w) if found.source == CLASS_DEFAULT else UNKNOWN
        words = f"TDP unknown and taken as {per_thread_w:.1f} W a thread ({cpu_class})"
    x86 = cpu_class in MAKERS or cpu_class in ("intel-client", "amd-client")
    at_wall = cpu_class in MAKERS or name.startswith("intel xeon")
    seen = tuple(each for each, measured in ((PACKAGE, x86), (WALL, at_wall)) if measured)
    return Machine(tdp_w, sockets, memory_gb, year, desktop, part, seen, share, words)


def curve(of: Machine, boundary: str) -> Curve:
    """
    Work out a machine's constants.

    Raises:
        ValueError: There is no such boundary.
    """
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary is {boundary!r}, and must be one of {', '.join(BOUNDARIES)}")
    old = _is_old(of)
    desktop = fitted.DESKTOP if of.desktop else 1.0
    if boundary == PACKAGE:
        asleep_w = awake_w = fitted.PACKAGE_IDLE * of.tdp_w
        dynamic_w = fitted.PACKAGE_DYNAMIC * of.tdp_w * desktop
        busy = rest = fitted.PACKAGE_BUSY
    else:
        years = max(0, AGED_BEFORE - of.year) if of.year else 0
        awake_w = fitted.AWAKE * of.tdp_w + fitted.MEMORY_W * of.memory_gb + fitted.AGE_W * of.sockets * years
        asleep_w = awake_w * fitted.ASLEEP
        dynamic_w = fitted.DYNAMIC * of.tdp_w * desktop
        busy, rest = (fitted.OLD_BUSY, fitted.OLD_REST) if old else (fitted.BUSY, fitted.REST)
    more = [of.part]
    more += [] if boundary in of.seen else [UNSEEN]
    more += [] if of.share is None else [VIRTUAL]
    own = 1.0 if of.share is None else of.share
    others = (1.0 - own) * TYPICAL_LOAD
    return asleep_w, awake_w - asleep_w, dynamic_w, own, others, widen(busy, *more), widen(rest, *more)


def watts(of: Curve, load: float) -> tuple[float, float, float]:
    """
    Return low, middle and high watts at a load. Hot: a few multiplications.
    """
    asleep_w, wake_w, dynamic_w, own, others, busy, rest = of
    host = own * load + others
    low, high = busy
    if host < AWAKE_FROM:
        awake = host / AWAKE_FROM
        wake_w *= awake
        low = rest[0] * (low / rest[0]) ** awake
        high = rest[1] * (high / rest[1]) ** awake
    middle = asleep_w + wake_w + dynamic_w * load * host**_BEND
    return middle * low, middle, middle * high


def _per_thread_w(found: Tdp, cpu_class: str, year: int | None) -> float:
    # The makers' servers as they were measured; other classes as their parts are.
    maker = MAKERS.get(cpu_class)
    if maker is None and found.watts_per_thread is not None:
        return found.watts_per_thread
    per_thread_w = fitted.THREAD_W[maker] if maker else (fitted.THREAD_W["intel"] * fitted.THREAD_W["amd"]) ** 0.5
    return per_thread_w * fitted.THREAD_GROWTH ** max(0, MODERN - (year or MODERN))


def _around(found: Tdp, per_thread_w: float) -> Factors:
    # The class's factors are around the class's own watts.
    aside = (found.watts_per_thread or per_thread_w) / per_thread_w
    return min(1.0, found.low * aside), max(1.0, found.high * aside)


def _is_old(of: Machine) -> bool:
    return of.year is not None and of.year < MODERN
