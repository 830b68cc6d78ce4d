"""
Joules from the load of the machine and the CPU's thermal design power: an estimate where there is no meter at all.

The default ``model = "power"`` gives the joules of the whole machine at two boundaries, ``package`` (what RAPL would
count) and ``wall`` (what the plug gives), of which attribution gives the call its share, as it does for a meter: see
:mod:`greensdk_psutil_tdp.power`. ``model = "linear"`` gives the call's joules at once,

.. code-block:: text

    energy_j = tdp_w / cpus_logical * cpu_s          tdp_w = TDP of a socket * sockets

which is the well-known ``tdp * percent / 100 * duration`` with the percent of the whole machine that the call
itself used. All seconds are the window's, so this package needs no psutil in spite of its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from greensdk.errors import ConfigError
from greensdk.machine import hardware
from greensdk.monitor import CALL, ESTIMATED, MACHINE, Availability, Metric, Reading, Usage, reading
from greensdk_psutil_tdp.coefficients import NOISE
from greensdk_psutil_tdp.hosts import (
    explain,
    interval,
    is_guest,
    machine_of,
    machine_w,
    threads_of_machine,
    with_threads,
)
from greensdk_psutil_tdp.interval import Factors, narrow, widen
from greensdk_psutil_tdp.power import (
    BOUNDARIES,
    PACKAGE,
    TYPICAL_LOAD,
    WALL,
    Curve,
    Machine,
    common,
    curve,
    fitted_into,
    power_w,
    scaled,
    watts,
)
from greensdk_psutil_tdp.tdp import NOTHING, Tdp, checked, lookup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greensdk.machine.calibration import Reference

__all__ = ["PsutilTdpEstimator", "explain", "linear_j", "power_w"]

MODELS = ("power", "linear")
NO_CLOCKS = "no clock tells the call's CPU seconds"
NO_HOST_CLOCK = (
    f"no clock tells the host's load: {TYPICAL_LOAD:.0%}, or the call's own if more; "
    "low if the host was fully busy, high if the call was alone"
)
_FIX = "set tdp_w in [tool.greensdk.psutil-tdp], or GREENSDK_PSUTIL_TDP_TDP_W, to the watts of one socket"
_METRICS = {
    "package": "the packages, as RAPL would count them, from the load of all CPUs",
    "wall": "the whole machine at its plug, from the load of all CPUs",
}


def linear_j(tdp_w: float, cpu_percent: float, duration_s: float) -> float:
    """
    Return the joules of `duration_s` seconds at `cpu_percent` of a machine of `tdp_w` watts.

    >>> linear_j(65.0, 100.0, 2.0)
    130.0
    """
    return tdp_w * (cpu_percent / 100.0) * duration_s


class PsutilTdpEstimator:
    """
    Estimates energy from CPU seconds.

    Args:
        tdp_w: TDP of one socket in watts; None looks it up. A virtual machine gets its threads' share of it.
        tdp_threads: Hardware threads of the socket that `tdp_w` belongs to; None asks the table or the machine.
        tdp: TDP by CPU, for settings that several machines share: brand string to the watts of a socket, or to a table
            with ``tdp_w`` and ``threads``.
        model: ``power`` or ``linear``.
        boundary: ``package`` or ``wall``: which of the power model's two readings comes first, and so stands for the
            call; the other stands beside it. ``linear`` has the package only.
        powercap_root: Where the kernel's power limits are.
        host: The machine, as :func:`greensdk.machine.hardware.describe` puts it; None asks it.

    Attributes:
        host_facts: ``tdp_w`` (of all the machine's CPUs together) and ``tdp_source`` for the record's ``host``,
            after :meth:`open`.
        basis: By boundary, in words what the estimates rest on, after :meth:`open`; empty for the linear model.
    """

    name = "psutil-tdp"
    cheap = True

    def __init__(
        self,
        *,
        tdp_w: float | None = None,
        tdp_threads: int | None = None,
        tdp: Mapping[str, Any] | None = None,
        model: str = MODELS[0],
        boundary: str = PACKAGE,
        powercap_root: str = "/sys/class/powercap",
        host: Mapping[str, Any] | None = None,
    ) -> None:
        for key, word, known in (("model", model, MODELS), ("boundary", boundary, BOUNDARIES)):
            if word not in known:
                raise ConfigError(f"psutil-tdp: {key} is {word!r}, and must be one of {', '.join(known)}")
        if model == "linear" and boundary != PACKAGE:
            raise ConfigError(f"psutil-tdp: boundary is {boundary!r}, and the linear model knows the package only")
        for key, value in (("tdp_w", tdp_w), ("tdp_threads", tdp_threads)):
            if value is not None and not value > 0:
                raise ConfigError(f"psutil-tdp: {key} is {value!r}, and must be above 0")
        self._user_w = tdp_w
        self._user_threads = tdp_threads
        self._user_parts = checked(tdp or {})
        self._model = model
        self._boundaries = sorted(BOUNDARIES, key=lambda each: each != boundary) if model == "power" else [PACKAGE]
        self._powercap_root = powercap_root
        self._host = host
        self._cpus = 0
        self._total_w = 0.0
        self._low = self._high = 1.0
        self._curves: list[tuple[str, Curve, dict[str, Any]]] = []
        self._of: Machine | None = None
        self._reason: str | None = "open() was not called"
        self._attributes: dict[str, Any] = {}
        self.host_facts: dict[str, Any] = {}
        self.basis: dict[str, str] = {}

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
        self._cpus = threads_of_machine(found, host)
        if self._model == "linear":
            self._know(found, machine_w(found, host))
            self._low, self._high = interval(with_threads(found, host), virtual=is_guest(found, host))
            factors = narrow((self._low, self._high), NOISE)
            self._attributes |= _model("linear", (self._total_w, self._cpus, factors), factors)
            return [Metric(PACKAGE, "J", PACKAGE, CALL, ESTIMATED, "TDP of one hardware thread times CPU seconds")]
        self._of = machine = machine_of(found, host)
        self._know(found, machine.tdp_w)
        self._draw(
            {each: (curve(machine, each), common(machine, each)) for each in self._boundaries},
            {each: explain(machine, each, brief=True) for each in self._boundaries},
        )
        return [Metric(each, "J", each, MACHINE, ESTIMATED, _METRICS[each]) for each in self._boundaries]

    def estimate(self, usage: Usage) -> Reading | Sequence[Reading]:
        """
        Return the joules, and beside them what the call's duration alone would say.
        """
        if self._reason:
            return self._nothing(self._reason, usage)
        if self._model == "linear":
            return self._nothing(NO_CLOCKS, usage) if usage.cpu_s is None else self._linear(usage, usage.cpu_s)
        if usage.host_cpu_s is not None:
            return self._of_machine(usage, usage.host_cpu_s)
        return self._nothing(NO_CLOCKS, usage) if usage.cpu_s is None else self._of_call(usage, usage.cpu_s)

    def refer(self, reference: Reference) -> None:
        """
        Scale the model by what `greensdk calibrate --reference` read at the plug or the battery of this machine.

        The package keeps its own estimate, but is never more than fits into the wall. Where a reading says less of
        other loads than the model does of machines like this, the model's narrower interval stays.
        """
        if self._of is None:
            return
        low, high = common(self._of, WALL)
        factors = max(low, reference.low), min(high, reference.high)
        wall = scaled(curve(self._of, WALL), reference.factor, widen(factors, NOISE))
        package = fitted_into(curve(self._of, PACKAGE), wall, self._of.memory_gb)
        self._draw(
            {PACKAGE: (package, common(self._of, PACKAGE)), WALL: (wall, factors)},
            {
                PACKAGE: f"{self.basis[PACKAGE]}, within the wall of a reference",
                WALL: f"{self.basis[WALL].partition(', no less')[0]}, {reference.words}",
            },
        )

    def _draw(self, curves: Mapping[str, tuple[Curve, Factors]], basis: dict[str, str]) -> None:
        self.basis = {each: basis[each] for each in self._boundaries}
        self._curves = [
            (each, curves[each][0], {"basis": basis[each], **_model(each, *curves[each])}) for each in self._boundaries
        ]

    def close(self) -> None:
        """
        Nothing was taken, so nothing is given back.
        """

    def _know(self, found: Tdp, total_w: float) -> None:
        self._total_w = total_w
        self.host_facts = {"tdp_w": total_w, "tdp_source": found.source}
        self._attributes = {
            "model": self._model,
            **self.host_facts,
            "socket_tdp_w": found.tdp_w,
            "tdp_note": found.note,
            "watts_per_thread": total_w / self._cpus,
            "duration_only_label": "one CPU busy for the whole duration",
        }

    def _of_machine(self, usage: Usage, host_cpu_s: float) -> list[Reading]:
        """Return the machine's joules at the load that it had."""
        duration_s = usage.duration_s
        room_s = duration_s * self._cpus
        load = host_cpu_s / room_s if 0.0 <= host_cpu_s < room_s else 1.0
        readings = []
        about = self._about(usage)
        for boundary, of, fixed in self._curves:
            low_w, middle_w, high_w = watts(of, load)
            energy_j = middle_w * duration_s
            readings.append(
                reading(
                    "psutil-tdp",
                    scope=MACHINE,
                    quality=ESTIMATED,
                    boundary=boundary,
                    energy_j=energy_j,
                    energy_low_j=low_w * duration_s,
                    energy_high_j=high_w * duration_s,
                    domains={boundary: energy_j},
                    attributes={**about, **fixed, "load": load},
                )
            )
            about = {"model": self._model}  # the first reading has the rest
        return readings

    def _of_call(self, usage: Usage, cpu_s: float) -> list[Reading]:
        """
        Return the call's part of the machine's joules where the machine's load is unknown.

        The machine was at least as busy as the call, and at most fully.
        """
        duration_s = usage.duration_s
        room_s = duration_s * self._cpus
        own = cpu_s / room_s if cpu_s < room_s else 1.0
        load = own if own > TYPICAL_LOAD else TYPICAL_LOAD
        readings = []
        about = self._about(usage)
        for boundary, of, fixed in self._curves:
            energy_j = watts(of, load)[1] / load * cpu_s / self._cpus
            crowded_j = watts(of, 1.0)[0] * cpu_s / self._cpus
            alone_j = watts(of, own)[2] * duration_s
            readings.append(
                reading(
                    "psutil-tdp",
                    scope=CALL,
                    quality=ESTIMATED,
                    boundary=boundary,
                    energy_j=energy_j,
                    energy_low_j=min(crowded_j, energy_j),
                    energy_high_j=max(energy_j, alone_j),
                    domains={boundary: energy_j},
                    attributes={**about, **fixed, "basis": f"{fixed['basis']}; {NO_HOST_CLOCK}", "load": None},
                )
            )
            about = {"model": self._model}
        return readings

    def _linear(self, usage: Usage, cpu_s: float) -> Reading:
        # cpu_s seconds of one CPU are this many percent of all of them for one second.
        energy_j = linear_j(self._total_w, 100.0 * cpu_s / self._cpus, 1.0)
        return reading(
            "psutil-tdp",
            scope=CALL,
            quality=ESTIMATED,
            boundary=PACKAGE,
            energy_j=energy_j,
            energy_low_j=energy_j * self._low,
            energy_high_j=energy_j * self._high,
            domains={PACKAGE: energy_j},
            attributes=self._about(usage),
        )

    def _nothing(self, reason: str, usage: Usage) -> Reading:
        return reading(
            "psutil-tdp",
            scope=CALL,
            quality=ESTIMATED,
            boundary=self._boundaries[0],
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

    def _look(self) -> tuple[Tdp, str]:
        host = self._machine()
        if not host["cpus_logical"]:
            return NOTHING, "nothing tells how many CPUs this machine has"
        found = lookup(
            host["cpu_model"],
            host["cpu_class"],
            self._powercap_root,
            user_w=self._user_w,
            user_threads=self._user_threads,
            user_parts=self._user_parts,
            generation=host.get("cpu_generation"),
        )
        return found, "" if found.source else found.note


def _model(name: str, constants: Any, factors: Factors) -> dict[str, Any]:
    """Return what tells the common error of all readings of one model from each reading's own."""
    from zlib import crc32

    model_id = f"psutil-tdp {name} {crc32(repr(constants).encode()):08x}"
    return {"model_id": model_id, "common_factor_low": factors[0], "common_factor_high": factors[1]}
