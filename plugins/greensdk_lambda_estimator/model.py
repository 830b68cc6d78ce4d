"""
From seconds to joules.
"""

from typing import NamedTuple

from greensdk.monitor import Usage

PERIOD_S = 0.1
"""
The kernel hands CPU time out by the period, 100 ms unless somebody says otherwise (Linux,
Documentation/scheduler/sched-bwc.rst; Lambda's is shorter), and a window may end one and begin another.
"""

TICK_S = 0.01
"""It notices what was spent too much at the next tick, of which there are at least 100 a second."""


class Model(NamedTuple):
    """
    Every constant of the formula.

    Attributes:
        vcpus: CPUs that are ours, with fractions.
        memory_gb: Memory that is ours, in units of 1024 MB.
        idle_w: Watts of one CPU at rest.
        busy_w: Watts of one that is fully busy.
        memory_w_per_gb: Watts of 1024 MB.
    """

    vcpus: float
    memory_gb: float
    idle_w: float
    busy_w: float
    memory_w_per_gb: float

    def joules(self, duration_s: float, cpu_s: float) -> tuple[float, float]:
        """
        Return the joules of the CPUs and those of the memory.

        Example:
            >>> Model(0.5, 2.0, 1.0, 4.0, 0.25).joules(10.0, 3.0)
            (14.0, 5.0)
        """
        cpu_j = self.idle_w * self.vcpus * duration_s + (self.busy_w - self.idle_w) * cpu_s
        return cpu_j, self.memory_w_per_gb * self.memory_gb * duration_s

    def cpu_s(self, usage: Usage) -> tuple[float, float, float, str]:
        """
        Return the CPU seconds to reckon with, the fewest and the most they can be, and where they come from.

        A short call may run ahead of its share, which later ones pay back. What goes beyond that, no quota allows:
        somebody else's seconds were counted. Where no clock tells, half of the share was used, as Cloud Carbon
        Footprint assumes (``AVG_CPU_UTILIZATION_2020``), and any part of it may have been.
        """
        share_s = self.vcpus * usage.duration_s
        if usage.cpu_s is None:
            return share_s / 2, 0.0, share_s, "assumed: half of the share"
        most_s = share_s + 2 * PERIOD_S * self.vcpus + TICK_S
        if usage.cpu_s > most_s:
            return most_s, most_s, most_s, "cut to what the share allows"
        return usage.cpu_s, usage.cpu_s, usage.cpu_s, "counted"
