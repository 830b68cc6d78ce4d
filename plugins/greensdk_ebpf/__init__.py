"""
eBPF: on-CPU time, counted by the kernel at every context switch.

Programs that this plugin assembles itself book each slice to its process tree and to the machine, in nanoseconds,
with one clock. Children count while they live, and after a life of a millisecond. They are loaded once by the
agent, whose maps its group may use, or by this process if it has the rights.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from greensdk.errors import ConfigError
from greensdk.monitor import CALL, MACHINE, MEASURED, Availability, CpuTime, Metric
from greensdk_ebpf.access import START_AGENT, judge, pin, usable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greensdk_ebpf.cycles import Cycles
    from greensdk_ebpf.reader import Reader, Tree

DEFAULT_ROOT = "/run/greensdk"

RESOLUTION_S = 1e-5
"""A read takes some microseconds, in which a CPU may switch; what has been booked is exact to the nanosecond."""

STILL_NS = 500_000_000
"""In half a second every machine has a context switch; maps without any are no longer written."""

METRICS = (
    Metric("tree_s", "s", "cpu", CALL, MEASURED, "On-CPU time of this process, its threads and descendants."),
    Metric("host_s", "s", "cpu", MACHINE, MEASURED, "Time that the CPUs ran tasks."),
    Metric("host_idle_s", "s", "cpu", MACHINE, MEASURED, "Time that the CPUs ran none."),
    Metric("context_switches", "1", "cpu", MACHINE, MEASURED, "Tasks that made room for others."),
    Metric("idle_entries", "1", "cpu", MACHINE, MEASURED, "Idle states (C-states) that CPUs entered."),
    Metric("frequency_changes", "1", "cpu", MACHINE, MEASURED, "Frequencies (P-states) that the kernel set."),
    Metric("thermal_events", "1", "cpu", MACHINE, MEASURED, "Temperatures that the kernel read."),
    Metric("lost_events", "1", "cpu", MACHINE, MEASURED, "What the programs could not book."),
)


class EbpfClock:
    """
    CPU time of this process's tree and of the machine.

    Args:
        root: The agent's directory; its maps are pinned in ``bpf`` there.
        cycles: Whether to count cycles, where there is a core PMU; with the agent, where the agent counts them.
        joules_per_cycle: For the estimate from cycles; None works it out from the CPU's TDP and base frequency.
    """

    name = "ebpf"

    def __init__(self, *, root: str = DEFAULT_ROOT, cycles: bool = True, joules_per_cycle: float | None = None) -> None:
        if joules_per_cycle is not None and not joules_per_cycle > 0:
            raise ConfigError(f"ebpf: joules_per_cycle is {joules_per_cycle!r}, and must be above 0")
        self.root = root
        self._wanted = cycles
        self._joules = joules_per_cycle
        self._cycles: Cycles | None = None
        self._pid = 0
        self._fds: list[int] = []
        self._reader: Reader | None = None
        self._tree: Tree | None = None
        self._facts: dict[str, Any] = {}

    @property
    def cheap(self) -> bool:
        """
        The agent's maps are there and open to us, so that nothing has to be loaded.
        """
        return usable(self.root)

    def probe(self) -> Availability:
        """
        Say whether the agent's maps can be used, or programs loaded, and which right is missing if not.
        """
        return judge(self.root)

    def open(self) -> Sequence[Metric]:
        """
        Open the agent's maps or load the programs, and make this process the root of a tree.

        Raises:
            MonitorUnavailable: Neither can be done; the reason holds the end of the verifier's log if there is one.
        """
        from greensdk_ebpf.cycles import opened
        from greensdk_ebpf.reader import Reader

        self.close()
        agent = usable(self.root)
        try:
            maps, mark = self._open_pinned() if agent else self._load()
            self._reader = reader = Reader(maps, mark)
            self._pid = os.getpid()
            reader.register(self._pid)
            self._tree = reader.tree(self._pid)
            if agent:
                self._check(reader)
            self._cycles = opened(self._wanted, reader.about.refused, self._joules)
        except BaseException as error:
            self.close()
            if isinstance(error, PermissionError):
                raise _refused(error, agent) from error
            raise
        self._facts = {"form": reader.form, "agent": agent}
        return (*METRICS, *self._cycles.metrics)

    def _open_pinned(self) -> tuple[Mapping[str, int], int | None]:
        from greensdk_ebpf.layout import MAPS, MARK
        from greensdk_ebpf.syscall import obj_get

        maps = {}
        for name in MAPS:
            maps[name] = obj_get(pin(self.root, name))
            self._fds.append(maps[name])
        if not self._wanted or not os.access(pin(self.root, MARK), os.R_OK | os.W_OK):
            return maps, None
        self._fds.append(obj_get(pin(self.root, MARK)))
        return maps, self._fds[-1]

    def _load(self) -> tuple[Mapping[str, int], int | None]:
        from greensdk_ebpf.load import CPU_CYCLES, load

        loaded = load(cycles=CPU_CYCLES if self._wanted else None)
        self._fds += [*loaded.links.values(), *loaded.maps.values()]
        if loaded.mark is not None:
            self._fds.append(loaded.mark)
        return loaded.maps, loaded.mark

    def _check(self, reader: Reader) -> None:
        from time import sleep

        from greensdk.errors import MonitorUnavailable
        from greensdk_ebpf.load import PAUSES_S

        before = reader.counts().context_switches
        for pause_s in PAUSES_S:
            sleep(pause_s)
            if reader.counts().context_switches != before:
                return
        raise MonitorUnavailable(f"the maps in {self.root} are left over: no program writes them", START_AGENT)

    def start(self) -> Any:
        """
        Read the clock.
        """
        if self._reader is None or self._tree is None:
            raise RuntimeError("ebpf is not open")
        return self._reader.look(self._tree)

    def cpu_time(self, token: Any) -> CpuTime:
        """
        Read the clock again and say what passed since `token`.
        """
        before, after = token, self.start()
        began, ended = before.moment.host(), after.moment.host()
        tree_s = (after.ns - before.ns) * 1e-9
        attributes: dict[str, Any] = {"tree_s": tree_s, "host_idle_s": (ended.idle_ns - began.idle_ns) * 1e-9}
        for key, first, last in zip(_COUNTS, before.moment.counts(), after.moment.counts(), strict=True):
            attributes[key] = None if first is None else last - first
        if not attributes["context_switches"] and after.moment.now_ns - before.moment.now_ns > STILL_NS:
            raise RuntimeError(f"nothing has switched for a while: the agent in {self.root} was stopped")
        if attributes["lost_events"]:
            attributes["partial"] = True
        attributes.update(self._facts)
        if self._cycles is not None:
            attributes.update(self._cycles.attributes(before, after, ended.busy_ns - began.busy_ns))
        # Only the agent's maps are one and the same for all processes.
        zero_s = began.busy_ns * 1e-9 if self._facts["agent"] else None
        return CpuTime(tree_s, (ended.busy_ns - began.busy_ns) * 1e-9, RESOLUTION_S, attributes, zero_s)

    def close(self) -> None:
        """
        Leave the tree and give everything back. In a forked child the parent's tree stays as it is.
        """
        reader, self._reader, self._tree = self._reader, None, None
        if reader is not None:
            if self._pid == os.getpid():
                reader.unregister(self._pid)
            reader.close()
        while self._fds:
            os.close(self._fds.pop())


_COUNTS = ("context_switches", "idle_entries", "frequency_changes", "thermal_events", "lost_events")


def _refused(error: PermissionError, agent: bool) -> Exception:
    from greensdk.errors import MonitorUnavailable

    if agent:
        reason = "the agent's maps are open to this process, but before Linux 5.19 their use takes CAP_BPF"
        return MonitorUnavailable(f"{reason} ({error.filename}: {error.strerror})")
    return MonitorUnavailable(f"the kernel refuses {error.filename}: {error.strerror}", START_AGENT)
