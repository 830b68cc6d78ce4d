"""
Bring maps and programs into the kernel, and make sure that they count.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress

from greensdk.errors import MonitorUnavailable
from greensdk_ebpf.forms import Raw, Traced
from greensdk_ebpf.layout import ABOUT, COUNTS, CPUS, CURRENT, FORK, FREE, MAPS, START, SWITCH, about, cpus_possible
from greensdk_ebpf.locate import pid_offset
from greensdk_ebpf.programs import program
from greensdk_ebpf.syscall import Map, map_create, prog_load

WAKE_S = 0.01
"""How long CPUs are woken that have not switched yet; what is left then counts from its next switch on."""


class Loaded:
    """
    What is in the kernel as long as somebody holds these descriptors, or has pinned them.

    Attributes:
        maps: Descriptor of each map by its name.
        links: Descriptor of each link by its name; closing it detaches the program.
        form: ``raw`` or ``tracepoint``.
    """

    def __init__(self, form: str) -> None:
        self.form = form
        self.maps: dict[str, int] = {}
        self.links: dict[str, int] = {}

    def close(self) -> None:
        """
        Close every descriptor. What is not pinned is gone from the kernel with it.
        """
        for fds in (self.links, self.maps):
            while fds:
                os.close(fds.popitem()[1])


def load(form: str | None = None, tracefs: str | None = None) -> Loaded:
    """
    Load and attach everything.

    Args:
        form: ``raw`` or ``tracepoint``; None for the first that works, in this order.
        tracefs: Where tracefs is mounted, if not at one of its usual places.

    Raises:
        MonitorUnavailable: It can't be done here; the reasons are those of each form.
        OSError: The kernel refuses for want of a right or of memory.
    """
    refusals: list[str] = []
    denied: OSError | None = None
    for name in [form] if form else ["raw", "tracepoint"]:
        try:
            return _raw() if name == "raw" else _traced(tracefs)
        except MonitorUnavailable as error:
            refusals.append(f"{name}: {error}")
        except OSError as error:
            refusals.append(f"{name}: {error.filename}: {error.strerror}")
            denied = denied or error
    if denied is not None and isinstance(denied, PermissionError):
        raise denied
    raise MonitorUnavailable("; ".join(refusals))


def _raw() -> Loaded:
    offset, own = pid_offset()
    return _load(Raw(offset), own)


def _traced(tracefs: str | None) -> Loaded:
    return _load(Traced(tracefs), None)


def _load(form: Raw | Traced, own: int | None) -> Loaded:
    loaded = Loaded(form.name)
    with ExitStack() as undo:
        undo.callback(loaded.close)
        for name, spec in MAPS.items():
            key, value = Map(-1, spec.key, spec.value).sizes()
            entries = spec.entries or cpus_possible()
            loaded.maps[name] = map_create(spec.kind, key, value, entries, f"gs_{name}", spec.flags)
        for name in COUNTS:
            # Which kernel has which of these depends on its drivers.
            with suppress(FileNotFoundError):
                _attach(loaded, form, name)
        cpus = Map(loaded.maps[CPUS], MAPS[CPUS].key, MAPS[CPUS].value)
        first = [0] * ABOUT + [about(form.name, set(loaded.links))]
        cpus.put(0, *first)
        for name in (FORK, FREE, SWITCH):
            _attach(loaded, form, name)
        _wake(cpus, own)
        undo.pop_all()
    return loaded


def _attach(loaded: Loaded, form: Raw | Traced, name: str) -> None:
    prog_fd = prog_load(form.kind, program(name, loaded.maps, form), f"gs_{name}")
    try:
        loaded.links[name] = form.attach(prog_fd, name)
    finally:
        os.close(prog_fd)


def _wake(cpus: Map, own: int | None) -> None:
    """
    Run on every CPU once, so that each has switched, and check that the programs saw us there.
    """
    allowed = os.sched_getaffinity(0)
    deadline = time.monotonic() + WAKE_S
    try:
        for cpu in sorted(allowed):
            os.sched_setaffinity(0, {cpu})
            slot = cpus.get(cpu)
            if slot is None or not slot[START]:
                time.sleep(1e-5)  # we have been here all the time
                slot = cpus.get(cpu)
            _check(slot, own)
            if time.monotonic() > deadline:
                break
    finally:
        os.sched_setaffinity(0, allowed)


def _check(slot: tuple[int, ...] | None, own: int | None) -> None:
    if slot is None or not slot[START] or own not in (None, slot[CURRENT]):
        raise MonitorUnavailable(f"the programs are attached, but did not see a context switch right: {slot}")
