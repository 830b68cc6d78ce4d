"""
Counters that show one meter twice.

AMD processors with several dies list a package zone for each die, all of which read one socket-wide counter
(https://github.com/mlco2/codecarbon/issues/1274), and a driver may read one socket's register for both sockets
(https://github.com/amd/amd_energy/issues/5). Two counters are taken for one meter only if they agree, and agree again
after they have moved: meters of their own differ by the joules of a whole uptime.
"""

import os
import time
from collections.abc import Iterable
from typing import NamedTuple

from greensdk_rapl.access import LENGTH

LOOKS = 20
"""How often two counters that agree are read again, a millisecond apart, until they move."""

TRIES = 3
"""How often a disagreement is checked: copies of two counters are not renewed in the same moment."""


class Pair(NamedTuple):
    """
    Two counters that agreed.

    Attributes:
        key: The second.
        original: The first.
        fds: Their descriptors, the first's first.
        uj: What both showed.
    """

    key: str
    original: str
    fds: tuple[int, int]
    uj: int


def agreed(one: int, other: int) -> int | None:
    """
    Return what two counters show, by their descriptors; None where they differ.
    """
    for _ in range(TRIES):
        # The counter may tick between the reads, so the other has to lie between two reads of the one.
        try:
            low, middle, high = (int(os.pread(fd, LENGTH, 0)) for fd in (one, other, one))
        except (OSError, ValueError):
            return None
        if low <= middle <= high:
            return low
    return None


def pairs(counters: Iterable[tuple[str, int]]) -> list[Pair]:
    """
    Return the counters, given as key and descriptor, that agree with one before them.
    """
    found: list[Pair] = []
    firsts: list[tuple[str, int]] = []
    for key, fd in counters:
        for original, first in firsts:
            if (uj := agreed(first, fd)) is not None:
                found.append(Pair(key, original, (first, fd), uj))
                break
        else:
            firsts.append((key, fd))
    return found


def settle(open_pairs: Iterable[Pair]) -> tuple[dict[str, str], tuple[Pair, ...]]:
    """
    Return which pairs are one meter, as key and original, and those that have not moved since they agreed.

    A pair in neither has moved apart: two meters.
    """
    same: dict[str, str] = {}
    waiting: list[Pair] = []
    for pair in open_pairs:
        uj = agreed(*pair.fds)
        if uj == pair.uj:
            waiting.append(pair)
        elif uj is not None:
            same[pair.key] = pair.original
    return same, tuple(waiting)


def watch(open_pairs: Iterable[Pair]) -> tuple[dict[str, str], tuple[Pair, ...]]:
    """
    Settle pairs as :func:`settle` does, and wait some milliseconds for those that have not moved.
    """
    same, waiting = settle(open_pairs)
    for _ in range(LOOKS):
        if not waiting:
            break
        time.sleep(0.001)
        more, waiting = settle(waiting)
        same |= more
    return same, waiting
