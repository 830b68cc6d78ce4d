"""
What it costs in each call to tell overlapping calls apart: the lanes, the ledger, the machine's CPU clock.

    python benchmarks/law_cost.py [--calls N] [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from greensdk import energy_tracked, track
from greensdk.configure.spec import make_spec
from greensdk.measure.attribution import share_of
from greensdk.measure.cputime import host_clock
from greensdk.measure.record import Subject
from greensdk.measure.slots import slot_for
from greensdk.measure.state import lanes, ledger
from greensdk.measure.window import Window


def noop() -> None:
    pass


def per_call_us(function: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls * 1e6


def stepping() -> Callable[[], None]:
    """
    Return what a call does on its lane: enter and leave, with the thread's clock at either end.
    """
    runtime = slot_for(make_spec({"monitors": [], "sink": "memory:"}, None)).open()
    window = Window(runtime, Subject("noop"))
    ledger.open -= 1

    def step() -> None:
        window.resume()
        window.pause()

    return step


def clock_twice() -> Callable[[], None]:
    clock = host_clock()
    assert clock is not None

    def read() -> None:
        clock.read()
        clock.read()

    return read


def entered() -> None:
    """
    Do what a window does to know whether it is beside others: its lane, and the two counts of the ledger.
    """
    if lanes.here is not None:
        ledger.open += 1
        ledger.born += 1
    _ = ledger.born, ledger.open == 1
    ledger.open -= 1


def beside(others: int, calls: int) -> float:
    """
    Return microseconds per call while so many others, which sleep, are under way in other threads.
    """
    call = energy_tracked(monitors=[], sink="memory:")(noop)
    call()
    ready, done = threading.Barrier(others + 1), threading.Event()

    def rest() -> None:
        with track("beside", monitors=[], sink="memory:"):
            ready.wait()
            done.wait()

    members = [threading.Thread(target=rest) for _ in range(others)]
    for member in members:
        member.start()
    ready.wait()
    found = per_call_us(call, calls)
    done.set()
    for member in members:
        member.join()
    return found


def inside(levels: int, calls: int) -> float:
    """
    Return microseconds per call inside so many others.
    """
    call = energy_tracked(monitors=[], sink="memory:")(noop)
    call()
    with ExitStack() as stack:
        for _ in range(levels):
            stack.enter_context(track("around", monitors=[], sink="memory:"))
        return per_call_us(call, calls)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    calls = options.calls
    step, clock = stepping(), clock_twice()
    figures: dict[str, Callable[[], float]] = {
        "beside others or not: lane and ledger": lambda: per_call_us(entered, calls),
        "on its lane: enter, leave, the thread's clock twice": lambda: per_call_us(step, calls),
        "  of which the thread's clock twice": lambda: 2 * per_call_us(time.thread_time_ns, calls),
        "the machine's CPU clock twice": lambda: per_call_us(clock, calls),
        "the share": lambda: per_call_us(lambda: share_of(1.0, 2.0, 0.01), calls),
        "a call, clocks only, alone": lambda: inside(0, calls),
        "the same inside 3 others": lambda: inside(3, calls),
        "the same beside 8 threads with calls": lambda: beside(8, calls),
    }
    times: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(options.rounds):
        for name, figure in figures.items():
            times[name].append(figure())
    print(f"{'microseconds in each call':52} {'median':>7} {'least':>7}")
    for name, values in times.items():
        print(f"{name:52} {statistics.median(values):7.2f} {min(values):7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
