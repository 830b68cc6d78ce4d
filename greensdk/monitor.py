"""
What a monitor is.

A monitor is one way to know joules. There is one instance of it per process; the runtime calls
:meth:`Monitor.probe` and :meth:`Monitor.open` once, and from then on only the two hot methods
:meth:`Monitor.start` and :meth:`Monitor.stop`, around every measured call. Every method may raise:
the window catches it, names the monitor in ``record["errors"]`` and goes on.

An estimator is the second kind: it reads no meter, but turns the seconds that the window has
counted already into joules, after the call.

Both are made with keyword arguments only, which are the keys of the plugin's table in the
configuration, and making one touches no hardware.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypedDict, runtime_checkable

MACHINE = "machine"
CALL = "call"
MEASURED = "measured"
ATTRIBUTED = "attributed"
ESTIMATED = "estimated"


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
        call_j: Joules of the call. The monitor leaves it None; attribution fills it.
        low_j: Lower end of the 90 % interval: of `energy_j` as the monitor hands it over, of `call_j` in the record.
        high_j: Its upper end.
        domains: Joules of each domain by name; None for a domain that could not be read.
        meter_id: Which physical meter this is, so that nobody adds one meter twice; None without a meter.
        reason: Why `energy_j` is None, else None.
        attributes: Whatever else tells how the number came about (raw counters, constants and their sources).
    """

    monitor: str
    scope: str
    quality: str
    boundary: str
    energy_j: float | None
    call_j: float | None
    low_j: float | None
    high_j: float | None
    domains: Mapping[str, float | None]
    meter_id: str | None
    reason: str | None
    attributes: Mapping[str, Any]


class Usage(NamedTuple):
    """
    What the window counted of a call, for an estimator.

    Attributes:
        duration_s: Wall seconds of the call.
        cpu_s: CPU seconds of the call and its children; None where no clock tells.
        host_cpu_s: CPU seconds of the whole machine in the same window; None where no clock tells.
        cpu_source: Which clock `cpu_s` comes from.
    """

    duration_s: float
    cpu_s: float | None
    host_cpu_s: float | None
    cpu_source: str


class Source(Protocol):
    """
    What monitors and estimators have in common.

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

    def estimate(self, usage: Usage) -> Reading:
        """
        Return the joules that a call with this `usage` takes by the model.
        """
        ...


def reading(
    monitor: str,
    *,
    scope: str,
    quality: str,
    boundary: str,
    energy_j: float | None,
    low_j: float | None = None,
    high_j: float | None = None,
    domains: Mapping[str, float | None] = {},
    meter_id: str | None = None,
    reason: str | None = None,
    attributes: Mapping[str, Any] = {},
) -> Reading:
    """
    Make a reading; see :class:`Reading` for the meaning of each argument.
    """
    return {
        "monitor": monitor,
        "scope": scope,
        "quality": quality,
        "boundary": boundary,
        "energy_j": energy_j,
        "call_j": None,
        "low_j": low_j,
        "high_j": high_j,
        "domains": domains,
        "meter_id": meter_id,
        "reason": reason,
        "attributes": attributes,
    }
