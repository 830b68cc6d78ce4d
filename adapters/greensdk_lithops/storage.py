"""
Records into Lithops' storage: one immutable object of JSON lines per call.

.. code-block:: text

    greensdk/v1/<executor_id>/<job_id>/<call_id>-<activation_id>.jsonl       the call's records, nested ones too
    greensdk/v1/<executor_id>/<job_id>/<call_id>-<activation_id>-1.jsonl     what it recorded later
    greensdk/v1/<executor_id>/<job_id>/<call_id>-<activation_id>-r<id>.jsonl a process that the call started
    greensdk/v1/local/<host_id>/<id>.jsonl                                   outside of a worker

The keys lie outside of ``lithops.jobs/``, so Lithops' data cleaner leaves them alone. The same call writes the
same key again when its delivery is repeated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from greensdk.deliver import keys
from greensdk.deliver.lines import encode
from greensdk.errors import SinkError
from greensdk_lithops.pace import Pace
from greensdk_lithops.place import is_call, place

if TYPE_CHECKING:
    from typing import BinaryIO

SCHEME = "lithops"
DEFAULT_PREFIX = "greensdk/v1"
DEFAULT_URI = f"{SCHEME}://{DEFAULT_PREFIX}"
BUDGET_S = 5.0
"""How long all writes of one process may take together."""

folder_of = keys.folder_of

_boxes: dict[tuple[int, str], Box] = {}


class StorageSink:
    """
    Writes to the storage that Lithops is configured with.

    Args:
        uri: ``lithops://prefix``; without a prefix, ``greensdk/v1``.
        budget_s: How long all writes of this process may take together; records go to the spool after that.
    """

    def __init__(self, uri: str = DEFAULT_URI, *, budget_s: float = BUDGET_S) -> None:
        self.prefix = prefix_of(uri)
        self.budget_s = budget_s

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Take one record; an outermost one brings everything to storage.

        Raises:
            SinkError: The storage refused, or did not answer in time.
        """
        box = self._box()
        if record["depth"] or not box.pace.is_due():
            box.waiting.append(record)
            return
        box.deliver(record)

    def flush(self) -> None:
        """
        Write what is still held back.
        """
        self._box().deliver_rest()

    def close(self) -> None:
        """
        Write what is still held back.
        """
        self.flush()

    @classmethod
    def stored(cls, uri: str, **_: Any) -> Iterator[tuple[str, BinaryIO]]:
        """
        Yield name and bytes of each object of records at or below a URI; see :class:`greensdk.deliver.sinks.Sink`.

        The storage is the one that Lithops is configured with here.

        Raises:
            RecordError: There is none, or the storage can't be read.
        """
        from greensdk_lithops.reading import objects

        yield from objects(prefix_of(uri))

    def _box(self) -> Box:
        # Shared by all specifications of a process: a nested call may have another one than the call around it.
        key = os.getpid(), self.prefix
        if key not in _boxes:
            _boxes[key] = Box(self.prefix, self.budget_s)
        return _boxes[key]


class Box:
    """
    What one process has for one prefix.

    Args:
        prefix: Where in the bucket.
        budget_s: Seconds that all writes may take.
    """

    def __init__(self, prefix: str, budget_s: float) -> None:
        self.waiting: list[Mapping[str, Any]] = []
        self.pace = Pace(self.deliver_rest)
        self._prefix = prefix
        self._left_s = budget_s
        self._written = 0
        self._client: Any = None

    def deliver(self, record: Mapping[str, Any]) -> None:
        """
        Write the waiting records and `record` as one object.

        Raises:
            SinkError: It was not written. The waiting records are in the spool then, `record` is the caller's.
        """
        before, self.waiting = self.waiting, []
        try:
            self._put([*before, record])
        except Exception as error:
            for each in before:
                _spool(each, self._prefix, error)
            raise

    def deliver_rest(self) -> None:
        """
        Write the waiting records; what can't be written goes to the spool.
        """
        rest, self.waiting = self.waiting, []
        if not rest:
            return
        try:
            self._put(rest)
        except Exception as error:
            for each in rest:
                _spool(each, self._prefix, error)

    def _put(self, records: Sequence[Mapping[str, Any]]) -> None:
        if self._left_s <= 0:
            raise SinkError("Lithops' storage did not answer in time before, and is not asked again")
        key = key_of(self._prefix, records[0], self._written)
        body = b"".join(map(encode, records))
        began_s = monotonic()
        try:
            within(self._left_s, lambda: self._write(key, body))
        finally:
            self._left_s -= monotonic() - began_s
        self._written += 1

    def _write(self, key: str, body: bytes) -> None:
        if self._client is None:
            self._client = _client()
        self._client.put_object(self._client.bucket, key, body)


def _client() -> Any:
    """
    Return the client that Lithops has opened for the call's own results, which is idle now; another one elsewhere.

    Making one takes 1 ms on a local disk, and 100 ms where boto3 has to be imported.
    """
    here = place()
    shared = None if here.forked else getattr(getattr(here.runner, "internal_storage", None), "storage", None)
    if shared is not None:
        return shared
    from lithops.storage import Storage

    return Storage()


def deliver_all() -> None:
    """
    Write what this process still holds back.
    """
    for (pid, _), box in list(_boxes.items()):
        if pid == os.getpid():
            box.deliver_rest()


def _spool(record: Mapping[str, Any], prefix: str, error: Exception) -> None:
    from greensdk.deliver import spool

    spool.keep(record, f"{SCHEME}://{prefix}", error)


def prefix_of(uri: str) -> str:
    """
    Return the prefix in a ``lithops:`` URI.

    Example:
        >>> prefix_of("lithops://runs/today/"), prefix_of("lithops:")
        ('runs/today', 'greensdk/v1')
    """
    return uri.removeprefix(f"{SCHEME}:").strip("/") or DEFAULT_PREFIX


def key_of(prefix: str, record: Mapping[str, Any], number: int) -> str:
    """
    Return the key of the object number `number` of this process, which begins with `record`.
    """
    return keys.key_of(prefix, record, number, in_call=(record.get("worker") or {}).get("call_id") is None or is_call())


def within(seconds: float, work: Callable[[], None]) -> None:
    """
    Run `work`, but wait for it no longer than this: storage clients have timeouts of minutes, and no way to say less.

    Raises:
        SinkError: It took longer. It is left behind on its thread, which dies with the process.
    """
    import threading

    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="greensdk-storage", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise SinkError(f"Lithops' storage did not answer within {seconds:.1f} s")
    if raised:
        raise SinkError(f"Lithops' storage: {type(raised[0]).__name__}: {raised[0]}") from raised[0]
