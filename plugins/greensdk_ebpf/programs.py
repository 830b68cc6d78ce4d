"""
The programs. At each context switch the slice that ends is booked to its CPU, thread group, cgroup and trees.

All run in the context of the task that leaves, that forks, or that is interrupted, so that the kernel's helpers tell
its ids; of the task that comes, that is born or freed the :mod:`form <greensdk_ebpf.forms>` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from greensdk_ebpf.asm import (
    GET_CURRENT_CGROUP_ID,
    GET_CURRENT_PID_TGID,
    GET_SMP_PROCESSOR_ID,
    KTIME_GET_NS,
    MAP_DELETE,
    MAP_LOOKUP,
    MAP_UPDATE,
    PERF_EVENT_READ_VALUE,
    R0,
    R1,
    R2,
    R3,
    R4,
    R6,
    R7,
    R8,
    R9,
    R10,
    Asm,
)
from greensdk_ebpf.layout import (
    BEGIN,
    BUSY,
    CGROUPS,
    COUNTED,
    COUNTER,
    COUNTERS,
    COUNTS,
    CPU_IDLE,
    CPUS,
    CURRENT,
    CYCLES,
    DEPTH,
    END,
    FORK,
    FREE,
    IDLE,
    LOST,
    MARK,
    MARKS,
    START,
    SWITCH,
    TGIDS,
    TRACKED,
    TREE,
    TREE_COUNTED,
    TREE_CYCLES,
    TREES,
)
from greensdk_ebpf.syscall import BPF_NOEXIST

# Places on the stack. The ids of a task are 8 bytes, as bpf_get_current_pid_tgid returns them: thread, then group.
_KEY = -8
_OWN = -16
_OWN_GROUP = -12
_ID = -24
_SLICE = -32
_TASK = -40
_TASK_GROUP = -36
# What bpf_perf_event_read_value writes, struct bpf_perf_event_value, begins with the counter; all zero on an error.
_VALUE = -64
_VALUE_BYTES = 24
# Of the slice that ends; both 0 where the counter could not be read at one of its ends.
_CYCLES = -72
_COUNTED = -80

MARK_WORD = 0x6D61726B
"""
The argument that :data:`MARK` asks for. Who may run the program may also attach it, and no tracepoint has this for its
first: it does nothing there.
"""


class Form(Protocol):
    """
    How a program learns which task an event is about; see :mod:`greensdk_ebpf.forms`.
    """

    group_known: bool

    def task(self, asm: Asm, event: str, where: int) -> None:
        """
        Put the ids of the event's task on the stack.
        """

    def idle_state(self, asm: Asm, dst: int) -> None:
        """
        Load the idle state.
        """


def program(link: str, maps: Mapping[str, int], form: Form) -> bytes:
    """
    Return the program of a link.

    Args:
        link: Its name in :mod:`greensdk_ebpf.layout`; or :data:`MARK`.
        maps: Descriptor of each map; if :data:`COUNTERS` is among them, cycles are counted.
        form: How it learns of tasks.
    """
    asm = Asm().mov(R9, R1)
    makers = {SWITCH: _switch, FORK: _fork, FREE: _free, MARK: _mark}
    if link in makers:
        makers[link](asm, maps, form)
    else:
        _count(asm, maps, form, link)
    return asm.label("out").movi(R0, 0).exit().code()


def _lookup(asm: Asm, fd: int, key: int) -> Asm:
    return asm.map(R1, fd).mov(R2, R10).addi(R2, key).call(MAP_LOOKUP)


def _update(asm: Asm, fd: int, key: int, value: int, flags: int) -> Asm:
    asm.map(R1, fd).mov(R2, R10).addi(R2, key).mov(R3, R10).addi(R3, value)
    return asm.movi(R4, flags).call(MAP_UPDATE)


def _slot(asm: Asm, maps: Mapping[str, int]) -> None:
    # R6 becomes the slot of this CPU.
    asm.call(GET_SMP_PROCESSOR_ID).store(4, R10, _KEY, R0)
    _lookup(asm, maps[CPUS], _KEY).jeqi(R0, 0, "out").mov(R6, R0)


def _own(asm: Asm) -> None:
    asm.call(GET_CURRENT_PID_TGID).store(8, R10, _OWN, R0)


def _bump(asm: Asm, place: int) -> None:
    asm.movi(R1, 1).atomic_add(R6, 8 * place, R1)


def _switch(asm: Asm, maps: Mapping[str, int], form: Form) -> None:
    _slot(asm, maps)
    _clocks(asm, maps)
    _own(asm)
    _begin(asm)
    _slice(asm, "next")
    _note_missed(asm, form)
    asm.load(4, R1, R10, _OWN).jeqi(R1, 0, "idle")
    _book_all(asm, maps)
    asm.jump("next").label("idle")
    asm.load(8, R1, R6, 8 * IDLE).add(R1, R7).store(8, R6, 8 * IDLE, R1)
    asm.label("next").store(8, R6, 8 * START, R8)
    form.task(asm, SWITCH, _TASK)
    asm.load(8, R7, R10, _TASK).store(8, R6, 8 * CURRENT, R7).movi(R8, 0).jeqi(R7, 0, "end")
    _end(asm, maps, _TASK_GROUP if form.group_known else _TASK)


def _mark(asm: Asm, maps: Mapping[str, int], form: Form) -> None:
    # Runs in a task that can't be switched off its CPU meanwhile (bpf_prog_test_run_raw_tp, net/bpf/test_run.c).
    asm.load(8, R1, R9, 0).jnei(R1, MARK_WORD, "out")
    _slot(asm, maps)
    _clocks(asm, maps)
    _own(asm)
    _slice(asm, "out")
    _begin(asm)
    _note_missed(asm, form)
    _book_all(asm, maps)
    asm.label("next").store(8, R6, 8 * START, R8).movi(R8, 0)
    asm.load(8 if form.group_known else 4, R1, R10, _OWN).store(8, R6, 8 * CURRENT, R1)
    _bump(asm, MARKS)
    _end(asm, maps, _OWN_GROUP)


def _clocks(asm: Asm, maps: Mapping[str, int]) -> None:
    # R8 becomes the time, and the counter goes on the stack.
    asm.call(KTIME_GET_NS).mov(R8, R0)
    if COUNTERS in maps:
        asm.map(R1, maps[COUNTERS]).mov32i(R2, -1)  # BPF_F_CURRENT_CPU
        asm.mov(R3, R10).addi(R3, _VALUE).movi(R4, _VALUE_BYTES).call(PERF_EVENT_READ_VALUE)


def _begin(asm: Asm) -> None:
    asm.load(8, R1, R6, 8 * BEGIN).addi(R1, 1).store(8, R6, 8 * BEGIN, R1)


def _slice(asm: Asm, nowhere: str) -> None:
    # R7 becomes its length; if it began nowhere, the jump is taken.
    asm.load(8, R1, R6, 8 * START).jeqi(R1, 0, nowhere).mov(R7, R8).sub(R7, R1)


def _book_all(asm: Asm, maps: Mapping[str, int]) -> None:
    # Ends at the label "next".
    asm.load(8, R1, R6, 8 * BUSY).add(R1, R7).store(8, R6, 8 * BUSY, R1)
    if COUNTERS in maps:
        _book_cycles(asm)
    asm.store(8, R10, _SLICE, R7)
    _book(asm, maps[TGIDS], _OWN_GROUP, "group")
    asm.call(GET_CURRENT_CGROUP_ID).store(8, R10, _ID, R0)
    _book(asm, maps[CGROUPS], _ID, "cgroup")
    _book_trees(asm, maps)


def _book_cycles(asm: Asm) -> None:
    asm.movi(R1, 0).store(8, R10, _CYCLES, R1).store(8, R10, _COUNTED, R1)
    asm.load(8, R2, R6, 8 * COUNTER).jeqi(R2, 0, "uncounted")
    asm.load(8, R1, R10, _VALUE).jeqi(R1, 0, "uncounted")
    asm.sub(R1, R2).store(8, R10, _CYCLES, R1).store(8, R10, _COUNTED, R7)
    asm.load(8, R2, R6, 8 * CYCLES).add(R2, R1).store(8, R6, 8 * CYCLES, R2)
    asm.load(8, R2, R6, 8 * COUNTED).add(R2, R7).store(8, R6, 8 * COUNTED, R2)
    asm.label("uncounted")


def _note_missed(asm: Asm, form: Form) -> None:
    # Who leaves is not who came: the kernel skipped this program at a switch in between.
    half = 4 if form.group_known else 0
    asm.load(4, R1, R6, 8 * CURRENT + half).load(4, R2, R10, _OWN + half).jeq(R1, R2, "seen")
    _bump(asm, LOST)
    asm.label("seen")


def _book(asm: Asm, fd: int, key: int, tag: str) -> None:
    # Another CPU may make the entry between the look and the making; then there is one at the second look.
    _lookup(asm, fd, key).jnei(R0, 0, f"{tag} there")
    _update(asm, fd, key, _SLICE, BPF_NOEXIST).jeqi(R0, 0, f"{tag} done")
    _lookup(asm, fd, key).jnei(R0, 0, f"{tag} there")
    _bump(asm, LOST)
    asm.jump(f"{tag} done").label(f"{tag} there").atomic_add(R0, 0, R7).label(f"{tag} done")


def _book_trees(asm: Asm, maps: Mapping[str, int]) -> None:
    _lookup(asm, maps[TRACKED], _OWN_GROUP).jeqi(R0, 0, "next").load(8, R1, R0, 0)
    for _ in range(DEPTH):
        _lookup(asm.store(8, R10, _ID, R1), maps[TREES], _ID).jeqi(R0, 0, "next")
        asm.atomic_add(R0, 0, R7)
        if COUNTERS in maps:
            asm.load(8, R1, R10, _CYCLES).atomic_add(R0, 8 * TREE_CYCLES, R1)
            asm.load(8, R1, R10, _COUNTED).atomic_add(R0, 8 * TREE_COUNTED, R1)
        asm.load(8, R1, R0, 8).jeqi(R1, 0, "next")


def _end(asm: Asm, maps: Mapping[str, int], key: int) -> None:
    # What has come in is tracked under this key; R8 is 0.
    _lookup(asm, maps[TRACKED], key).jeqi(R0, 0, "end").load(8, R8, R0, 0)
    asm.label("end").store(8, R6, 8 * TREE, R8)
    if COUNTERS in maps:
        asm.load(8, R1, R10, _VALUE).store(8, R6, 8 * COUNTER, R1)
    asm.load(8, R1, R6, 8 * BEGIN).store(8, R6, 8 * END, R1)


def _fork(asm: Asm, maps: Mapping[str, int], form: Form) -> None:
    # The child stands in its parent's tree before it runs for the first time.
    _own(asm)
    _lookup(asm, maps[TRACKED], _OWN_GROUP).jeqi(R0, 0, "out").load(8, R1, R0, 0).store(8, R10, _ID, R1)
    form.task(asm, FORK, _TASK)
    _update(asm, maps[TRACKED], _TASK, _ID, 0).jeqi(R0, 0, "out")
    _slot(asm, maps)
    _bump(asm, LOST)


def _free(asm: Asm, maps: Mapping[str, int], form: Form) -> None:
    # Last of all: the id is not looked up any more, and from here on it may be another task's.
    form.task(asm, FREE, _TASK)
    asm.map(R1, maps[TRACKED]).mov(R2, R10).addi(R2, _TASK).call(MAP_DELETE)


def _count(asm: Asm, maps: Mapping[str, int], form: Form, link: str) -> None:
    if link == CPU_IDLE:
        form.idle_state(asm, R7)
        asm.jeq32i(R7, -1, "out")
    _slot(asm, maps)
    _bump(asm, COUNTS[link])
