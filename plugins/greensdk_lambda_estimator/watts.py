"""
The watts of one vCPU and of a gigabyte, where they cannot be measured.

No measured watts of a function as a service are published. The watts here are those that the package model
of psutil-tdp, fitted on RAPL of EC2's bare metal among others, gives to one thread of the CPUs that Lambda shows: at
rest, and busy on a host of 96 threads of which the others are half busy. A test keeps them what the model says.

Cloud Carbon Footprint and Teads' EC2 dataset, from which the watts were taken before, give 0.6 and 4.3 W for an Intel
vCPU: the first are whole servers tuned for SPECpower, over all their threads; the second is RAPL of the package at full
load of all threads, where each costs less than on a host that is half busy. Their 0.2 to 0.6 W for a gigabyte are four
times too high: see `MEMORY_W_PER_GB`.
"""

from typing import NamedTuple

MEMORY_W_PER_GB = 0.1
"""
RAPL's dram domain of eleven dual-socket Xeons of EC2: 0.04 to 0.06 W/GB at rest, 0.07 to 0.12 under CPU load, 0.17 to
0.28 under memory load (github.com/github-benjamin-davy/turbostressreports, CC0). The published sheets of these machines
(Teads), and Cloud Carbon Footprint's 0.392 W/GB beside them, are four times as high: turbostat before May 2021 took the
energy unit of DRAM on Skylake and Cascade Lake for 61 uJ instead of 15.3 (Linux, commit abdc75ab53b7).
"""
MEMORY = (0.4, 3.0)
"""90% factors: 0.04 W/GB at rest to 0.3 for work that waits for memory."""

MEMORY_SOURCE = "RAPL's dram domain of EC2 bare metal"


class Part(NamedTuple):
    """
    A kind of CPU.

    Attributes:
        arch: ``x86_64`` or ``arm64``, as the providers call it.
        cpu: Its name, for people.
        idle_w: Watts of one vCPU that has nothing to do.
        busy_w: Watts of one that is fully busy.
        factors: 90% ones, around both: which part it is, what its host and its neighbours do.
        common: Those of them that all calls on this kind of CPU share: without the kind of work and the neighbours.
        source: Where the watts come from.
    """

    arch: str
    cpu: str
    idle_w: float
    busy_w: float
    factors: tuple[float, float]
    common: tuple[float, float]
    source: str


MODEL = "the package model of psutil-tdp"
_INTEL = (0.48, 2.26), (0.53, 1.75)

# "Intel(R) Xeon(R) Processor @ 2.50GHz", the name that Lambda shows most: 33 or 35.75 MB of L3
INTEL_25 = Part("x86_64", "Intel Xeon 8175M or 8259CL", 0.70, 5.15, *_INTEL, MODEL)
# "... @ 2.90GHz"
INTEL_29 = Part("x86_64", "Intel Xeon 8375C", 1.12, 5.03, *_INTEL, MODEL)
# "... @ 3.00GHz"
INTEL_30 = Part("x86_64", "Intel Xeon 8124M or 8275CL", 0.87, 6.15, *_INTEL, MODEL)
INTEL = Part("x86_64", "Intel Xeon, one of Lambda's", 0.88, 5.09, *_INTEL, f"{MODEL}, between 2.50 and 2.90 GHz")
AMD = Part("x86_64", "AMD EPYC 7R32 or 7R13", 0.62, 3.08, (0.45, 2.90), (0.48, 2.47), MODEL)
ARM = Part(
    "arm64", "Neoverse N1 (Graviton2)", 0.48, 2.46, (0.39, 2.71), (0.42, 2.28), f"{MODEL}; no ARM server was measured"
)


_BY_CLOCK = {"2.50ghz": INTEL_25, "2.90ghz": INTEL_29, "3.00ghz": INTEL_30}


def part_of(arch: str, cpu_class: str = "unknown", model: str = "") -> Part | None:
    """
    Return what stands for a CPU; None for an architecture that no function runs on.

    Lambda's arm64 is Graviton2 (https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html). Of an x86 the
    providers hide the model, but neither the maker nor, of an Intel, the clock.

    Args:
        arch: The kernel's word: ``x86_64``, ``aarch64``, ``arm64``.
        cpu_class: What :func:`greensdk.machine.hardware.classify` says of it.
        model: The brand string.

    Example:
        >>> part_of("aarch64").arch, part_of("x86_64", "masked-amd").cpu
        ('arm64', 'AMD EPYC 7R32 or 7R13')
    """
    if arch in ("aarch64", "arm64"):
        return ARM
    if arch not in ("x86_64", "amd64"):
        return None
    return AMD if "amd" in cpu_class else _BY_CLOCK.get(model.lower().rpartition("@ ")[2], INTEL)
