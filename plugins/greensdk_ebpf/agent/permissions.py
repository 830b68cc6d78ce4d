"""
The kernel's own energy counters, opened to a group.

Owner and mode of the files are changed, and put back when the agent stops: no process stands in between, a read costs
what it costs root, and every other tool of the group can read them too. Descriptors sent over a socket would need a
process to send them, and every reader to ask it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any

MODE = 0o440
"""What the group gets; a file that others may read already stays so."""

UPDATE_INTERVAL_S = 0.001
"""Of the processor's own counters: Intel's Software Developer's Manual, volume 3, "RAPL interfaces"."""

Former = list[Any]
"""Path, uid, gid and mode of a file as it was."""


def former(path: str) -> Former:
    """
    Return what :func:`restore` needs.
    """
    was = os.stat(path)
    return [path, was.st_uid, was.st_gid, stat.S_IMODE(was.st_mode)]


def open_to(gid: int, powercap_root: str) -> dict[str, Any]:
    """
    Let the group read every energy counter, and return what members have to know.
    """
    paths = counters(powercap_root)
    for path in paths:
        os.chown(path, -1, gid)
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | MODE)
    return {"root": powercap_root, "update_interval_s": UPDATE_INTERVAL_S, "counters": paths}


def counters(powercap_root: str) -> list[str]:
    """
    Return the counter file of each zone that has one.

    Raises:
        MonitorUnavailable: None has.
    """
    from greensdk_rapl.access import judge
    from greensdk_rapl.zones import find

    from greensdk.errors import MonitorUnavailable

    found = find(powercap_root)
    files = [os.path.realpath(zone.file) for zone in found.zones]
    if not (present := list(filter(os.path.exists, files))):
        _, reason, fix = judge(powercap_root, found)
        raise MonitorUnavailable(reason, fix)
    return present


def restore(files: list[Former], gid: int) -> None:
    """
    Put owners and modes back.

    A file that is not the group's any more has been changed since, or recreated by the kernel, and is
    left alone.
    """
    for path, uid, was_gid, mode in files:
        with suppress(FileNotFoundError):
            if os.stat(path).st_gid == gid:
                os.chown(path, uid, was_gid)
                os.chmod(path, mode)
