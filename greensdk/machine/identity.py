"""
Which process this is, and which processes are around it: read once, before the first call.

A pid is given to another process as soon as the first one is gone, and each container counts its own. Together with the
time at which the process began, its pid namespace and the machine's boot id it means one process for good: the kernel
never gives the same pid twice within one clock tick of 10 ms (proc_pid_stat(5), pid_namespaces(7)).

Where ``/proc`` ends, at the edge of a container, a parent can be handed on by the environment instead.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from greensdk.machine.hardware import boot_id, host_id

if TYPE_CHECKING:
    from typing import TypedDict

    class Identity(TypedDict):
        """
        What a record tells of its process; :mod:`greensdk.schema.fields` says what each key means.
        """

        pid: int
        started_s: float | None
        pid_namespace: int | None
        ancestors: list[list[float]]
        parent_id: str | None


PARENT = "GREENSDK_PARENT"
"""
Variable in which ``greensdk run`` hands its record's id on: ``record_id:boot_id:pid_namespace:pid:started_s``, the last
three being those of the process that measures. Only the same boot of the same machine takes it, and where the pid can
be looked up, only while that process lives: the variable may outlive it in a daemon or a terminal.
"""


_known: dict[int, Identity] = {}


def identity() -> Identity:
    """
    Return who this process is, as it was when it was first asked. A forked child is asked anew. Never raises.
    """
    pid = os.getpid()
    if pid not in _known:
        # A parent that ends later changes nothing: calls of one process have one line of ancestors.
        _known.clear()
        _known[pid] = _look(pid)
    return _known[pid]


def _look(pid: int) -> Identity:
    if sys.platform != "linux":
        started_s, ancestors = _asked_of_psutil()
        return {
            "pid": pid,
            "started_s": started_s,
            "pid_namespace": None,
            "ancestors": ancestors,
            "parent_id": _handed_on(None),
        }
    stat = stat_of("self")
    namespace = _namespace()
    return {
        "pid": pid,
        "started_s": _started_s(stat) if stat else None,
        "pid_namespace": namespace,
        "ancestors": list(_above(stat)) if stat and _is_ours() else [],
        "parent_id": _handed_on(namespace),
    }


def stat_of(pid: int | str) -> list[bytes] | None:
    """
    Return the fields of ``/proc/PID/stat`` behind the name, from the state on; None without such a process.
    """
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # The name, in parentheses, may hold anything: blanks, newlines, parentheses.
        return os.read(fd, 4096).rpartition(b")")[2].split()
    except OSError:  # it ended meanwhile
        return None
    finally:
        os.close(fd)


def cpu_clock_s(pid: int) -> float:
    """
    Return the CPU seconds of a process, to the nanosecond, where ``/proc/PID/stat`` counts hundredths.

    The id of its clock is that of clock_getcpuclockid(3), which Python lacks, MAKE_PROCESS_CPUCLOCK(pid,
    CPUCLOCK_SCHED) of the kernel's include/linux/posix-timers_types.h: the inverted pid above three bits, of which 2 is
    CPUCLOCK_SCHED.

    Raises:
        OSError: There is no such process.
    """
    return time.clock_gettime((~pid << 3) | 2)


def _started_s(stat: list[bytes]) -> float:
    return int(stat[19]) / os.sysconf("SC_CLK_TCK")


def _above(stat: list[bytes]) -> Iterator[list[float]]:
    while (pid := int(stat[1])) and (parent := stat_of(pid)):
        # A parent that is younger than its child is another process, which got the pid meanwhile.
        if int(parent[19]) > int(stat[19]):
            return
        yield [pid, _started_s(parent)]
        stat = parent


def _is_ours() -> bool:
    """Whether ``/proc`` counts as we do: a new pid namespace may still have the old one's."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def _namespace() -> int | None:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return None


def _asked_of_psutil() -> tuple[float | None, list[list[float]]]:
    try:
        import psutil

        me = psutil.Process()
        return me.create_time(), [[each.pid, each.create_time()] for each in me.parents()]
    except Exception:  # not installed, or not allowed to look
        return None, []


def _machine() -> str:
    return boot_id() or host_id()


def hand_on(record_id: str) -> dict[str, str]:
    """
    Return what a command's environment needs, so that its calls know the call that is around them.
    """
    me = identity()
    return {PARENT: f"{record_id}:{_machine()}:{me['pid_namespace']}:{me['pid']}:{me['started_s']}"}


def _handed_on(namespace: int | None, environment: Mapping[str, str] = os.environ) -> str | None:
    record_id, *rest = environment.get(PARENT, "").split(":")
    if len(rest) != 4 or rest[0] != _machine():
        return None
    if sys.platform == "linux" and rest[1] == str(namespace) and _is_ours():
        stat = stat_of(rest[2])
        if stat is None or str(_started_s(stat)) != rest[3]:
            return None
    return record_id


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_known.clear)
