"""
Records read back on the client: full ones from storage, else what ``future.stats`` tells, else that a call is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from greensdk_lithops.rebuild import from_stats, lost, worker_of
from greensdk_lithops.storage import DEFAULT_PREFIX, folder_of

READERS = 16
NOT_OVER = "the call was not over when its record was collected"
NOT_MEASURED = (
    "the call ended but left no record: its function is not measured, or its worker has no greensdk (see README.md)"
)
_NAME = re.compile(r"(?P<call>[^-]+)-(?P<activation>.+?)(-\d{1,6})?\.jsonl")


def collect(futures: Any, *, prefix: str = DEFAULT_PREFIX) -> list[dict[str, Any]]:
    """
    Return the records of the calls behind `futures`, in their order.

    One for each call; several for a call whose function is not measured itself but calls measured ones. A call
    that left nothing (it was killed, or ran out of time) has a record with the status ``lost`` and the reason.
    Waits for nothing and raises for no single future: collect when the results are there.

    Args:
        futures: Of any executor, chained lists and futures of ``lithops.concurrent.futures`` too. To have every
            failed attempt of a ``RetryingFunctionExecutor``, pass its executor's ``futures``.
        prefix: Where in the storage the records are, if not in the default place.
    """
    calls = list(_calls(futures))
    shelves = _Shelves(prefix)
    for call in calls:
        shelves.look(call)
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(shelves.records_of, calls))
    return [record for call, records in zip(calls, found, strict=True) for record in records or _without(call)]


def _calls(futures: Any) -> Iterator[Any]:
    """
    Yield Lithops' own futures, and those that a call has returned as its result, each once.
    """
    seen: set[int] = set()
    waiting = list(_listed(futures))
    while waiting:
        future = waiting.pop(0)
        for name in ("lithops_future", "response_future"):
            future = getattr(future, name, None) or future
        if id(future) not in seen:
            seen.add(id(future))
            yield future
            waiting[:0] = getattr(future, "_new_futures", None) or ()


def _listed(futures: Any) -> Iterable[Any]:
    if hasattr(futures, "call_id") or hasattr(futures, "lithops_future") or hasattr(futures, "response_future"):
        return [futures]
    # A chained list shows the last job only.
    return list(getattr(futures, "alt_list", None) or futures)


def _without(future: Any) -> list[dict[str, Any]]:
    """
    Return what can be said of a call whose record is not in storage.
    """
    try:
        record = from_stats(future)
    except (ValueError, TypeError, AttributeError) as error:
        return [lost(future, f"its record in future.stats can't be read: {error}")]
    return [lost(future, _why(future)) if record is None else record]


def _why(future: Any) -> str:
    error = getattr(future, "_exception", None)
    if isinstance(error, tuple) and error[0] is not None:
        return f"its worker left no record: {getattr(error[0], '__name__', error[0])}: {error[1]}"
    return NOT_MEASURED if "worker_end_tstamp" in (getattr(future, "stats", None) or {}) else NOT_OVER


class _Shelves:
    """
    The storage behind the futures: each client made once, each job's folder listed once.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._clients: dict[int, Any] = {}
        self._folders: dict[str, list[str]] = {}

    def look(self, future: Any) -> None:
        """
        List the folder of a future's job, unless that was done.
        """
        try:
            folder = folder_of(self._prefix, future.executor_id, future.job_id)
            if folder not in self._folders:
                self._folders[folder] = []
                client = self._client(future._storage_config)
                self._folders[folder] = sorted(client.list_keys(client.bucket, prefix=folder), key=_number)
        except Exception:
            return  # Lithops raises what its storage backends raise, and future.stats is the second way

    def records_of(self, future: Any) -> list[dict[str, Any]]:
        """
        Return the outermost records that a call left in storage; none when anything at all goes wrong.
        """
        try:
            client = self._client(future._storage_config)
            lines = [line for key in self._keys(future) for line in client.get_object(client.bucket, key).splitlines()]
            records = [_completed(json.loads(line), future) for line in lines]
            return [record for record in records if record["depth"] == 0]
        except Exception:
            return []  # as above

    def _client(self, config: dict[str, Any]) -> Any:
        from lithops.storage import Storage

        key = id(config)
        if key not in self._clients:
            self._clients[key] = Storage(storage_config=config)
        return self._clients[key]

    def _keys(self, future: Any) -> list[str]:
        folder = folder_of(self._prefix, future.executor_id, future.job_id)
        names = {key: _NAME.fullmatch(key.removeprefix(folder)) for key in self._folders[folder]}
        own = {key: name["activation"] for key, name in names.items() if name and name["call"] == future.call_id}
        # A sandbox that was started twice for one call has two activations; the future knows which one answered.
        activation = future.activation_id or next(iter(own.values()), None)
        return [key for key, each in own.items() if each == activation]


def _number(key: str) -> tuple[int, str]:
    return len(key), key


def _completed(record: dict[str, Any], future: Any) -> dict[str, Any]:
    """
    Return a record with the client's word where its worker could not tell.
    """
    known = worker_of(future)
    told = record["worker"] or {}
    record["worker"] = {key: told.get(key) if told.get(key) is not None else known[key] for key in known}
    return record
