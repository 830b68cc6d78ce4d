"""
The bpf(2) system call, through ctypes; that of perf events is in :mod:`greensdk_perf.syscall`.

Numbers of commands, map types and flags: include/uapi/linux/bpf.h. The kernel takes a shorter attribute than
it knows, and a longer one if the rest is zero, so one padded buffer does for all commands.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

from greensdk.errors import MonitorUnavailable

RAW_TRACEPOINT, TRACEPOINT = 17, 5
BPF_F_RDONLY = 1 << 3
BPF_NOEXIST = 1
BPF_PERF_EVENT = 41
"""The attach type of a link between a program and a perf event."""

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_DELETE = 0, 1, 2, 3
PROG_LOAD, OBJ_PIN, OBJ_GET, PROG_TEST_RUN = 5, 6, 7, 10
RAW_TRACEPOINT_OPEN, MAP_LOOKUP_BATCH, LINK_CREATE = 17, 24, 28

LICENSE = b"Dual BSD/GPL"
"""
What the programs declare. The kernel gives the helpers that trace (``gpl_only`` in kernel/trace/bpf_trace.c) only
to programs under a licence of include/linux/license.h, so the assembled programs may be used under these as well
as under Apache-2.0.
"""

NAME_BYTES = 15
LOG_BYTES = 1 << 16
LOG_LINES = 4

_NUMBERS = {"x86_64": 321, "aarch64": 280}

_libc = ctypes.CDLL(None, use_errno=True)
# Keeps the interpreter's lock: a lookup takes a microsecond, waiting for the lock again may take milliseconds.
_quick = ctypes.PyDLL(None, use_errno=True)


def bpf_number(machine: str) -> int:
    """
    Return the number of bpf on this architecture (arch/*/syscall*.tbl).

    Raises:
        MonitorUnavailable: It is none that is known here.
    """
    try:
        return _NUMBERS[machine]
    except KeyError:
        raise MonitorUnavailable(f"eBPF programs are made for {' and '.join(_NUMBERS)}, not for {machine}") from None


def bpf(command: int, attr: bytes, what: str = "") -> int:
    """
    Call bpf(2).

    Raises:
        OSError: The kernel refused.
    """
    return _bpf(command, ctypes.create_string_buffer(attr, max(len(attr), 128)), what)


def _bpf(command: int, buffer: "ctypes.Array[ctypes.c_char]", what: str) -> int:
    number = ctypes.c_long(bpf_number(platform.machine()))
    answer: int = _libc.syscall(number, ctypes.c_int(command), buffer, ctypes.c_uint(len(buffer)))
    if answer < 0:
        raise _error(what or f"bpf command {command}")
    return answer


def _error(what: str) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code), what)


def _at(data: bytes) -> tuple["ctypes.Array[ctypes.c_char]", int]:
    # The buffer has to outlive the call, so it goes along with its address.
    buffer = ctypes.create_string_buffer(data, len(data) or 1)
    return buffer, ctypes.addressof(buffer)


def map_create(kind: int, key_bytes: int, value_bytes: int, entries: int, name: str, flags: int = 0) -> int:
    """
    Make a map and return its descriptor.
    """
    attr = struct.pack("=7I16s", kind, key_bytes, value_bytes, entries, flags, 0, 0, name[:NAME_BYTES].encode())
    return bpf(MAP_CREATE, attr, f"map {name}")


def prog_load(kind: int, code: bytes, name: str) -> int:
    """
    Hand a program to the verifier and return its descriptor.

    Raises:
        MonitorUnavailable: The verifier refused it; with the last lines of its log.
        OSError: It was not checked at all: no right, no memory.
    """
    program, licence, log = _at(code), _at(LICENSE + b"\0"), _at(bytes(LOG_BYTES))

    def attr(level: int) -> bytes:
        size, address = (LOG_BYTES, log[1]) if level else (0, 0)
        head = struct.pack("=IIQQIIQ", kind, len(code) // 8, program[1], licence[1], level, size, address)
        return head + struct.pack("=II16s", 0, 0, name[:NAME_BYTES].encode())

    try:
        return bpf(PROG_LOAD, attr(0), f"program {name}")
    except OSError as refused:
        # A log costs the verifier time, so it is asked for only where there is something to say.
        try:
            return bpf(PROG_LOAD, attr(1), f"program {name}")
        except OSError:
            said = log[0].value.decode(errors="replace").strip().splitlines()[-LOG_LINES:]
        if not said:
            raise
        raise MonitorUnavailable(
            f"the kernel's verifier refuses the program {name} ({refused.strerror}): {' | '.join(said)}"
        ) from refused


def raw_tracepoint_open(prog_fd: int, name: str) -> int:
    """
    Attach a program to a tracepoint and return the link.
    """
    text = _at(name.encode() + b"\0")
    return bpf(RAW_TRACEPOINT_OPEN, struct.pack("=QI", text[1], prog_fd), f"raw tracepoint {name}")


def link_create(prog_fd: int, target_fd: int, attach_type: int) -> int:
    """
    Attach a program and return the link; to a perf event since Linux 5.15.
    """
    return bpf(LINK_CREATE, struct.pack("=4I", prog_fd, target_fd, attach_type, 0), "link")


def obj_pin(fd: int, path: str) -> None:
    """
    Give a map, program or link a name in a bpf file system, under which it outlives this process.
    """
    text = _at(os.fsencode(path) + b"\0")
    bpf(OBJ_PIN, struct.pack("=QII", text[1], fd, 0), path)


def obj_get(path: str, flags: int = 0) -> int:
    """
    Open what is pinned at `path`. Without :data:`BPF_F_RDONLY` the file must be readable and writable.
    """
    text = _at(os.fsencode(path) + b"\0")
    return bpf(OBJ_GET, struct.pack("=QII", text[1], 0, flags), path)


def test_run(prog_fd: int) -> None:
    """
    Run a raw tracepoint program once, here and now, with arguments of zero; since Linux 5.10.
    """
    bpf(PROG_TEST_RUN, struct.pack("=I", prog_fd), "test run")


test_run.__test__ = False  # type: ignore[attr-defined]  # pytest collects by name


def again(command: int, attr: bytes, what: str) -> Callable[[], None]:
    """
    Return a quick way to call bpf(2) with the same attribute over and over; it raises OSError.
    """
    buffer = ctypes.create_string_buffer(attr, max(len(attr), 128))
    number, size = ctypes.c_long(bpf_number(platform.machine())), len(buffer)
    call = _quick.syscall

    def once() -> None:
        if call(number, command, buffer, size) < 0:
            raise _error(what)

    return once


def marker(prog_fd: int, word: int) -> Callable[[], None]:
    """
    Return a quick way to run a raw tracepoint program with `word` as its argument; since Linux 5.10.
    """
    argument = _at(struct.pack("=Q", word))
    once = again(PROG_TEST_RUN, struct.pack("=I36xIxxxxQ", prog_fd, 8, argument[1]), "mark")

    def mark(_keep: object = argument) -> None:
        once()

    return mark


class Map:
    """
    A map, with its keys and values as numbers.

    Args:
        fd: Its descriptor.
        key: struct format of a key that is one number.
        value: struct format of a value.
    """

    def __init__(self, fd: int, key: str, value: str) -> None:
        self.fd = fd
        self._key = struct.Struct("=" + key)
        self._value = struct.Struct("=" + value)

    def sizes(self) -> tuple[int, int]:
        """
        Return the bytes of a key and of a value.
        """
        return self._key.size, self._value.size

    def get(self, key: int) -> tuple[int, ...] | None:
        """
        Return the value at `key`, or None.
        """
        where, value = _at(self._key.pack(key)), _at(bytes(self._value.size))
        try:
            self._call(MAP_LOOKUP, where[1], value[1])
        except FileNotFoundError:
            return None
        return self._value.unpack(value[0].raw)

    def put(self, key: int, *value: int, flags: int = 0) -> None:
        """
        Write the value at `key`.
        """
        where, data = _at(self._key.pack(key)), _at(self._value.pack(*value))
        self._call(MAP_UPDATE, where[1], data[1], flags)

    def remove(self, key: int) -> None:
        """
        Take `key` out, if it is there.
        """
        where = _at(self._key.pack(key))
        try:
            self._call(MAP_DELETE, where[1], 0)
        except FileNotFoundError:
            return

    def _call(self, command: int, key_at: int, value_at: int, flags: int = 0) -> None:
        bpf(command, struct.pack("=IxxxxQQQ", self.fd, key_at, value_at, flags))

    def items(self, entries: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """
        Return all keys and values of a hash with room for `entries`, read by a single call (Linux 5.6).
        """
        batch = _at(bytes(8))
        keys, values = _at(bytes(self._key.size * entries)), _at(bytes(self._value.size * entries))
        head = struct.pack("=QQQQ", 0, batch[1], keys[1], values[1])
        attr = ctypes.create_string_buffer(head + struct.pack("=IIQQ", entries, self.fd, 0, 0), 128)
        # ENOENT says that the end is reached, and the count is right.
        with suppress(FileNotFoundError):
            _bpf(MAP_LOOKUP_BATCH, attr, "batch")
        (count,) = struct.unpack_from("=I", attr, len(head))
        found = (key for (key,) in self._key.iter_unpack(keys[0].raw[: count * self._key.size]))
        return zip(found, self._value.iter_unpack(values[0].raw[: count * self._value.size]), strict=True)

    def watch(self, key: int) -> Callable[[], list[int]]:
        """
        Return a quick reader of the value at `key`, made of numbers of 8 bytes; it raises OSError where there is none.
        """
        where, value = _at(self._key.pack(key)), (ctypes.c_uint64 * (self._value.size // 8))()
        attr = struct.pack("=IxxxxQQQ", self.fd, where[1], ctypes.addressof(value), 0)
        look = again(MAP_LOOKUP, attr, f"key {key}")

        def read(_keep: object = where) -> list[int]:
            look()
            return value[:]

        return read
