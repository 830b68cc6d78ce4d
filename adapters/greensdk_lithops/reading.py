"""
Reading records back from Lithops' storage: those of given futures within a time limit, or all below a prefix.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, BinaryIO, TypeVar

from greensdk.deliver.keys import folder_of
from greensdk.errors import RecordError

SUFFIXES = (".jsonl", ".jsonl.gz")
READERS = 16
_NAME = re.compile(r"(?P<call>[^-]+)-(?P<activation>.+?)(-\d{1,6})?\.jsonl")

Item = TypeVar("Item")
Found = TypeVar("Found")


class JobRecords:
    """
    The storage of some jobs: each client is made once, each job's folder listed once.

    Args:
        prefix: Where in the bucket.
        seconds: How long all of it may take. What is not read by then counts as not there.
    """

    def __init__(self, prefix: str, seconds: float) -> None:
        self._prefix = prefix
        self._until_s = monotonic() + seconds
        self._clients: dict[int, Any] = {}
        self._same: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._keys: dict[str, dict[str, list[tuple[str, str]]]] = {}

    def records(self, futures: Sequence[Any]) -> list[list[dict[str, Any]]]:
        """
        Return for each future the outermost records that its call left; none when anything at all goes wrong.
        """
        jobs: dict[str, Any] = {}
        for future in futures:
            if folder := self._folder(future):
                jobs.setdefault(folder, future)
        in_parallel(self._list, list(jobs.items()), self._until_s)
        return [found or [] for found in in_parallel(self._read, futures, self._until_s)]

    def _folder(self, future: Any) -> str | None:
        executor_id, job_id = getattr(future, "executor_id", None), getattr(future, "job_id", None)
        return folder_of(self._prefix, executor_id, job_id) if executor_id and job_id else None

    def _list(self, job: tuple[str, Any]) -> None:
        """Note a job's keys, with their activations, under the number of the call."""
        folder, future = job
        client = self._client(future._storage_config)
        calls: dict[str, list[tuple[str, str]]] = {}
        for key in sorted(client.list_keys(client.bucket, prefix=folder), key=_number):
            if name := _NAME.fullmatch(key.removeprefix(folder)):
                calls.setdefault(name["call"], []).append((name["activation"], key))
        self._keys[folder] = calls

    def _read(self, future: Any) -> list[dict[str, Any]]:
        own = self._keys.get(self._folder(future) or "", {}).get(future.call_id, [])
        # A sandbox that was started twice for one call has two activations; the future knows which one answered.
        activation = future.activation_id or (own[0][0] if own else None)
        client = self._client(future._storage_config)
        found: dict[str, dict[str, Any]] = {}
        for each, key in own:
            if each == activation:
                for line in client.get_object(client.bucket, key).splitlines():
                    record = json.loads(line)
                    if record["depth"] == 0:
                        found[record["record_id"]] = record  # a delivery that was repeated brings it again
        return list(found.values())

    def _client(self, config: dict[str, Any]) -> Any:
        """
        Return one client for all equal configurations; futures that were pickled one by one have a copy each.
        """
        from lithops.storage import Storage

        with self._lock:
            if (client := self._clients.get(id(config))) is None:
                text = json.dumps(config, sort_keys=True, default=str)
                client = self._same.get(text) or Storage(storage_config=config)
                self._clients[id(config)] = self._same[text] = client
        return client


def in_parallel(work: Callable[[Item], Found], items: Iterable[Item], until_s: float) -> list[Found | None]:
    """
    Return what `work` makes of each item; None of one at which it failed, or did not come to in time.

    Storage clients have timeouts of minutes. A thread that waits for one is left behind.
    """
    waiting = deque(enumerate(items))
    found: list[Found | None] = [None] * len(waiting)

    def run() -> None:
        while waiting:
            with suppress(Exception):  # Lithops raises what its storages raise, and future.stats is the second way
                place, item = waiting.popleft()
                found[place] = work(item)

    count = min(READERS, len(waiting))
    threads = [threading.Thread(target=run, name="greensdk-collect", daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until_s - monotonic()))
    waiting.clear()
    return list(found)


def _number(key: str) -> tuple[int, str]:
    return len(key), key


def objects(prefix: str, without: Collection[str] = ()) -> Iterator[tuple[str, BinaryIO]]:
    """
    Yield name and content of each object with records, sorted by name: the one with this key, or all below it, but for
    those with some names.

    Raises:
        RecordError: There is none, or the storage can't be read.
    """
    from greensdk.logs.ahead import fetched  # which workers do not get sent

    where = f"lithops://{prefix}"
    try:
        from lithops.storage import Storage
    except ImportError as error:
        raise RecordError(f'{where}: Lithops is not installed: pip install "greensdk[lithops]"') from error
    try:
        client = Storage()
        below = prefix if prefix.endswith(SUFFIXES) else f"{prefix}/"
        keys = sorted(key for key in client.list_keys(client.bucket, prefix=below) if key.endswith(SUFFIXES))
    except Exception as error:
        raise RecordError(f"{where}: Lithops' storage: {type(error).__name__}: {error}") from error
    if not keys:
        raise RecordError(f"{where}: no *.jsonl in Lithops' {client.backend} bucket {client.bucket!r}")

    def fetch(key: str) -> tuple[str, BinaryIO]:
        try:
            return f"lithops://{key}", io.BytesIO(client.get_object(client.bucket, key))
        except Exception as error:
            raise RecordError(f"lithops://{key}: Lithops' storage: {type(error).__name__}: {error}") from error

    yield from fetched(fetch, (key for key in keys if f"lithops://{key}" not in without))
