"""
The maps that the programs write and everybody reads: names, sizes, and what stands where.

====================  =================  =====================================================================
map                   key                value
====================  =================  =====================================================================
:data:`CPUS`          CPU number         :data:`WORDS` numbers of 8 bytes, see below; can be mapped into memory
:data:`TREES`         tree, random       nanoseconds, tree around it (0: none), registered at, thread group,
                                         cycles, nanoseconds of the slices whose cycles these are
:data:`TRACKED`       thread (group) id  tree that it belongs to
:data:`TGIDS`         thread group id    nanoseconds; the least recently seen make room
:data:`CGROUPS`       cgroup id          nanoseconds; the same
====================  =================  =====================================================================

Ids are those of the initial PID namespace. A tree has a random number, because processes without a daemon between
them make trees: no process has to hand numbers out, and none comes back while a straggler still bears it.
Every process of a tree has an entry in :data:`TRACKED`, made by the fork program and deleted by the kernel's last
word on the process; a tree without any is garbage.
"""

from typing import NamedTuple

from greensdk.machine.hardware import cpus_in

HASH, ARRAY, PERF_EVENT_ARRAY, LRU_HASH = 1, 2, 4, 9
"""Types of maps, include/uapi/linux/bpf.h."""
BPF_F_MMAPABLE, BPF_F_PRESERVE_ELEMS = 1 << 10, 1 << 11

CPUS, TREES, TRACKED, TGIDS, CGROUPS = "cpus", "trees", "tracked", "tgids", "cgroups"

SWITCH, FORK, FREE = "switch", "fork", "free"
"""Links without which nothing is counted."""
CPU_IDLE, CPU_FREQUENCY, THERMAL = "cpu_idle", "cpu_frequency", "thermal_temperature"
"""Links that count events which not every kernel has."""

COUNTERS = "counters"
"""The map of the CPUs' cycle counters. The programs alone use it, and keep it and the counters in it alive."""
MARK = "mark"
"""
A program that is attached nowhere. Who runs it has the slice that is under way on this CPU booked, and another
begun, as if there had been a switch.
"""

WORDS = 16
"""Numbers in a CPU's slot: two cache lines, so that no CPU writes into another's."""

BEGIN, END, START, BUSY, IDLE, CURRENT, TREE, LOST = range(8)
"""
Places in a CPU's slot. BEGIN and END count context switches; a copy of the slot is whole if BEGIN as it is after the
copy equals END in it. START is when the running slice began, in nanoseconds of CLOCK_MONOTONIC; 0 before the first
switch. BUSY and IDLE are nanoseconds of finished slices, CURRENT is the running thread and TREE its tree, LOST counts
what could not be booked.
"""

COUNTER, CYCLES, COUNTED, MARKS = range(11, 15)
"""
Further places. COUNTER is the CPU's cycle counter when the running slice began; 0 if it could not be read. CYCLES are
those of finished slices of tasks, COUNTED the nanoseconds of the slices whose cycles these are. MARKS counts runs of
:data:`MARK`, which are in END, but are no switches.
"""

TREE_CYCLES, TREE_COUNTED = 4, 5
"""Places of the same in a tree."""

COUNTS = {CPU_IDLE: 8, CPU_FREQUENCY: 9, THERMAL: 10}
"""Place of each counter of events."""

ABOUT = 15
"""In the first slot: what is loaded, see :class:`About`."""

VERSION = 1
"""Of all that this module says. It changes with any of it, so that a process does not misread an agent's maps."""

FORMS = ("none", "raw", "tracepoint")

DEPTH = 8
"""How many trees may be inside each other: the programs book a slice to so many."""


class Spec(NamedTuple):
    """
    What a map is made of.

    Attributes:
        kind: Its type.
        key: struct format of its key.
        value: struct format of its value.
        entries: Room for so many; 0 for one per CPU.
        flags: As in bpf(2).
    """

    kind: int
    key: str
    value: str
    entries: int
    flags: int = 0


# All are allocated at once: a program that ran at a context switch must not ask the allocator.
MAPS = {
    CPUS: Spec(ARRAY, "I", f"{WORDS}Q", 0, BPF_F_MMAPABLE),
    TREES: Spec(HASH, "Q", "6Q", 4096),
    TRACKED: Spec(HASH, "I", "Q", 16384),
    TGIDS: Spec(LRU_HASH, "I", "Q", 16384),
    CGROUPS: Spec(LRU_HASH, "Q", "Q", 4096),
}


class About(NamedTuple):
    """
    What is loaded.

    Attributes:
        form: One of :data:`FORMS`.
        attached: Counters of events that are attached.
        refused: Why cycles are not counted, as an error number; 0 where they are.
        version: The loader's :data:`VERSION`.
    """

    form: str
    attached: frozenset[str]
    refused: int
    version: int = VERSION

    def word(self) -> int:
        """
        Return it as one number.
        """
        counts = sum(1 << place for name, place in COUNTS.items() if name in self.attached)
        return FORMS.index(self.form) | counts | self.refused << 16 | self.version << 56


def unpacked(word: int) -> About:
    """
    Return what :meth:`About.word` made a number of.
    """
    attached = frozenset(name for name, place in COUNTS.items() if word >> place & 1)
    return About(FORMS[word & 3], attached, word >> 16 & 0xFFFF, word >> 56)


def cpus_possible(root: str = "/sys") -> int:
    """
    Return how many slots it takes for every CPU that may ever come online (Documentation/admin-guide/cputopology.rst).
    """
    return max(_cpus(root, "possible")) + 1


def cpus_online(root: str = "/sys") -> list[int]:
    """
    Return the CPUs that run now.
    """
    return _cpus(root, "online")


def _cpus(root: str, which: str) -> list[int]:
    with open(f"{root}/devices/system/cpu/{which}", encoding="ascii") as file:
        return cpus_in(file.read())
