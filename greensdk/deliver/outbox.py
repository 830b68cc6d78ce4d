"""
The way to a store behind a network: written ahead into the spool, delivered in batches.

``put`` appends a line to a batch in the spool and returns. The batch is sealed when it is full or old enough, and
delivered as a whole under a key that was settled before its first line was written: delivering it twice changes
nothing. After its own, and only when those got through, a process delivers what others left behind.

Inside of a Lithops worker or an AWS Lambda, which end or freeze when their call returns, ``put`` waits until the
call's records are delivered.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from math import inf
from threading import RLock
from time import monotonic
from typing import Any, BinaryIO, NamedTuple

from greensdk.deliver import spool
from greensdk.deliver.delivery import Delivery, Refused, Request
from greensdk.deliver.lifecycle import Interval
from greensdk.deliver.lines import encode
from greensdk.errors import ConfigError, SinkError

MOST_SEALED = 64
"""Batches that may queue in one process, each with a file descriptor; further ones are claimed later."""


class Limits(NamedTuple):
    """
    When a batch is full, and how long handing over may take.

    Attributes:
        records: Most records of a batch.
        size_bytes: Its length from which on it is full.
        age_s: Seconds after its first record when it is sealed.
        budget_s: Seconds that delivering one batch, or everything at the end, may take.
    """

    records: int = 500
    size_bytes: int = 1 << 20
    age_s: float = 5.0
    budget_s: float = 5.0

    def checked(self, table: str) -> Limits:
        """
        Return them.

        Raises:
            ConfigError: One of them makes no sense.
        """
        for key, value, least in (
            ("batch_records", self.records, 1),
            ("batch_bytes", self.size_bytes, 1),
            ("batch_age_s", self.age_s, 0),
            ("budget_s", self.budget_s, 0),
        ):
            if not least <= value < inf:
                raise ConfigError(f"[{table}] {key} = {value!r}: expected {least} or more")
        return self


Deliver = Callable[[str, BinaryIO], None]
"""
Stores the bytes of an open file under a key, or does nothing if the key is there already. Raises
:class:`~greensdk.deliver.delivery.Refused` where trying again is of no use, anything else where it is.
"""


class Outbox(Delivery):
    """
    What one process has to deliver to one store.

    Args:
        uri: The sink's, as it is configured: under it the spool keeps what waits.
        key_of: Returns the key of the batch that a record begins; the second argument says whether this process
            writes it (or found it in the spool).
        deliver: Stores one batch.
        limits: When and how long.
        waits: ``put`` returns when the record is delivered.
        interval_s: It does so once in so many seconds at most, and at the end of the process.
    """

    thread_name = "greensdk-outbox"

    def __init__(
        self,
        uri: str,
        key_of: Callable[[Mapping[str, Any], bool], str],
        deliver: Deliver,
        limits: Limits,
        *,
        waits: bool = False,
        interval_s: float = 0.0,
    ) -> None:
        super().__init__(uri, limits.budget_s, waits=waits)
        self._key_of = key_of
        self._deliver = deliver
        self._limits = limits
        self._interval = Interval(interval_s)
        self._filling = RLock()
        self._batch: spool.Batch | None = None
        self._sealed: deque[spool.Batch] = deque()
        self._under_way: spool.Batch | None = None
        self._looks = False
        self._left = 0

    def put(self, record: Mapping[str, Any]) -> None:
        """
        Take one record.

        Raises:
            SinkError: It could not be written to the spool.
        """
        line = encode(record)
        with self._filling:
            if self._batch is None:
                self._batch = self._begin(record)
            self._batch.append(line)
            if self._is_full(self._batch):
                self._seal()
        if not self.waits:
            self.wake()
        elif not record.get("depth") and self._interval.is_due():
            self.finish()

    def due_s(self) -> float | None:
        """
        Return in how many seconds a batch is to be sent; None when nothing waits.
        """
        if self._sealed or self._under_way or self._looks:
            return 0.0
        batch = self._batch
        return None if batch is None else batch.born_s + self._limits.age_s - monotonic()

    def request(self) -> Request:
        """
        Have everything sent now, and then what others have left.
        """
        self._seal()
        self._looks = not self.is_held_back()
        return super().request()

    def send(self) -> None:
        """
        Deliver what is sealed or old enough, then what other processes, or an outage, have left behind.
        """
        if (self.due_s() or 0.0) <= 0 and not self._sealed:
            self._seal()
        while (batch := self._next()) is not None:
            try:
                self._store(batch)
            except BaseException:
                self._sealed.appendleft(batch)
                raise
            finally:
                self._under_way = None
            batch.remove()
        self._left = 0
        if self._looks or self._batch is None:
            self._looks = False
            self._send_old()

    def rest(self) -> str:
        """
        Let go of what this process holds; it, or another one, claims it later.
        """
        return self.abandon()

    def abandon(self) -> str:
        """
        Do the same. The batch that an attempt has in its hands stays with it.
        """
        with self._filling:
            self._looks = False
            self._seal()
            self._left += sum(batch.records for batch in self._sealed)
            left = self._left + (self._under_way.records if self._under_way else 0)
            self._release()
        return f"the records are in {spool.folder()} ({left} waiting)"

    def forget(self) -> bool:
        """
        Let go of the parent's batches, in a forked child: it has copies of their locks.
        """
        for batch in filter(None, [self._batch, self._under_way]):
            batch.release()
        self._batch = self._under_way = None
        self._release()
        return True

    def _begin(self, record: Mapping[str, Any]) -> spool.Batch:
        try:
            return spool.begin(self.uri, self._key_of(record, True))
        except OSError as error:
            raise SinkError(f"{spool.folder()}: {error.strerror}") from error

    def _is_full(self, batch: spool.Batch) -> bool:
        return batch.records >= self._limits.records or batch.size_bytes >= self._limits.size_bytes

    def _seal(self) -> None:
        """End the batch that is being filled."""
        with self._filling:
            batch, self._batch = self._batch, None
            if batch is None:
                return
            if len(self._sealed) < MOST_SEALED:
                self._sealed.append(batch)
            else:
                batch.release()
        self.look()

    def _next(self) -> spool.Batch | None:
        with self._filling:
            self._under_way = self._sealed.popleft() if self._sealed else None
        return self._under_way

    def _release(self) -> None:
        while self._sealed:
            self._sealed.popleft().release()

    def _store(self, batch: spool.Batch) -> None:
        if not batch.size_bytes:
            return
        try:
            key = batch.key or self._key_of(_first(batch), False)
        except Exception as error:  # no record of ours; the others must not wait for it
            raise Refused(f"{batch.path}: {error}") from error
        with open(batch.fd, "rb", closefd=False) as body:
            body.seek(0)
            self._deliver(key, body)

    def _send_old(self) -> None:
        """Deliver batches that no process holds, once. A call that waits is held up by one batch at most."""
        try:
            spool.redeliver(self.uri, self._store, 1 if self.waits else None)
        except Exception as error:
            self.warn(error, f"the records are in {spool.folder()}")


def _first(batch: spool.Batch) -> dict[str, Any]:
    """Return the first record of a batch; a line that is none makes a record with an id of its own."""
    line = batch.first_line()
    with suppress(ValueError):
        record = json.loads(line)
        if isinstance(record, dict) and record.get("record_id"):
            return record
    return {"record_id": sha256(line).hexdigest()[:32]}
