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

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from greensdk.deliver import lifecycle
from greensdk.deliver.delivery import Delivery, Refused
from greensdk.deliver.keys import Keys
from greensdk.deliver.lines import encode
from greensdk_lithops.job_runner import context

if TYPE_CHECKING:
    from typing import BinaryIO

SCHEME = "lithops"
DEFAULT_PREFIX = "greensdk/v1"
DEFAULT_URI = f"{SCHEME}://{DEFAULT_PREFIX}"
LOCALHOST = "localhost"
"""Lithops' name of the storage in the temp directory."""

BUDGET_S = 5.0
"""How long all writes of one process may take together."""


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
        Take one record; an outermost one brings everything to storage, or to the spool.
        """
        # Shared by all specifications of a process: a nested call may have another one than the call around it.
        lifecycle.shared((SCHEME, self.prefix), lambda: Objects(self.prefix, self.budget_s)).put(record)

    def flush(self) -> None:
        """
        Write what is still held back.
        """
        if (objects := lifecycle.existing((SCHEME, self.prefix))) is not None:
            objects.finish()

    close = flush

    @classmethod
    def stored(cls, uri: str, *, without: Collection[str] = (), **_: Any) -> Iterator[tuple[str, BinaryIO]]:
        """
        Yield name and bytes of each object of records at or below a URI, but for some; see
        :class:`greensdk.deliver.sinks.Sink`.

        The storage is the one that Lithops is configured with here.

        Raises:
            RecordError: There is none, or the storage can't be read.
        """
        from greensdk_lithops.reading import objects

        yield from objects(prefix_of(uri), without)

    @classmethod
    def remove(cls, _: str, names: Sequence[str], **_config: Any) -> None:
        """
        Delete objects of the storage that Lithops is configured with here.
        """
        from lithops.storage import Storage

        client = Storage()
        client.delete_objects(client.bucket, [name.removeprefix(f"{SCHEME}://") for name in names])


class Objects(Delivery):
    """
    What one process has for one prefix: an object for an outermost call, with the calls inside it, once a second.
    """

    thread_name = "greensdk-storage"

    def __init__(self, prefix: str, budget_s: float) -> None:
        super().__init__(f"{SCHEME}://{prefix}", budget_s, waits=True)
        self._interval = lifecycle.Interval(lifecycle.WORKER_INTERVAL_S)
        self._keys = Keys(prefix)
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._sending: list[Mapping[str, Any]] = []
        self._client: Any = None

    def put(self, record: Mapping[str, Any]) -> None:
        """
        Take one record.
        """
        self._waiting.append(record)
        if not record["depth"] and self._interval.is_due():
            self.finish()

    def wake(self) -> None:
        """
        See that there is a thread, except for a local disk: writing takes less time than starting one.
        """
        if getattr(_shared(), "backend", None) != LOCALHOST:
            super().wake()

    def due_s(self) -> float | None:
        """
        Return 0 when something waits, for whoever asks.
        """
        return 0.0 if self._waiting or self._sending else None

    def send(self) -> None:
        """
        Write what waits as one object.

        Raises:
            Refused: It was not written. Which of a storage's errors may pass, Lithops does not tell.
        """
        began_s = monotonic()
        while self._waiting:
            self._sending.append(self._waiting.popleft())
        try:
            if self.budget_s <= 0:
                raise TimeoutError("it did not answer in time before, and is not asked again")
            self._client = self._client or _client()
            body = b"".join(map(encode, self._sending))
            self._client.put_object(self._client.bucket, self._keys.next(self._sending[0]), body)
        except Exception as error:
            raise Refused(f"Lithops' storage: {type(error).__name__}: {error}") from error
        finally:
            self.budget_s -= monotonic() - began_s
        self._sending = []

    def abandon(self) -> str:
        """
        Put what waits into the spool.
        """
        from greensdk.deliver import spool

        records, self._sending = [*self._sending, *self._waiting], []
        self._waiting.clear()
        return f"the records are in {spool.add(self.uri, map(encode, records))} ({len(records)} waiting)"


def _client() -> Any:
    """
    Return the client that Lithops has opened for the call's own results, which is idle now; another one elsewhere.

    Making one takes 1 ms on a local disk, and 100 ms where boto3 has to be imported.
    """
    if (shared := _shared()) is not None:
        return shared
    from lithops.storage import Storage

    return Storage()


def _shared() -> Any:
    here = context()
    return None if here.forked else getattr(getattr(here.runner, "internal_storage", None), "storage", None)


def prefix_of(uri: str) -> str:
    """
    Return the prefix in a ``lithops:`` URI.

    Example:
        >>> prefix_of("lithops://runs/today/"), prefix_of("lithops:")
        ('runs/today', 'greensdk/v1')
    """
    return uri.removeprefix(f"{SCHEME}:").strip("/") or DEFAULT_PREFIX
