"""
Counters that turn by themselves.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from greensdk.testing.powercap import PowercapTree


class Truth:
    """
    What the ticker really added, and when.

    Attributes:
        times_ns: When each tick was finished, on the clock of ``time.perf_counter_ns``.
        totals_uj: What had been added to each zone by then.
    """

    def __init__(self, keys: Mapping[str, float]) -> None:
        self.times_ns = [time.perf_counter_ns()]
        self.totals_uj = [dict.fromkeys(keys, 0)]

    def joules(self, key: str, since_ns: int | None = None, until_ns: int | None = None) -> float:
        """
        Return what zone `key` was given from the last tick before one moment to the last before another.
        """
        start = 0 if since_ns is None else self._at(since_ns)
        stop = -1 if until_ns is None else self._at(until_ns)
        return (self.totals_uj[stop][key] - self.totals_uj[start][key]) / 1e6

    def _at(self, moment_ns: int) -> int:
        return max(bisect_right(self.times_ns, moment_ns) - 1, 0)


@contextmanager
def ticking(tree: PowercapTree, watts: Mapping[str, float], every_s: float = 0.001) -> Iterator[Truth]:
    """
    Have counters of `tree` turn at constant power while the block runs.

    A thread of the test does it. It needs the interpreter like every other thread, so beside a busy loop
    its ticks come late, 5 ms and more: compare with the log that it keeps, never with watts times seconds.
    A reader that comes between the writes of one tick sees that tick in some zones only.

    Args:
        tree: The tree.
        watts: Power of each zone by its key: ``{"package-0": 40.0, "dram-0": 3.0}``.
        every_s: How often; the kernel's counters change about every millisecond.
    """
    truth = Truth(watts)
    done = Event()
    thread = Thread(target=_tick, args=(tree, watts, every_s, truth, done), name="powercap-ticker", daemon=True)
    thread.start()
    try:
        yield truth
    finally:
        done.set()
        thread.join()


def _tick(tree: PowercapTree, watts: Mapping[str, float], every_s: float, truth: Truth, done: Event) -> None:
    began_ns = truth.times_ns[0]
    while not done.wait(every_s):
        elapsed_s = (time.perf_counter_ns() - began_ns) / 1e9
        due_uj = {key: int(power_w * elapsed_s * 1e6) for key, power_w in watts.items()}
        for key, uj in due_uj.items():
            tree.zones[key].add_uj(uj - truth.totals_uj[-1][key])
        truth.totals_uj.append(due_uj)
        truth.times_ns.append(time.perf_counter_ns())
