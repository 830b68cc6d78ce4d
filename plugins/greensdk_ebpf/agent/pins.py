"""
Maps and links in a bpf file system of their own: what is pinned there stays in the kernel without a process.

See mount(2) and https://docs.kernel.org/bpf/. The file system is mounted where nothing else is, never at /sys/fs/bpf,
so that unmounting it takes nothing from other users of eBPF.
"""

from __future__ import annotations

import ctypes
import os
import time
from contextlib import suppress
from typing import Any

from greensdk_ebpf.access import pin
from greensdk_ebpf.layout import MAPS, MARK
from greensdk_ebpf.load import load
from greensdk_ebpf.reader import Reader
from greensdk_ebpf.syscall import Map, obj_get, obj_pin

FOLDER = "bpf"
LINK = "link_"
"""What the names of pinned links begin with."""
FOLDER_MODE, GROUP_MODE, LINK_MODE = 0o750, 0o660, 0o600
KERNELS = ".debug"
"""Every bpf file system has maps.debug and progs.debug from the kernel (kernel/bpf/preload), not ours to remove."""

_FLAGS = 2 | 4 | 8
"""MS_NOSUID, MS_NODEV, MS_NOEXEC, include/uapi/linux/mount.h."""
_MNT_DETACH = 2


def make(root: str, gid: int) -> dict[str, Any]:
    """
    Mount the file system, load everything and pin it there, the maps open to the group.

    Returns:
        The ``form``, ``raw`` or ``tracepoint``, and where each of the ``maps`` and ``links`` is pinned.

    Raises:
        MonitorUnavailable: The programs can't be loaded here.
        OSError: The kernel refuses.
    """
    folder = os.path.join(root, FOLDER)
    os.mkdir(folder, 0o700)
    _mount(folder)
    os.chown(folder, 0, gid)
    os.chmod(folder, FOLDER_MODE)
    loaded = load()
    try:
        maps = {name: pin(root, name) for name in loaded.maps}
        links = {name: pin(root, LINK + name) for name in loaded.links}
        for name, fd in loaded.maps.items():
            _pin(fd, maps[name], gid, GROUP_MODE)
        for name, fd in loaded.links.items():
            _pin(fd, links[name], 0, LINK_MODE)
        if loaded.mark is not None:
            # A process that may open a program may attach it to any tracepoint, and keep it there: it stays root's.
            _pin(loaded.mark, pin(root, MARK), 0, LINK_MODE)
        return {"form": loaded.form, "maps": maps, "links": links}
    finally:
        loaded.close()


def _pin(fd: int, path: str, gid: int, mode: int) -> None:
    obj_pin(fd, path)
    os.chown(path, 0, gid)
    os.chmod(path, mode)


def remove(root: str) -> None:
    """
    Detach the programs and unmount; nothing happens where there is nothing.
    """
    folder = os.path.join(root, FOLDER)
    # Each turn takes one mount away: there may be more, one over the other.
    while mounted(root):
        # Unmounting alone would not do where a container has a mount of its own of the same file system.
        for name in os.listdir(folder):
            if not name.endswith(KERNELS):
                os.unlink(os.path.join(folder, name))
        _unmount(folder)
    with suppress(FileNotFoundError):
        os.rmdir(folder)


def mounted(root: str) -> bool:
    """
    Say whether a bpf file system is mounted where an agent would; everybody may know that (proc_pid_mountinfo(5)).
    """
    wanted = os.path.join(root, FOLDER)
    for plain, octal in (("\\", "\\134"), (" ", "\\040"), ("\t", "\\011"), ("\n", "\\012")):
        wanted = wanted.replace(plain, octal)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            place, _, system = line.partition(" - ")
            if place.split(" ")[4] == wanted and system.startswith("bpf "):
                return True
    return False


def look(root: str) -> dict[str, Any]:
    """
    Return ``counting`` (context switches are being booked), ``counts`` and ``entries``, each None if we may not see.

    Entries are, of each map that can be full, how many it has and has room for.
    """
    maps: dict[str, int] = {}
    try:
        for name in MAPS:
            with suppress(FileNotFoundError):
                maps[name] = obj_get(pin(root, name))
        reader = Reader(maps)
        try:
            before = reader.counts()
            time.sleep(1e-5)
            counts = reader.counts()
        finally:
            reader.close()
        counting = counts.context_switches != before.context_switches
        return {"counting": counting, "counts": counts._asdict(), "entries": _entries(maps)}
    except PermissionError:
        return {"counting": None, "counts": None, "entries": None}
    finally:
        for fd in maps.values():
            os.close(fd)


def _entries(maps: dict[str, int]) -> dict[str, list[int]]:
    found = {}
    for name, fd in maps.items():
        spec = MAPS[name]
        if spec.entries:
            table = Map(fd, spec.key, spec.value)
            found[name] = [sum(1 for _ in table.items(spec.entries)), spec.entries]
    return found


def _mount(folder: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"greensdk", os.fsencode(folder), b"bpf", ctypes.c_ulong(_FLAGS), b"mode=0700") < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"a bpf file system can't be mounted: {os.strerror(code)}", folder)


def _unmount(folder: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(folder), _MNT_DETACH) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), folder)
