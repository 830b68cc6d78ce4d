"""
From records to profiles: what each configuration of a stage took.

A run is one job (``worker.executor_id`` and ``worker.job_id``); its workers are the calls in it (``worker.call_id``).
A record outside of any worker is a run of its own if its tags say how many ``workers`` it used; tags may give
``memory_mb``, ``stage``, ``workflow`` and ``parents``, too. The time of a run is its slowest worker's; on one machine
it is from the first call's beginning to the last one's end, so that calls that wait for a free worker count. The billed
seconds are the sum.

Joules go through :class:`greensdk.report.EnergyReport`: a meter that several workers read is counted once and its
joules are the calls' parts of it; private meters and estimates add up.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pkgutil import resolve_name
from typing import Any

import attrs

from greensdk.report import EnergyReport

Record = dict[str, Any]
Key = tuple[str | None, str, str | None, str | None]

SERVERLESS = "aws_lambda"


@attrs.frozen
class Point:
    """
    One run of a stage.

    Attributes:
        workers: How many worked at once.
        memory_mb: What each was allotted; None where there is no such limit.
        time_s: Wall seconds of the slowest, or from the first beginning to the last end.
        billed_s: Wall seconds of all, added up.
        energy_j: Joules of all; None where nothing told.
        energy_low_j: Lower end of their 90 % interval.
        energy_high_j: Upper end.
        machine: Where it ran.
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
    What a function as a service bills.

    Attributes:
        gb_s_usd: For 1024 MB and a second.
        request_usd: For each worker.
        source: Where the prices come from, and of which day they are.
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
        stage: Its name, or the function's.
        points: The runs.
        workflow: What it belongs to.
        backend: Where the workers were.
        arch: Their architecture.
        parents: The stages it waits for.
        shared_meter: The joules come from a meter that all workers read.
        energy_source: The monitor and boundary they come from.
        price: What is billed; None where no price is known.
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
        For people: stage, workflow, backend and architecture, as far as they are known.
        """
        place = ", ".join(part for part in (self.workflow, self.backend, self.arch) if part)
        return f"{self.stage} ({place})" if place else self.stage


@attrs.frozen
class _Run:
    """
    The records of one job, and what they come to.
    """

    point: Point
    source: str | None
    shared: bool
    records: tuple[Record, ...]


def profiles(records: Iterable[Record], prices: Prices | None = None) -> tuple[list[Profile], list[str]]:
    """
    Return a profile for each (workflow, stage, backend, architecture), and what could not be used.

    Args:
        records: As :func:`greensdk.logs.read` yields them.
        prices: Price of an architecture; None takes what the records say.
    """
    return profiles_of(EnergyReport(records), prices)


def profiles_of(report: EnergyReport, prices: Prices | None = None) -> tuple[list[Profile], list[str]]:
    """
    Return the same for records that are added up already.
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
    found = [_profile(key, runs, prices) for key, runs in sorted(stages.items(), key=lambda item: str(item[0]))]
    return found, [f"{number} {why}" for why, number in problems.items()]


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
        return "runs with calls that failed or were lost are left out"
    if any(not record["duration_s"] for record in job):
        return "runs with calls without a duration are left out"
    if _workers(job) < 1:
        return "records outside of a job have no tag 'workers' and are left out"
    return ""


def _workers(job: Sequence[Record]) -> int:
    calls = {(record.get("worker") or {}).get("call_id") for record in job} - {None}
    if calls:
        return len(calls)
    told = _number(_of(job[0], "workers"))
    return int(told) if told is not None and told == int(told) else 0


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
    Return the seconds from the first call's beginning to the last one's end; None where calls have clocks of their own.

    Lambda's machines may all come from one snapshot, boot id included.
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
        told = [record.get(key) for record in job]
        of_all = [
            end * (joules[record["record_id"]] / record["energy_j"] if record["energy_j"] else 1.0)
            for end, record in zip(told, job, strict=True)
            if end is not None
        ]
        ends.append(math.fsum(of_all) if len(of_all) == len(job) else None)
    return energy_j, ends[0], ends[1]


def _machine(job: Sequence[Record]) -> str:
    """
    Return what makes runs comparable: the machine itself, or where a service picks one, its CPU.
    """
    worker = job[0].get("worker") or {}
    key = "host_id" if worker.get("backend") in {None, "localhost"} else "cpu_model"
    found = {str((record.get("host") or {}).get(key)) for record in job}
    return found.pop() if len(found) == 1 else "several"


def _profile(key: Key, runs: Sequence[_Run], prices: Prices | None) -> Profile:
    workflow, stage, backend, arch = key
    remarks = []
    sources = Counter(run.source for run in runs if run.source)
    source = max(sources, key=lambda name: sources[name]) if sources else None
    if len(sources) > 1:
        remarks.append(f"joules of {source} only: those of other meters are left out")
    silent = sum(run.source != source for run in runs)
    if source and silent:
        remarks.append(f"{silent} of {len(runs)} runs have no joules of {source}")
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
    found: dict[str, None] = {}
    for record in records:
        told = _of(record, "parents") or ()
        found |= dict.fromkeys(told.split(",") if isinstance(told, str) else map(str, told))
    return tuple(found)


def _price(records: Iterable[Record]) -> Price | None:
    """
    Return the prices that the records were billed by: the latest where they changed.
    """
    found: Price | None = None
    for record in sorted(records, key=lambda each: str(each.get("started_at"))):
        cost = record.get("cost") or {}
        if cost.get("gb_s") and cost.get("compute_usd") is not None:
            source = " ".join(filter(None, (cost.get("price_source"), cost.get("region"), cost.get("price_date"))))
            found = Price(cost["compute_usd"] / cost["gb_s"], cost.get("requests_usd") or 0.0, source)
    return found


def list_price(region: str, arch: str | None) -> Price:
    """
    Return what AWS Lambda bills in a region.

    Raises:
        ConfigError: No such price is known.
    """
    from greensdk.errors import ConfigError

    prices = resolve_name("greensdk_cost.prices")  # a plugin, which is reached by its name
    name = {"aarch64": "arm64", "amd64": "x86_64", None: "x86_64"}.get(arch, arch)
    price = prices.gb_s_usd(region, name, 1) if region in prices.PRICES and name in prices.ARCHITECTURES else None
    if price is None:
        raise ConfigError(f"no price of AWS Lambda is known for {region}, {name}: known are {', '.join(prices.PRICES)}")
    where = prices.source(region)
    return Price(price, prices.PRICES[region][2], f"{where} {region} {prices.SOURCES[where]}")
