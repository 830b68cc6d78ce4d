"""
Copies of the energy counters, renewed now and then, for a group that must not see the counters themselves.

Counters that move a thousand times a second tell what a processor works on (PLATYPUS, Lipp et al., IEEE S&P 2021,
CVE-2020-8694); ones that move a hundred times slower tell much less. One process copies them into a tree that looks
like the kernel's, with the rest of each zone's files copied once.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from typing import Any, NoReturn

TREE = "powercap"
LOG = "coarse.log"
COPIED = ("name", "max_energy_range_uj", "constraint_0_name", "constraint_0_max_power_uw")
WIDTH = 20
"""Digits of a 64-bit number: a copy is written in one piece of always the same length, so nobody reads half of one."""

FOLDER_MODE, FILE_MODE = 0o750, 0o640
PATIENCE_S = 5.0


def start(root: str, powercap_root: str, every_s: float, gid: int) -> dict[str, Any]:
    """
    Make the tree and the process that renews it, and return what :func:`stop` needs.

    Raises:
        MonitorUnavailable: There are no counters.
        OSError: One can't be read.
    """
    pairs = plant(root, powercap_root, gid)
    pid = os.fork()
    if pid == 0:
        _be_a_daemon(root, pairs, every_s)
    return {"pid": pid, "started": _started(pid), "every_s": every_s, "tree": os.path.join(root, TREE)}


def plant(root: str, powercap_root: str, gid: int) -> list[tuple[str, str]]:
    """
    Make the tree, and return the original and the copy of each counter.
    """
    from greensdk_rapl.zones import find

    from greensdk_ebpf.agent.handover import counters

    originals = counters(powercap_root)
    tree = os.path.join(root, TREE)
    _folder(tree, gid)
    pairs = []
    for original, zone in zip(originals, find(powercap_root).zones, strict=True):
        place = os.path.join(tree, zone.id)
        _folder(place, gid)
        for name in COPIED:
            with suppress(FileNotFoundError), open(os.path.join(zone.path, name), "rb") as file:
                _file(os.path.join(place, name), file.read(), gid)
        copy = os.path.join(place, "energy_uj")
        with open(original, "rb") as file:
            _file(copy, _line(file.read()), gid)
        pairs.append((original, copy))
    return pairs


def _folder(path: str, gid: int) -> None:
    os.mkdir(path, 0o700)
    os.chown(path, 0, gid)
    os.chmod(path, FOLDER_MODE)


def _file(path: str, content: bytes, gid: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, content)
        os.fchown(fd, 0, gid)
        os.fchmod(fd, FILE_MODE)
    finally:
        os.close(fd)


def _line(raw: bytes) -> bytes:
    return b"%0*d\n" % (WIDTH, int(raw))


def _be_a_daemon(root: str, pairs: list[tuple[str, str]], every_s: float) -> NoReturn:
    """
    Copy until somebody ends us; the last words of a failure go to the log.
    """
    try:
        os.setsid()
        os.chdir("/")
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        os.closerange(3, 1 << 16)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _copy_for_ever([(os.open(a, os.O_RDONLY), os.open(b, os.O_WRONLY)) for a, b in pairs], every_s)
    except BaseException as error:
        with suppress(OSError):
            fd = os.open(os.path.join(root, LOG), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            os.write(fd, f"{type(error).__name__}: {error}\n".encode())
    os._exit(1)


def _copy_for_ever(pairs: list[tuple[int, int]], every_s: float) -> NoReturn:
    while True:
        for original, copy in pairs:
            os.pwrite(copy, _line(os.pread(original, 32, 0)), 0)
        time.sleep(every_s)


def _started(pid: int) -> int | None:
    """
    Return when a process began, in ticks since boot: its number alone may come back (proc_pid_stat(5), field 22).
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == b"Z" else int(fields[19])


def runs(daemon: dict[str, Any]) -> bool:
    """
    Say whether the process is still there.
    """
    return bool(_started(daemon["pid"]) == daemon["started"])


def stop(daemon: dict[str, Any]) -> None:
    """
    End the process and wait until it is gone.
    """
    if not runs(daemon):
        return
    os.kill(daemon["pid"], signal.SIGTERM)
    until_s = time.monotonic() + PATIENCE_S
    while runs(daemon) and time.monotonic() < until_s:
        with suppress(ChildProcessError):
            os.waitpid(daemon["pid"], os.WNOHANG)
        time.sleep(0.002)
    if runs(daemon):
        os.kill(daemon["pid"], signal.SIGKILL)


def last_words(root: str) -> str:
    """
    Return why the process ended, if it could say.
    """
    try:
        with open(os.path.join(root, LOG), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "it left no word"


def remove(root: str) -> None:
    """
    Remove the tree.
    """
    tree = os.path.join(root, TREE)
    if os.path.isdir(tree) and not os.path.islink(tree):
        shutil.rmtree(tree)
    with suppress(OSError):
        os.unlink(os.path.join(root, LOG))
