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

Former = list[Any]
"""Path, uid, gid and mode of a file as it was."""


def open_to(powercap_root: str, gid: int, former: list[Former]) -> None:
    """
    Let the group read every energy counter.

    Args:
        powercap_root: The powercap class directory.
        gid: The group.
        former: Gets what has to be put back, before anything is changed.

    Raises:
        MonitorUnavailable: There are none.
    """
    for path in counters(powercap_root):
        was = os.stat(path)
        former.append([path, was.st_uid, was.st_gid, stat.S_IMODE(was.st_mode)])
        os.chown(path, 0, gid)
        os.chmod(path, MODE)


def counters(powercap_root: str) -> list[str]:
    """
    Return the counter file of each zone.

    Raises:
        MonitorUnavailable: There are none.
    """
    from greensdk_rapl.access import judge
    from greensdk_rapl.zones import find

    from greensdk.errors import MonitorUnavailable

    found = find(powercap_root)
    if not found.zones:
        _, reason, fix = judge(powercap_root, found)
        raise MonitorUnavailable(reason, fix)
    return [os.path.realpath(os.path.join(zone.path, "energy_uj")) for zone in found.zones]


def restore(former: list[Former]) -> None:
    """
    Put owners and modes back; files that are gone (the driver was unloaded) are left out.
    """
    for path, uid, gid, mode in former:
        with suppress(FileNotFoundError):
            os.chown(path, uid, gid)
            os.chmod(path, mode)
