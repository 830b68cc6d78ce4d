"""
one reading at the sensors.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from greensdk_rapl.access import LENGTH

from greensdk.machine.signals import is_from_signal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greensdk_hwmon.channels import Channel

POWERED, MOST_W = ("package", "wall"), 1e5
"""
What can't be at 0 W while it runs this, nor at 100 kW: controllers show 0 where they don't know, and ACPI meters
4294967.295 W.
"""


class Snapshot(NamedTuple):
    """
    What every sensor has come to at one moment.

    Attributes:
        at_ns: When.
        values: What each shows; None where it could not be read.
        spent_j: Joules that the watts of each power sensor have come to since the monitor was opened.
        breaks: How often each power sensor could not be read.
    """

    at_ns: int
    values: Mapping[str, int | None]
    spent_j: Mapping[str, float]
    breaks: Mapping[str, int]


def value(fd: int, channel: Channel) -> int | None:
    """
    Return what a channel shows; None where it can't be read, or shows what can't be.
    """
    try:
        shown = int(os.pread(fd, LENGTH, 0))
    except (OSError, ValueError) as error:
        if is_from_signal(error):
            raise
        return None
    if channel.kind == "power" and channel.sees in POWERED and not 0 < shown < MOST_W * 1e6:
        return None
    return shown if shown >= 0 else None
