"""
What a reading says about cycles, and about the energy that they stand for.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from greensdk.monitor import CALL, ESTIMATED, MACHINE, MEASURED, Metric
from greensdk_ebpf.cycle_energy import Price, price

if TYPE_CHECKING:
    from greensdk_ebpf.reader import Look

METRICS = (
    Metric("cpu_cycles", "1", "cpu", CALL, MEASURED, "Cycles of the CPUs while they ran this process's tree."),
    Metric("host_cycles", "1", "cpu", MACHINE, MEASURED, "Cycles of the CPUs while they ran tasks."),
)
ENERGY = Metric("energy_from_cycles_j", "J", "package", CALL, ESTIMATED, "Cycles times the joules of one.")

NO_SLICE = "no slice whose cycles are counted ended in this window"


def opened(wanted: bool, refused: int, joules: float | None) -> Cycles:
    """
    Return what a clock knows of cycles.
    """
    why_not = reason(refused) if wanted else "switched off by cycles = false"
    return Cycles(why_not, Price(None, why_not) if why_not else price(joules))


def reason(refused: int) -> str:
    """
    Say in words why cycles are not counted (:class:`greensdk_ebpf.layout.About`); empty where they are.
    """
    if refused == errno.ENOENT:
        return "no core PMU here: virtual machines hide theirs"
    if refused == errno.ECANCELED:
        return "the programs were loaded without"
    return f"the kernel refuses a counter of cycles: {os.strerror(refused)}" if refused else ""


class Cycles:
    """
    What an open clock knows of cycles.
    """

    def __init__(self, why_not: str, price: Price) -> None:
        self._why_not = why_not
        self._price = price
        self.metrics = () if why_not else METRICS if price.joules is None else (*METRICS, ENERGY)

    def attributes(self, before: Look, after: Look, busy_ns: int) -> dict[str, Any]:
        """
        Return the attributes of a window.
        """
        if self._why_not:
            return _none(self._why_not)
        cycles = _whole(after.ns - before.ns, (before.cycles, before.counted_ns), (after.cycles, after.counted_ns))
        if cycles is None:
            return _none(NO_SLICE)
        return {
            "cpu_cycles": cycles,
            "cycles_s": (after.counted_ns - before.counted_ns) * 1e-9,
            "host_cycles": _whole(busy_ns, before.moment.cycles(), after.moment.cycles()),
            **self._energy(cycles),
        }

    def _energy(self, cycles: int) -> dict[str, Any]:
        joules, source = self._price
        if joules is None:
            return {"energy_from_cycles_j": None, "energy_from_cycles_reason": source}
        return {
            "energy_from_cycles_j": cycles * joules,
            "energy_from_cycles_quality": ESTIMATED,
            "joules_per_cycle": joules,
            "joules_per_cycle_source": source,
        }


def _none(reason: str) -> dict[str, Any]:
    return {"cpu_cycles": None, "cycles_reason": reason, "energy_from_cycles_j": None}


def _whole(ns: int, before: tuple[int, int], after: tuple[int, int]) -> int | None:
    """Return the cycles of all of `ns`, at the frequency of the slices that were counted; None where none were."""
    cycles, counted_ns = after[0] - before[0], after[1] - before[1]
    return ns * cycles // counted_ns if counted_ns > 0 else None
