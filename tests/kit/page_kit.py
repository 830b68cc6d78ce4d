"""
Records of runs that never were: a call at a time, or a run of many calls on machines of three kinds.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

XEON = {"host_id": "aaaa000011112222", "boot_id": "boot-a", "cpu_model": "Intel Xeon Gold 6252", "cpus_logical": 48}
EPYC = {"host_id": "bbbb000011112222", "boot_id": "boot-b", "cpu_model": "AMD EPYC 7763", "cpus_logical": 128}
CLOUD = {"host_id": "cccc000011112222", "boot_id": "boot-c", "cpu_model": "AWS sandbox", "cpus_logical": 2}

EVIL = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>&amp;",
    "two\nlines\r\x1b[2J\x00",
    "\u202egnp.evil",
    "emoji \U0001f331 [red]bold[/red] $x^2$ _",
    "https://example.invalid/a.png",
    "long" * 250_000,
)
"""Names that do harm where they are taken for anything but text."""


def read(
    monitor: str, boundary: str, joules: float | None, reason: str | None = None, quality: str = "attributed"
) -> dict[str, Any]:
    """
    Return a reading with an interval of 10% to either side.
    """
    known = joules is not None
    return {
        "monitor": monitor,
        "scope": "call",
        "quality": quality,
        "boundary": boundary,
        "energy_j": joules,
        "call_j": joules,
        "low_j": joules * 0.9 if known else None,
        "high_j": joules * 1.1 if known else None,
        "domains": {},
        "meter_id": None,
        "reason": reason,
        "attributes": {"basis": "12 hosts"} if quality == "estimated" else {},
    }


def call(number: int, start_s: float = 0.0, duration_s: float | None = 1.0, **changes: Any) -> dict[str, Any]:
    """
    Return a record whose primary is the first of its readings that has joules.
    """
    readings = changes.pop("readings", [read("rapl", "package", 10.0)])
    primary = next((each for each in readings if each["call_j"] is not None), None) or {}
    return {
        "schema": "greensdk.record/1",
        "record_id": f"{number:032x}",
        "parent_id": None,
        "depth": 0,
        "function": "f",
        "label": None,
        "tags": {},
        "status": "ok",
        "error_type": None,
        "runs": 1,
        "started_at": (BEGAN + timedelta(seconds=start_s)).isoformat().replace("+00:00", "Z"),
        "monotonic_s": start_s,
        "duration_s": duration_s,
        "cpu_s": None if duration_s is None else 0.8 * duration_s,
        "cpu_source": "process",
        "host_cpu_s": duration_s,
        "host_cpu_start_s": start_s,
        "host_cpu_source": "cpuacct",
        "energy_j": primary.get("call_j"),
        "energy_low_j": primary.get("low_j"),
        "energy_high_j": primary.get("high_j"),
        "energy_source": primary.get("monitor"),
        "energy_quality": primary.get("quality"),
        "energy_boundary": primary.get("boundary"),
        "reason": None if primary else "no monitor can measure here",
        "readings": readings,
        "host": XEON,
        "worker": None,
        "cost": {},
        "carbon": {},
        "errors": {},
        "greensdk": "0.1.0",
        "config_digest": "0123456789ab",
        "plugins": {"rapl": "0.1.0"},
        **changes,
    }


def worker(**changes: Any) -> dict[str, Any]:
    """
    Return where a call ran.
    """
    place = {"adapter": "lithops", "backend": "k8s", "executor_id": "e-0", "job_id": "M000", "call_id": "00000"}
    return {**place, "pod": None, "stage": None, **changes}


def metered(number: int, start_s: float, duration_s: float, watts: float, **changes: Any) -> dict[str, Any]:
    """
    Return a record that read a package of `watts`, of which half is its own when it runs alone.
    """
    counted_j = watts * duration_s
    reading = {
        **read("rapl", "package", counted_j / 2),
        "scope": "machine",
        "energy_j": counted_j,
        "domains": {"package-0": counted_j},
        "meter_id": "host:rapl",
        "attributes": {"start_uj": {"package-0": round(watts * start_s * 1e6)}, "range_uj": {"package-0": 10**15}},
    }
    cpu_s = duration_s / 2
    return call(number, start_s, duration_s, readings=[reading], cpu_s=cpu_s, host_cpu_s=duration_s, **changes)


def run(calls: int = 500, seed: int = 1) -> list[dict[str, Any]]:
    """
    Return a run of so many calls: two machines with meters, one cloud with estimates and bills, some errors.
    """
    dice = random.Random(seed)
    functions = [
        "pi.count_inside",
        "stock.monte_carlo",
        "titanic.train",
        "video.resize_frames",
        "words.count",
        "x.rest",
    ]
    free_s = {(home, slot): 0.0 for home, slots in ((0, 4), (1, 6), (2, 10)) for slot in range(slots)}
    found = []
    for number in range(calls):
        place = min(free_s, key=lambda each: free_s[each])
        home = place[0]
        start_s = free_s[place] + dice.expovariate(2.0)
        duration_s = dice.lognormvariate(0.3, 0.7) * (1 + home)
        free_s[place] = start_s + duration_s
        backend = ("k8s", "k8s", "aws_lambda")[home]
        same = {
            "function": dice.choice(functions),
            "label": dice.choice(["train", "serve"]),
            "worker": worker(backend=backend, call_id=f"{number:05d}"),
            "host": (XEON, EPYC, CLOUD)[home],
        }
        if number % 50 == 7:
            same |= {"status": "error", "error_type": "ValueError"}
        if number % 100 == 99:
            record = call(number, start_s, None, readings=[], **{**same, "status": "lost"})
            found.append({**record, "reason": "no result came back from its worker"})
        elif home == 0:
            found.append(metered(number, start_s, duration_s, 70.0, **same))
        else:
            found.append(call(number, start_s, duration_s, readings=_readings(dice, home, duration_s), **same))
            if home == 2:
                found[-1]["cost"] = {"usd": duration_s * 2.9e-5}
    return found


def _readings(dice: random.Random, home: int, duration_s: float) -> list[dict[str, Any]]:
    joules = duration_s * dice.uniform(2.0, 3.0) * (4 if home == 1 else 1)
    gpu = read("nvml", "gpu", None, "the GPU time of each process is unknown", "measured")
    tdp = [
        read("psutil-tdp", "package", joules * dice.uniform(0.7, 1.6), quality="estimated"),
        read("psutil-tdp", "wall", joules * dice.uniform(1.7, 2.6), quality="estimated"),
    ]
    if home == 1:
        return [read("rapl", "package+dram", joules), read("perf", "package", joules * 0.86), *tdp, gpu]
    return [read("lambda-estimator", "vcpu+memory", joules, quality="estimated"), *tdp, gpu]


def write(path: Path, records: list[dict[str, Any]]) -> str:
    """
    Write the records to a file and return its path.
    """
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)
