"""
A meter whose truth is known, and calls that overlap in every way there is.

The scenarios know nothing of what measures them: they take a `tool`, which makes a decorator in whatever process it
is called, so that ``benchmarks/law.py`` runs them with other libraries too.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from law_ticker import ROW

from greensdk import energy_tracked, track
from greensdk.testing import PowercapTree

Track = Callable[[Callable[..., Any]], Callable[..., Any]]
Tool = Callable[[], Track]

WAIT_S = 600.0


# --- The meter ---


class Power(NamedTuple):
    """
    What one zone draws.

    Attributes:
        watts: Always.
        busy_w: For each busy CPU, on top. A meter with nothing but this gives a call the joules of its CPU seconds,
            whatever runs beside it: then the truth of each call is known, not only of all.
    """

    watts: float
    busy_w: float = 0.0


class Span(NamedTuple):
    """
    When a counter was read, as far as is known.
    """

    from_ns: int
    to_ns: int


class Truth:
    """
    What the ticker has added, and when.

    Args:
        log: Its file.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._rows: list[tuple[int, int, int]] = []

    @property
    def rows(self) -> list[tuple[int, int, int]]:
        """
        Nanoseconds before and after each tick, and the total microjoules after it.
        """
        raw = self._log.read_bytes()
        self._rows = list(ROW.iter_unpack(raw[: len(raw) - len(raw) % ROW.size]))
        return self._rows

    def joules(self, spans: Iterable[tuple[Span, Span]]) -> tuple[float, float]:
        """
        Return the least and the most that the counters can have shown over some pairs of reads, added up.

        The two differ by the ticks that fell into the reads themselves: none of 1 ms for most reads of microseconds.
        """
        rows = self.rows
        begun, done = [row[0] for row in rows], [row[1] for row in rows]

        def least(at_ns: int) -> int:
            return rows[max(0, bisect_right(done, at_ns) - 1)][2]

        def most(at_ns: int) -> int:
            return rows[max(0, bisect_right(begun, at_ns) - 1)][2]

        low_uj = high_uj = 0
        for start, stop in spans:
            low_uj += least(stop.from_ns) - most(start.to_ns)
            high_uj += most(stop.to_ns) - least(start.from_ns)
        return low_uj / 1e6, high_uj / 1e6

    def late_ns(self, at_ns: int) -> int:
        """
        Return how long the tick took to come that followed a moment, from the one before it.
        """
        rows = self._rows or self.rows
        place = bisect_right(rows, (at_ns,))
        return rows[place][0] - rows[place - 1][0] if 0 < place < len(rows) else sys.maxsize


@contextmanager
def turning(tree: PowercapTree, powers: Mapping[str, Power], every_s: float = 0.001) -> Iterator[Truth]:
    """
    Have the counters of `tree` turn while the block runs, by a process of their own.

    Unlike :func:`greensdk.testing.ticking` it needs no turn at this interpreter, so that its ticks come in time beside
    any number of busy threads, and other processes may be measured as well.
    """
    log = Path(tree.root).parent / "law.log"
    log.touch()
    zones = [
        (str(zone.file), *powers[key], zone.uj, zone.range_uj) for key, zone in tree.zones.items() if key in powers
    ]
    settings = {"zones": zones, "log": str(log), "every_s": every_s}
    command = [sys.executable, str(Path(__file__).with_name("law_ticker.py")), json.dumps(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert b"turning\n" == process.stdout.readline()
            yield Truth(log)
        finally:
            process.kill()


# --- What records say ---


def spans(records: Iterable[Mapping[str, Any]]) -> list[tuple[Span, Span]]:
    """
    Return, for each group of overlapping records, when its first counter was read and when its last one.

    A counter is read before the call's first instruction and after its last; ``phases`` says how long it may have been.
    """
    found: list[tuple[Span, Span]] = []
    for record in sorted(records, key=lambda each: each["monotonic_s"]):
        start_s, stop_s = record["monotonic_s"], record["monotonic_s"] + record["duration_s"]
        start = Span(int((start_s - record["phases"]["start_s"]) * 1e9) - 1, int(start_s * 1e9) + 1)
        stop = Span(int(stop_s * 1e9) - 1, int((stop_s + record["phases"]["stop_s"]) * 1e9) + 1)
        if found and start_s * 1e9 < found[-1][1].from_ns:
            first, last = found[-1]
            found[-1] = first, Span(max(last.from_ns, stop.from_ns), max(last.to_ns, stop.to_ns))
        else:
            found.append((start, stop))
    return found


def read_log(log: Path) -> list[dict[str, Any]]:
    """
    Return the records in a file of JSON lines.
    """
    return [json.loads(line) for line in log.read_text().splitlines()]


def greensdk_tool(root: str, log: str) -> Track:
    """
    Return a decorator that measures with the counters below `root` into the file `log`.
    """
    import greensdk_rapl.counters  # noqa: F401 - the first poll would import it between the first call's reads

    # Full resources would be looked at between the wrapper and the first read.
    return energy_tracked(monitors=["rapl"], sink=log, resources="light", plugins={"rapl": {"root": root}})


def measuring_with(tree: PowercapTree, log: Path) -> Tool:
    """
    Return the tool of greensdk on `tree`.
    """
    return partial(greensdk_tool, tree.root, str(log))


# --- The scenarios ---


def burn(seconds: float) -> float:
    """
    Use so many CPU seconds of this thread, and return how many it were.
    """
    began_s = time.thread_time()
    while (used_s := time.thread_time() - began_s) < seconds:
        sum(range(200))
    return used_s


def meet_and_burn(barrier: Any, seconds: float, others: Iterable[Any] = ()) -> None:
    """
    Burn between two points that all calls reach together, and stay until `others` have ended.
    """
    barrier.wait(WAIT_S)
    burn(seconds)
    barrier.wait(WAIT_S)
    for other in others:
        other.join(WAIT_S)


def threads(tool: Tool, number: int, seconds: float) -> None:
    """
    Calls on as many threads, all at once.

    The first begins, and ends, with no call beside it: a thread that waits for the interpreter between reading a
    counter and its call's first instruction has a window that can't be compared with a log.
    """
    barrier = threading.Barrier(number)
    call = tool()(meet_and_burn)
    others = [threading.Thread(target=call, args=(barrier, seconds)) for _ in range(number - 1)]
    first = threading.Thread(target=call, args=(barrier, seconds, others))
    first.start()
    while not barrier.n_waiting and number > 1:
        time.sleep(0.001)
    for other in others:
        other.start()
    first.join(WAIT_S)
    assert not first.is_alive()


def together(members: list[Any]) -> None:
    """
    Start threads or processes, and wait for all.
    """
    for member in members:
        member.start()
    for member in members:
        member.join(WAIT_S)
    assert not any(member.is_alive() for member in members)


def staggered(tool: Tool, number: int, seconds: float) -> None:
    """
    Calls on as many threads that begin one after the other, and end when they have burnt more and more.
    """
    call = tool()(burn)
    members = [threading.Thread(target=call, args=(seconds * (place + 1),)) for place in range(number)]
    for member in members:
        member.start()
        time.sleep(seconds)
    for member in members:
        member.join(WAIT_S)


async def step_by_step(barrier: asyncio.Barrier, seconds: float) -> None:
    """
    Burn in steps of a millisecond, between which every other coroutine has its turn.
    """
    await barrier.wait()
    burnt_s = 0.0
    while burnt_s < seconds:
        burnt_s += burn(min(0.001, seconds - burnt_s))
        await asyncio.sleep(0)
    await barrier.wait()


def coroutines(tool: Tool, number: int, seconds: float) -> None:
    """
    Calls on one event loop.
    """
    call = tool()(step_by_step)

    async def everything() -> None:
        barrier = asyncio.Barrier(number)
        await asyncio.gather(*[call(barrier, seconds) for _ in range(number)])

    asyncio.run(everything())


def nested(tool: Tool, levels: int, seconds: float) -> None:
    """
    Calls inside calls, each of which burns as much itself.
    """
    track = tool()

    @track
    def level(below: int) -> None:
        burn(seconds / 2)
        if below:
            level(below - 1)
        burn(seconds / 2)

    level(levels - 1)


def one_process(tool: Tool, barrier: Any, seconds: float) -> None:
    """
    Be one of :func:`processes`.
    """
    tool()(meet_and_burn)(barrier, seconds)


def perf_tool(root: str, log: str) -> Callable[..., Any]:
    """
    Return a decorator that measures with the perf events below `root` into the file `log`.

    It stands here because processes that a test starts anew can't import the tests.
    """
    from greensdk import energy_tracked

    return energy_tracked(monitors=["perf"], sink=log, plugins={"perf": {"root": root, "operations": False}})


def processes(tool: Tool, number: int, seconds: float) -> None:
    """
    Calls in as many processes.
    """
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(number)
    together([context.Process(target=one_process, args=(tool, barrier, seconds)) for _ in range(number)])


def with_pool(workers: int, tasks: int, seconds: float, method: str = "spawn") -> None:
    """
    Have a pool of one's own burn: of processes that a method of `multiprocessing` starts, of loky, or of threads.
    """
    executor: Any
    if method == "loky":
        from joblib.externals.loky import ProcessPoolExecutor as Loky

        executor = Loky(workers)
    elif method == "threads":
        executor = ThreadPoolExecutor(workers)
    else:
        executor = ProcessPoolExecutor(workers, multiprocessing.get_context(method))
    with executor:
        list(executor.map(burn, [seconds] * tasks))


def pool(tool: Tool, workers: int, tasks: int, seconds: float, method: str = "spawn") -> None:
    """
    One call that leaves the work to others, and waits for them.
    """
    tool()(with_pool)(workers, tasks, seconds, method)


async def with_tasks(number: int, seconds: float) -> None:
    """
    Have as many child tasks burn.
    """
    barrier = asyncio.Barrier(number)
    await asyncio.gather(*[step_by_step(barrier, seconds) for _ in range(number)])


def gathering(tool: Tool, calls: int, number: int, seconds: float) -> None:
    """
    Calls on one event loop, each of which leaves its work to child tasks.
    """
    call = tool()(with_tasks)

    async def everything() -> None:
        await asyncio.gather(*[call(number, seconds) for _ in range(calls)])

    asyncio.run(everything())


def greensdk_blocks(root: str, log: str) -> Track:
    """
    Return a decorator that puts a coroutine function's body into a block, measured as by :func:`greensdk_tool`.
    """
    import greensdk_rapl.counters  # noqa: F401

    def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
        async def inside(*arguments: Any) -> Any:
            with track("block", monitors=["rapl"], sink=log, resources="light", plugins={"rapl": {"root": root}}):
                return await fn(*arguments)

        return inside

    return decorate


def asleep_and_busy(tool: Tool, seconds: float) -> None:
    """
    Two calls, of which one does nothing.
    """
    barrier = threading.Barrier(2)
    call = tool()(meet_and_burn)
    together([threading.Thread(target=call, args=(barrier, each)) for each in (0.0, seconds)])


def one_in_worker(tool: Tool, seconds: float) -> float:
    """
    Be one of :func:`lithops_calls`, in a worker.
    """
    return float(tool()(burn)(seconds))


def lithops_calls(executor: Any, function: Callable[..., Any], number: int, *arguments: Any) -> list[Any]:
    """
    Calls of `function` in Lithops workers; returns their futures when all have ended.
    """
    futures: list[Any] = executor.map(function, [arguments] * number)
    executor.get_result(futures, show_progressbar=False)
    return futures


def lithops_config(folder: Path, workers: int) -> dict[str, Any]:
    """
    Return a configuration whose workers find this very Python.

    Lithops decides when it is imported where its files are, so import it with ``tempfile.tempdir`` in a private folder.
    """
    return {
        "lithops": {"backend": "localhost", "storage": "localhost", "monitoring_interval": 0.1, "data_cleaner": False},
        "localhost": {"runtime": sys.executable, "worker_processes": workers, "storage_bucket": folder.name},
    }


def lithops_environment() -> dict[str, str]:
    """
    Return what workers have to inherit to find this module, and Lithops' files where the client put them.
    """
    from lithops.constants import TEMP_DIR

    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {"TMPDIR": TEMP_DIR, "PYTHONPATH": path}
