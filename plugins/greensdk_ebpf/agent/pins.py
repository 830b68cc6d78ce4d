"""
Maps and programs in a bpf file system of their own: what is pinned there stays in the kernel without a process.

https://docs.kernel.org/bpf/ and mount(2). The file system is mounted where nothing else is, never at /sys/fs/bpf, so
that unmounting it takes nothing of anybody else's away.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Any, NamedTuple

from greensdk_ebpf.layout import MAPS
from greensdk_ebpf.load import load
from greensdk_ebpf.reader import Reader
from greensdk_ebpf.syscall import Map, obj_get, obj_pin

MAP_MODE, OWN_MODE, FOLDER_MODE = 0o660, 0o600, 0o750
LINK = "link_"
"""What the names of pinned links begin with."""
KERNELS = ".debug"
"""The kernel's own files in every bpf file system (kernel/bpf/preload) end so, and can't be removed."""

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MNT_DETACH = 2
"""include/uapi/linux/mount.h, umount(2)."""


class Made(NamedTuple):
    """
    What was pinned.

    Attributes:
        form: ``raw`` or ``tracepoint``.
        maps: Names of the maps that the group may use.
        links: Names of the attached programs.
    """

    form: str
    maps: list[str]
    links: list[str]


def make(folder: str, gid: int) -> Made:
    """
    Mount the file system, load everything and pin it there, open to the group.

    Raises:
        MonitorUnavailable: The programs can't be loaded here.
        OSError: The kernel refuses.
    """
    os.mkdir(folder, 0o700)
    _mount(folder)
    os.chown(folder, 0, gid)
    os.chmod(folder, FOLDER_MODE)
    loaded = load()
    try:
        for name, fd in loaded.maps.items():
            _pin(fd, os.path.join(folder, name), gid if name in MAPS else 0)
        for name, fd in loaded.links.items():
            _pin(fd, os.path.join(folder, LINK + name), 0)
        return Made(loaded.form, [name for name in loaded.maps if name in MAPS], sorted(loaded.links))
    finally:
        loaded.close()


def _pin(fd: int, path: str, gid: int) -> None:
    obj_pin(fd, path)
    os.chown(path, 0, gid)
    os.chmod(path, MAP_MODE if gid else OWN_MODE)


def remove(folder: str) -> None:
    """
    Detach the programs and unmount; nothing happens where there is nothing.
    """
    if os.path.islink(folder) or not os.path.isdir(folder):
        return
    if os.path.ismount(folder):
        for name in os.listdir(folder):
            if not name.endswith(KERNELS):
                os.unlink(os.path.join(folder, name))
        _unmount(folder)
    with suppress(OSError):
        os.rmdir(folder)


def look(folder: str) -> dict[str, Any]:
    """
    Return ``links_pinned``, ``counts`` and ``entries`` (of each map that fills up), as far as this process may see.
    """
    pinned = sorted(name.removeprefix(LINK) for name in os.listdir(folder) if name.startswith(LINK))
    maps: dict[str, int] = {}
    try:
        for name in MAPS:
            maps[name] = obj_get(os.path.join(folder, name))
        reader = Reader(maps)
        try:
            counts = reader.counts()._asdict()
        finally:
            reader.close()
        return {"links_pinned": pinned, "counts": counts, "entries": _entries(maps)}
    except PermissionError:
        return {"links_pinned": pinned, "counts": None, "entries": None}
    finally:
        for fd in maps.values():
            os.close(fd)


def _entries(maps: dict[str, int]) -> dict[str, list[int]]:
    """
    Return, for each map that fills up, how many entries it has and has room for.
    """
    found = {}
    for name, spec in MAPS.items():
        if spec.entries:
            table = Map(maps[name], spec.key, spec.value)
            found[name] = [sum(1 for _ in table.items(spec.entries)), spec.entries]
    return found


def _mount(folder: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    if libc.mount(b"greensdk", os.fsencode(folder), b"bpf", flags, b"mode=0700") < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"a bpf file system can't be mounted: {os.strerror(code)}", folder)


def _unmount(folder: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(folder), _MNT_DETACH) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), folder)
