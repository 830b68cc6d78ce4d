"""
Joules of a call where CPUs come in shares and no meter can be reached: AWS Lambda, other functions as a service,
containers with limits.

.. code-block:: text

    vcpu_j   = idle_w * vcpus * duration_s + (busy_w - idle_w) * cpu_s
    memory_j = memory_w_per_gb * memory_mb / 1024 * duration_s
    energy_j = vcpu_j + memory_j

What our share of the machine takes at rest is the call's for as long as it lasts; what work adds goes by CPU seconds.
:mod:`.places` knows the share, :mod:`.watts` the watts. A whole socket never comes into it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from greensdk.errors import ConfigError
from greensdk.machine import hardware
from greensdk.monitor import CALL, ESTIMATED, Availability, Metric, Reading, Usage, reading
from greensdk_lambda_estimator import places
from greensdk_lambda_estimator.model import Model
from greensdk_lambda_estimator.watts import MEMORY, MEMORY_SOURCE, MEMORY_W_PER_GB, Part, part_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greensdk_lambda_estimator.places import Place

NAME = "lambda-estimator"
BOUNDARY = "vcpu+memory"

USER = (0.5, 2.0)
"""90% factors of watts that somebody configured: what a vCPU's host and its neighbours do stays unknown."""

_WATTS_FIX = f"set busy_w_per_vcpu and idle_w_per_vcpu in [tool.greensdk.{NAME}]"


class LambdaEstimator:
    """
    Estimates a call's joules from its duration, its CPU seconds, and what it is allotted of a machine.

    Args:
        busy_w_per_vcpu: Watts of one vCPU that is fully busy; None takes the published ones.
        idle_w_per_vcpu: The same for one that has nothing to do.
        memory_w_per_gb: Watts of 1024 MB.
        vcpus: CPUs that are ours, with fractions; None asks the place.
        memory_mb: MB that are ours; None asks the place.
        root: Where ``proc`` and ``sys`` are.
        host: The machine, as :func:`greensdk.machine.hardware.describe` puts it; None asks it.

    Attributes:
        basis: By boundary, in words what the estimates rest on, after :meth:`open`.
    """

    name = NAME
    cheap = True

    def __init__(
        self,
        *,
        busy_w_per_vcpu: float | None = None,
        idle_w_per_vcpu: float | None = None,
        memory_w_per_gb: float | None = None,
        vcpus: float | None = None,
        memory_mb: float | None = None,
        root: str = "/",
        host: Mapping[str, Any] | None = None,
    ) -> None:
        self._busy_w, self._idle_w = busy_w_per_vcpu, idle_w_per_vcpu
        self._memory_w = memory_w_per_gb
        self._vcpus, self._memory_mb = vcpus, memory_mb
        for key, value in {
            "busy_w_per_vcpu": busy_w_per_vcpu,
            "idle_w_per_vcpu": idle_w_per_vcpu,
            "memory_w_per_gb": memory_w_per_gb,
            "vcpus": vcpus,
            "memory_mb": memory_mb,
        }.items():
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"{NAME}: {key} is {value!r}, and must be above 0")
        self._root = root
        self._host = host
        self._model: Model | None = None
        self._factors = self._memory_factors = USER
        self._reason = "open() was not called"
        self._attributes: dict[str, Any] = {}
        self.basis: dict[str, str] = {}

    def probe(self) -> Availability:
        """
        Say whether CPUs and memory are allotted here, and whether their watts are known.
        """
        *_, reason, fix = self._look()
        return Availability(not reason, reason, fix)

    def open(self) -> Sequence[Metric]:
        """
        Look everything up, so that :meth:`estimate` only multiplies.
        """
        place, part, reason, fix = self._look()
        if place is None or part is None or place.vcpus is None or place.memory_mb is None:
            self._model, self._reason = None, f"{reason}; {fix}"
            return []
        memory_w = self._memory_w or MEMORY_W_PER_GB
        low, high = part.factors
        self._model = Model(place.vcpus, place.memory_mb / 1024, part.idle_w, part.busy_w, memory_w)
        self._attributes = {
            "environment": place.name,
            "vcpu_share": place.vcpus,
            "memory_mb": place.memory_mb,
            "limits_source": place.source,
            "arch": part.arch,
            "cpu": part.cpu,
            "idle_w_per_vcpu": part.idle_w,
            "busy_w_per_vcpu": part.busy_w,
            "watts_source": part.source,
            "memory_w_per_gb": memory_w,
            "memory_watts_source": "user" if self._memory_w else MEMORY_SOURCE,
            "basis": f"{place.name} {place.memory_mb:.6g} MB, {place.vcpus:.3f} vCPU, {part.arch} ({part.cpu}); "
            f"watts from {part.source}, 90% between ×{low:.2f} and ×{high:.2f}",
            "model_id": f"{NAME} {part.arch} {part.idle_w:.4g} {part.busy_w:.4g} {memory_w:.4g}",
            "common_factor_low": part.common[0],
            "common_factor_high": part.common[1],
        }
        self._factors, self._memory_factors = part.factors, USER if self._memory_w else MEMORY
        self.basis = {BOUNDARY: self._attributes["basis"]}
        return [
            Metric("vcpu", "J", "vcpu", CALL, ESTIMATED, "Our share of the machine at rest, and CPU seconds on top."),
            Metric("memory", "J", "dram", CALL, ESTIMATED, "The memory allotted, for as long as the call lasts."),
        ]

    def estimate(self, usage: Usage) -> Reading:
        """
        Return the joules of the call.
        """
        model = self._model
        if model is None:
            return _reading(None, reason=self._reason)
        cpu_s, fewest_s, most_s, basis = model.cpu_s(usage)
        vcpu_j, memory_j = model.joules(usage.duration_s, cpu_s)
        (low, high), memory = self._factors, self._memory_factors
        return _reading(
            vcpu_j + memory_j,
            energy_low_j=low * model.joules(usage.duration_s, fewest_s)[0] + memory[0] * memory_j,
            energy_high_j=high * model.joules(usage.duration_s, most_s)[0] + memory[1] * memory_j,
            domains={"vcpu": vcpu_j, "memory": memory_j},
            attributes={**self._attributes, "cpu_s_used": cpu_s, "cpu_basis": basis, "cpu_source": usage.cpu_source},
        )

    def close(self) -> None:
        """
        Nothing was taken, so nothing is given back.
        """

    def _look(self) -> tuple[Place | None, Part | None, str, str]:
        """Return place and part with all their numbers, or else why not, and what helps."""
        place, reason = self._place()
        if reason:
            return None, None, reason, places.FIX
        part, reason = self._part(place.name if place else "")
        return (place, None, reason, _WATTS_FIX) if reason else (place, part, "", "")

    def _place(self) -> tuple[Place | None, str]:
        if self._vcpus and self._memory_mb:
            return places.Place("configured", self._vcpus, self._memory_mb, "user"), ""
        found, reason = places.find(os.environ, self._root)
        if found is None:
            return None, reason
        if self._vcpus or self._memory_mb:
            vcpus, memory_mb = self._vcpus or found.vcpus, self._memory_mb or found.memory_mb
            found = places.Place(found.name, vcpus, memory_mb, f"user, and {found.source}")
        if found.vcpus is None or found.memory_mb is None:
            what = "memory limit" if found.memory_mb is None else "number of CPUs"
            return None, f"{found.name}: nothing tells the {what}"
        return found, ""

    def _part(self, place: str) -> tuple[Part | None, str]:
        if self._host is None:
            self._host = hardware.describe(self._root)
        arch, busy_w, idle_w = self._host["arch"], self._busy_w, self._idle_w
        part = None
        if place != places.LAMBDA:  # whose CPUs are few, and which spares a cold start the models of all others
            from greensdk_lambda_estimator.which import part_here

            part = part_here(self._host, place)
        part = part or part_of(arch, self._host["cpu_class"], self._host.get("cpu_model") or "")
        if part is None:
            if not (busy_w and idle_w):
                return None, f"no watts are known for a vCPU of {arch}"
            part = Part(arch, "of the user", idle_w, busy_w, USER, USER, "user")
        elif busy_w or idle_w:
            source = "user" if busy_w and idle_w else f"user, and {part.source}"
            part = part._replace(busy_w=busy_w or part.busy_w, idle_w=idle_w or part.idle_w, source=source)
        if part.idle_w > part.busy_w:
            return None, f"a vCPU can't take {part.idle_w:.3g} W at rest and {part.busy_w:.3g} W when it is busy"
        return part, ""


def _reading(energy_j: float | None, **more: Any) -> Reading:
    return reading(NAME, scope=CALL, quality=ESTIMATED, boundary=BOUNDARY, energy_j=energy_j, **more)
