"""
Sweeps of a function over worker counts and memory sizes for the advisor, and jobs split as it recommends.

A worker here is one call, which processes its part of the data item by item.
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
"""A child of Lithops' logger, so that its messages appear with Lithops'."""

NO_PROFILE = "map: advise={!r}: no runs{}: call profile() first, or give a log, {{'records': 'energy.jsonl'}}"


class Parted(FuturesList):  # type: ignore[misc]
    """
    Futures of a job that was split into parts: each has a list of results, which the executor's ``get_result``
    flattens.
    """


def flat(results: Iterable[Iterable[Any]]) -> list[Any]:
    """
    Return the results of all parts in one list.
    """
    return [result for part in results for result in part]


def part(func: Callable[..., Any]) -> Callable[[list[Any]], list[Any]]:
    """
    Return a function that calls `func` with each item of a list, as Lithops' ``map`` would.

    It has the name of `func`, for the records, but its signature has one argument, which Lithops inspects.
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
    Return the arguments of `workers` calls of :func:`part`: adjacent items, as even as possible, none empty.

    Example:
        >>> parts([1, 2, 3, 4, 5], 2)
        [([1, 2, 3],), ([4, 5],)]
    """
    workers = min(workers, len(items))
    size, remainder = divmod(len(items), workers) if workers else (0, 0)
    ends = [index * size + min(index, remainder) for index in range(workers + 1)]
    return [(list(items[start:stop]),) for start, stop in pairwise(ends)]


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

    All configurations run before the next repetition, so that drift of the machine affects all of them alike.

    Raises:
        ConfigError: There is nothing to run, or localhost allows fewer concurrent workers.
    """
    items, runs = list(data), planned(workers, memory, reps)
    check(executor, items, runs)
    for _, count, memory_mb in with_progress(runs, f"profile {getattr(func, '__name__', 'function')}"):
        sized = {} if memory_mb is None else {"runtime_memory": memory_mb}
        futures = executor.map(part(func), parts(items, count), **sized)
        executor.get_result(futures, show_progressbar=False)
        for future in futures:
            future._read = True  # so that get_result() without futures skips them
        yield futures


def planned(workers: Iterable[int], memory: Iterable[int] | None, reps: int) -> list[Run]:
    """
    Return all runs of a sweep.
    """
    counts = sorted(set(workers))
    if not counts or counts[0] < 1 or reps < 1:
        raise ConfigError(f"profile: workers = {counts}, reps = {reps}: expected positive integers")
    sizes = sorted(set(memory)) if memory else [None]
    return [(rep, count, size) for rep, size, count in product(range(reps), sizes, counts)]


def check(executor: Any, items: Sequence[Any], runs: Sequence[Run]) -> None:
    """
    Refuse a sweep whose worker counts can't be reached.

    Raises:
        ConfigError: There are fewer items than workers, or localhost allows fewer concurrent workers.
    """
    largest = max(count for _, count, _ in runs)
    if len(items) < largest:
        raise ConfigError(f"profile: {len(items)} items for {largest} workers: use more items or fewer workers")
    if executor.backend == "localhost":
        limit = executor.config["localhost"].get("worker_processes") or os.cpu_count() or 1
        if limit < largest:
            raise ConfigError(
                f"profile: localhost allows {limit} concurrent workers, fewer than {largest}; "
                f"set worker_processes: {largest} in Lithops' localhost section"
            )


def with_progress(runs: Sequence[Run], what: str) -> Iterator[Run]:
    """
    Yield the runs, with a progress bar if standard error is a terminal.
    """
    if not sys.stderr.isatty():
        yield from runs
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(runs, description=what, console=Console(stderr=True), transient=True)


def plan_of(func: Callable[..., Any], advise: str | Mapping[str, Any], profiled: Iterable[dict[str, Any]]) -> Plan:
    """
    Return the advisor's plan for a function.

    Args:
        func: The function.
        advise: An objective, or a dict with ``objective``, ``records`` (a log) and the other arguments of
            :func:`greensdk.advisor.advise`.
        profiled: Records to use if `advise` names no log.

    Raises:
        ConfigError: There are no runs, or the advisor has no recommendation; the message has the reason.
    """
    from greensdk.advisor import advise as ask
    from greensdk.logs import read

    limits = {"objective": advise} if isinstance(advise, str) else dict(advise)
    source = limits.pop("records", None)
    name = getattr(func, "__qualname__", None)
    records = [record for record in (read(source) if source else profiled) if _is_of(record, name)]
    if not records:
        raise ConfigError(NO_PROFILE.format(advise, f" of {name} in {source}" if source else ""))
    advice = ask(records, **limits)
    for workflow in advice.workflows:
        if workflow.plan is not None and workflow.plan.choice is not None:
            return workflow.plan
    why = [*(str(workflow.reason) for workflow in advice.workflows), *advice.remarks]
    raise ConfigError(f"map: advise={advise!r}: {'; '.join(why)}")


def _is_of(record: Mapping[str, Any], name: str | None) -> bool:
    return str(record["function"]).endswith(f".{name}")


def announced(plan: Plan) -> tuple[int, int | None]:
    """
    Return number of workers and memory size of a plan, and log them.
    """
    assert plan.choice is not None
    ((name, (count, memory_mb)),) = plan.choice.configs.items()
    size = None if memory_mb is None else int(memory_mb)
    expected = ", ".join(f"{key} {value:.3g} [{low:.3g}, {high:.3g}]" for key, (value, low, high) in plan.total.items())
    workers = f"{count} worker{'s' * (count != 1)}" + ("" if size is None else f" of {size} MB")
    logger.info("greensdk: %s for %s (%s); expected: %s", workers, name, plan.objective, expected)
    return count, size
