"""
Programs in the kernel for the length of a test, pins like the agent's, and workers that burn CPU on demand.
"""

import ctypes
import grp  # noqa: F401 - a child with fewer rights may not be able to read the file
import os
import pickle
import re
import shutil
import struct
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from greensdk_ebpf.layout import MAPS, MARK, TRACKED
from greensdk_ebpf.load import Loaded, load
from greensdk_ebpf.reader import Reader
from greensdk_ebpf.syscall import Map, obj_pin
from rights_kit import need, need_root

GROUP = 4242
CLONE_NEWPID = 0x20000000
NEXT_ID = {"prog": 11, "map": 12, "link": 31}
"""BPF_*_GET_NEXT_ID."""

BOTH = ["raw", "tracepoint"]
CPU_CLOCK = (1, 0)
"""PERF_TYPE_SOFTWARE and PERF_COUNT_SW_CPU_CLOCK, include/uapi/linux/perf_event.h."""
CONTEXT_SWITCHES = (1, 3)
NO_SUCH_EVENT = (1, 9999)


def need_ebpf() -> None:
    """
    Skip the test (on CI fail it) unless programs can be loaded.
    """
    need_root()
    need(os.path.exists("/proc/sys/kernel/unprivileged_bpf_disabled"), "a kernel with CONFIG_BPF_SYSCALL")


@contextmanager
def mounted(kind: str, options: str = "mode=0755") -> Iterator[str]:
    """
    Mount a file system where everybody can reach it.
    """
    place = tempfile.mkdtemp(prefix="greensdk-test-", dir="/tmp")
    try:
        os.chmod(place, 0o755)
        subprocess.run(["mount", "-t", kind, "-o", options, "nodev", place], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", place], check=True)
    finally:
        os.rmdir(place)


@contextmanager
def running(form: str = "raw", cycles: tuple[int, int] | None = None) -> Iterator[Loaded]:
    """
    Load everything in one form, with a counter in place of cycles if one is given.
    """
    need_ebpf()
    if form == "raw":
        loaded = load(form, cycles=cycles)
    else:
        with mounted("tracefs") as place:
            loaded = load(form, place, cycles)
    try:
        yield loaded
    finally:
        loaded.close()


@contextmanager
def agent(loaded: Loaded, mode: int = 0o660, marked: bool = True) -> Iterator[str]:
    """
    Pin the maps as the agent does, and the mark unless it is left out, open to :data:`GROUP`; return its directory.
    """
    root = tempfile.mkdtemp(prefix="greensdk-test-", dir="/tmp")
    folder = os.path.join(root, "bpf")
    os.chmod(root, 0o755)
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "bpf", "-o", "mode=0755", "nodev", folder], check=True)
    try:
        for name in MAPS:
            obj_pin(loaded.maps[name], f"{folder}/{name}")
            os.chown(f"{folder}/{name}", 0, GROUP)
            os.chmod(f"{folder}/{name}", mode)
        if loaded.mark is not None and marked:
            obj_pin(loaded.mark, f"{folder}/{MARK}")
            os.chown(f"{folder}/{MARK}", 0, GROUP)
            os.chmod(f"{folder}/{MARK}", mode)
        yield root
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        shutil.rmtree(root)


@contextmanager
def reading(loaded: Loaded) -> Iterator[Reader]:
    """
    Return a reader of what is loaded.
    """
    reader = Reader(loaded.maps, loaded.mark)
    try:
        yield reader
    finally:
        reader.close()


def table(loaded: Loaded, name: str) -> Map:
    """
    Return one of the maps.
    """
    return Map(loaded.maps[name], MAPS[name].key, MAPS[name].value)


def lose_a_child(loaded: Loaded) -> list[int]:
    """
    Fill the map of tracked threads with ids that no task has, and fork a child for which there is no room.

    Returns:
        The ids.
    """
    tracked, number, filled = table(loaded, TRACKED), 2**22, []
    # What is freed of earlier processes meanwhile leaves room again.
    for _ in range(3):
        with suppress(OSError):
            while True:
                number += 1
                tracked.put(number, 1)
                filled.append(number)
        time.sleep(0.02)
    spawn_true()
    return filled


def burn(seconds: float) -> float:
    """
    Burn CPU seconds of this process, and return how many these were.
    """
    began = time.process_time()
    while time.process_time() < began + seconds:
        sum(range(500))
    return time.process_time() - began


class Worker:
    """
    A forked child that runs what it is sent, one function after the other, and answers.
    """

    def __init__(self) -> None:
        down, self._down = os.pipe()
        self._up, up = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._down)
            os.close(self._up)
            with suppress(BaseException):
                _serve(down, up)
            os._exit(0)
        os.close(down)
        os.close(up)

    def ask(self, function: Callable[..., Any], *args: Any) -> None:
        """
        Let the child begin.
        """
        _send(self._down, (function, args))

    def answer(self) -> Any:
        """
        Wait for its answer.
        """
        ok, value = _receive(self._up)
        assert ok, value
        return value

    def do(self, function: Callable[..., Any], *args: Any) -> Any:
        """
        Let it begin, and wait.
        """
        self.ask(function, *args)
        return self.answer()

    def end(self) -> None:
        """
        Let the child exit, and reap it.
        """
        os.close(self._down)
        os.close(self._up)
        os.waitpid(self.pid, 0)


@contextmanager
def workers(count: int) -> Iterator[list[Worker]]:
    """
    Fork workers, and end them.
    """
    made: list[Worker] = []
    try:
        while len(made) < count:
            made.append(Worker())
        yield made
    finally:
        # The youngest first: it has inherited the pipes of the others.
        for worker in reversed(made):
            worker.end()


def _serve(down: int, up: int) -> None:
    while True:
        function, args = _receive(down)
        try:
            reply = (True, function(*args))
        except BaseException:
            reply = (False, traceback.format_exc())
        _send(up, reply)


def _send(fd: int, what: Any) -> None:
    data = pickle.dumps(what)
    os.write(fd, struct.pack("=I", len(data)) + data)


def _receive(fd: int) -> Any:
    head = os.read(fd, 4)
    assert head, "the other end is gone"
    return pickle.loads(os.read(fd, struct.unpack("=I", head)[0]))


def in_pid_namespace(function: Callable[..., Any], *args: Any) -> Any:
    """
    Return what the function returns in a child that is process 1 of a PID namespace of its own.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            assert ctypes.CDLL(None).unshare(CLONE_NEWPID) == 0
            if os.fork() == 0:
                try:
                    reply = (True, function(*args))
                except BaseException:
                    reply = (False, traceback.format_exc())
                os.write(write_end, pickle.dumps(reply))
            else:
                os.wait()
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        ok, value = pickle.loads(pipe.read())
    os.waitpid(pid, 0)
    assert ok, value
    return value


def agree(measure: Callable[[], tuple[float, float]], tolerance: float, tries: int = 100) -> bool:
    """
    Measure until truth and reading agree to a part of the truth.

    Other tenants of the machine take the CPU away in the middle of a slice, which the kernel's clock of a process
    leaves out and CLOCK_MONOTONIC counts; a window without them shows what the reading is worth.
    """
    pairs = []
    for _ in range(tries):
        truth, found = measure()
        pairs.append((truth, found))
        if abs(found - truth) <= tolerance * truth:
            return True
    pytest.fail(f"never within {tolerance:.1%}: {pairs}")


def eventually(is_so: Callable[[], bool], what: str, seconds: float = 60.0) -> bool:
    """
    Wait for something that the kernel does in its own time.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.01)
    return True


def ids(kind: str) -> set[int]:
    """
    Return the ids of all programs, maps or links in the kernel.
    """
    found: set[int] = set()
    last = 0
    with suppress(FileNotFoundError):
        while True:
            last = _next_id(kind, last)
            found.add(last)
    return found


def _next_id(kind: str, last: int) -> int:
    attr = ctypes.create_string_buffer(struct.pack("=II", last, 0), 128)
    number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    if ctypes.CDLL(None, use_errno=True).syscall(number, NEXT_ID[kind], attr, 128) < 0:
        raise OSError(ctypes.get_errno(), "next id")
    return int(struct.unpack_from("=II", attr)[1])


def own_links() -> set[int]:
    """
    Return the ids of the links that this process holds.
    """
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            if re.search("bpf.link", os.readlink(f"/proc/self/fd/{fd}")):
                found.add(id_of(int(fd)))
    return found


def id_of(fd: int) -> int:
    """
    Return the id of the map or link that a descriptor stands for.
    """
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
        found = re.search(r"^(?:map_id|link_id):\s*(\d+)", file.read(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def spawn_true() -> None:
    """
    Start a process that does nothing, and wait for it.
    """
    os.waitpid(os.posix_spawn("/bin/true", ["/bin/true"], {}), 0)


def passed(reader, call) -> tuple[int, int, int]:
    """
    Return nanoseconds, cycles and counted nanoseconds of this process's tree while `call` runs.
    """
    tree = reader.tree(os.getpid())
    before = reader.look(tree)
    call()
    after = reader.look(tree)
    return after.ns - before.ns, after.cycles - before.cycles, after.counted_ns - before.counted_ns
