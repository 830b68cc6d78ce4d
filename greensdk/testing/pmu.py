"""
Energy counters of perf events on any Linux machine: a sysfs of the test, and counters of the real kernel behind it.

What perf_event_open(2) opens is decided by numbers in sysfs. :class:`FakePmu` writes numbers that lead to counters
that every kernel has, so that a monitor makes the real system calls, with real rights, and the truth is known:

* a clock (``PERF_COUNT_SW_CPU_CLOCK`` of include/uapi/linux/perf_event.h) times some watts, or
* a tracepoint on a system call that programs hardly ever make, so that one call of the test is one joule, exactly.

``perf`` itself takes the tree too, with ``SYSFS_PATH`` in its environment.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

SOFTWARE, TRACEPOINT = 1, 2
"""PERF_TYPE_SOFTWARE and PERF_TYPE_TRACEPOINT."""

CPU_CLOCK = 0
"""PERF_COUNT_SW_CPU_CLOCK, in nanoseconds."""

NO_EVENT = 0xFFFF
"""A number behind which neither software events nor tracepoints have anything: the kernel answers ENOENT or EINVAL."""

CALLS: dict[str, Callable[[], object]] = {
    "sched_rr_get_interval": lambda: os.sched_rr_get_interval(0),
    "sched_get_priority_min": lambda: os.sched_get_priority_min(0),
    "sched_get_priority_max": lambda: os.sched_get_priority_max(0),
    "sched_getparam": lambda: os.sched_getparam(0),
    "sched_getscheduler": lambda: os.sched_getscheduler(0),
    "getsid": lambda: os.getsid(0),
    "getresgid": lambda: os.getresgid(),  # noqa: PLW0108 - macOS, which may import this, has neither
    "getresuid": lambda: os.getresuid(),  # noqa: PLW0108
}
"""System calls that hardly any program makes; the tracepoint on one counts those of the whole machine."""

PATIENCE_S = 60.0
"""How long to wait for a system call that no other fake PMU of the machine counts."""

EVENTS = ("energy-pkg",)

TRACEFS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")


class FakePmu:
    """
    A machine whose perf events count energy.

    Without `watts`, one call of :meth:`count` is one joule of every event. Each package, or die, is
    counted on a CPU of its own: the first ones that this process may use.

    Args:
        path: An empty directory.
        watts: What each meter draws, of every event alike; None for counters that :meth:`count` turns. Those need
            tracefs, which root can mount.
        packages: How many processor packages there are.
        dies: How many dies each of them has.
        events: Names of the energy events; :meth:`event` adds stranger ones.
        core: With a core PMU for cycles and instructions, which :meth:`operate` turns, on every CPU.
        amd: The processor says it is AMD's.

    Attributes:
        root: What takes the place of ``/sys``.
        cpus: The CPU of each package or die.
        scale: Joules of one count.

    Raises:
        ValueError: There are not enough CPUs.
        RuntimeError: There is no tracefs, and it can't be mounted; or other fake PMUs have all system calls.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as path:
        ...     pmu = FakePmu(path, watts=100.0, events=["energy-pkg", "energy-ram"])
        ...     sorted(file.name for file in Path(pmu.root).glob("bus/event_source/devices/power/events/*.scale"))
        ['energy-pkg.scale', 'energy-ram.scale']
    """

    def __init__(
        self,
        path: str | Path,
        *,
        watts: float | None = None,
        packages: int = 1,
        dies: int = 1,
        events: Iterable[str] = EVENTS,
        core: bool = False,
        amd: bool = False,
    ) -> None:
        self.root = str(path)
        self.scale = 1.0 if watts is None else watts * 1e-9
        self.cpus = tuple(sorted(os.sched_getaffinity(0))[: packages * dies])
        if len(self.cpus) < packages * dies:
            raise ValueError(f"{packages * dies} meters need as many CPUs, and this process may use {len(self.cpus)}")
        self._joule, self._cycle, self._instruction = [
            claim(self) if needed else "" for needed in (watts is None, core, core)
        ]
        self._config = CPU_CLOCK if watts is not None else tracepoint(self._joule)
        self._topology(dies, amd)
        power = SOFTWARE if watts is not None else TRACEPOINT
        self._pmu("power", power, ",".join(map(str, self.cpus)), events)
        if core:
            self._pmu("cpu", TRACEPOINT, None, ())
            for name, call in (("cpu-cycles", self._cycle), ("instructions", self._instruction)):
                self._write(self._home("cpu") / "events" / name, f"event={tracepoint(call):#x}")

    def event(
        self, name: str, *, factor: float = 1.0, unit: str = "Joules", refused: bool = False, config: int | None = None
    ) -> None:
        """
        Add an energy event, or replace one.

        Args:
            name: For example ``energy-ram``.
            factor: How many times as many joules it counts as the other events.
            unit: What it says it counts; empty for an event without a unit.
            refused: The kernel does not know it, so that it can't be opened.
            config: What it counts instead; with `watts`, 9 is an event that never happens (PERF_COUNT_SW_DUMMY).
        """
        config = NO_EVENT if refused else self._config if config is None else config
        file = self._home("power") / "events" / name
        self._write(file, f"event={config:#06x}")
        self._write(file.with_name(f"{name}.scale"), f"{self.scale * factor:.20e}")
        if unit:
            self._write(file.with_name(f"{name}.unit"), unit)
        else:
            file.with_name(f"{name}.unit").unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """
        Take an energy event away.
        """
        for file in (self._home("power") / "events").glob(f"{name}*"):
            if file.name.partition(".")[0] == name:
                file.unlink()

    def count(self, times: int, package: int = 0) -> None:
        """
        Have every event of a package, or die, by its place in :attr:`cpus`, count this many joules more.
        """
        with _pinned(self.cpus[package]):
            _repeat(self._joule, times)

    def operate(self, *, cycles: int = 0, instructions: int = 0) -> None:
        """
        Have the core PMU count this many cycles and instructions more.
        """
        _repeat(self._cycle, cycles)
        _repeat(self._instruction, instructions)

    def _topology(self, dies: int, amd: bool) -> None:
        home = Path(self.root, "devices", "system", "cpu")
        online = Path("/sys/devices/system/cpu/online").read_text(encoding="ascii")
        for name in ("online", "possible", "present"):
            self._write(home / name, online)
        self._write(home / "modalias", f"cpu:type:x86,ven{2 if amd else 0:04X}fam0006mod0001:feature:,0000")
        for cpu in range(os.cpu_count() or 1):
            place = self.cpus.index(cpu) if cpu in self.cpus else 0
            topology = home / f"cpu{cpu}" / "topology"
            self._write(topology / "physical_package_id", str(place // dies))
            self._write(topology / "die_id", str(place % dies))
            self._write(topology / "core_id", str(cpu))

    def _pmu(self, name: str, kind: int, cpumask: str | None, events: Iterable[str]) -> None:
        home = self._home(name)
        self._write(home / "type", str(kind))
        self._write(home / "format" / "event", "config:0-15")
        (home / "events").mkdir()
        if cpumask is not None:
            self._write(home / "cpumask", cpumask)
        for each in events:
            self.event(each)

    def _home(self, pmu: str) -> Path:
        return Path(self.root, "bus", "event_source", "devices", pmu)

    def _write(self, file: Path, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text.strip()}\n", encoding="ascii")


def _repeat(name: str, times: int) -> None:
    call = CALLS[name]
    for _ in range(times):
        call()


def claim(owner: object) -> str:
    """
    Return the name of a system call that no other fake PMU of this machine counts, as long as `owner` lives.

    A name of a socket is taken for it, which the kernel frees with the process at the latest.

    Raises:
        RuntimeError: All are taken.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        for name in CALLS:
            holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                holder.bind(f"\0greensdk-pmu-{name}")
            except OSError:
                holder.close()
                continue
            weakref.finalize(owner, os.close, holder.detach())
            return name
        if time.monotonic() > deadline:
            raise RuntimeError(f"other fake PMUs of this machine count all of {', '.join(CALLS)}")
        time.sleep(0.05)


@contextmanager
def _pinned(cpu: int) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@cache
def tracepoint(call: str) -> int:
    """
    Return the number of the tracepoint at the beginning of a system call.

    Where tracefs is not mounted, it is for a moment, invisible to others.

    Raises:
        RuntimeError: There is none, or no right to look at it.
    """
    file = f"events/syscalls/sys_enter_{call}/id"
    for home in TRACEFS:
        try:
            return int(Path(home, file).read_text(encoding="ascii"))
        except OSError:
            continue
    script = 'mount -t tracefs none "$0" && cat "$0/$1"'
    words = ["unshare", "--mount", "sh", "-c", script, TRACEFS[0], file]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise RuntimeError(
            f"the number of the tracepoint sys_enter_{call} can't be found: {said.strip()}; be root, "
            f"or: sudo mount -t tracefs none {TRACEFS[0]}"
        ) from error
    return int(done.stdout)
