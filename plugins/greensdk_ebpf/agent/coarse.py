"""
Copies of the energy counters, renewed now and then, for a group that must not see the counters themselves.

Counters that move a thousand times a second reveal what a processor works on (PLATYPUS, Lipp et al., IEEE S&P 2021,
CVE-2020-8694); the slower they move, the less. One process copies them into a tree that looks like the kernel's, with
what else a reader needs of each zone copied once.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import time
from contextlib import suppress
from typing import Any, NoReturn

from greensdk.machine.identity import stat_of

TREE = "powercap"
LOG = "coarse.log"
COPIED = ("name", "max_energy_range_uj", "constraint_0_name", "constraint_0_max_power_uw")
WIDTH = 24
"""
Digits and the blanks before them: every copy has the same length, so that it is written in one piece. Kernels copy it
in words of 8 bytes, and in a file other than XFS's a reader may come in between: so the last 8 digits stand in one.
"""
LENGTH = 32
UNREADABLE = b"%*s\n" % (WIDTH, b"unreadable")
"""Stands in the copy of a counter that can't be read: one fault costs one zone."""

FOLDER_MODE, FILE_MODE = 0o750, 0o640
PATIENCE_S = 5.0


def start(root: str, powercap_root: str, every_s: float, gid: int) -> dict[str, Any]:
    """
    Make the tree and the process that renews it, and return what members have to know.

    Copies of a process that is gone are taken over, so that who has them open notices nothing.

    Raises:
        MonitorUnavailable: No counter can be read.
    """
    pairs = _plant(root, powercap_root, gid)
    log = os.path.join(root, LOG)
    with suppress(FileNotFoundError):
        os.unlink(log)  # the last words of another process
    pid = os.fork()
    if pid == 0:
        _be_a_daemon(log, pairs, every_s, gid)
    daemon = {"pid": pid, "started": _started(pid)}
    return {"root": os.path.join(root, TREE), "update_interval_s": every_s, "daemon": daemon}


def _plant(root: str, powercap_root: str, gid: int) -> list[tuple[str, str]]:
    """
    Make the tree, and return each counter with its copy.

    A zone that shows another's counter once more is left out, since copies are renewed one after the other, so that
    they would not tell. One that can't be read is there, without a number.
    """
    from greensdk_rapl.meter import open_meter
    from greensdk_rapl.zones import ONE_CORE

    from greensdk.errors import MonitorUnavailable
    from greensdk_ebpf.agent.permissions import counters

    counters(powercap_root)
    meter = open_meter(powercap_root, None)
    for fd in meter.fds:
        os.close(fd)
    if not meter.zones:
        raise MonitorUnavailable("; ".join(f"{key}: {reason}" for key, reason in meter.reasons.items()))
    tree = os.path.join(root, TREE)
    _folder(tree, gid)
    pairs = []
    for zone in (*meter.single, *meter.lost):
        place = os.path.join(tree, zone.id)
        _folder(place, gid)
        for name in COPIED:
            with suppress(OSError), open(os.path.join(zone.path, name), "rb") as file:
                _write(os.path.join(place, name), file.read(), gid)
        if zone.key.startswith(ONE_CORE):
            _write(os.path.join(place, "name"), f"{ONE_CORE}\n".encode(), gid)
        if zone not in meter.lost:
            original, copy = (os.path.join(where, "energy_uj") for where in (zone.path, place))
            with open(original, "rb") as file:
                _write(copy, line(file.read()), gid)
            pairs.append((original, copy))
    return pairs


def _folder(path: str, gid: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
    os.chown(path, 0, gid)
    os.chmod(path, FOLDER_MODE)


def _write(path: str, content: bytes, gid: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.pwrite(fd, content, 0)
        os.fchown(fd, 0, gid)
        os.fchmod(fd, FILE_MODE)
    finally:
        os.close(fd)


def line(raw: bytes) -> bytes:
    """
    Return a counter as it stands in a copy. Blanks fill it up: a shell takes a number with zeros before it for octal.
    """
    try:
        return b"%*d\n" % (WIDTH, int(raw))
    except ValueError:
        return UNREADABLE


def _be_a_daemon(log: str, pairs: list[tuple[str, str]], every_s: float, gid: int) -> NoReturn:
    """Copy until a signal ends us; the last words of a failure go to the log."""
    try:
        os.setsid()
        os.chdir("/")
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _copy([(os.open(a, os.O_RDONLY), os.open(b, os.O_WRONLY)) for a, b in pairs], every_s)
    except BaseException as error:
        with suppress(OSError):
            _write(log, f"{type(error).__name__}: {error}\n".encode(), gid)
    os._exit(1)


def _copy(pairs: list[tuple[int, int]], every_s: float) -> None:
    # End with the tree, even if it was removed by a process that did not know of this one.
    while os.fstat(pairs[0][1]).st_nlink:
        lines = [_line(original) for original, _ in pairs]
        for (_, copy), text in zip(pairs, lines, strict=True):
            os.pwrite(copy, text, 0)
        if set(lines) == {UNREADABLE}:
            raise ValueError("no counter can be read any more")
        time.sleep(every_s)


def _line(original: int) -> bytes:
    try:
        return line(os.pread(original, LENGTH, 0))
    except OSError:
        return UNREADABLE


def _started(pid: int) -> int:
    """Return when a process began, in ticks since boot: its number alone may come back (proc_pid_stat(5), field 22)."""
    fields = stat_of(pid)
    return 0 if fields is None or fields[0] == b"Z" else int(fields[19])


def runs(daemon: dict[str, int]) -> bool:
    """
    Say whether the process is still there.
    """
    return 0 != daemon["started"] == _started(daemon["pid"])


def stop(daemon: dict[str, int]) -> None:
    """
    End the process, and wait until it is gone.
    """
    try:
        fd = os.pidfd_open(daemon["pid"])
    except ProcessLookupError:
        return
    try:
        # Asked for after the descriptor is ours: it can't become another process any more.
        if runs(daemon):
            signal.pidfd_send_signal(fd, signal.SIGTERM)
            if not select.select([fd], [], [], PATIENCE_S)[0]:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
                select.select([fd], [], [], PATIENCE_S)
    finally:
        os.close(fd)
    with suppress(ChildProcessError):
        os.waitpid(daemon["pid"], os.WNOHANG)


def last_words(root: str) -> str:
    """
    Return why the process ended, if it could say.
    """
    try:
        with open(os.path.join(root, LOG), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "it was killed"


def remove(root: str) -> None:
    """
    Remove the tree.
    """
    tree = os.path.join(root, TREE)
    if os.path.isdir(tree) and not os.path.islink(tree):
        shutil.rmtree(tree)
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(root, LOG))
