"""
The full resource metrics of a call: process tree and host, through psutil, which is imported only here.

A sample is taken at the start and one at the stop of the window; there is no thread and no sleep in between, and
nothing of psutil that remembers an earlier call. A pair costs under a millisecond for a process without children;
live children cost a walk over the machine's processes, 10 us each, twice.

The process tree is the process, its live descendants, and whatever they have waited for: when a child ends and is
waited for, the kernel adds its CPU time and its I/O to its parent, so a sum over the tree loses nothing. A child that
nobody waits for (SIGCHLD ignored), or that detached from the tree, takes its numbers away: then the sum falls, and
the metric is None.
"""

from __future__ import annotations

import os
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

# name: (unit, what it is)
RESOURCE_FIELDS: dict[str, tuple[str, str]] = {
    "pid": ("1", "Process id."),
    "ppid": ("1", "Process id of the parent."),
    "cpu_percent": ("%", "CPU seconds of the process tree over the duration; several busy cores make more than 100."),
    "cpu_percent_allotted": ("%", "The same over the CPUs that affinity and cgroup quota allow; 100 is all of them."),
    "cpus_allotted": ("1", "CPUs that affinity and cgroup quota allow."),
    "process_memory_percent": ("%", "rss_bytes over the machine's memory."),
    "rss_bytes": ("B", "Resident memory of the process tree at the stop; shared pages count once for each process."),
    "vms_bytes": ("B", "Virtual memory of the process tree at the stop."),
    "io_read_bytes": ("B", "Bytes the process tree made the block devices read."),
    "io_write_bytes": ("B", "Bytes the process tree made the block devices write."),
    "threads": ("1", "Threads of the process tree at the stop."),
    "children": ("1", "Live descendants at the stop."),
    "ctx_switches": ("1", "Context switches of the process and of the children it waited for."),
    "open_fds": ("1", "Open file descriptors of the process at the stop."),
    "host_cpu_percent": ("%", "Busy time of all CPUs over their time; idle, I/O wait and steal are not busy."),
    "cpu_percent_per_core": ("%", "The same for each logical CPU, in the kernel's order."),
    "host_load_1m": ("1", "Load average over one minute, at the stop."),
    "host_memory_percent": ("%", "Memory of the machine that is not available, at the stop."),
    "host_memory_used_bytes": ("B", "Used memory of the machine at the stop."),
    "host_disk_read_bytes": ("B", "Bytes read from all disks of the machine."),
    "host_disk_write_bytes": ("B", "Bytes written to all disks of the machine."),
    "net_sent_bytes": ("B", "Bytes sent over all network interfaces of the machine (or of the network namespace)."),
    "net_recv_bytes": ("B", "Bytes received over all network interfaces."),
    "cpu_freq_mhz": ("MHz", "CPU frequency, mean of start and stop."),
    "cpu_freq_min_mhz": ("MHz", "Lowest frequency the CPU can be set to."),
    "cpu_freq_max_mhz": ("MHz", "Highest frequency the CPU can be set to."),
    "cpu_temp_c": ("degC", "Temperature of the CPU package, mean of start and stop."),
    "cpu_temp_max_c": ("degC", "Hottest CPU sensor at the start or the stop."),
}

# hwmon chips of CPUs, the best first: Linux, Documentation/hwmon/{coretemp,k10temp}.rst; zenpower is out of tree;
# cpu_thermal is the Raspberry Pi's thermal zone, acpitz the firmware's.
_CPU_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "soc_thermal", "acpitz")
_PACKAGE_LABELS = ("Package", "Tctl", "Tdie")
_BUSY = ("user", "nice", "system", "irq", "softirq")
_NOT_BUSY = ("idle", "iowait", "steal")


class _Sample(NamedTuple):
    process: Any
    tree: Sequence[Any]
    cpu_s: float | None
    read_bytes: float | None
    write_bytes: float | None
    switches: float | None
    cpus: Sequence[Any]
    net: Any
    disk: Any
    freq: Any
    temps: Sequence[Any]


class ResourceProbe:
    """
    Takes the metrics of `RESOURCE_FIELDS` around a call.

    Args:
        ps: The psutil to use; None imports it.
        pid: The process at the root of the tree; None is this process, also after a fork.

    Attributes:
        available: psutil is there.
        reason: Why not; empty when it is.
    """

    def __init__(self, ps: Any = None, pid: int | None = None) -> None:
        self.reason = ""
        if ps is None:
            try:
                import psutil as ps
            except ImportError:
                self.reason = "psutil is missing: pip install psutil"
        self.available = not self.reason
        self._ps = ps
        self._pid = pid

    def start(self) -> Any:
        """
        Take the first sample; the token is for :meth:`stop`.
        """
        return self._sample(_ask(self._ps, "Process", self._pid)) if self.available else None

    def stop(self, token: Any, duration_s: float) -> dict[str, Any]:
        """
        Take the second sample and return all of `RESOURCE_FIELDS`; what the machine lacks or forbids is None.

        Never raises. Without psutil the dict is empty.
        """
        if token is None:
            return {}
        now = self._sample(token.process)
        return {**self._tree(token, now, duration_s), **self._host(token, now)}

    def live_children_cpu_s(self) -> float | None:
        """
        Return the CPU seconds of all live descendants, zombies included, with those of the children that they
        waited for. What this process waited for itself is not in it: that is in RUSAGE_CHILDREN.

        Returns:
            0.0 without children; None when there are children and psutil is missing or may not look.
        """
        if self._pid is None and not _has_children():
            return 0.0
        if not self.available:
            return None
        return self._sum(self._family(_ask(self._ps, "Process", self._pid))[1:], _cpu_s)

    def _sample(self, process: Any) -> _Sample:
        ps, tree = self._ps, self._family(process)
        own = self._pid is None
        children_s = self._sum(tree[1:], _cpu_s)
        return _Sample(
            process=process,
            tree=tree,
            cpu_s=_plus(_rusage_cpu_s() if own else self._sum(tree[:1], _cpu_s), children_s),
            read_bytes=self._sum(tree, lambda p: p.io_counters().read_bytes),
            write_bytes=self._sum(tree, lambda p: p.io_counters().write_bytes),
            switches=_rusage_switches() if own else self._sum(tree[:1], lambda p: sum(p.num_ctx_switches())),
            cpus=_ask(ps, "cpu_times", percpu=True) or (),
            net=_ask(ps, "net_io_counters", nowrap=False),
            disk=_ask(ps, "disk_io_counters", nowrap=False),
            freq=_ask(ps, "cpu_freq"),
            temps=_cpu_sensors(_ask(ps, "sensors_temperatures") or {}),
        )

    def _family(self, process: Any) -> list[Any]:
        if process is None:
            return []
        alone = self._pid is None and not _has_children()
        return [process] if alone else [process, *(_ask(process, "children", recursive=True) or ())]

    def _sum(self, processes: Iterable[Any], get: Callable[[Any], float]) -> float | None:
        total: float | None = None if not processes and get is not _cpu_s else 0
        for process in processes:
            try:
                total = _plus(total, get(process))
            except self._ps.NoSuchProcess:
                continue
            except Exception:  # forbidden, or not on this platform: a sum with a hole is no sum
                return None
        return total

    def _tree(self, start: _Sample, now: _Sample, duration_s: float) -> dict[str, Any]:
        cpu_percent = _ratio(_delta(start.cpu_s, now.cpu_s), duration_s)
        rss = self._sum(now.tree, lambda p: p.memory_info().rss)
        return {
            "pid": getattr(now.process, "pid", None),
            "ppid": _ask(now.process, "ppid"),
            "cpu_percent": cpu_percent,
            "process_memory_percent": _ratio(rss, getattr(_ask(self._ps, "virtual_memory"), "total", None)),
            "rss_bytes": rss,
            "vms_bytes": self._sum(now.tree, lambda p: p.memory_info().vms),
            "io_read_bytes": _delta(start.read_bytes, now.read_bytes),
            "io_write_bytes": _delta(start.write_bytes, now.write_bytes),
            "threads": self._sum(now.tree, lambda p: p.num_threads()),
            "children": len(now.tree) - 1 if now.tree else None,
            "ctx_switches": _delta(start.switches, now.switches),
            "open_fds": _ask(now.process, "num_fds"),
        }
