"""
Records read back on the client: full ones from storage, else what ``future.stats`` tells, else that a call is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from greensdk_lithops.first import MISSING_KEY
from greensdk_lithops.futures import attempts
from greensdk_lithops.reading import JobRecords
from greensdk_lithops.rebuild import LOST, UNMEASURED, from_stats, later_overhead_s, without_record, worker_of
from greensdk_lithops.storage import DEFAULT_PREFIX

WAIT_S = 60.0
NOT_OVER = "the call was not over when its record was collected"
NOT_MEASURED = (
    "the call ended but left no record: its function is not measured, or its worker has no greensdk (see README.md)"
)


def collect(futures: Any, *, prefix: str = DEFAULT_PREFIX, wait_s: float = WAIT_S) -> list[dict[str, Any]]:
    """
    Return the records of the calls behind `futures`, in their order.

    One for each call and attempt; several for a call whose function is not measured itself but calls measured ones. A
    call that left nothing has a record with the reason and the status ``unmeasured`` if it ended well, ``lost`` if it
    was killed or ran out of time. Waits for no call and raises for no single future: collect when the results are
    there.

    Args:
        futures: Of any executor, chained lists and futures of ``lithops.concurrent.futures`` too. The failed attempts
            behind a ``RetryingFuture`` come before the last one where the executor was a measuring one.
        prefix: Where in the storage the records are, if not in the default place.
        wait_s: How long a storage may take that does not answer. What it does not give comes from ``future.stats``.
    """
    calls = list(_calls(futures))
    found = JobRecords(prefix, wait_s).records(calls)
    return [
        _completed(record, call)
        for call, records in zip(calls, found, strict=True)
        for record in records or _without(call)
    ]


def _calls(futures: Any) -> Iterator[Any]:
    """Yield Lithops' own futures, and those that a call has returned as its result, each once."""
    seen: set[int] = set()
    waiting = deque(_listed(futures))
    while waiting:
        future = waiting.popleft()
        for name in ("lithops_future", "response_future"):
            future = getattr(future, name, None) or future
        for each in attempts(future):
            if id(each) not in seen:
                seen.add(id(each))
                yield each
                waiting.extendleft(reversed(getattr(each, "_new_futures", None) or ()))


def _listed(futures: Any) -> Iterable[Any]:
    if hasattr(futures, "call_id") or hasattr(futures, "lithops_future") or hasattr(futures, "response_future"):
        return [futures]
    # A chained list shows the last job only.
    return list(getattr(futures, "alt_list", None) or futures)


def _without(future: Any) -> list[dict[str, Any]]:
    """Return what can be said of a call whose record is not in storage."""
    try:
        record = from_stats(future)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        # One that is no JSON was written by a call that ended; the others are no futures with statistics.
        status = UNMEASURED if isinstance(error, ValueError | RecursionError) else LOST
        return [without_record(future, status, f"its record in future.stats can't be read: {error}")]
    return [without_record(future, *_why(future)) if record is None else record]


def _why(future: Any) -> tuple[str, str]:
    """
    Return status and reason of a call that left no record.
    """
    error = getattr(future, "_exception", None)
    if isinstance(error, tuple) and error[0] is not None:
        return LOST, f"its worker left no record: {getattr(error[0], '__name__', error[0])}: {error[1]}"
    stats = getattr(future, "stats", None) or {}
    if MISSING_KEY in stats:
        return UNMEASURED, f"its worker could not load greensdk: {stats[MISSING_KEY]}"
    if "worker_end_tstamp" in stats:
        return UNMEASURED, NOT_MEASURED
    return LOST, NOT_OVER


def _completed(record: dict[str, Any], future: Any) -> dict[str, Any]:
    """Return a record with the client's word where its worker could not tell."""
    reported = {key: value for key, value in (record["worker"] or {}).items() if value is not None}
    record["worker"] = {**(record["worker"] or {}), **worker_of(future), **reported}
    record["overhead_s"] = later_overhead_s(record, future)
    return record
