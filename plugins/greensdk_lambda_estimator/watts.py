"""
The watts of one vCPU and of a gigabyte, where nobody can measure them.

Nobody outside the cloud providers has measured a function as a service. Two data sets give watts per vCPU of the
machines below, at rest and fully busy:

- Cloud Carbon Footprint (CCF), ``MIN_WATTS_BY_COMPUTE_PROCESSOR`` and ``MAX_WATTS_BY_COMPUTE_PROCESSOR`` of
  ``packages/*/src/domain/*FootprintEstimationConstants.ts`` (Apache-2.0): whole servers of SPECpower over their
  threads. Its Graviton2 is a copy of the second EPYC generation, for want of a measurement.
- Teads, "Building an AWS EC2 Carbon Emissions Dataset", 2021: RAPL's package of bare-metal Intel instances over their
  vCPUs. Its AMD and ARM are a profile times the TDP, not measured: 12 % at rest, 102 % busy.

Neither is better known to be right than the other, and they differ by factors, so the model takes the geometric mean.
"""

from math import sqrt
from typing import NamedTuple

LOW, HIGH = 0.5, 2.0
"""
The ends of the interval. A busy vCPU of one chip, the Xeon 8259CL, is 3.97 W (CCF), 4.64 W (Teads, package) and 8.18 W
(Teads, whole instance); a gigabyte is 0.2 W (Teads, at rest), 0.392 W (CCF) and 0.6 W (Teads, busy). The model itself
is no better: at one and the same load a package takes 14 or 37 W, by how many of its cores share the work
(codecarbon's ``cpu_load_profiling``, E3-1240 v2).
"""

MEMORY_W_PER_GB = 0.392
"""
CCF's ``MEMORY_COEFFICIENT``: the mean of what two makers of memory say, Crucial (3 W for 8 GB) and Micron (TN-40-07,
0.4083 W for 1 GB). https://www.cloudcarbonfootprint.org/docs/methodology/, "Memory".
"""

MEMORY_SOURCE = "Cloud Carbon Footprint"


class Part(NamedTuple):
    """
    A kind of CPU.

    Attributes:
        arch: ``x86_64`` or ``arm64``, as the providers call it.
        cpu: Its name, for people.
        idle_w: Watts of one vCPU that has nothing to do.
        busy_w: Watts of one that is fully busy.
        source: Where the watts come from.
    """

    arch: str
    cpu: str
    idle_w: float
    busy_w: float
    source: str


def _mean(arch: str, cpu: str, ccf: tuple[float, float], teads: tuple[float, float], note: str = "") -> Part:
    idle_w, busy_w = (sqrt(one * other) for one, other in zip(ccf, teads, strict=True))
    return Part(arch, cpu, idle_w, busy_w, f"geometric mean of Cloud Carbon Footprint and Teads{note}")


# Teads' profile over a TDP per thread: 225 W / 96 threads of the EPYC 7R13.
INTEL = _mean("x86_64", "Intel Xeon, Cascade Lake class", (0.64, 3.97), (0.57, 4.64))
AMD = _mean("x86_64", "AMD EPYC", (0.47, 1.69), (0.28, 2.39), ", neither measured by RAPL")
ARM = _mean("arm64", "Neoverse N1 (Graviton2)", (0.47, 1.69), (0.27, 2.39), ", neither measured")


def part_of(arch: str, cpu_class: str = "unknown") -> Part | None:
    """
    Return what stands for a CPU; None for an architecture that no function runs on.

    Lambda's arm64 is Graviton2 (https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html). Of an x86 the
    providers hide the model, but not the maker.

    Args:
        arch: The kernel's word: ``x86_64``, ``aarch64``, ``arm64``.
        cpu_class: What :func:`greensdk.machine.hardware.classify` says of it.

    Example:
        >>> part_of("aarch64").arch, part_of("x86_64", "masked-amd").cpu
        ('arm64', 'AMD EPYC')
    """
    if arch in ("aarch64", "arm64"):
        return ARM
    if arch not in ("x86_64", "amd64"):
        return None
    return AMD if "amd" in cpu_class else INTEL
