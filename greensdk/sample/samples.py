"""
What samples come to: from two looks at a process tree to a sample, from many samples to a record's ``samples``.

Everything here is a pure function of what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple

from greensdk.machine.processes import Process
from greensdk.schema.sampled import SAMPLED

PROCESSES = 100
"""How many processes a record names: those that took the most CPU time."""

SLACK_S = 0.02
"""
What a sum of CPU seconds may fall by though nothing has left the tree: the time of a process that was waited for is
cut down to whole ticks, user and system time each (100 a second, proc_pid_stat(5)).
"""

NO_SAMPLE = "no sample lies in the call: it was shorter than the sampling period, or began inside of one"
NO_METER = "power_w: no monitor here reads a meter of the machine"
WHY_NOT = {
    "cpu_percent": "a process left the tree with its numbers, or none could be read",
    "rss_bytes": "no process could be read",
    "io_read_bytes_per_s": "the system does not tell, or a process left the tree with its numbers",
    "io_write_bytes_per_s": "the system does not tell, or a process left the tree with its numbers",
}


class Part(NamedTuple):
    """
    What one process did between two looks.

    Attributes:
        pid: Its id.
        birth: See :class:`greensdk.machine.processes.Process`.
        ppid: Its parent's id.
        cpu_s: CPU seconds of its own in between.
        rss_bytes: Its resident memory at the second look.
    """

    pid: int
    birth: float
    ppid: int
    cpu_s: float
    rss_bytes: int


class Sample(NamedTuple):
    """
    What happened between two looks.

    Attributes:
        since_ns: When the first look began, on the clock of ``time.perf_counter_ns``.
        at_ns: When the second began.
        done_ns: When it had ended.
        power: For each monitor, by ``id()``, the watts of its meter and over how many seconds, or why there are none.
        tree: For each key of `SAMPLED` the number; None where there is none.
        processes: What each process of the tree did.
        problem: What went wrong; empty when nothing did.
    """

    since_ns: int
    at_ns: int
    done_ns: int
    power: Mapping[int, tuple[float, float] | str]
    tree: Mapping[str, float | None]
    processes: Sequence[Part]
    problem: str = ""


def compare(before: Sequence[Process], after: Sequence[Process], seconds: float) -> dict[str, float | None]:
    """
    Return what a tree did between two looks, for each key of `SAMPLED`.

    Nothing is known where a look failed, and of CPU and I/O where a sum fell: a process has taken its numbers away.
    """
    if not before or not after:
        return dict.fromkeys(SAMPLED)
    cpu_per_s = _rate(before, after, seconds, lambda process: process.cpu_s + process.waited_s, SLACK_S)
    return {
        "cpu_percent": None if cpu_per_s is None else 100.0 * cpu_per_s,
        "rss_bytes": sum(process.rss_bytes for process in after),
        "io_read_bytes_per_s": _rate(before, after, seconds, lambda process: process.read_bytes),
        "io_write_bytes_per_s": _rate(before, after, seconds, lambda process: process.write_bytes),
    }


def _rate(
    before: Sequence[Process],
    after: Sequence[Process],
    seconds: float,
    get: Callable[[Process], float | None],
    slack: float = 0.0,
) -> float | None:
    first, last = _sum(before, get), _sum(after, get)
    if first is None or last is None or last < first - slack:
        return None
    return max(0.0, last - first) / seconds


def _sum(processes: Sequence[Process], get: Callable[[Process], float | None]) -> float | None:
    total = 0.0
    for process in processes:
        number = get(process)
        if number is None:  # a sum with a hole is no sum
            return None
        total += number
    return total


def parts(before: Sequence[Process], after: Sequence[Process]) -> tuple[Part, ...]:
    """
    Return what each process did between two looks. One that is new was born in between, whatever pid it has.
    """
    spent = {(process.pid, process.birth): process.cpu_s for process in before}
    return tuple(
        Part(
            process.pid,
            process.birth,
            process.ppid,
            max(0.0, process.cpu_s - spent.get((process.pid, process.birth), 0.0)),
            process.rss_bytes,
        )
        for process in after
    )


def statistics(values: Sequence[tuple[float, float]]) -> dict[str, Any] | None:
    """
    Return the `STATISTICS` of some (number, weight); None of no number.

    The mean is weighted. The 95th percentile is the nearest rank, the ``ceil(0.95 n)``-th lowest number (definition 1
    of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996), which is always one that was seen.
    """
    if not values:
        return None
    numbers = sorted(number for number, _ in values)
    lowest, highest = numbers[0], numbers[-1]
    mean = fsum(number * weight for number, weight in values) / fsum(weight for _, weight in values)
    return {
        "n": len(numbers),
        "min": lowest,
        "mean": min(max(mean, lowest), highest),  # rounding may carry it over the edge
        "max": highest,
        "p95": numbers[(95 * len(numbers) + 99) // 100 - 1],
    }


def summary(samples: Sequence[Sample], monitors: Mapping[int, str], why_none: str = "") -> dict[str, Any]:
    """
    Return what a record says of its samples, but for what only the sampler knows.
    """
    seconds = [(sample.at_ns - sample.since_ns) * 1e-9 for sample in samples]
    tree = {
        name: statistics(
            [
                (number, span_s)
                for sample, span_s in zip(samples, seconds, strict=True)
                if (number := sample.tree[name]) is not None
            ]
        )
        for name in SAMPLED
    }
    power, reasons = _power(samples, monitors)
    reasons += [f"{name}: {why}" for name, why in WHY_NOT.items() if tree[name] is None]
    return {
        "achieved_s": fsum(seconds) / len(samples) if samples else None,
        "n": len(samples),
        "power_w": power,
        **tree,
        "processes": _processes(samples),
        "reason": "; ".join(reasons) or None if samples else why_none or NO_SAMPLE,
    }


def _power(samples: Sequence[Sample], monitors: Mapping[int, str]) -> tuple[dict[str, Any], list[str]]:
    power: dict[str, Any] = {}
    reasons: list[str] = []
    for key, name in monitors.items():
        seen = [sample.power[key] for sample in samples if key in sample.power]
        if seen:
            power[name] = statistics([each for each in seen if not isinstance(each, str)])
            if power[name] is None:
                reasons.append(f"power_w: {name}: {seen[-1]}")
    return power, reasons if power else [NO_METER]


def _processes(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    found: dict[tuple[int, float], dict[str, Any]] = {}
    for sample in samples:
        for part in sample.processes:
            fresh = {"pid": part.pid, "ppid": part.ppid, "cpu_s": 0.0, "rss_max_bytes": 0}
            row = found.setdefault((part.pid, part.birth), fresh)
            row["ppid"] = part.ppid
            row["cpu_s"] += part.cpu_s
            row["rss_max_bytes"] = max(row["rss_max_bytes"], part.rss_bytes)
    return sorted(found.values(), key=lambda row: -row["cpu_s"])[:PROCESSES]
