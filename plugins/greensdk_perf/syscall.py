"""
perf_event_open(2), through ctypes.

Source of every number: include/uapi/linux/perf_event.h, arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h (arm64) of the Linux kernel.
"""

from __future__ import annotations

import ctypes
import os
import struct
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greensdk_perf.pmu import Event

NUMBERS = {"x86_64": 298, "aarch64": 241}
"""The number of the system call on each architecture."""

ATTR_SIZE = 72
"""PERF_ATTR_SIZE_VER1: a struct perf_event_attr up to and with config2."""

READ_FORMAT = 1 << 0 | 1 << 1 | 1 << 3
"""PERF_FORMAT_TOTAL_TIME_ENABLED, _TOTAL_TIME_RUNNING and _GROUP."""

_ATTR = struct.Struct("=IIQQQQQIIQQ")
PINNED = 1 << 2
"""The bit of struct perf_event_attr that asks for a counter all of the time, or for an error."""

_CLOEXEC = 1 << 3
_EVERY_PROCESS = -1


def number(machine: str, pointer_bytes: int = struct.calcsize("P")) -> int | None:
    """
    Return the number of perf_event_open, or None where it is not known here. A 32-bit program on a 64-bit kernel has
    numbers of its own.
    """
    return NUMBERS.get(machine) if pointer_bytes == 8 else None


def attributes(event: Event, bits: int = 0) -> bytes:
    """
    Return the struct perf_event_attr that counts `event` from the moment it is opened.
    """
    config, config1, config2 = event.config
    return _ATTR.pack(event.type, ATTR_SIZE, config, 0, 0, READ_FORMAT, bits, 0, 0, config1, config2)


def perf_open(event: Event, cpu: int, group: int = -1, bits: int = 0) -> int:
    """
    Count an event on a CPU, for every process that runs there, and return the descriptor to read it from.

    Energy can't be counted for one process (rapl_pmu_event_init refuses it), so none is ever named.

    Args:
        event: What.
        cpu: Where.
        group: Descriptor of the leader whose read returns this event too; -1 makes it a leader.
        bits: See :func:`attributes`.

    Raises:
        OSError: The kernel refuses.
    """
    call = number(os.uname().machine)
    if call is None:
        raise OSError(38, f"the number of perf_event_open is not known for {os.uname().machine}")
    buffer = ctypes.create_string_buffer(attributes(event, bits), ATTR_SIZE)
    words = (ctypes.c_int(_EVERY_PROCESS), ctypes.c_int(cpu), ctypes.c_int(group), ctypes.c_ulong(_CLOEXEC))
    fd: int = _libc().syscall(ctypes.c_long(call), buffer, *words)
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return fd


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
