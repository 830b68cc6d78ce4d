"""
Two logs of the same functions, from before and after a change.

The calls were not made in turns, so what differs between two jobs of unchanged code is part of the doubt: it is taken
from the logs where they hold enough jobs, else from what was seen elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log, sqrt
from statistics import fmean, stdev
from typing import Any, NamedTuple

from greensdk.ab.comparison import BY, MODELS, Verdict
from greensdk.ab.stats import Interval, clipped, spread, student

SAME_MACHINE, SAME_MODEL = 0.03, 0.06
"""
Standard deviation of ln(one job / another) of unchanged code: on one machine in one boot, and on machines of one CPU
model (shared virtual machines; benchmarks/README.md).
"""
MOST_BETWEEN = 0.15
"""
Calls that differ among themselves tell of neighbours, which come and go for longer than a call: the mean of such a job
is off by as much as one call is (eight jobs of 30 calls on a shared machine: scatter 3 to 25%, means off by 0 to 29%).
More than this is taken for calls with different work.
"""
ENOUGH_JOBS = 5
"""With so many jobs in both logs, their own deviation counts."""
LEVEL = 0.95
"""One-sided: a limit that is kept is told to be exceeded in 5% of cases."""
FEWEST = 2

Key = tuple[str, str]
Job = tuple[Any, ...]


@dataclass
class Calls:
    """
    The calls of one function in one log.

    Attributes:
        taken: What each took by the names of `BY`, with the job that it ran in.
        sources: The monitors that the joules are from.
        machines: (CPU model, number of CPUs) of each.
        boots: The boots of machines.
    """

    taken: list[tuple[Job, Mapping[str, float | None]]] = field(default_factory=list)
    sources: set[str | None] = field(default_factory=set)
    machines: set[tuple[Any, Any]] = field(default_factory=set)
    boots: set[Any] = field(default_factory=set)

    def jobs(self, by: str) -> dict[Job, list[float]]:
        """
        Return the logarithms of what is known, by job.
        """
        found: dict[Job, list[float]] = {}
        for job, taken in self.taken:
            if made := logarithms([taken[by]]):
                found.setdefault(job, []).extend(made)
        return found


def logarithms(values: Iterable[float | None]) -> list[float]:
    """
    Return the logarithms of what is known and above 0.
    """
    return [log(value) for value in values if value is not None and value > 0]


class Row(NamedTuple):
    """
    A function in both logs.

    Attributes:
        name: Its label, or its name.
        tags: Its tags as text.
        old: Calls before.
        new: Calls after.
        by: What is compared.
        interval: new/old with its 90% interval; None where nothing can be said.
        total: The ratio of the means.
        verdict: Of the limit; None without a limit.
        remark: What limits the comparison.
    """

    name: str
    tags: str
    old: int
    new: int
    by: str
    interval: Interval | None
    total: float | None
    verdict: Verdict | None
    remark: str | None

    @property
    def what(self) -> str:
        """
        What is compared, in words.
        """
        return BY[self.by]


def gathered(records: Iterable[Mapping[str, Any]]) -> dict[Key, Calls]:
    """
    Return the calls of a log that ended well, each once, by label (or function) and tags.
    """
    from greensdk.ab.functions import sample

    once: dict[str, Mapping[str, Any]] = {}
    for record in records:
        if record.get("status") == "ok":
            once[record["record_id"]] = record
    found: dict[Key, Calls] = {}
    for record in once.values():
        tags = ", ".join(f"{name}={value}" for name, value in sorted((record.get("tags") or {}).items()))
        calls = found.setdefault((record.get("label") or record.get("function") or "-", tags), Calls())
        host, process = record.get("host") or {}, record.get("process") or {}
        boot = host.get("boot_id") or host.get("host_id")
        taken, source = sample({"active_j": None, "cpu_s": None, "runs": 1, **record})
        calls.taken.append(((boot, process.get("pid"), process.get("started_s")), taken))
        calls.sources.add(source)
        calls.machines.add((host.get("cpu_model"), host.get("cpus_logical")))
        calls.boots.add(boot)
    return found


def compared(
    old: Mapping[Key, Calls], new: Mapping[Key, Calls], by: str | None = None, limit: float | None = None
) -> list[Row]:
    """
    Compare each function that is in both logs.

    Args:
        old: The log from before.
        new: The log from after.
        by: What to compare; None for what both logs tell best.
        limit: How much more may be taken: 0.1 is 10%.
    """
    return [_row(key, old[key], new[key], by or _best(old[key], new[key]), limit) for key in old if key in new]


def _best(old: Calls, new: Calls) -> str:
    """
    Return a meter's joules where both have the same one, else CPU seconds: joules of a meter and a model don't compare.
    """
    sources = old.sources | new.sources
    if len(sources) > 1 or sources & {None, *MODELS}:
        return "cpu" if old.jobs("cpu") and new.jobs("cpu") else "call"
    return "active" if all(len(side.jobs("active")) == len(side.jobs("call")) for side in (old, new)) else "call"


def _row(key: Key, old: Calls, new: Calls, by: str, limit: float | None) -> Row:
    before, after = old.jobs(by), new.jobs(by)
    calls = sum(map(len, before.values())), sum(map(len, after.values()))
    made = Row(*key, *calls, by, None, None, None if limit is None else "unclear", None)
    if min(calls) < FEWEST:
        return made._replace(
            remark=f"{calls[0]} and {calls[1]} calls with a number: at least {FEWEST} are needed in each"
        )
    found = interval(before, after, _between(old, new))
    total = _mean(after) / _mean(before)
    verdict, remark = None if limit is None else judged(found, total, limit), _remark(old, new, by)
    if remark and verdict is not None:
        verdict = "unclear"
    elif verdict == "unclear" and found.high <= 1 + (limit or 0):
        remark = f"summed up it is {total:.3g}x: a few calls weigh more than the many"
    return made._replace(interval=found, total=total, verdict=verdict, remark=remark)


def gate(
    before: Mapping[Any, Sequence[float]], after: Mapping[Any, Sequence[float]], between: float, limit: float
) -> tuple[Verdict, Interval]:
    """
    Judge whether after takes at most 1 + `limit` times what before did.

    Args:
        before: The logarithms of what calls took, by job; at least two.
        after: The same, from after the change.
        between: The deviation of two jobs, if there are too few to see it.
        limit: 0.1 is 10%.
    """
    found = interval(before, after, between)
    return judged(found, _mean(after) / _mean(before), limit), found


def interval(before: Mapping[Any, Sequence[float]], after: Mapping[Any, Sequence[float]], between: float) -> Interval:
    """
    Return after/before with its 90% interval.
    """
    difference, error, degrees = _difference(before, after, between)
    half = student(LEVEL, degrees) * error
    return Interval(exp(difference - half), exp(difference), exp(difference + half))


def judged(found: Interval, total: float, limit: float) -> Verdict:
    """
    Return what an interval says of a limit, if the ratio of the means does not say otherwise.
    """
    if found.low > 1 + limit:
        return "fail"
    return "pass" if found.high <= 1 + limit and total <= 1 + limit else "unclear"


def _remark(old: Calls, new: Calls, by: str) -> str | None:
    """Return why a comparison says little: nothing can be gated over it."""
    if by not in ("cpu", "time", "instructions") and old.sources != new.sources:
        return "the joules are from different monitors"
    if old.machines != new.machines:
        return "the logs are from different CPUs"
    return None


def _between(old: Calls, new: Calls) -> float:
    return SAME_MACHINE if old.boots == new.boots and len(old.boots) == 1 else SAME_MODEL


def _difference(
    before: Mapping[Any, Sequence[float]], after: Mapping[Any, Sequence[float]], between: float
) -> tuple[float, float, float]:
    """
    Return the difference of two means, its standard error, and the degrees of freedom of that (Welch-Satterthwaite).
    """
    if min(len(before), len(after)) >= ENOUGH_JOBS:
        parts = [(*spread([fmean(clipped(job)) for job in side.values()]), len(side)) for side in (before, after)]
        known = 0.0
    else:
        parts, known = [], 0.0
        for side in (before, after):
            values = [value for job in side.values() for value in job]
            parts.append((*spread(values), len(values)))
            known += min(max(between, stdev(values)), max(between, MOST_BETWEEN)) ** 2 / len(side)
    means, errors = [mean for mean, *_ in parts], [error for _, error, _ in parts]
    own = sum(error**2 for error in errors)
    spent = sum(error**4 / (n - 1) for _, error, n in parts)
    # What is known of other jobs has a deviation of its own that is taken as certain: it only adds degrees of freedom.
    degrees = (own + known) ** 2 / spent if spent else float("inf")
    return means[1] - means[0], sqrt(own + known), max(degrees, 1.0)


def _mean(jobs: Mapping[Any, Sequence[float]]) -> float:
    return fmean(exp(value) for job in jobs.values() for value in job)
