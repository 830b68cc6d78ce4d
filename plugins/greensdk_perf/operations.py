"""
Cycles and instructions of the whole machine, from the core PMUs of its CPUs.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from greensdk.machine.hardware import cpus_in
from greensdk_perf import counts, pmu
from greensdk_perf.access import explain
from greensdk_perf.syscall import perf_open

MOST_CPUS = 16
"""On how many CPUs they are counted without being asked for: each is read in every window, for 1 to 10 us."""

NAMES = (("cpu-cycles", "cpu_cycles", "cycles"), ("instructions", "inst_retired"))
"""
What the two events are called: by x86 (and both kinds of cores of its hybrid CPUs), by Arm's PMUv3 driver, by Apple's.
A PMU that has both is a core PMU, whatever its own name.
"""

KEYS = ("cycles", "instructions")


class Operations(NamedTuple):
    """
    What is open.

    Attributes:
        groups: One for each CPU.
        reason: Why there is none.
    """

    groups: tuple[counts.Group, ...] = ()
    reason: str = ""


def open_operations(root: str, wanted: bool | None) -> Operations:
    """
    Open cycles and instructions on every CPU that runs, on all of them or on none; None as `wanted`: by
    :data:`MOST_CPUS`.
    """
    if wanted is False:
        return Operations(reason="switched off by operations = false")
    groups: list[counts.Group] = []
    try:
        cpus = pmu.online(root)
        if wanted is None and len(cpus) > MOST_CPUS:
            return Operations(reason=f"{len(cpus)} CPUs, each to be read in every window: operations = true does so")
        for cpu, events in _where(root, cpus):
            groups.append(_open(cpu, events))
    except (OSError, ValueError) as error:
        counts.release(groups)
        return Operations(reason=f"cycles and instructions can't be counted: {explain(error)}")
    return Operations(tuple(groups)) if groups else Operations(reason=_none(root))


def _none(root: str) -> str:
    return (
        f"no PMU under {os.path.join(root, pmu.DEVICES)} counts cycles and instructions: virtual machines hide theirs"
    )


def _where(root: str, cpus: Sequence[int]) -> Iterator[tuple[int, list[pmu.Event]]]:
    for name in sorted(_listed(root)):
        found = pmu.events(root, name)
        chosen = [next((each for each in names if each in found), None) for names in NAMES]
        if None not in chosen:
            events = [pmu.event(root, name, each) for each in chosen if each]
            for cpu in _cpus_of(root, name, cpus):
                yield cpu, events


def _listed(root: str) -> list[str]:
    try:
        return os.listdir(os.path.join(root, pmu.DEVICES))
    except OSError:
        return []


def _cpus_of(root: str, name: str, cpus: Sequence[int]) -> list[int]:
    # Where a machine has cores of several kinds, each kind's PMU lists its own.
    try:
        with open(os.path.join(pmu.device(root, name), "cpus"), encoding="ascii") as file:
            own = cpus_in(file.read())
    except FileNotFoundError:
        return list(cpus)
    return [cpu for cpu in own if cpu in cpus]


def _open(cpu: int, events: Sequence[pmu.Event]) -> counts.Group:
    fds: list[int] = []
    try:
        for event in events:
            fds.append(perf_open(event, cpu, fds[0] if fds else -1))
    except OSError:
        for fd in fds:
            os.close(fd)
        raise
    return counts.group(fds, KEYS, (1.0, 1.0))


def figures(
    operations: Operations, before: Sequence[counts.Raw], after: Sequence[counts.Raw], energy_j: float | None
) -> Mapping[str, Any]:
    """
    Return what a reading says about operations: the whole machine's, in the same window as its joules.
    """
    made: dict[str, Any] = dict.fromkeys(("cycles", "instructions", "ipc", "joules_per_instruction"))
    if operations.reason:
        return {**made, "operations_reason": operations.reason}
    sums = dict.fromkeys(KEYS, 0.0)
    least = 1.0
    for number, each in enumerate(operations.groups):
        tally = counts.tally((each,), before[number : number + 1], after[number : number + 1])
        if tally.reasons:
            key, reason = next(iter(tally.reasons.items()))
            return {**made, "operations_reason": f"{key} of CPU group {number}: {reason}"}
        least = min(least, *tally.shares.values(), 1.0)
        for key in KEYS:
            sums[key] += tally.amounts[key] or 0.0
    cycles, instructions = (round(sums[key]) for key in KEYS)
    made |= {"cycles": cycles, "instructions": instructions}
    if cycles:
        made["ipc"] = instructions / cycles
    if instructions and energy_j is not None:
        made["joules_per_instruction"] = energy_j / instructions
    return made if least == 1.0 else {**made, "operations_share": least}
