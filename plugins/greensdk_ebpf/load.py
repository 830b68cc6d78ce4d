"""
Bring maps and programs into the kernel, and make sure that they count.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import ExitStack, suppress

from greensdk.errors import MonitorUnavailable
from greensdk_ebpf.forms import Raw, Traced
from greensdk_ebpf.layout import (
    ABOUT,
    BPF_F_PRESERVE_ELEMS,
    COUNTERS,
    COUNTS,
    CPUS,
    CURRENT,
    FORK,
    FREE,
    MAPS,
    MARK,
    PERF_EVENT_ARRAY,
    START,
    SWITCH,
    About,
    cpus_online,
    cpus_possible,
)
from greensdk_ebpf.programs import program
from greensdk_ebpf.syscall import RAW_TRACEPOINT, Map, map_create, prog_load
from greensdk_ebpf.task_offsets import pid_offset

CPU_CYCLES = (0, 0)
"""
PERF_TYPE_HARDWARE and PERF_COUNT_HW_CPU_CYCLES, include/uapi/linux/perf_event.h: those in which the CPU was not halted.
For an event of one CPU, the kernel picks that CPU's core PMU (perf_init_event), also where cores are of several kinds.
"""

WAKE_S = 0.01
"""How long CPUs are woken that have not switched yet; what is left then counts from its next switch on."""

PAUSES_S = (0.0, 1e-5, 1e-4, 1e-3, 1e-3)
"""
How long to wait, each time, for a switch of our own. The first may be none that shows: a timer that is over before the
thread is asleep makes none, and some virtual machines hide some.
"""


class Loaded:
    """
    What is in the kernel as long as these descriptors are held, or pinned.

    Attributes:
        maps: Descriptor of each map by its name.
        links: Descriptor of each link by its name; closing it detaches the program.
        mark: Descriptor of the program :data:`~greensdk_ebpf.layout.MARK`; None where cycles are not counted.
        form: ``raw`` or ``tracepoint``.
    """

    def __init__(self, form: str) -> None:
        self.form = form
        self.mark: int | None = None
        self.maps: dict[str, int] = {}
        self.links: dict[str, int] = {}

    def close(self) -> None:
        """
        Close every descriptor. What is not pinned is gone from the kernel with it.
        """
        for fds in (self.links, self.maps):
            while fds:
                os.close(fds.popitem()[1])
        if self.mark is not None:
            os.close(self.mark)
            self.mark = None


def load(form: str | None = None, tracefs: str | None = None, cycles: tuple[int, int] | None = CPU_CYCLES) -> Loaded:
    """
    Load and attach everything.

    Args:
        form: ``raw`` or ``tracepoint``; None for the first that works, in this order.
        tracefs: Where tracefs is mounted, if not at one of its usual places.
        cycles: The event that counts cycles, as type and config of perf_event_open(2), which are counted wherever the
            kernel has it; None to leave them out.

    Raises:
        MonitorUnavailable: It can't be done here; the reasons are those of each form.
        OSError: The kernel refuses for want of a right or of memory.
    """
    refusals: list[str] = []
    denied: OSError | None = None
    for name in [form] if form else ["raw", "tracepoint"]:
        try:
            return _raw(cycles) if name == "raw" else _traced(tracefs, cycles)
        except MonitorUnavailable as error:
            refusals.append(f"{name}: {error}")
        except OSError as error:
            refusals.append(f"{name}: {error.filename}: {error.strerror}")
            denied = denied or error
    if denied is not None and isinstance(denied, PermissionError):
        raise denied
    raise MonitorUnavailable("; ".join(refusals))


def _raw(cycles: tuple[int, int] | None) -> Loaded:
    offset, own = pid_offset()
    return _load(Raw(offset), own, cycles)


def _traced(tracefs: str | None, cycles: tuple[int, int] | None) -> Loaded:
    return _load(Traced(tracefs), None, cycles)


def _load(form: Raw | Traced, own: int | None, cycles: tuple[int, int] | None) -> Loaded:
    loaded = Loaded(form.name)
    with ExitStack() as passing, ExitStack() as undo:
        undo.callback(loaded.close)
        for name, spec in MAPS.items():
            key, value = Map(-1, spec.key, spec.value).sizes()
            entries = spec.entries or cpus_possible()
            loaded.maps[name] = map_create(spec.kind, key, value, entries, f"gs_{name}", spec.flags)
        counters, refused = _counters(cycles, passing)
        maps = {**loaded.maps, **counters}
        for name in COUNTS:
            # Which kernel has which of these depends on its drivers.
            with suppress(FileNotFoundError):
                _attach(loaded, form, name, maps)
        cpus = Map(loaded.maps[CPUS], MAPS[CPUS].key, MAPS[CPUS].value)
        cpus.put(0, *[0] * ABOUT, About(form.name, frozenset(loaded.links), refused).word())
        for name in (FORK, FREE, SWITCH):
            _attach(loaded, form, name, maps)
        if counters:
            loaded.mark = prog_load(RAW_TRACEPOINT, program(MARK, maps, form), f"gs_{MARK}")
        _wake(cpus, own)
        undo.pop_all()
    return loaded


def _counters(event: tuple[int, int] | None, passing: ExitStack) -> tuple[dict[str, int], int]:
    """
    Return the map of the CPUs' counters, open until `passing` ends, or nothing and why, as an error number.

    The programs keep the map, and with BPF_F_PRESERVE_ELEMS (Linux 5.10) the map keeps the counters. They are pinned
    to their CPUs: shared with other users of perf in turns, they would miss some cycles of a slice.
    """
    if event is None:
        return {}, errno.ECANCELED
    from greensdk_perf.pmu import Event
    from greensdk_perf.syscall import PINNED, perf_open

    kind, config = event
    try:
        fd = map_create(PERF_EVENT_ARRAY, 4, 4, cpus_possible(), f"gs_{COUNTERS}", BPF_F_PRESERVE_ELEMS)
        passing.callback(os.close, fd)
        for cpu in cpus_online():
            event_fd = perf_open(Event("cycles", kind, (config, 0, 0)), cpu, bits=PINNED)
            try:
                Map(fd, "I", "I").put(cpu, event_fd)
            finally:
                os.close(event_fd)
    except OSError as error:
        return {}, error.errno or errno.EIO
    return {COUNTERS: fd}, 0


def _attach(loaded: Loaded, form: Raw | Traced, name: str, maps: dict[str, int]) -> None:
    prog_fd = prog_load(form.kind, program(name, maps, form), f"gs_{name}")
    try:
        loaded.links[name] = form.attach(prog_fd, name)
    finally:
        os.close(prog_fd)


def _wake(cpus: Map, own: int | None) -> None:
    """Run on every CPU once, so that each has switched, and check that the programs saw us there."""
    allowed = os.sched_getaffinity(0)
    deadline = time.monotonic() + WAKE_S
    try:
        for cpu in sorted(allowed):
            os.sched_setaffinity(0, {cpu})
            _check(cpus, cpu, own)
            if time.monotonic() > deadline:
                break
    finally:
        os.sched_setaffinity(0, allowed)


def _check(cpus: Map, cpu: int, own: int | None) -> None:
    slot = None
    for pause_s in PAUSES_S:
        if pause_s:
            time.sleep(pause_s)
        slot = cpus.get(cpu)
        if slot is not None and slot[START] and own in (None, slot[CURRENT]):
            return
    raise MonitorUnavailable(f"the programs are attached, but did not see a context switch right: {slot}")
