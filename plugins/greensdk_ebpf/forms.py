"""
The two ways to stand at a tracepoint, which differ in how a program learns which task the event is about.

``raw``: a raw tracepoint program gets the kernel's own arguments. Where the ids stand in a task is found out by
:mod:`greensdk_ebpf.task_offsets`. Needs CAP_BPF and CAP_PERFMON, nothing of the file system, and costs less per event.

``tracepoint``: a tracepoint program gets a record whose fields tracefs describes (Documentation/trace/events.rst).
For kernels that keep their memory from programs (lockdown), and before Linux 5.10. Needs tracefs, which is root's, and
of the thread that comes in it shows the id, but not the group.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress

from greensdk.errors import MonitorUnavailable
from greensdk_ebpf.asm import PROBE_READ_KERNEL, R1, R2, R3, R9, R10, Asm
from greensdk_ebpf.layout import CPU_FREQUENCY, CPU_IDLE, FORK, FREE, SWITCH, THERMAL
from greensdk_ebpf.syscall import (
    BPF_PERF_EVENT,
    RAW_TRACEPOINT,
    TRACEPOINT,
    link_create,
    raw_tracepoint_open,
)

EVENTS = {
    SWITCH: "sched/sched_switch",
    FORK: "sched/sched_process_fork",
    FREE: "sched/sched_process_free",
    CPU_IDLE: "power/cpu_idle",
    CPU_FREQUENCY: "power/cpu_frequency",
    THERMAL: "thermal/thermal_temperature",
}
"""The tracepoint of each link."""

TRACEFS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")

_ARGUMENTS = {SWITCH: 2, FORK: 1, FREE: 0}
"""Place of the task among the arguments: next, child, the freed one (include/trace/events/sched.h)."""
_FIELDS = {SWITCH: "next_pid", FORK: "child_pid", FREE: "pid"}
_FIELD = re.compile(r"field:[^;]*?(\w+)(?:\[[^]]*\])?;\s*offset:(\d+);\s*size:(\d+);")

_PERF_TYPE_TRACEPOINT = 2
_IOC_ENABLE, _IOC_SET_BPF = 0x2400, 0x40042408
"""PERF_EVENT_IOC_*, include/uapi/linux/perf_event.h."""


class Raw:
    """
    Raw tracepoint programs.

    Args:
        pid_offset: Where in a task its thread id and, behind it, its group's id stand.
    """

    name = "raw"
    kind = RAW_TRACEPOINT
    group_known = True

    def __init__(self, pid_offset: int) -> None:
        self.pid_offset = pid_offset

    def task(self, asm: Asm, event: str, where: int) -> None:
        """
        Put the ids of the event's task on the stack at `where`, 8 bytes; R9 is the context.
        """
        asm.load(8, R3, R9, 8 * _ARGUMENTS[event]).addi(R3, self.pid_offset)
        asm.mov(R1, R10).addi(R1, where).movi(R2, 8).call(PROBE_READ_KERNEL)

    def idle_state(self, asm: Asm, dst: int) -> None:
        """
        Load the idle state that the CPU enters; all ones when it leaves.
        """
        asm.load(4, dst, R9, 0)

    def attach(self, prog_fd: int, event: str) -> int:
        """
        Attach a program and return the link.
        """
        return raw_tracepoint_open(prog_fd, EVENTS[event].partition("/")[2])


class Traced:
    """
    Tracepoint programs.

    Raises:
        MonitorUnavailable: It can't be read there.
    """

    name = "tracepoint"
    kind = TRACEPOINT
    group_known = False

    def __init__(self, root: str | None = None) -> None:
        self.root = root or next((each for each in TRACEFS if os.access(f"{each}/events/sched", os.R_OK)), "")
        if not self.root:
            raise MonitorUnavailable(
                f"tracefs can't be read at {TRACEFS[0]}", f"sudo mount -t tracefs nodev {TRACEFS[0]}"
            )

    def task(self, asm: Asm, event: str, where: int) -> None:
        """
        Put the thread id of the event's task on the stack at `where`, 8 bytes; R9 is the context.
        """
        asm.load(4, R1, R9, self._offset(event, _FIELDS[event])).store(8, R10, where, R1)

    def idle_state(self, asm: Asm, dst: int) -> None:
        """
        Load the idle state that the CPU enters; all ones when it leaves.
        """
        asm.load(4, dst, R9, self._offset(CPU_IDLE, "state"))

    def _offset(self, event: str, name: str) -> int:
        offset, size = fields(self._read(event, "format"))[name]
        if size != 4:
            raise MonitorUnavailable(f"field {name} of {EVENTS[event]} has {size} bytes, not 4")
        return offset

    def _read(self, event: str, name: str) -> str:
        with open(f"{self.root}/events/{EVENTS[event]}/{name}", encoding="ascii") as file:
            return file.read()

    def attach(self, prog_fd: int, event: str) -> int:
        """
        Attach a program and return the link; before Linux 5.15 the perf event, which can't be pinned.
        """
        # A program at a tracepoint runs on every CPU, whichever the event was opened for.
        from greensdk_perf.pmu import Event
        from greensdk_perf.syscall import perf_open

        perf_fd = perf_open(Event(event, _PERF_TYPE_TRACEPOINT, (int(self._read(event, "id")), 0, 0)), 0)
        with suppress(OSError):
            link = link_create(prog_fd, perf_fd, BPF_PERF_EVENT)
            os.close(perf_fd)
            return link
        fcntl.ioctl(perf_fd, _IOC_SET_BPF, prog_fd)
        fcntl.ioctl(perf_fd, _IOC_ENABLE, 0)
        return perf_fd


def fields(text: str) -> dict[str, tuple[int, int]]:
    """
    Return offset and size of each field that a ``format`` file of tracefs describes.
    """
    return {name: (int(offset), int(size)) for name, offset, size in _FIELD.findall(text)}
