"""
The watts of a machine at a load, at two boundaries that are never mixed.

.. code-block:: text

    package  REST + (FULL * peak * tdp - REST) * load^0.6             REST and FULL by kind of CPU
    wall     (AWAKE * tdp + MEMORY * gb + AGE * sockets * years) * (ASLEEP at rest .. 1 from 10% load)
             + DYNAMIC * tdp * load^1.5

``package`` is what RAPL counts: steep at first, since the first busy threads wake the shared parts of a CPU and run at
the highest clock. ``wall`` is what the plug of a whole server gives: fans, memory, disks and the loss in the power
supply are in it. `tdp` is the base power of all sockets, `peak` what a client part may take for long beyond it, and
how near a server comes to it (:func:`greensdk_psutil_tdp.era.peak_of`), `load` the busy part of all hardware threads,
`gb` the memory, `years` those that the part is older than 2014. `DYNAMIC` is smaller by `DESKTOP` for Intel's client
silicon from 2017 on. The numbers are in :mod:`greensdk_psutil_tdp.coefficients`, with their sources.

SPECpower's servers are tuned by their vendors and draw less than others: the package of an ordinary host exceeds what
theirs take in all. So the wall of a machine that is not known to be tuned is never less than its package and memory
behind a power supply of `SUPPLY` efficiency; :func:`power_w` gives the tuned wall.

A virtual machine is modelled as its CPUs' part of a host: the host's load is made of the guest's own and, for all other
threads, of `TYPICAL_LOAD`; the guest pays its part of what the host takes at any load, and the host's watts per busy
thread for what it runs itself. So guests with all of a host's threads together pay what the host takes. How busy the
neighbours are changes the price of a thread, which widens the interval.
"""

from typing import TYPE_CHECKING

from greensdk.machine.hardware import classify
from greensdk_psutil_tdp import coefficients as fitted
from greensdk_psutil_tdp.era import (
    AMD_DESKTOP,
    INTEL_CLIENT,
    INTEL_OLD,
    MODERN,
    SERVER,
    kind_of,
    launch_year,
    peak_of,
    spelled,
)
from greensdk_psutil_tdp.interval import EXACT, UNKNOWN, UNSEEN, Factors, Knots, factors, narrow, widen, widened
from greensdk_psutil_tdp.table import normalise
from greensdk_psutil_tdp.tdp import CLASS_DEFAULT, GENERATION, RAPL, SERIES, USER, Tdp, lookup
from greensdk_psutil_tdp.tdp import EXACT as EXACT_MATCH

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from greensdk.light import NamedTuple

PACKAGE = "package"
WALL = "wall"
BOUNDARIES = (PACKAGE, WALL)

AWAKE_FROM = 0.1
"""SPECpower measures at rest and then at 10%: from there on a machine is awake, in between we draw a straight line."""

AGED_BEFORE = 2014
"""Servers with parts launched before take more at rest, the more the older: SPECpower, rows before 2017."""

TYPICAL_LOAD = 0.5
"""Of hyperscale servers: United States Data Center Energy Usage Report, LBNL-1005775 (2016), for 2020."""

NEIGHBOURS = (0.1, 0.9)
"""How busy the other threads of a guest's host may be: the interval of a guest holds both ends."""

HOST_THREADS = 96
"""Of a virtual machine's host whose part is not known: two sockets of 24 cores, as EC2's c5 and m5 have."""

GB_PER_THREAD = 2.0
"""Where a machine's memory is not known: SPECpower servers from 2017 have 1 (median), most cloud instances 2 to 4."""

DRAM_W_PER_GB = 0.1
"""
RAPL's dram domain per GB of DDR4: 0.04 to 0.06 W at rest, 0.07 to 0.12 under CPU load, 0.17 to 0.28 under memory load.
Eleven dual-socket Xeons of EC2, github.com/github-benjamin-davy/turbostressreports (CC0), of which the published watts
are four times too high: turbostat before May 2021 took 61 uJ for the unit of 15.3 uJ (Linux, abdc75ab53b7).
"""
DRAM: Factors = (0.4, 3.0)
"""90% factors of `DRAM_W_PER_GB`: 0.04 to 0.3 W, rest to memory-bound work."""

SUPPLY = 0.92
"""Efficiency of a server's power supply at half load: 80 PLUS Platinum asks for 92 to 94% (clearesult.com/80plus)."""

SOURCES = {EXACT_MATCH: "exact match", RAPL: "RAPL's own limit", USER: "the configuration"}
SOURCES |= {GENERATION: "the part's generation", SERIES: "the part's series"}
MAKERS = {"intel-server": "intel", "masked-intel": "intel", "amd-server": "amd", "masked-amd": "amd"}

_BEND = fitted.PACKAGE_EXPONENT - 1.0

KINDS = {
    INTEL_OLD: (fitted.REST_OLD, fitted.FULL_SERVER),
    SERVER: (fitted.REST_SERVER, fitted.FULL_SERVER),
    AMD_DESKTOP: (0.0, fitted.FULL_CLIENT),
    INTEL_CLIENT: (fitted.REST_CLIENT, fitted.FULL_CLIENT),
}
"""Watts of the package at rest and at full load per watt of TDP; an AMD desktop rests at `DESKTOP_REST_W` a socket."""


class Machine(NamedTuple):
    """
    What the model asks of a machine.

    Attributes:
        tdp_w: Base power (TDP) of all its CPUs; of a virtual machine, of its threads.
        sockets: Packages; of a virtual machine, the part of them that its threads are.
        memory_gb: Memory in GiB.
        year: Of the part's launch; None counts as modern.
        kind: One of `KINDS`.
        peak: What full load takes, over that of the usual part of this kind and `tdp_w`: by a client's published limit,
            and by a server's watts a thread.
        part: 90% factors for not knowing the part.
        seen: The boundaries for which machines of this kind were measured.
        share: The part of the host's threads that a virtual machine has; None for a real machine.
        words: Where `tdp_w` comes from, for a person.
    """

    tdp_w: float
    sockets: float
    memory_gb: float
    year: int | None = None
    kind: str = SERVER
    peak: float = 1.0
    part: Factors = EXACT
    seen: tuple[str, ...] = BOUNDARIES
    share: float | None = None
    words: str = ""


# A named tuple costs a fresh worker a quarter of a millisecond to make.
Curve = tuple[float, float, float, float, float, float, Knots, tuple[float, float, float]]
"""
The model of one machine at one boundary, all constants worked out: watts at rest, what comes on top once it is awake,
what comes on top at full load, and the exponent of the load; how much the machine's own load counts in the load of its
host (1 for a real machine) and what the neighbours add to it; the factors; watts that it can't be below, at rest and
what full load adds to them by `PACKAGE_EXPONENT`, and whether (1 or 0) the low end is around those as well.
"""


NO_FLOOR = 0.0, 0.0, 0.0


def power_w(
    cpu: str, sockets: int, threads: int, memory_gb: float, load: float, boundary: str = WALL
) -> tuple[float, float, float]:
    """
    Return the watts of a real machine: the low end of the 90% interval, the estimate, and the high end.

    Args:
        cpu: The brand string, as in ``/proc/cpuinfo`` or in a vendor's list.
        sockets: Packages.
        threads: Hardware threads of the machine, all sockets together.
        memory_gb: Its memory in GiB.
        load: The busy part of all hardware threads, 0 to 1.
        boundary: ``wall`` (the whole machine at its plug, tuned for few watts as SPECpower's are) or ``package`` (what
            RAPL counts; untuned).

    Raises:
        ValueError: A number that no machine has, or another boundary.

    Example:
        >>> [round(watts) for watts in power_w("AMD EPYC 7763 64-Core Processor", 2, 256, 256, 0.5)]
        [233, 323, 465]
    """
    if not 0.0 <= load <= 1.0:
        raise ValueError(f"load is {load!r}, and must be from 0 to 1")
    return watts(curve(machine(cpu, sockets, threads, memory_gb), boundary, tuned=True), load)


def machine(cpu: str, sockets: int, threads: int, memory_gb: float) -> Machine:
    """
    Return the model's view of a real machine; for the arguments see :func:`power_w`.

    A CPU whose TDP is unknown gets the watts per hardware thread that servers of its maker have, or those of its
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
    part, words = (found.low, found.high), f"TDP {tdp_w:.4g} W from {SOURCES.get(found.source or '', 'nowhere')}"
    if found.tdp_w is None:
        per_thread_w = _per_thread_w(found, cpu_class, year)
        tdp_w = per_thread_w * threads
        part = _around(found, per_thread_w) if found.source == CLASS_DEFAULT else UNKNOWN
        words = f"TDP unknown and taken as {per_thread_w:.1f} W a thread ({cpu_class})"
    socket_w = found.tdp_w or tdp_w / sockets
    kind = found.kind or kind_of(name, cpu_class, year, socket_w)
    x86 = cpu_class in MAKERS or cpu_class in ("intel-client", "amd-client")
    at_wall = cpu_class in MAKERS or name.startswith("intel xeon")
    seen = tuple(each for each, measured in ((PACKAGE, x86), (WALL, at_wall)) if measured)
    thread_w = found.tdp_w / found.threads if found.tdp_w and found.threads else tdp_w / threads
    peak = peak_of(kind, socket_w, year, found.peak_w, thread_w)
    return Machine(tdp_w, sockets, memory_gb, year, kind, peak, part, seen, share, words)


def curve(of: Machine, boundary: str, *, tuned: bool = False) -> Curve:
    """
    Work out a machine's constants; `tuned`: of a server that its vendor has tuned for few watts at the wall.

    Raises:
        ValueError: There is no such boundary.
    """
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary is {boundary!r}, and must be one of {', '.join(BOUNDARIES)}")
    made, own = _plain(of, boundary, tuned)
    more = [*_unknown(of, boundary), _neighbours(made, own)] if own < 1.0 else _unknown(of, boundary)
    return (*made[:6], widened(made[6], more), made[7])


def common(of: Machine, boundary: str) -> Factors:
    """
    Return the 90% factors of the error that all estimates of one machine share: its part, its board, its cooling.

    The rest of an interval is each estimate's own: the kind of work, which CPUs share it, the neighbours of a guest.
    """
    *_, busy = _plain(of, boundary, tuned=False)[0][6]
    return widen(narrow(busy, fitted.NOISE), *_unknown(of, boundary))


def _plain(of: Machine, boundary: str, tuned: bool) -> tuple[Curve, float]:
    """Return a machine's curve before anything widens it, and its part of its host."""
    own = 1.0 if of.share is None else of.share
    return _package(of, own) if boundary == PACKAGE else _wall(of, own, tuned), own


def _unknown(of: Machine, boundary: str) -> list[Factors]:
    return [of.part] if boundary in of.seen else [of.part, UNSEEN]


def scaled(of: Curve, factor: float, factors: Factors) -> Curve:
    """
    Return a curve times what a reference meter read over it; `factors` are the 90% ones around that.

    Whether the machine is tuned is known by it, so that the low end is no longer that of one that is. A guest's
    neighbours were in the reference as well.
    """
    rest_w, wake_w, full_w, exponent, own, others, (low_at, *_, busy_at, _), floor = of
    knots = low_at, factors, factors, busy_at, factors
    least = floor[0] * factor, floor[1] * factor, 1.0
    return rest_w * factor, wake_w * factor, full_w * factor, exponent, own, others, knots, least


def fitted_into(of: Curve, wall: Curve, memory_gb: float) -> Curve:
    """
    Return a package's curve, made smaller where it and the memory would take more than the wall that a meter read.

    Where the memory's estimate alone would take most of the wall, half of it is the package's.
    """

    def room(load: float) -> float:
        inside_w = SUPPLY * watts(wall, load)[1]
        return max(inside_w - DRAM_W_PER_GB * memory_gb, inside_w / 2) / watts(of, load)[1]

    factor = min(1.0, *(room(part / 20) for part in range(21)))
    return (of[0] * factor, of[1] * factor, of[2] * factor, *of[3:])


def watts(of: Curve, load: float) -> tuple[float, float, float]:
    """
    Return low, middle and high watts at a load. Hot: a few multiplications.
    """
    rest_w, wake_w, full_w, exponent, own, others, knots, floor = of
    host = own * load + others
    if host <= 0.0:
        low, high = knots[1]
        middle, least = rest_w, floor[0]
    else:
        low, high = factors(knots, host)
        middle = rest_w + full_w * load * host ** (exponent - 1.0)
        middle += wake_w if host >= AWAKE_FROM else wake_w * host / AWAKE_FROM
        least = floor[0] + floor[1] * load * host**_BEND if floor[0] else 0.0
    low_w = low * middle
    if middle < least:
        middle = least
        low_w += floor[2] * (low * least - low_w)
    return low_w, middle, middle * high


def _package(of: Machine, own: float) -> Curve:
    # What RAPL counts.
    rest, full = KINDS[of.kind]
    rest_w = fitted.DESKTOP_REST_W * of.sockets if of.kind == AMD_DESKTOP else rest * of.tdp_w
    full_w = max(rest_w, full * of.peak * of.tdp_w)
    client = of.kind in (AMD_DESKTOP, INTEL_CLIENT)
    knots = fitted.CLIENT_KNOTS if client else fitted.SERVER_KNOTS
    others = (1.0 - own) * TYPICAL_LOAD
    return rest_w, 0.0, full_w - rest_w, fitted.PACKAGE_EXPONENT, own, others, knots, NO_FLOOR


def _wall(of: Machine, own: float, tuned: bool) -> Curve:
    # What the plug gives.
    old = _is_old(of)
    years = max(0, AGED_BEFORE - of.year) if of.year else 0
    awake_w = fitted.AWAKE * of.tdp_w + fitted.MEMORY_W * of.memory_gb + fitted.AGE_W * of.sockets * years
    rest_w = awake_w * fitted.ASLEEP
    full_w = fitted.DYNAMIC * of.tdp_w * (fitted.DESKTOP if of.kind == INTEL_CLIENT and not old else 1.0)
    floor = NO_FLOOR
    if not tuned:
        package = _package(of, own)
        floor = (package[0] + DRAM_W_PER_GB * of.memory_gb) / SUPPLY, package[2] / SUPPLY, 0.0
    knots = fitted.OLD_WALL_KNOTS if old else fitted.WALL_KNOTS
    others = (1.0 - own) * TYPICAL_LOAD
    return rest_w, awake_w - rest_w, full_w, fitted.EXPONENT, own, others, knots, floor


def _neighbours(of: Curve, own: float) -> Factors:
    """
    Return what a busy guest's watts are with neighbours at the ends of `NEIGHBOURS`, over those at `TYPICAL_LOAD`.
    """
    at = [watts((*of[:5], (1.0 - own) * load, *of[6:]), 1.0)[1] for load in (*NEIGHBOURS, TYPICAL_LOAD)]
    return min(at) / at[-1], max(at) / at[-1]


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
