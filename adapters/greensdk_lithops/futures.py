"""
What the client remembers of the futures that a measuring executor made, beside the futures.

Not in them: futures are pickled when jobs are chained, and so would be an earlier attempt's exception.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from greensdk_lithops.job import at_stage

_known: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()

DEPTH = 6
"""How many frames lie at most between a retry and the executor's own method; Lithops 3.8 has none."""


def remember(futures: Iterable[Any], known: Mapping[str, Any], before: Any = None) -> None:
    """
    Remember what is known of the jobs behind some futures.

    Args:
        futures: Of one call of ``map``, ``map_reduce`` or ``call_async``: all of their jobs' futures.
        known: What the workers know of the job.
        before: The future of the attempt that failed, if these are another one.
    """
    futures = list(futures)
    calls = Counter(future.job_id for future in futures)
    for future in futures:
        job = at_stage(known, str(future.job_id).startswith("R"))
        _known[future] = {**job, "calls": calls[future.job_id], "before": before}


def known_of(future: Any) -> Mapping[str, Any]:
    """
    Return what is remembered of a future.
    """
    try:
        return _known.get(future, {})
    except TypeError:  # nothing that could be a key: no future of Lithops
        return {}


def attempts(future: Any) -> list[Any]:
    """
    Return the futures of all attempts of a call up to this one, as far as is known.
    """
    found = [future]
    while (before := known_of(found[0]).get("before")) is not None:
        found.insert(0, before)
    return found


def retrying() -> Any:
    """
    Return the ``RetryingFuture`` that is submitting its call once more; None when none is.

    Nothing but the stack tells: Lithops calls the executor's ``map``, as anybody would.
    """
    frame = sys._getframe(1)
    for _ in range(DEPTH):
        if frame.f_code.co_name == "_retry" and hasattr(frame.f_locals.get("self"), "failure_count"):
            return frame.f_locals["self"]
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None
