"""
Ids of threads and groups as the programs see them: those of the initial PID namespace.

A process in a container has other ids there than here. Nothing in its /proc shows its real ones, but the slot of the
CPU that it runs on does.
"""

from __future__ import annotations

import ctypes
import os
import threading
from typing import NamedTuple

from greensdk.errors import MonitorUnavailable
from greensdk_ebpf.layout import BEGIN, CURRENT, END, WORDS
from greensdk_ebpf.slots import TRIES, Slots

INITIAL_PID_NAMESPACE = 0xEFFFFFFC
"""PROC_PID_INIT_INO, include/linux/proc_ns.h."""


class Ids(NamedTuple):
    """
    A process.

    Attributes:
        group: Its id.
        threads: Those of its threads that are known.
    """

    group: int
    threads: frozenset[int]


def ids_of(pid: int, slots: Slots, proc: str = "/proc") -> Ids:
    """
    Return the ids of a process, given its id in this process's namespace.

    Raises:
        MonitorUnavailable: We are in a container and it is another process, or its group is unknown.
        FileNotFoundError: There is no such process.
    """
    if os.stat(f"{proc}/self/ns/pid").st_ino == INITIAL_PID_NAMESPACE:
        return Ids(pid, frozenset(map(int, os.listdir(f"{proc}/{pid}/task"))))
    if pid != os.getpid():
        raise MonitorUnavailable("in a PID namespace only the process itself can be registered")
    current = own(slots)
    thread, group = current & 0xFFFFFFFF, current >> 32
    if not group and threading.get_native_id() == pid:
        group = thread
    if not group:
        raise MonitorUnavailable("in a PID namespace, the tracepoint form has to be opened in the main thread")
    return Ids(group, frozenset({thread}))


def own(slots: Slots) -> int:
    """
    Return the ids of the calling thread: ``group << 32 | thread``, without the group where the form can't tell.
    """
    getcpu = ctypes.CDLL(None).sched_getcpu
    for _ in range(TRIES):
        cpu = getcpu()
        moment, at = slots.moment(), cpu * WORDS
        current: int = moment.words[at + CURRENT]
        # No switch on this CPU between the two checks of where we run: it was us.
        if current and getcpu() == cpu and slots.moment().words[at + END] == moment.words[at + BEGIN]:
            return current
    raise MonitorUnavailable("no CPU's slot shows this thread")


def group_of(thread: int, proc: str = "/proc") -> int | None:
    """
    Return the group of a thread; None when it is gone.
    """
    try:
        with open(f"{proc}/{thread}/status", encoding="utf-8", errors="replace") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("Tgid:")), None)
    except (FileNotFoundError, ProcessLookupError):
        return None
