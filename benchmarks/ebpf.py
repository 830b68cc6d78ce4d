"""
What the eBPF clock costs: to load, to read, and at each context switch, without cycles and with them.

Where there is no core PMU, another counter of the kernel's stands for its counter of cycles; it costs about the same.

    sudo python benchmarks/ebpf.py [--seconds N]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import struct
import sys
import time
from collections.abc import Callable

from greensdk.errors import MonitorUnavailable

SWITCHES_PER_S = 5000
CPU_CLOCK = (1, 0)
"""PERF_TYPE_SOFTWARE and PERF_COUNT_SW_CPU_CLOCK, include/uapi/linux/perf_event.h."""
PROG_GET_FD_BY_ID, ENABLE_STATS = 13, 32
"""Commands of bpf(2); statistics are on as long as the descriptor is open."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--seconds", type=float, default=2.0)
    seconds = parser.parse_args().seconds
    from greensdk_ebpf import EbpfClock

    availability = EbpfClock(root="/nonexistent").probe()
    if not availability.ok:
        print(f"not measured: {availability.reason}; {availability.fix}")
        return 0
    for form, name, cycles in (("raw", "raw", None), ("tracepoint", "tracepoint", None), ("raw", *counter())):
        try:
            show(form, name, cycles, seconds)
        except (MonitorUnavailable, OSError) as error:
            print(f"{name}: not measured: {error}")
    show_clock()
    return 0


def counter() -> tuple[str, tuple[int, int]]:
    """
    Return a name and the event of a counter for each CPU.
    """
    from greensdk_ebpf.load import CPU_CYCLES
    from greensdk_perf.pmu import Event
    from greensdk_perf.syscall import perf_open

    try:
        os.close(perf_open(Event("cycles", CPU_CYCLES[0], (CPU_CYCLES[1], 0, 0)), 0))
    except OSError:
        return "raw, cpu-clock for cycles", CPU_CLOCK
    return "raw, cycles", CPU_CYCLES


def show(form: str, name: str, cycles: tuple[int, int] | None, seconds: float) -> None:
    from greensdk_ebpf.layout import SWITCH
    from greensdk_ebpf.load import load
    from greensdk_ebpf.reader import Reader
    from greensdk_ebpf.syscall import bpf

    load_ms = []
    for _ in range(5):
        began = time.perf_counter()
        loaded = load(form, cycles=cycles)
        load_ms.append(1e3 * (time.perf_counter() - began))
        loaded.close()
        time.sleep(0.3)  # the kernel takes programs out in its own time, and blocks meanwhile
    bare_us = ping_pong(seconds)
    loaded = load(form, cycles=cycles)
    reader = Reader(loaded.maps, loaded.mark)
    reader.register(os.getpid())
    counted_us = ping_pong(seconds)
    stats = bpf(ENABLE_STATS, struct.pack("=I", 0))
    prog = program_of(loaded.links[SWITCH])
    ping_pong(seconds)
    spent_ns, runs = (number(prog, key) for key in ("run_time_ns", "run_cnt"))
    each_ns = spent_ns / runs
    print(f"{name}: load and attach {statistics.median(load_ms):.1f} ms (least {min(load_ms):.1f})")
    print(
        f"{name}: {each_ns:.0f} ns a switch of a tracked process, over {runs} of them: "
        f"{each_ns * SWITCHES_PER_S / 1e7:.2f} % of a core at {SWITCHES_PER_S} switches/s"
    )
    print(f"{name}: two processes, to and fro over pipes: {bare_us:.1f} us without, {counted_us:.1f} us with")
    tree = reader.tree(os.getpid())
    for what, call in {
        "tree and machine, slices under way included": lambda: reader.look(tree),
        "machine": reader.host,
        "events": reader.counts,
        "all thread groups": lambda: reader.split("tgids")[0],
    }.items():
        print(f"{name}: read {what}: {median_us(call):.1f} us")
    os.close(prog)
    os.close(stats)
    reader.close()
    loaded.close()


def show_clock() -> None:
    from greensdk_ebpf import EbpfClock

    clock = EbpfClock(root="/nonexistent")
    clock.open()
    token = clock.start()
    print(f"clock: start {median_us(clock.start):.1f} us, stop {median_us(lambda: clock.cpu_time(token)):.1f} us")
    clock.close()


def program_of(link: int) -> int:
    """
    Return a descriptor of the program behind a link.
    """
    from greensdk_ebpf.syscall import bpf

    return bpf(PROG_GET_FD_BY_ID, struct.pack("=III", number(link, "prog_id"), 0, 0))


def number(fd: int, key: str) -> int:
    """
    Return what the kernel says about a descriptor.
    """
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
        found = re.search(rf"^{key}:\s*(\d+)", file.read(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def ping_pong(seconds: float) -> float:
    """
    Return the microseconds of one way to a child on the same CPU and back: two switches.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    (down, into), (up, out) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(into)
        while os.read(down, 1):
            os.write(out, b"x")
        os._exit(0)
    turns, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        os.write(into, b"x")
        os.read(up, 1)
        turns += 1
    for fd in (into, down, up, out):
        os.close(fd)
    os.waitpid(child, 0)
    os.sched_setaffinity(0, allowed)
    return 1e6 * spent / turns


def median_us(call: Callable[[], object], calls: int = 2000) -> float:
    spent = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        call()
        spent.append(time.perf_counter_ns() - began)
    return statistics.median(spent) / 1e3


if __name__ == "__main__":
    sys.exit(main())
