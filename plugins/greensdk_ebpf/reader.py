"""
Read the maps, and take part: a process registers itself, and is the root of a tree from then on.

Nothing here needs a right beyond reading and writing the maps (since Linux 5.19 for processes without CAP_BPF,
commit c8644cd0efe7, "bpf: refine kernel.unprivileged_bpf_disabled behaviour").
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from time import monotonic_ns
from typing import NamedTuple

from greensdk.errors import MonitorUnavailable
from greensdk_ebpf.cgroups import cgroup_of
from greensdk_ebpf.ids import group_of, ids_of
from greensdk_ebpf.layout import (
    CGROUPS,
    CPUS,
    CURRENT,
    DEPTH,
    MAPS,
    START,
    TRACKED,
    TREE,
    TREE_COUNTED,
    TREE_CYCLES,
    TREES,
    WORDS,
    About,
    cpus_possible,
)
from greensdk_ebpf.programs import MARK_WORD
from greensdk_ebpf.slots import Counts, Host, Moment, Running, Slots
from greensdk_ebpf.syscall import BPF_NOEXIST, Map, marker

TRIES = 20
"""Reads of something that should stand still meanwhile; after so many, the last one has to do."""

YOUNG_NS = 10_000_000_000
"""A tree without members that is younger than this may be one whose maker is about to enter its first."""


class Tree(NamedTuple):
    """
    A registered process and its descendants.

    Attributes:
        number: Its key.
        group: The process.
        threads: Those of its threads that were known when it was registered.
        since_ns: When that was.
        booked: Returns its value in :data:`~greensdk_ebpf.layout.TREES`.
    """

    number: int
    group: int
    threads: frozenset[int]
    since_ns: int
    booked: Callable[[], list[int]]


class Look(NamedTuple):
    """
    What is known of a tree at one moment.

    Attributes:
        ns: On-CPU nanoseconds, slices under way included.
        cycles: Cycles of its finished slices.
        counted_ns: Nanoseconds of the slices whose cycles these are.
        moment: All slots.
    """

    ns: int
    cycles: int
    counted_ns: int
    moment: Moment


class Reader:
    """
    What the programs have counted.

    Args:
        maps: Descriptor of each map of :data:`greensdk_ebpf.layout.MAPS`, readable and writable. They stay the
            caller's, and open until :meth:`close`.
        mark: Descriptor of the program :data:`greensdk_ebpf.layout.MARK`, the caller's as well. With it, the cycles
            of the calling thread are counted up to the moment of a look, else to its last context switch.
    """

    def __init__(self, maps: Mapping[str, int], mark: int | None = None) -> None:
        self._maps = {name: Map(fd, MAPS[name].key, MAPS[name].value) for name, fd in maps.items() if name in MAPS}
        self._slots = Slots(maps[CPUS], cpus_possible())
        self.about: About = self._slots.about
        self.form = self.about.form
        self._mark = None if mark is None else marker(mark, MARK_WORD)
        self._trees: dict[int, Tree] = {}
        self._around: dict[int, tuple[int, ...]] = {}

    def close(self) -> None:
        """
        Give the memory back; what is registered stays registered.
        """
        self._trees.clear()
        self._slots.close()

    def host(self) -> Host:
        """
        Return what the CPUs did since the programs were loaded.
        """
        return self._slots.moment().host()

    def counts(self) -> Counts:
        """
        Return the events since the programs were loaded.
        """
        return self._slots.moment().counts()

    def split(self, name: str) -> tuple[dict[int, int], Host]:
        """
        Return one of the two splits of the busy time, ``tgids`` or ``cgroups``, and the host at the same moment.
        """
        for _ in range(TRIES):
            moment = self._slots.moment()
            booked = {key: value[0] for key, value in self._maps[name].items(MAPS[name].entries)}
            under_way = [(self._owner(name, each), each.since_ns) for each in moment.running()]
            if self._slots.ended() == moment.ended() and all(owner is not None for owner, _ in under_way):
                break
        for owner, since_ns in under_way:
            if owner is not None:
                booked[owner] = booked.get(owner, 0) + moment.now_ns - since_ns
        return booked, moment.host()

    def _owner(self, name: str, running: Running) -> int | None:
        if name == CGROUPS:
            return cgroup_of(running.thread)
        return running.group or group_of(running.thread)

    def register(self, pid: int) -> None:
        """
        Make the process, all its threads, and all that descend from it a tree.

        A process that is in a tree already becomes one inside it, and counts for both. One that is registered
        already stays as it is.

        Raises:
            MonitorUnavailable: There is no room, or too many trees are inside each other.
            FileNotFoundError: There is no such process.
        """
        group, threads = ids_of(pid, self._slots)
        around = self._tree_of(group)
        value = self._maps[TREES].get(around) if around else None
        if value is not None and value[3] == group:
            number = around
        else:
            number = self._plant(group, around if value is not None else 0)
            for each in {group, *threads}:
                self._maps[TRACKED].put(each, number)
            # The kernel's last word on a thread that ended meanwhile may have come before its entry.
            for gone in threads - ids_of(pid, self._slots).threads:
                self._maps[TRACKED].remove(gone)
        self._trees[pid] = Tree(number, group, threads, monotonic_ns(), self._maps[TREES].watch(number))

    def _tree_of(self, group: int) -> int:
        value = self._maps[TRACKED].get(group)
        return value[0] if value else 0

    def _plant(self, group: int, around: int) -> int:
        if around and len(self._ancestors(around)) + 2 > DEPTH:
            raise MonitorUnavailable(f"more than {DEPTH} registered processes are inside each other")
        number = int.from_bytes(os.urandom(8), "little") | 1
        value = (0, around, monotonic_ns(), group, 0, 0)
        try:
            self._maps[TREES].put(number, *value, flags=BPF_NOEXIST)
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            if not self.collect():
                raise MonitorUnavailable(f"all {MAPS[TREES].entries} trees are in use") from error
            self._maps[TREES].put(number, *value, flags=BPF_NOEXIST)
        return number

    def collect(self) -> int:
        """
        Remove the trees that have no process any more, and return how many these were.
        """
        trees = dict(self._maps[TREES].items(MAPS[TREES].entries))
        used: set[int] = set()
        for _, (inner,) in self._maps[TRACKED].items(MAPS[TRACKED].entries):
            number = inner
            while number in trees and number not in used:
                used.add(number)
                number = trees[number][1]
        old_ns = monotonic_ns() - YOUNG_NS
        garbage = [number for number, value in trees.items() if number not in used and value[2] < old_ns]
        for number in garbage:
            self._maps[TREES].remove(number)
        return len(garbage)

    def unregister(self, pid: int) -> None:
        """
        Let the process belong to the tree around its own again, or to none. Its children stay where they are.
        """
        tree = self._trees.pop(pid, None)
        if tree is None or self._tree_of(tree.group) != tree.number:
            return
        around = (self._maps[TREES].get(tree.number) or (0, 0))[1]
        for each in {tree.group, *tree.threads}:
            if around:
                self._maps[TRACKED].put(each, around)
            else:
                self._maps[TRACKED].remove(each)

    def tree_ns(self, pid: int) -> int | None:
        """
        Return the nanoseconds of the tree of a process; None if this reader registered none.
        """
        tree = self._trees.get(pid)
        return None if tree is None else self.look(tree).ns

    def tree(self, pid: int) -> Tree:
        """
        Return the tree of a process that this reader registered, for :meth:`look`.
        """
        return self._trees[pid]

    def look(self, tree: Tree) -> Look:
        """
        Return the nanoseconds and cycles of a tree, and all slots at the same moment. This is the hot one.
        """
        if self._mark is not None:
            self._mark()
        value = tree.booked()
        for _ in range(TRIES):
            moment = self._slots.moment()
            before, value = value, tree.booked()
            if before == value:
                break  # none of the tree's slices ended between the two, so none is counted twice or not at all
        booked = value[0]
        words, now_ns, number = moment.words, moment.now_ns, tree.number
        for at in range(0, len(words), WORDS):
            current = words[at + CURRENT]
            if current and (
                words[at + TREE] == number or self._is_in(tree, words[at + TREE], current, words[at + START])
            ):
                booked += now_ns - words[at + START]
        return Look(booked, value[TREE_CYCLES], value[TREE_COUNTED], moment)

    def _is_in(self, tree: Tree, other: int, current: int, since_ns: int) -> bool:
        # A slice that began before the registration will be booked to the tree as a whole when it ends.
        if current >> 32 == tree.group or (since_ns < tree.since_ns and current in tree.threads):
            return True
        return other != 0 and tree.number in self._ancestors(other)

    def _ancestors(self, number: int) -> tuple[int, ...]:
        if number not in self._around:
            if len(self._around) > MAPS[TREES].entries:
                self._around.clear()
            chain: list[int] = []
            inner = number
            # Not for ever: a member who may write the map could put a tree inside itself.
            while len(chain) < DEPTH and (value := self._maps[TREES].get(inner)) and value[1]:
                inner = value[1]
                chain.append(inner)
            self._around[number] = tuple(chain)
        return self._around[number]
