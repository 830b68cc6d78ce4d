"""
How fast a large log is read: ``greensdk report``, ``query``, ``validate``, and :func:`greensdk.logs.read`.

The log is made up: hosts whose package and memory counters are read by calls one after the other, of which a tenth
overlap; calls inside calls; workers of Lithops; estimates; and some that failed. It is deleted afterwards. Each
command runs in a process of its own; "peak" is the most memory that one process of it had resident.

    python -m benchmarks.logs [--records N] [--keep FILE]
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

HOSTS = 8
OVERLAPPING = 0.1
NESTED = 0.08
ESTIMATED = 0.3
FAILED = 0.02
MOST_ON_A_PAGE = 100_000
RANGE_UJ = 262_143_328_850
BUSY_W = {"package-0": 95.0, "dram-0": 8.0}
BASIS = "package model for Intel servers before 2021 (RAPL of 8 CPU models), TDP 240 W from exact match"
READ = "import sys, collections; from greensdk.logs import read; collections.deque(read(sys.argv[1]), 0)"
SQL = "select function, sum(energy_j) from records group by 1"


class Host:
    """
    A machine with clocks and counters that go on as its calls run.
    """

    def __init__(self, number: int, dice: random.Random) -> None:
        self.dice = dice
        self.about = {
            "host_id": f"{dice.getrandbits(64):016x}",
            "boot_id": f"{dice.getrandbits(32):08x}-46e5-45e7-a1a4-{dice.getrandbits(48):012x}",
            "os": "linux",
            "arch": "x86_64",
            "cpu_model": "AMD EPYC 7763",
            "cpus_logical": 32,
            "memory_bytes": 270_000_000_000 + number,
        }
        self.at_s = dice.uniform(100.0, 1e6)
        self.free_s = self.at_s

    def window(self) -> tuple[float, float]:
        """
        Return when the next call begins and how long it takes.
        """
        length_s = self.dice.expovariate(2.0) + 0.01
        gap_s = 0.001 + self.dice.expovariate(20.0)
        begin_s = self.free_s + gap_s
        if self.dice.random() < OVERLAPPING * 0.8:
            begin_s = max(self.at_s, self.free_s - 0.3 * length_s)
        self.at_s, self.free_s = begin_s, max(self.free_s, begin_s + length_s)
        return round(begin_s, 6), round(length_s, 6)

    def counter_uj(self, domain: str, at_s: float) -> int:
        return int(BUSY_W[domain] * at_s * 1e6) % RANGE_UJ


def made(records: int) -> Iterator[dict[str, Any]]:
    """
    Yield records, the same ones in every run.
    """
    dice = random.Random(20261121)
    hosts = [Host(number, dice) for number in range(HOSTS)]
    outer: dict[str, Any] | None = None
    for number in range(records):
        if outer is not None and dice.random() < NESTED:
            yield _inside(outer, number)
            continue
        host = hosts[dice.randrange(HOSTS)]
        outer = _call(number, host, dice)
        yield outer


def _call(number: int, host: Host, dice: random.Random) -> dict[str, Any]:
    begin_s, length_s = host.window()
    cpu_s, busy_s = round(length_s * dice.uniform(0.2, 4.0), 6), round(length_s * dice.uniform(6.0, 20.0), 6)
    reading = (
        _estimate(length_s, cpu_s) if dice.random() < ESTIMATED else _rapl(host, begin_s, length_s, cpu_s / busy_s)
    )
    failed = dice.random() < FAILED
    reason = "rapl: the counter could not be read" if failed and dice.random() < 0.5 else None
    call_j = None if reason else reading["call_j"]
    return {
        "schema": "greensdk.record/1",
        "record_id": f"{dice.getrandbits(64):016x}{number:016x}",
        "parent_id": None,
        "depth": 0,
        "function": f"pipeline.stage_{number % 7}.transform",
        "label": None,
        "tags": {"team": "data"},
        "status": "error" if failed else "ok",
        "error_type": "ValueError" if failed else None,
        "runs": 1,
        "started_at": "2026-11-21T10:30:36.956224Z",
        "monotonic_s": begin_s,
        "duration_s": length_s,
        "cpu_s": cpu_s,
        "cpu_source": "process",
        "host_cpu_s": busy_s,
        "host_cpu_start_s": round(begin_s * 12.0, 6),
        "host_cpu_source": "cpuacct",
        "energy_j": call_j,
        "energy_low_j": None if reason else reading["low_j"],
        "energy_high_j": None if reason else reading["high_j"],
        "energy_source": None if reason else reading["monitor"],
        "energy_quality": None if reason else reading["quality"],
        "energy_boundary": None if reason else reading["boundary"],
        "energy_self_j": call_j,
        "reason": reason,
        "readings": [reading],
        "resources": {
            "cpu_percent": round(100.0 * cpu_s / length_s, 1),
            "peak_rss_bytes": 19767296 + number,
            "minor_faults": 12,
        },
        "host": host.about,
        "worker": _worker(number, dice) if number % 10 < 7 else None,
        "errors": {},
        "phases": {"start_s": round(dice.uniform(2e-5, 6e-5), 9), "stop_s": round(dice.uniform(1e-5, 3e-5), 9)},
        "overhead_s": 0.000133639,
        "greensdk": "0.1.0",
    }


def _rapl(host: Host, begin_s: float, length_s: float, share: float) -> dict[str, Any]:
    starts = {name: host.counter_uj(name, begin_s) for name in BUSY_W}
    counted = {name: int(BUSY_W[name] * length_s * 1e6) / 1e6 for name in BUSY_W}
    energy_j = round(sum(counted.values()), 6)
    return {
        "monitor": "rapl",
        "scope": "machine",
        "quality": "measured",
        "boundary": "package+dram",
        "energy_j": energy_j,
        "call_j": round(energy_j * share, 6),
        "low_j": round(energy_j * share * 0.96, 6),
        "high_j": round(energy_j * share * 1.05, 6),
        "domains": counted,
        "meter_id": f"{host.about['host_id']}:rapl",
        "reason": None,
        "attributes": {"start_uj": starts, "range_uj": dict.fromkeys(BUSY_W, RANGE_UJ)},
    }


def _estimate(length_s: float, cpu_s: float) -> dict[str, Any]:
    energy_j = round(90.0 * length_s, 6)
    return {
        "monitor": "psutil-tdp",
        "scope": "machine",
        "quality": "estimated",
        "boundary": "package",
        "energy_j": energy_j,
        "call_j": round(4.0 * cpu_s, 6),
        "low_j": round(2.4 * cpu_s, 6),
        "high_j": round(6.9 * cpu_s, 6),
        "domains": {"package": energy_j},
        "meter_id": None,
        "reason": None,
        "attributes": {"model": "power", "tdp_w": 240.0, "basis": BASIS, "load": 0.41},
    }


def _inside(outer: dict[str, Any], number: int) -> dict[str, Any]:
    """
    Return a call inside another.
    """
    return {
        **outer,
        "record_id": f"{outer['record_id'][:16]}{number:016x}",
        "parent_id": outer["record_id"],
        "depth": 1,
        "function": "pipeline.common.parse",
    }


def _worker(number: int, dice: random.Random) -> dict[str, Any]:
    job = number // 500
    return {
        "adapter": "lithops",
        "backend": ("localhost", "k8s", "aws_lambda")[job % 3],
        "executor_id": f"{0xA1B2C3 + job // 10:06x}-{job % 10}",
        "job_id": f"M{job % 1000:03d}",
        "call_id": f"{number % 500:05d}",
        "activation_id": f"{dice.getrandbits(48):012x}",
        "attempt": 1,
        "memory_mb": 1769,
        "cold_start": number % 50 == 0,
    }


def measured(command: list[str]) -> tuple[float, float, str]:
    """
    Return a command's seconds, the MB that one of its processes had at most, and the last line it printed.
    """
    watch = (
        "import resource, subprocess, sys, time; start = time.perf_counter(); "
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(time.perf_counter() - start, used.ru_maxrss, done.returncode, *done.stdout.splitlines()[-1:], sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", watch, *command], check=True, stdout=subprocess.PIPE, text=True)
    seconds, peak_kib, code, *last = done.stdout.splitlines()
    if code != "0":
        raise SystemExit(f"{' '.join(command)}: exit code {code}")
    return float(seconds), int(peak_kib) * 1024 / 1e6, "".join(last)


def commands(log: str, page: str, records: int) -> dict[str, list[str]]:
    """
    Return what is measured, by name. A page of very many records is not: pictures of a million calls take minutes.
    """
    greensdk = [sys.executable, "-m", "greensdk"]
    found = {
        "greensdk report": [*greensdk, "report", log],
        "greensdk report --by worker.backend": [*greensdk, "report", log, "--by", "worker.backend"],
        "greensdk report --by tags.team": [*greensdk, "report", log, "--by", "tags.team"],
        "greensdk validate": [*greensdk, "validate", log],
        "greensdk.logs.read": [sys.executable, "-c", READ, log],
    }
    if find_spec("greensdk.cli.query"):
        found["greensdk query, group by function"] = [*greensdk, "query", SQL, log]
    if records <= MOST_ON_A_PAGE:
        found["greensdk report --html"] = [*greensdk, "report", log, "--html", page]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="Make the log here and leave it; one that is here is read again.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = options.keep or Path(folder, "energy.jsonl")
        if not log.exists():
            with open(log, "wb") as lines:
                lines.writelines(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in made(options.records))
        size = log.stat().st_size
        print(f"{options.records:,} records, {size / 1e6:,.0f} MB, {size / options.records:,.0f} bytes each")
        print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before")
        print(f"{'':40} {'s':>7} {'records/s':>11} {'peak MB':>8}")
        for name, command in commands(str(log), str(Path(folder, "page.html")), options.records).items():
            seconds, peak, _ = measured(command)
            print(f"{name:40} {seconds:7.2f} {options.records / seconds:11,.0f} {peak:8.0f}", flush=True)
        print(f"load {os.getloadavg()[0]:.1f} after")
    return 0


if __name__ == "__main__":
    sys.exit(main())
