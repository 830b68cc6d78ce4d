"""
Functions that Lithops workers import by name, and a monitor that only a test knows.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from greensdk import energy_tracked
from greensdk.monitor import CALL, ESTIMATED, Availability, Metric, Reading, reading

lock = threading.Lock()  # can't be pickled: a function beside it that travelled by value would fail


def busy(seconds: float = 0.02) -> float:
    """
    Burn CPU seconds.
    """
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(200))
    return seconds


def plus_one(x: int) -> int:
    """
    Work a little, undecorated.
    """
    with lock:
        busy()
    return x + 1


@energy_tracked(label="by name", monitors=["lithops_functions:FixedMeter"])
def times_two(x: int) -> int:
    """
    Work a little, decorated: the module's name for it is the wrapper, so it travels by name.
    """
    with lock:
        busy()
    return x * 2


@energy_tracked(label="inner")
def inner() -> float:
    """
    Be called from functions that are measured, or not.
    """
    return busy()


def calls_inner(times: int) -> int:
    """
    Call a measured function, without being measured by itself.
    """
    for _ in range(times):
        inner()
    return times


class FixedMeter:
    """
    An estimator that always says 7 J.
    """

    name = "fixed"
    cheap = True

    def probe(self) -> Availability:
        """
        Work everywhere.
        """
        return Availability(True)

    def open(self) -> list[Metric]:
        """
        Need nothing.
        """
        return [Metric("package", "J", "package", CALL, ESTIMATED)]

    def estimate(self, usage: Any) -> Reading:
        """
        Say 7 J.
        """
        domains = {"package": 7.0}
        return reading("fixed", scope=CALL, quality=ESTIMATED, boundary="package", energy_j=7.0, domains=domains)

    def close(self) -> None:
        """
        Give nothing back.
        """


def nap(seconds: float) -> None:
    """
    Sleep.
    """
    time.sleep(seconds)
