"""
What a measuring executor does with the advisor: sweeps, and jobs cut up as it advises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from greensdk_lithops.records import collect
from greensdk_lithops.sweep import Parted, announced, flat, part, parts, plan_of, sweep

PARTED = "greensdk_parted"


class Advising:
    """
    Mixed into executors, in front of Lithops' own.

    Attributes:
        plan: What the advisor said last; None before it was asked.
    """

    plan: Any = None
    _profiled: list[dict[str, Any]]

    def profile(
        self,
        func: Callable[..., Any],
        data: Iterable[Any],
        *,
        workers: Iterable[int],
        memory: Iterable[int] | None = None,
        reps: int = 3,
        out: str | None = "energy.jsonl",
    ) -> list[dict[str, Any]]:
        """
        Run a function over all of some data with each number of workers, and remember what it took.

        Each worker gets its part of the data and goes through it item by item. ``greensdk advise`` reads the log, and
        ``map(func, data, advise="energy")`` of this executor goes by the runs.

        Args:
            func: As for ``map``; ``id``, ``storage`` and the like are not filled in.
            data: At least as many items as the most workers.
            workers: Numbers of workers; the advisor wants four or more.
            memory: MB of a worker, where the backend lets one choose.
            reps: How often.
            out: The log to append the records to; None for none.

        Returns:
            The records.

        Raises:
            ConfigError: The sweep could not show what it is for; the message says why.
        """
        from greensdk.deliver.sinks import JsonlSink

        log = JsonlSink(out) if out else None
        records: list[dict[str, Any]] = []
        for futures in sweep(self, func, data, workers, memory, reps):
            records += collect(futures)
        for record in records if log else ():
            log.emit(record)  # type: ignore[union-attr]
        if log:
            log.close()
        self._profiled = [*getattr(self, "_profiled", ()), *records]
        return records

    def get_result(self, fs: Any = None, *args: Any, **kwargs: Any) -> Any:
        """
        As Lithops' own; the results of jobs that were cut up are those of the items.
        """
        if isinstance(fs, Parted):
            return flat(super().get_result(fs, *args, **kwargs))  # type: ignore[misc]
        waiting = [] if fs is not None else [future for future in self.futures if not future._read]  # type: ignore[attr-defined]
        results = super().get_result(fs, *args, **kwargs)  # type: ignore[misc]
        if not any(hasattr(future, PARTED) for future in waiting):
            return results
        own = [future for future in waiting if not future.futures and future._produce_output]
        pairs = zip(own, results, strict=True)
        return flat(result if hasattr(future, PARTED) else [result] for future, result in pairs)

    def _advised(
        self, advise: str | Mapping[str, Any], func: Callable[..., Any], data: Iterable[Any], **kwargs: Any
    ) -> Parted:
        """Start a job with as many workers, of as much memory, as the advisor says."""
        items = list(data)
        self.plan = plan_of(func, advise, getattr(self, "_profiled", ()))
        count, memory_mb = announced(self.plan)
        sized = {} if memory_mb is None else {"runtime_memory": memory_mb}
        futures = self.map(part(func), parts(items, count), **{**sized, **kwargs})  # type: ignore[attr-defined]
        for future in futures:
            setattr(future, PARTED, True)
        futures.__class__ = Parted
        return futures  # type: ignore[no-any-return]
