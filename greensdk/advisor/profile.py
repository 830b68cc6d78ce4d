"""
From records to profiles: time, energy and cost of each configuration of a stage.

A run is one job (``worker.executor_id`` and ``worker.job_id``); its workers are the calls in it (``worker.call_id``).
A record outside any worker is a run on its own if it has a tag ``workers``; the tags ``memory_mb``, ``stage``,
``workflow`` and ``parents`` are read as well. The time of a run is that of its slowest worker; on one machine it is
from the first call's start to the last one's end, which includes waiting for a free worker. Billed seconds are the sum.

Energy comes from :class:`greensdk.report.EnergyReport`: a meter shared by several workers is counted once and
split among the calls; private meters and estimates add up.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from greensdk.configure.targets import load
from greensdk.report import EnergyReport

Record = dict[str, Any]
Key = tuple[str | None, str, str | None, str | None]

SERVERLESS = "aws_lambda"

PRICE_LIST = "greensdk_cost.prices:list_price"


@attrs.frozen
class Point:
    """
    One run of a stage.

    Attributes:
        workers: Number of workers.
        memory_mb: Memory size of each; None if unlimited.
        time_s: Wall seconds of the slowest, or from the first start to the last end.
        billed_s: Sum of all workers' wall seconds.
        energy_j: Joules of all workers; None if unknown.
        energy_low_j: Lower end of the 90% interval.
        energy_high_j: Upper end.
        machine: The machine it ran on.
    """

    workers: int
    memory_mb: float | None
    time_s: float
    billed_s: float
    energy_j: float | None = None
    energy_low_j: float | None = None
    energy_high_j: float | None = None
    machine: str = ""


@attrs.frozen
class Price:
    """
    The prices of a function service.

    Attributes:
        gb_s_usd: Price of 1024 MB for one second.
        request_usd: Price of one worker's request.
        source: Source and date of the prices.
    """

    gb_s_usd: float
    request_usd: float
    source: str


Prices = Callable[[str | None], Price]


@attrs.frozen
class Profile:
    """
    All runs of one stage.

    Attributes:
        stage: Name of the stage, or of the function.
        points: The runs.
        workflow: The workflow it belongs to.
        backend: The backend of the workers.
        arch: Their architecture.
        parents: The stages it depends on.
        shared_meter: Whether the energy comes from a meter shared by all workers.
        energy_source: The monitor and boundary of the energy.
        price: The prices; None if unknown.
        digest: SHA-256 over the ids of the records.
        remarks: What was left out, and why.
    """

    stage: str
    points: tuple[Point, ...]
    workflow: str | None = None
    backend: str | None = None
    arch: str | None = None
    parents: tuple[str, ...] = ()
    shared_meter: bool = False
    energy_source: str | None = None
    price: Price | None = None
    digest: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """
        Stage, workflow, backend and architecture as text, as far as known.
        """
        place = ", ".join(part for part in (self.workflow, self.backend, self.arch) if part)
        return f"{self.stage} ({place})" if place else self.stage


@attrs.frozen
class _Run:
    """The records of one job, and the resulting point."""

    point: Point
    source: str | None
    shared: bool
    records: tuple[Record, ...]


def profiles(records: Iterable[Record], prices: Prices | None = None) -> tuple[list[Profile], list[str]]:
    """
    Return a profile for each (workflow, stage, backend, architecture), and remarks on what was left out.

    Args:
        records: As :func:`greensdk.logs.read` yields them.
        prices: Prices by architecture; None takes those in the records.
    """
    return profiles_of(EnergyReport(records), prices)


def profiles_of(report: EnergyReport, prices: Prices | None = None) -> tuple[list[Profile], list[str]]:
    """
    Return the same for an existing report.
    """
    rows = report.rows.rows[report.shares.is_shared[report.rows.rows]].tolist()
    shared = {report.source[row]["record_id"] for row in rows}
    stages: dict[Key, list[_Run]] = {}
    problems: Counter[str] = Counter()
    for job in _jobs(report.counted):
        if why := _unusable(job):
            problems[why] += 1
        else:
            stages.setdefault(_key(job[0]), []).append(_run(job, report.calls_j, shared))
    by_stage = [_profile(key, runs, prices) for key, runs in sorted(stages.items(), key=lambda item: str(item[0]))]
    return by_stage, [f"{number} run{'s' * (number != 1)} left out: {why}" for why, number in problems.items()]


def _jobs(records: Sequence[Record]) -> list[list[Record]]:
    jobs: dict[Any, list[Record]] = {}
    for record in records:
        worker = record.get("worker") or {}
        job = (worker.get("executor_id"), worker.get("job_id"))
        jobs.setdefault(record["record_id"] if None in job else job, []).append(record)
    return list(jobs.values())


def _of(record: Mapping[str, Any], key: str) -> Any:
    value = (record.get("worker") or {}).get(key)
    return (record.get("tags") or {}).get(key) if value is None else value


def _unusable(job: Sequence[Record]) -> str:
    if any(record["status"] != "ok" for record in job):
        return "failed or lost calls"
    if any(not record["duration_s"] for record in job):
        return "calls without a duration"
    if _workers(job) < 1:
        return "neither a job nor a tag 'workers'"
    return ""


def _workers(job: Sequence[Record]) -> int:
    calls = {(record.get("worker") or {}).get("call_id") for record in job} - {None}
    if calls:
        return len(calls)
    tag = _number(_of(job[0], "workers"))
    return int(tag) if tag is not None and tag == int(tag) else 0


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _key(record: Record) -> Key:
    worker = record.get("worker") or {}
    stage = _of(record, "stage") or record.get("label") or record.get("function") or "?"
    return _of(record, "workflow"), str(stage), worker.get("backend"), (record.get("host") or {}).get("arch")


def _run(job: Sequence[Record], joules: Mapping[str, float], shared: set[str]) -> _Run:
    seconds: dict[Any, float] = {}
    for record in job:
        call = (record.get("worker") or {}).get("call_id")
        seconds[call] = seconds.get(call, 0.0) + record["duration_s"]
    workers = _workers(job)
    sources = {f"{record['energy_source']} ({record['energy_boundary']})" for record in job}
    known = len(sources) == 1 and all(record["record_id"] in joules for record in job)
    energy_j, low_j, high_j = _energy(job, joules) if known else (None, None, None)
    point = Point(
        workers=workers,
        memory_mb=_number(_of(job[0], "memory_mb")),
        time_s=_wall(job) or max(seconds.values()),
        billed_s=sum(seconds.values()) * (workers if len(seconds) == 1 else 1),
        energy_j=energy_j,
        energy_low_j=low_j,
        energy_high_j=high_j,
        machine=_machine(job),
    )
    source = sources.pop() if energy_j is not None else None
    return _Run(point, source, any(record["record_id"] in shared for record in job), tuple(job))


def _wall(job: Sequence[Record]) -> float | None:
    """
    Return the seconds from the first call's start to the last one's end; None if the calls don't share a clock.

    Lambda's machines may all be restored from one snapshot, boot id included.
    """
    hosts = {(record.get("host") or {}).get("boot_id") for record in job}
    starts = [record.get("monotonic_s") for record in job]
    backend = (job[0].get("worker") or {}).get("backend")
    if len(hosts) > 1 or None in hosts or None in starts or backend == SERVERLESS:
        return None
    ends = [record["monotonic_s"] + record["duration_s"] for record in job]
    return float(max(ends) - min(record["monotonic_s"] for record in job))


def _energy(job: Sequence[Record], joules: Mapping[str, float]) -> tuple[float | None, float | None, float | None]:
    energy_j = math.fsum(joules[record["record_id"]] for record in job)
    if energy_j <= 0:
        return None, None, None
    ends = []
    for key in ("energy_low_j", "energy_high_j"):
        ends_of_calls = [record.get(key) for record in job]
        scaled = [
            end * (joules[record["record_id"]] / record["energy_j"] if record["energy_j"] else 1.0)
            for end, record in zip(ends_of_calls, job, strict=True)
            if end is not None
        ]
        ends.append(math.fsum(scaled) if len(scaled) == len(job) else None)
    return energy_j, ends[0], ends[1]


def _machine(job: Sequence[Record]) -> str:
    """Return the machine, or its CPU model where a service chooses the machine."""
    worker = job[0].get("worker") or {}
    key = "host_id" if worker.get("backend") in {None, "localhost"} else "cpu_model"
    names = {str((record.get("host") or {}).get(key)) for record in job}
    return names.pop() if len(names) == 1 else "several"


def _profile(key: Key, runs: Sequence[_Run], prices: Prices | None) -> Profile:
    workflow, stage, backend, arch = key
    remarks = []
    sources = Counter(run.source for run in runs if run.source)
    source = max(sources, key=lambda name: sources[name]) if sources else None
    if len(sources) > 1:
        remarks.append(f"energy of {source} only; that of other methods is left out")
    silent = sum(run.source != source for run in runs)
    if source and silent:
        remarks.append(f"{silent} of {len(runs)} runs have no energy from {source}")
    records = [record for run in runs for record in run.records]
    ids = sorted(record["record_id"] for record in records)
    return Profile(
        stage=stage,
        points=tuple(run.point if run.source == source else _without_energy(run.point) for run in runs),
        workflow=workflow,
        backend=backend,
        arch=arch,
        parents=_parents(records),
        shared_meter=any(run.shared for run in runs if run.source == source),
        energy_source=source,
        price=prices(arch) if prices else _price(records),
        digest=hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        remarks=tuple(remarks),
    )


def _without_energy(point: Point) -> Point:
    return attrs.evolve(point, energy_j=None, energy_low_j=None, energy_high_j=None)


def _parents(records: Iterable[Record]) -> tuple[str, ...]:
    parents: dict[str, None] = {}
    for record in records:
        value = _of(record, "parents") or ()
        parents |= dict.fromkeys(value.split(",") if isinstance(value, str) else map(str, value))
    return tuple(parents)


def _price(records: Iterable[Record]) -> Price | None:
    """Return the prices in the records: the latest if they changed."""
    price: Price | None = None
    for record in sorted(records, key=lambda each: str(each.get("started_at"))):
        cost = record.get("cost") or {}
        if cost.get("gb_s") and cost.get("compute_usd") is not None:
            source = " ".join(filter(None, (cost.get("price_source"), cost.get("region"), cost.get("price_date"))))
            price = Price(cost["compute_usd"] / cost["gb_s"], cost.get("requests_usd") or 0.0, source)
    return price


def list_price(region: str, arch: str | None) -> Price:
    """
    Return AWS Lambda's prices in a region.

    Raises:
        ConfigError: There is no such price.
    """
    return Price(*load(PRICE_LIST)(region, arch))
