"""
The maps that the programs write and everybody reads: names, sizes, and what stands where.

====================  =================  =====================================================================
map                   key                value
====================  =================  =====================================================================
:data:`CPUS`          CPU number         :data:`WORDS` numbers of 8 bytes, see below; can be mapped into memory
:data:`TREES`         tree, random       nanoseconds, tree around it (0: none), registered at, thread group
:data:`TRACKED`       thread (group) id  tree that it belongs to
:data:`TGIDS`         thread group id    nanoseconds; the least recently seen make room
:data:`CGROUPS`       cgroup id          nanoseconds; the same
====================  =================  =====================================================================

Ids are those of the initial PID namespace. A tree has a random number, because processes without a daemon between
them make trees: nobody has to hand numbers out, and none comes back while a straggler still bears it.
Every process of a tree has an entry in :data:`TRACKED`, made by the fork program and deleted by the kernel's last
word on the process; a tree without any is garbage.
"""

from typing import NamedTuple

HASH, ARRAY, LRU_HASH = 1, 2, 9
"""Types of maps, include/uapi/linux/bpf.h."""
BPF_F_MMAPABLE = 1 << 10

CPUS, TREES, TRACKED, TGIDS, CGROUPS = "cpus", "trees", "tracked", "tgids", "cgroups"

SWITCH, FORK, FREE = "switch", "fork", "free"
"""Links without which nothing is counted."""
CPU_IDLE, CPU_FREQUENCY, THERMAL = "cpu_idle", "cpu_frequency", "thermal_temperature"
"""Links that count events which not every kernel has."""

WORDS = 16
"""Numbers in a CPU's slot: two cache lines, so that no CPU writes into another's."""

BEGIN, END, START, BUSY, IDLE, CURRENT, TREE, LOST = range(8)
"""
Places in a CPU's slot. BEGIN and END count context switches; a copy of the slot is whole if BEGIN as it is after the
copy equals END in it. START is when the running slice began, in nanoseconds of CLOCK_MONOTONIC; 0 before the first
switch. BUSY and IDLE are nanoseconds of finished slices, CURRENT is the running thread and TREE its tree, LOST counts
what could not be booked.
"""

COUNTS = {CPU_IDLE: 8, CPU_FREQUENCY: 9, THERMAL: 10}
"""Place of each counter of events."""

ABOUT = 15
"""In the first slot: which form is loaded, and which counters are attached, by :data:`FORMS` and :func:`about`."""

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
    TREES: Spec(HASH, "Q", "4Q", 4096),
    TRACKED: Spec(HASH, "I", "Q", 16384),
    TGIDS: Spec(LRU_HASH, "I", "Q", 16384),
    CGROUPS: Spec(LRU_HASH, "Q", "Q", 4096),
}


def cpus_possible(root: str = "/sys") -> int:
    """
    Return how many slots it takes for every CPU that may ever come online (Documentation/admin-guide/cputopology.rst).
    """
    with open(f"{root}/devices/system/cpu/possible", encoding="ascii") as file:
        return max(int(number) for part in file.read().split(",") for number in part.split("-")) + 1


def about(form: str, attached: set[str]) -> int:
    """
    Return form and attached counters as one number.
    """
    return FORMS.index(form) | sum(1 << place for name, place in COUNTS.items() if name in attached)


def told(number: int) -> tuple[str, set[str]]:
    """
    Return what :func:`about` made a number of.
    """
    return FORMS[number & 3], {name for name, place in COUNTS.items() if number >> place & 1}
