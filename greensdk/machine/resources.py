"""
The full resource metrics of a call: process tree and host, through psutil, which is imported only here.

A sample is taken at the start and one at the stop of the window; there is no thread and no sleep in between, and
nothing of psutil that remembers an earlier call. A pair costs under a millisecond for a process without children;
live children cost a walk over the machine's processes, 10 us each, twice.

The process tree is the process, its live descendants, and whatever they have waited for: when a child ends and is
waited for, the kernel adds its CPU time and its I/O to its parent, so a sum over the tree loses nothing. A child that
is never waited for (SIGCHLD ignored), or that detached from the tree, takes its numbers away: then the sum falls, and
the metric is None.
"""

from __future__ import annotations

import os
import sys
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk.machine.identity import cpu_clock_s
from greensdk.machine.signals import is_from_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# name: (unit, what it is)
RESOURCE_FIELDS: dict[str, tuple[str, str]] = {
    "pid": ("1", "Process id."),
    "ppid": ("1", "Process id of the parent."),
    "cpu_percent": ("%", "CPU seconds of the process tree over the duration; several busy cores make more than 100."),
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
    children: Sequence[Any] | None
    cpu_s: float | None
    read_bytes: float | None
    write_bytes: float | None
    switches: float | None
    cpus: Sequence[Any]
    net: Any
    disk: Any
    freq: Any
    sensors: Sequence[Any]


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
                import psutil

                ps = psutil
            except ImportError:
                self.reason = "psutil is missing: pip install psutil"
        self.available = not self.reason
        self._ps = ps
        self._gone = getattr(ps, "NoSuchProcess", ())
        self._pid = pid

    def start(self) -> Any:
        """
        Take the first sample; the token is for :meth:`stop`.
        """
        if not self.available:
            return None
        sample = self._sample(_ask(self._ps, "Process", self._pid))
        # Read again, because taking the sample took CPU time that is not the call's.
        return sample._replace(cpu_s=self._tree_cpu_s(sample.process, sample.children))

    def stop(self, token: Any, duration_s: float) -> dict[str, Any]:
        """
        Take the second sample and return all of `RESOURCE_FIELDS`; what the machine lacks or forbids is None.

        Never raises. Without psutil the dict is empty.
        """
        if token is None:
            return {}
        now = self._sample(token.process)
        memory = _ask(self._ps, "virtual_memory")
        return {**self._about_tree(token, now, duration_s, memory), **self._about_host(token, now, memory)}

    def live_children_cpu_s(self) -> float | None:
        """
        Return the CPU seconds of all live descendants, zombies included, with those of the children that they
        waited for. What this process waited for itself is not in it: that is in RUSAGE_CHILDREN.

        Returns:
            0.0 without children; None when there are children and psutil is missing or may not look.
        """
        if self._pid is None and not has_children():
            return 0.0
        if not self.available:
            return None
        return self._add(0.0, self._descendants(_ask(self._ps, "Process", self._pid)), _exact_cpu_s)

    def _sample(self, process: Any) -> _Sample:
        ps, children = self._ps, self._descendants(process)
        own = self._pid is None
        tree = (process, children)
        return _Sample(
            process=process,
            children=children,
            cpu_s=self._tree_cpu_s(process, children),
            read_bytes=self._sum(tree, lambda p: p.io_counters().read_bytes),
            write_bytes=self._sum(tree, lambda p: p.io_counters().write_bytes),
            switches=_rusage_switches() if own else _try(lambda p: sum(p.num_ctx_switches()), process),
            cpus=_ask(ps, "cpu_times", percpu=True) or (),
            net=_ask(ps, "net_io_counters", nowrap=False),
            disk=_ask(ps, "disk_io_counters", nowrap=False),
            freq=_ask(ps, "cpu_freq"),
            sensors=_cpu_sensors(_ask(ps, "sensors_temperatures") or {}),
        )

    def _tree_cpu_s(self, process: Any, children: Sequence[Any] | None) -> float | None:
        return self._add(_rusage_cpu_s() if self._pid is None else _try(_cpu_s, process), children, _cpu_s)

    def _descendants(self, process: Any) -> Sequence[Any] | None:
        if self._pid is None and not has_children():
            return ()
        found: Sequence[Any] | None = _ask(process, "children", recursive=True)
        return found

    def _sum(self, tree: tuple[Any, Sequence[Any] | None], get: Callable[[Any], float]) -> float | None:
        return self._add(_try(get, tree[0]), tree[1], get)

    def _add(self, total: float | None, children: Sequence[Any] | None, get: Callable[[Any], float]) -> float | None:
        if total is None or children is None:
            return None
        for child in children:
            try:
                total += get(child)
            except self._gone:
                continue
            except Exception as error:  # forbidden, or not on this platform: a sum with a hole is no sum
                return _unknown(error)
        return total

    def _about_tree(self, start: _Sample, now: _Sample, duration_s: float, memory: Any) -> dict[str, Any]:
        tree = (now.process, now.children)
        cpu_s, rss = _delta(start.cpu_s, now.cpu_s), self._sum(tree, lambda p: p.memory_info().rss)
        return {
            "pid": _get(now.process, "pid"),
            "ppid": _ask(now.process, "ppid"),
            "cpu_percent": _percent(cpu_s, duration_s),
            "process_memory_percent": _percent(rss, _get(memory, "total")),
            "rss_bytes": rss,
            "vms_bytes": self._sum(tree, lambda p: p.memory_info().vms),
            "io_read_bytes": _delta(start.read_bytes, now.read_bytes),
            "io_write_bytes": _delta(start.write_bytes, now.write_bytes),
            "threads": self._sum(tree, lambda p: p.num_threads()),
            "children": None if now.children is None else len(now.children),
            "ctx_switches": _delta(start.switches, now.switches),
            "open_fds": _ask(now.process, "num_fds"),
        }

    def _about_host(self, start: _Sample, now: _Sample, memory: Any) -> dict[str, Any]:
        cores = [_spent(*pair) for pair in zip(start.cpus, now.cpus, strict=False)]
        busy_s, all_s = sum(core[0] for core in cores), sum(core[1] for core in cores)
        load = _ask(self._ps, "getloadavg")
        return {
            "host_cpu_percent": _percent(busy_s, all_s),
            "cpu_percent_per_core": [_percent(*core) for core in cores] or None,
            "host_load_1m": load[0] if load else None,
            "host_memory_percent": _get(memory, "percent"),
            "host_memory_used_bytes": _get(memory, "used"),
            "host_disk_read_bytes": _delta(_get(start.disk, "read_bytes"), _get(now.disk, "read_bytes")),
            "host_disk_write_bytes": _delta(_get(start.disk, "write_bytes"), _get(now.disk, "write_bytes")),
            "net_sent_bytes": _delta(_get(start.net, "bytes_sent"), _get(now.net, "bytes_sent")),
            "net_recv_bytes": _delta(_get(start.net, "bytes_recv"), _get(now.net, "bytes_recv")),
            "cpu_freq_mhz": _mean(_get(start.freq, "current"), _get(now.freq, "current")),
            "cpu_freq_min_mhz": _get(now.freq, "min") or None,
            "cpu_freq_max_mhz": _get(now.freq, "max") or None,
            "cpu_temp_c": _mean(_package_c(start.sensors), _package_c(now.sensors)),
            "cpu_temp_max_c": max((sensor.current for sensor in (*start.sensors, *now.sensors)), default=None),
        }


def _ask(owner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    # psutil leaves functions out where the platform has no such thing, and raises where it may not look.
    try:
        return getattr(owner, name)(*args, **kwargs)
    except Exception as error:
        return _unknown(error)


def _try(get: Callable[[Any], float], process: Any) -> float | None:
    try:
        return get(process)
    except Exception as error:
        return _unknown(error)


def _unknown(error: Exception) -> float | None:
    """Take what psutil has raised for "unknown", but let what a signal handler of the user's has raised go on."""
    if is_from_signal(error):
        raise error
    return None


def _get(owner: Any, name: str) -> Any:
    return getattr(owner, name, None)


def has_children() -> bool:
    """
    Say whether this process has children, zombies included.
    """
    # One system call where psutil reads every process of the machine. WNOWAIT leaves a zombie to whoever waits for it.
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    except AttributeError:  # macOS before Python 3.13
        return True
    return True


def _rusage_cpu_s() -> float:
    me, waited = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return me.ru_utime + me.ru_stime + waited.ru_utime + waited.ru_stime


def _rusage_switches() -> int:
    me, waited = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return me.ru_nvcsw + me.ru_nivcsw + waited.ru_nvcsw + waited.ru_nivcsw


def _cpu_s(process: Any) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _exact_cpu_s(process: Any) -> float:
    """Return the same with the process's own part to the nanosecond, where /proc counts in ticks of 10 ms."""
    times = process.cpu_times()
    try:
        own_s = cpu_clock_s(process.pid) if sys.platform == "linux" else times.user + times.system
    except OSError:
        own_s = times.user + times.system
    return float(own_s + times.children_user + times.children_system)


def _spent(start: Any, now: Any) -> tuple[float, float]:
    # The kernel lets iowait fall now and then (Documentation/filesystems/proc.rst), hence no delta below 0.
    busy_s = sum(max(0.0, _get_s(now, key) - _get_s(start, key)) for key in _BUSY)
    return busy_s, busy_s + sum(max(0.0, _get_s(now, key) - _get_s(start, key)) for key in _NOT_BUSY)


def _get_s(times: Any, name: str) -> float:
    return float(getattr(times, name, 0.0))


def _delta(start: float | None, now: float | None) -> Any:
    # Below 0 a counter has wrapped, or something that was counted at the start has left.
    return None if start is None or now is None or now < start else now - start


def _percent(part: float | None, whole: float | None) -> float | None:
    return 100.0 * part / whole if part is not None and whole else None


def _mean(start: float | None, now: float | None) -> float | None:
    return (start + now) / 2 if start and now else start or now or None


def _cpu_sensors(chips: dict[str, Sequence[Any]]) -> Sequence[Any]:
    return next((chips[chip] for chip in _CPU_CHIPS if chips.get(chip)), ())


def _package_c(sensors: Sequence[Any]) -> float | None:
    packages = [s.current for s in sensors if s.label.startswith(_PACKAGE_LABELS)]
    values = packages or [s.current for s in sensors]
    return sum(values) / len(values) if values else None
