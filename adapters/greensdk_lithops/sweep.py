"""
A function over a range of worker counts and memory sizes, for the advisor; and jobs cut up as it advises.

A worker here is one call, which does its part of the data, one item after the other.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

from lithops.utils import FuturesList

from greensdk.errors import ConfigError

if TYPE_CHECKING:
    from greensdk.advisor import Plan

Run = tuple[int, int, int | None]
"""Repetition, number of workers, MB of each."""

logger = logging.getLogger("lithops.greensdk")
"""Below Lithops' own, so that what it says is seen where Lithops' lines are."""

NO_PROFILE = "map: advise={!r}: no runs{} to go by: call profile() before, or name a log, {{'records': 'energy.jsonl'}}"


class Parted(FuturesList):  # type: ignore[misc]
    """
    Futures of a job that was cut up: fewer than there are items, and each with a list of results. Its executor's
    ``get_result`` knows.
    """


def flat(results: Iterable[Iterable[Any]]) -> list[Any]:
    """
    Return the results of all parts as one list.
    """
    return [result for part in results for result in part]


def part(func: Callable[..., Any]) -> Callable[[list[Any]], list[Any]]:
    """
    Return a function that calls `func` with each of several items, as Lithops' ``map`` would have.

    It has the name of `func`, for the records, but takes one argument, which Lithops must see.
    """

    def call(items: list[Any]) -> list[Any]:
        return [_apply(func, item) for item in items]

    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(call, name, getattr(func, name, None) or getattr(call, name))
    return call


def _apply(func: Callable[..., Any], item: Any) -> Any:
    if isinstance(item, dict):
        return func(**item)
    return func(*item) if isinstance(item, tuple) else func(item)


def parts(items: Sequence[Any], workers: int) -> list[tuple[list[Any]]]:
    """
    Return the arguments of `workers` calls of :func:`part`: neighbouring items, as evenly as possible, none empty.

    Example:
        >>> parts([1, 2, 3, 4, 5], 2)
        [([1, 2, 3],), ([4, 5],)]
    """
    workers = min(workers, len(items))
    size, rest = divmod(len(items), workers) if workers else (0, 0)
    ends = [place * size + min(place, rest) for place in range(workers + 1)]
    return [(list(items[first:behind]),) for first, behind in pairwise(ends)]


def sweep(
    executor: Any,
    func: Callable[..., Any],
    data: Iterable[Any],
    workers: Iterable[int],
    memory: Iterable[int] | None,
    reps: int,
) -> Iterator[list[Any]]:
    """
    Run `func` over `data` with each number of workers and each memory size, `reps` times, and yield each run's futures.

    All configurations come before the next repetition, so that a drift of the machine meets all of them alike.

    Raises:
        ConfigError: There is nothing to run, or this machine does not run so many workers at a time.
    """
    items, runs = list(data), planned(workers, memory, reps)
    check(executor, items, runs)
    for _, count, memory_mb in shown(runs, f"profile {getattr(func, '__name__', 'function')}"):
        sized = {} if memory_mb is None else {"runtime_memory": memory_mb}
        futures = executor.map(part(func), parts(items, count), **sized)
        executor.get_result(futures, show_progressbar=False)
        for future in futures:
            future._read = True  # so that a get_result() without futures leaves them out
        yield futures


def planned(workers: Iterable[int], memory: Iterable[int] | None, reps: int) -> list[Run]:
    """
    Return all runs of a sweep.
    """
    counts = sorted(set(workers))
    if not counts or counts[0] < 1 or reps < 1:
        raise ConfigError(f"profile: workers = {counts}, reps = {reps}: expected numbers from 1 on")
    sizes = sorted(set(memory)) if memory else [None]
    return [(rep, count, size) for rep, size, count in product(range(reps), sizes, counts)]


def check(executor: Any, items: Sequence[Any], runs: Sequence[Run]) -> None:
    """
    Refuse a sweep that could not show what it is for.

    Raises:
        ConfigError: There are fewer items than workers, or localhost runs fewer at a time.
    """
    most = max(count for _, count, _ in runs)
    if len(items) < most:
        raise ConfigError(f"profile: {len(items)} items can't keep {most} workers busy; give more, or fewer workers")
    if executor.backend == "localhost":
        at_once = executor.config["localhost"].get("worker_processes") or os.cpu_count() or 1
        if at_once < most:
            raise ConfigError(
                f"profile: localhost runs {at_once} workers at a time, and {most} are asked for; "
                f"set worker_processes: {most} in Lithops' localhost section"
            )


def shown(runs: Sequence[Run], what: str) -> Iterator[Run]:
    """
    Yield the runs, with a progress bar on standard error where somebody is there to see it.
    """
    if not sys.stderr.isatty():
        yield from runs
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(runs, description=what, console=Console(stderr=True), transient=True)


def plan_of(func: Callable[..., Any], advise: str | Mapping[str, Any], profiled: Iterable[dict[str, Any]]) -> Plan:
    """
    Return what the advisor makes of the runs of a function.

    Args:
        func: The function.
        advise: An objective, or a dict with ``objective``, ``records`` (a log to go by) and the other arguments of
            :func:`greensdk.advisor.advise`.
        profiled: Records to go by, if `advise` names none.

    Raises:
        ConfigError: There is nothing to go by, or it leads nowhere; the message says why.
    """
    from greensdk.advisor import advise as ask
    from greensdk.logs import read

    limits = {"objective": advise} if isinstance(advise, str) else dict(advise)
    source = limits.pop("records", None)
    name = getattr(func, "__qualname__", None)
    found = [record for record in (read(source) if source else profiled) if _is_of(record, name)]
    if not found:
        raise ConfigError(NO_PROFILE.format(advise, f" of {name} in {source}" if source else ""))
    advice = ask(found, **limits)
    for workflow in advice.workflows:
        if workflow.plan is not None and workflow.plan.choice is not None:
            return workflow.plan
    why = [*(str(workflow.reason) for workflow in advice.workflows), *advice.remarks]
    raise ConfigError(f"map: advise={advise!r}: {'; '.join(why)}")


def _is_of(record: Mapping[str, Any], name: str | None) -> bool:
    return str(record["function"]).endswith(f".{name}")


def told(plan: Plan) -> tuple[int, int | None]:
    """
    Return number of workers and MB of a plan, and say them in the log.
    """
    assert plan.choice is not None
    ((name, (count, memory_mb)),) = plan.choice.configs.items()
    size = None if memory_mb is None else int(memory_mb)
    expected = ", ".join(f"{key} {value:.4g} [{low:.4g}, {high:.4g}]" for key, (value, low, high) in plan.total.items())
    memory = "" if size is None else f" of {size} MB"
    logger.info("greensdk: %s workers%s for %s (%s); expected: %s", count, memory, name, plan.objective, expected)
    return count, size
