"""
The CPUs' slots, read through memory: no system call, and every slot whole.
"""

from __future__ import annotations

import mmap
from time import monotonic_ns
from typing import NamedTuple

from greensdk.errors import MonitorUnavailable
from greensdk_ebpf.access import START_AGENT
from greensdk_ebpf.layout import (
    ABOUT,
    BEGIN,
    BUSY,
    COUNTED,
    COUNTS,
    CURRENT,
    CYCLES,
    END,
    IDLE,
    LOST,
    MARKS,
    START,
    TREE,
    VERSION,
    WORDS,
    unpacked,
)

TRIES = 1000
"""A program takes a microsecond, or as long as a hypervisor takes the CPU away from it."""


class Running(NamedTuple):
    """
    A slice under way.

    Attributes:
        thread: Id of the thread.
        group: Id of its group; 0 where the form can't tell.
        tree: Its tree when it came in; 0 for none.
        since_ns: When it came in.
    """

    thread: int
    group: int
    tree: int
    since_ns: int


class Host(NamedTuple):
    """
    What all CPUs did since the programs were loaded, slices under way included.

    Attributes:
        now_ns: When it was read, CLOCK_MONOTONIC.
        busy_ns: With tasks.
        idle_ns: Without.
        per_cpu: The same of each CPU.
    """

    now_ns: int
    busy_ns: int
    idle_ns: int
    per_cpu: tuple[tuple[int, int], ...]


class Counts(NamedTuple):
    """
    Events since the programs were loaded; None where the kernel has no such tracepoint.

    Attributes:
        context_switches: Tasks that made room for others.
        idle_entries: Idle states (C-states) that CPUs entered.
        frequency_changes: Frequencies (P-states) that the kernel asked for.
        thermal_events: Temperatures that the kernel read.
        lost: Switches the kernel did not show to the programs, and entries that found no room.
    """

    context_switches: int
    idle_entries: int | None
    frequency_changes: int | None
    thermal_events: int | None
    lost: int


class Moment(NamedTuple):
    """
    All slots, as they were at one time.

    Attributes:
        now_ns: When; never before a slice that is under way in `words`.
        words: The slots' numbers, one slot after the other.
    """

    now_ns: int
    words: memoryview

    def running(self) -> list[Running]:
        """
        Return the slices under way, idle ones left out.
        """
        words = self.words
        return [
            Running(current & 0xFFFFFFFF, current >> 32, tree, since)
            for current, tree, since in zip(words[CURRENT::WORDS], words[TREE::WORDS], words[START::WORDS], strict=True)
            if current and since
        ]

    def ended(self) -> list[int]:
        """
        Return how many switches each CPU has had.
        """
        return self.words[END::WORDS].tolist()

    def host(self) -> Host:
        """
        Return what the CPUs did so far.
        """
        words, now, each = self.words, self.now_ns, []
        for at in range(0, len(words), WORDS):
            busy, idle, since = words[at + BUSY], words[at + IDLE], words[at + START]
            if since and words[at + CURRENT]:
                busy += now - since
            elif since:
                idle += now - since
            each.append((busy, idle))
        return Host(now, sum(busy for busy, _ in each), sum(idle for _, idle in each), tuple(each))

    def counts(self) -> Counts:
        """
        Return the events so far.
        """
        words = self.words
        attached = unpacked(words[ABOUT]).attached
        events = [sum(words[place::WORDS]) if name in attached else None for name, place in COUNTS.items()]
        switches = sum(words[END::WORDS]) - sum(words[MARKS::WORDS])
        return Counts(switches, events[0], events[1], events[2], sum(words[LOST::WORDS]))

    def cycles(self) -> tuple[int, int]:
        """
        Return the cycles of the finished slices of all tasks, and the nanoseconds of those that were counted.
        """
        return sum(self.words[CYCLES::WORDS]), sum(self.words[COUNTED::WORDS])


class Slots:
    """
    The map of the slots.

    Raises:
        MonitorUnavailable: By another version of this plugin, which puts the numbers elsewhere.
    """

    def __init__(self, fd: int, cpus: int) -> None:
        self._bytes = 8 * WORDS * cpus
        self._map = mmap.mmap(fd, self._bytes, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
        self._live = memoryview(self._map).cast("Q")
        self._begun = self._live[BEGIN::WORDS]
        self.about = unpacked(self._live[ABOUT])
        if self.about.version != VERSION:
            self.close()
            raise MonitorUnavailable(
                "the maps are those of another version of greensdk", f"sudo greensdk agent stop; {START_AGENT}"
            )

    def moment(self) -> Moment:
        """
        Return all slots as they are now.
        """
        words = memoryview(bytearray(self._live)).cast("Q")
        if words[END::WORDS] != self._begun:
            self._mend(words)
        return Moment(monotonic_ns(), words)

    def _mend(self, words: memoryview) -> None:
        # Copies again the slots in which a program was at work, one by one: a busy machine is never still as a whole.
        for at in range(0, len(words), WORDS):
            for _ in range(TRIES):
                if words[at + END] == self._live[at + BEGIN]:
                    break
                words[at : at + WORDS] = self._live[at : at + WORDS]

    def ended(self) -> list[int]:
        """
        Return how many switches each CPU has had by now; what is read while they stay the same belongs together.
        """
        return self._live[END::WORDS].tolist()

    def close(self) -> None:
        """
        Give the memory back.
        """
        self._begun.release()
        self._live.release()
        self._map.close()
