"""
What a monitor is.

A monitor is one way to know joules. There is one instance of it per process; the runtime calls
:meth:`Monitor.probe` and :meth:`Monitor.open` once, and from then on only the two hot methods
:meth:`Monitor.start` and :meth:`Monitor.stop`, around every measured call. Every method may raise:
the window catches it, names the monitor in ``record["errors"]`` and goes on.

An estimator is the second kind: it reads no meter, but turns the seconds that the window has
counted already into joules, after the call. A CPU clock is the third: it counts no joules at all, but
tells what part of the machine's CPU time was the call's, better than the window's own clocks can.

All are made with keyword arguments only, which are the keys of the plugin's table in the
configuration, and making one touches no hardware.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypedDict, runtime_checkable

MACHINE = "machine"
CALL = "call"
MEASURED = "measured"
ATTRIBUTED = "attributed"
ESTIMATED = "estimated"

RESOLUTION_90 = 1 - 0.1**0.5
"""
How many update intervals 9 of 10 windows are off by at most. The counter's age at either end is uniform
over one interval and independent of the other end's, so the error is triangular on +-1 interval, and
``2 a - a**2 = 0.9``.
"""


class Availability(NamedTuple):
    """
    Whether a monitor can work here.

    Attributes:
        ok: It can.
        reason: Why not, in words for a person; empty when `ok`.
        fix: A command or a setting that would help; empty when there is none.
    """

    ok: bool
    reason: str = ""
    fix: str = ""


class Metric(NamedTuple):
    """
    What one number of a monitor means.

    Attributes:
        name: The key under which the number appears, for example ``package-0``.
        unit: ``J``, ``W``, ``s`` or ``1``.
        domain: The field's term: package, core, uncore, dram, psys, gpu, vcpu.
        scope: `MACHINE` (everything that ran) or `CALL` (this call alone).
        quality: `MEASURED`, `ATTRIBUTED` or `ESTIMATED`.
        description: One sentence.
    """

    name: str
    unit: str
    domain: str
    scope: str
    quality: str
    description: str = ""


class Reading(TypedDict):
    """
    What one monitor says about one call. A plain dict, because it goes into the record as it is.

    Keys:
        monitor: The monitor's name.
        scope: `MACHINE` or `CALL`: whose joules `energy_j` is.
        quality: `MEASURED`, `ATTRIBUTED` or `ESTIMATED`.
        boundary: What is inside the number: ``package``, ``package+dram``, ``wall``, ``vcpu+memory``, ``gpu``.
        energy_j: Joules of `scope` in the window, or None together with a `reason`. Never 0 for "could not".
        energy_low_j: Lower end of the 90% interval of `energy_j`; None where it is unknown.
        energy_high_j: Its upper end.
        call_j: Joules of the call. The monitor leaves it None, and attribution fills it from the CPU time. Where
            CPU time says nothing (a GPU), the monitor fills it itself, or leaves a `reason` why it is unknown.
        low_j: Lower end of the 90% interval of `call_j`, filled together with it.
        high_j: Its upper end.
        domains: Joules of each domain by name; None for a domain that could not be read.
        meter_id: Which physical meter this is, so that no meter is added twice; None without a meter.
        reason: Why `energy_j` or `call_j` is None, else None.
        attributes: Whatever else tells how the number came about (raw counters, constants and their sources).
    """

    monitor: str
    scope: str
    quality: str
    boundary: str
    energy_j: float | None
    energy_low_j: float | None
    energy_high_j: float | None
    call_j: float | None
    low_j: float | None
    high_j: float | None
    domains: Mapping[str, float | None]
    meter_id: str | None
    reason: str | None
    attributes: Mapping[str, Any]


class Usage:
    """
    What the window counted of a call, for an estimator.

    Attributes:
        duration_s: Wall seconds of the call.
        cpu_s: CPU seconds of the call and its children; None where no clock tells.
        host_cpu_s: CPU seconds of the whole machine in the same window; None where no clock tells.
        cpu_source: Which clock `cpu_s` comes from.
    """

    __slots__ = ("cpu_s", "cpu_source", "duration_s", "host_cpu_s")

    def __init__(self, duration_s: float, cpu_s: float | None, host_cpu_s: float | None, cpu_source: str) -> None:
        self.duration_s = duration_s
        self.cpu_s = cpu_s
        self.host_cpu_s = host_cpu_s
        self.cpu_source = cpu_source


class CpuTime:
    """
    What a CPU clock counted between two moments.

    Attributes:
        tree_s: On-CPU seconds of this process, all its threads, and all processes that descend from it, alive or
            not; None where the clock can't tell.
        host_s: Busy seconds of all CPUs of the machine.
        resolution_s: The most that either may be off.
        attributes: Whatever else it counted (context switches, lost events).
        host_start_s: What the machine's clock showed at the first moment, from any zero that all processes share;
            None where it is unknown.
    """

    __slots__ = ("attributes", "host_s", "host_start_s", "resolution_s", "tree_s")

    def __init__(
        self,
        tree_s: float | None,
        host_s: float,
        resolution_s: float,
        attributes: Mapping[str, Any],
        host_start_s: float | None = None,
    ) -> None:
        self.tree_s = tree_s
        self.host_s = host_s
        self.resolution_s = resolution_s
        self.attributes = attributes
        self.host_start_s = host_start_s


class Source(Protocol):
    """
    What monitors, estimators and CPU clocks have in common.

    Attributes:
        name: The name people use in ``monitors=[...]``.
        cheap: Costs microseconds, so that ``monitors="auto"`` may take it without being asked.
    """

    name: str
    cheap: bool

    def probe(self) -> Availability:
        """
        Say whether this can work here, and if not, why and what would help. Takes no resource.
        """
        ...

    def open(self) -> Sequence[Metric]:
        """
        Take file descriptors, attach, read tables; say which metrics exist here.
        """
        ...

    def close(self) -> None:
        """
        Give everything back. Called at exit, and in a forked child on the inherited copy.
        """


@runtime_checkable
class Monitor(Source, Protocol):
    """
    Reads a meter before and after the call.

    Attributes:
        max_window_s: The longest window that needs no :meth:`poll`, in seconds; None when any length will do.
    """

    max_window_s: float | None

    def start(self) -> Any:
        """
        Read the meter and return a token. Hot: one read per counter, no allocation beyond the token.
        """

    def stop(self, token: Any) -> Reading:
        """
        Read the meter again and say what it counted since `token`. Hot. Tokens make windows nest and overlap.
        """
        ...

    def poll(self) -> None:
        """
        Note the meter's state in the middle of a long window.
        """


@runtime_checkable
class Estimator(Source, Protocol):
    """
    Turns counted seconds into joules, after the call.
    """

    def estimate(self, usage: Usage) -> Reading | Sequence[Reading]:
        """
        Return the joules that a call with this `usage` takes by the model: one reading, or one for each boundary.
        """
        ...


@runtime_checkable
class CpuClock(Source, Protocol):
    """
    Counts the CPU time of this process's tree and of the machine, with one clock.

    The window shares the machine's joules out by it, and makes a reading under its name: the joules of the
    meter that stands first in the order, times the share.
    """

    def start(self) -> Any:
        """
        Read the clock and return a token. Hot.
        """
        ...

    def cpu_time(self, token: Any) -> CpuTime:
        """
        Read the clock again and say what passed since `token`. Hot.
        """
        ...


def reading(
    monitor: str,
    *,
    scope: str,
    quality: str,
    boundary: str,
    energy_j: float | None,
    energy_low_j: float | None = None,
    energy_high_j: float | None = None,
    call_j: float | None = None,
    low_j: float | None = None,
    high_j: float | None = None,
    domains: Mapping[str, float | None] = {},
    meter_id: str | None = None,
    reason: str | None = None,
    attributes: Mapping[str, Any] = {},
) -> Reading:
    """
    Make a reading; see :class:`Reading` for the meaning of each argument.

    Without `call_j`, `low_j` and `high_j` are taken for the interval of `energy_j`, as monitors for greensdk 0.1 mean.
    """
    if call_j is None and energy_low_j is None and energy_high_j is None:
        energy_low_j, energy_high_j, low_j, high_j = low_j, high_j, None, None
    return {
        "monitor": monitor,
        "scope": scope,
        "quality": quality,
        "boundary": boundary,
        "energy_j": energy_j,
        "energy_low_j": energy_low_j,
        "energy_high_j": energy_high_j,
        "call_j": call_j,
        "low_j": low_j,
        "high_j": high_j,
        "domains": domains,
        "meter_id": meter_id,
        "reason": reason,
        "attributes": attributes,
    }
