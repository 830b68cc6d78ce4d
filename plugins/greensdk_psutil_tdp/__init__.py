"""
Joules from CPU seconds and the CPU's thermal design power: an estimate for any machine, with no meter at all.

.. code-block:: text

    energy_j = tdp_w / cpus_logical * cpu_s          tdp_w = TDP of a socket * sockets

which is the well-known ``tdp * percent / 100 * duration`` with the percent of the whole machine that the call
itself used. ``cpu_s`` is the window's, so this package needs no psutil in spite of its name.
"""

from __future__ import annotations

from math import exp, hypot, log
from typing import TYPE_CHECKING, Any

from greensdk import hardware
from greensdk.errors import ConfigError
from greensdk.monitor import CALL, ESTIMATED, Availability, Metric, Reading, Usage, reading

from . import tdp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# RAPL watts over TDP * load, 5 to 95 %: 0.47..1.90 on 78 points above 5 % load of four machines (Threadripper 1950X,
# E3-1240 v2, two E5-2620 v3, EPYC 8024P) that codecarbon measured with stress-ng, data/hardware/cpu_load_profiling
# (MIT). A fifth, "E5-1240", draws more than its label's TDP and is left out.
MODEL_LOW, MODEL_HIGH = 0.45, 2.0
# A virtual CPU's share of its socket is unknown (neighbours, turbo, steal): public figures for one and the same chip,
# Teads' AWS EC2 dataset and Cloud Carbon Footprint, differ by this factor.
VIRTUAL_FACTOR = 2.0

_MODEL = "linear"
_FIX = "set tdp_w in [tool.greensdk.psutil-tdp], or GREENSDK_PSUTIL_TDP_TDP_W, to the watts of one socket"


def linear_j(tdp_w: float, cpu_percent: float, duration_s: float) -> float:
    """
    Return the joules of `duration_s` seconds at `cpu_percent` of a machine of `tdp_w` watts.

    >>> linear_j(65.0, 100.0, 2.0)
    130.0
    """
    return tdp_w * (cpu_percent / 100.0) * duration_s


class PsutilTdpEstimator:
    """
    Estimates a call's package energy from its CPU seconds.

    Args:
        tdp_w: TDP of one socket in watts; None looks it up. On a virtual machine whose part is not known it is
            taken as the watts of the virtual CPUs together, unless `tdp_threads` is given.
        tdp_threads: Hardware threads of the socket that `tdp_w` belongs to; None asks the table or the machine.
        model: Only ``linear``.
        powercap_root: Where the kernel's power limits are.
        host: The machine, as :func:`greensdk.hardware.describe` puts it; None asks it.

    Attributes:
        host_facts: ``tdp_w`` (of all the machine's CPUs together) and ``tdp_source`` for the record's ``host``,
            after :meth:`open`.
    """

    name = "psutil-tdp"
    cheap = True

    def __init__(
        self,
        *,
        tdp_w: float | None = None,
        tdp_threads: int | None = None,
        model: str = _MODEL,
        powercap_root: str = "/sys/class/powercap",
        host: Mapping[str, Any] | None = None,
    ) -> None:
        if model != _MODEL:
            raise ConfigError(f"psutil-tdp: model is {model!r}, and only {_MODEL!r} exists")
        for key, value in (("tdp_w", tdp_w), ("tdp_threads", tdp_threads)):
            if value is not None and not value > 0:
                raise ConfigError(f"psutil-tdp: {key} is {value!r}, and must be above 0")
        self._user_w = tdp_w
        self._user_threads = tdp_threads
        self._powercap_root = powercap_root
        self._host = host
        self._cpus = 0
        self._total_w = 0.0
        self._low = self._high = 1.0
        self._reason: str | None = "open() was not called"
        self._attributes: dict[str, Any] = {}
        self.host_facts: dict[str, Any] = {}

    def probe(self) -> Availability:
        """
        Say whether the watts of this CPU are known.
        """
        _, reason = self._look()
        return Availability(False, reason, _FIX) if reason else Availability(True)

    def open(self) -> Sequence[Metric]:
        """
        Look up the watts and work out all constants, so that :meth:`estimate` only multiplies.
        """
        found, self._reason = self._look()
        if self._reason:
            self._reason = f"{self._reason}; {_FIX}"
            return []
        host = self._machine()
        self._cpus = host["cpus_logical"]
        self._total_w = _machine_w(found, host)
        self._low, self._high = interval(found, virtual=host["virtualised"] is True)
        self.host_facts = {"tdp_w": self._total_w, "tdp_source": found.source}
        self._attributes = {
            "model": _MODEL,
            **self.host_facts,
            "socket_tdp_w": found.tdp_w,
            "tdp_note": found.note,
            "watts_per_thread": self._total_w / self._cpus,
            "duration_only_label": "one CPU busy for the whole duration",
        }
        return [Metric("package", "J", "package", CALL, ESTIMATED, "TDP of one hardware thread times CPU seconds")]

    def estimate(self, usage: Usage) -> Reading:
        """
        Return the joules of the call's CPU seconds, and beside it what its duration alone would say.
        """
        if self._reason or usage.cpu_s is None:
            return self._nothing(self._reason or "no clock tells the call's CPU seconds", usage)
        # cpu_s seconds of one CPU are this many percent of all of them for one second.
        energy_j = linear_j(self._total_w, 100.0 * usage.cpu_s / self._cpus, 1.0)
        return reading(
            "psutil-tdp",
            scope=CALL,
            quality=ESTIMATED,
            boundary="package",
            energy_j=energy_j,
            low_j=energy_j * self._low,
            high_j=energy_j * self._high,
            domains={"package": energy_j},
            attributes=self._about(usage),
        )

    def close(self) -> None:
        """
        Nothing was taken, so nothing is given back.
        """

    def _nothing(self, reason: str, usage: Usage) -> Reading:
        return reading(
            "psutil-tdp",
            scope=CALL,
            quality=ESTIMATED,
            boundary="package",
            energy_j=None,
            reason=reason,
            attributes=self._about(usage),
        )

    def _about(self, usage: Usage) -> dict[str, Any]:
        only_j = self._attributes["watts_per_thread"] * usage.duration_s if self._attributes else None
        return {**self._attributes, "cpu_source": usage.cpu_source, "duration_only_j": only_j}

    def _machine(self) -> Mapping[str, Any]:
        if self._host is None:
            self._host = hardware.describe()
        return self._host

    def _look(self) -> tuple[tdp.Tdp, str]:
        host = self._machine()
        if not host["cpus_logical"]:
            return tdp.NOTHING, "nothing tells how many CPUs this machine has"
        found = tdp.lookup(
            host["cpu_model"],
            host["cpu_class"],
            self._powercap_root,
            user_w=self._user_w,
            user_threads=self._user_threads,
        )
        return found, "" if found.source else found.note


def interval(found: tdp.Tdp, *, virtual: bool) -> tuple[float, float]:
    """
    Return the two factors around an estimate that hold the truth nine times in ten.

    The errors of the model, of the class and of the virtual machine are independent and multiply, so their
    logarithms add like the sides of a right angle.
    """
    spread = VIRTUAL_FACTOR if virtual else 1.0
    low = hypot(log(MODEL_LOW), log(found.low), log(spread))
    high = hypot(log(MODEL_HIGH), log(found.high), log(spread))
    return exp(-low), exp(high)


def _machine_w(found: tdp.Tdp, host: Mapping[str, Any]) -> float:
    # The CPUs of a virtual machine are a few threads of a big socket: they get their threads' part of its TDP.
    cpus: int = host["cpus_logical"]
    if found.watts_per_thread is not None:
        return found.watts_per_thread * cpus
    socket_w = found.tdp_w or 0.0
    sockets: int | None = found.sockets or (host["sockets"] if host["virtualised"] is False else None)
    if sockets is None and found.threads:
        return socket_w / found.threads * cpus
    return socket_w * (sockets or 1)
