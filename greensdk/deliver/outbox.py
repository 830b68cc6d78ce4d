"""
The way from a call to a place behind a network: written ahead into the spool, delivered by one thread.

``put`` appends a line to a batch in the spool and returns. The batch is sealed when it is full or old enough, and
delivered as a whole under a key that was settled before its first line was written: delivering it twice changes
nothing. The thread is born when a batch is begun and dies when nothing is left to do. After its own, and only
when those got through, it delivers what others left behind.

Inside of a Lithops worker or an AWS Lambda, which end or freeze when their call returns, ``put`` waits until the
call's records are delivered.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any, BinaryIO, NamedTuple

from greensdk.configure import builtin
from greensdk.deliver import spool
from greensdk.deliver.lines import encode
from greensdk.errors import ConfigError, SinkError, warn_once

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
REST_S = 30.0
"""How long nothing is tried after a budget is used up."""

REFUSED_REST_S = 600.0
"""The same after a refusal, which lasts until somebody changes something."""

MOST_SEALED = 64
"""Batches that may queue in one process, each with a file descriptor; further ones are claimed later."""

PACE_S = 1.0
"""How often a process that ends with its call delivers: a thousand calls in it don't make a thousand objects."""

BEFORE_OTHERS = 10
"""The exit priority: before the finalizers of the user's own managers and pools, whose priority is 0 to 5."""

_open: set[Outbox] = set()


class Refused(SinkError):
    """
    The place will not take it until somebody changes something: trying again is of no use.
    """


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
Stores the bytes of an open file under a key, or does nothing if the key is there already. Raises :class:`Refused`
where trying again is of no use, anything else where it is.
"""


class Outbox:
    """
    What one process has to deliver to one place.

    Args:
        uri: The sink's, as it is configured: under it the spool keeps what waits.
        key_of: Returns the key of the batch that a record begins; the second argument says whether this process
            writes it (or found it in the spool).
        deliver: Stores one batch; called by the thread only.
        limits: When and how long.
        waits: ``put`` returns when the record is delivered.
        paced: It does so once a second at most, and at the end of the process.
    """

    def __init__(
        self,
        uri: str,
        key_of: Callable[[Mapping[str, Any], bool], str],
        deliver: Deliver,
        limits: Limits,
        *,
        waits: bool = False,
        paced: bool = False,
    ) -> None:
        self.uri = uri
        self._key_of = key_of
        self._deliver = deliver
        self._limits = limits
        self._waits = waits
        self._pace_s = PACE_S if paced else 0.0
        self._due_s = 0.0
        self._rest_until_s = 0.0
        self._end_s: float | None = None
        self._batch: spool.Batch | None = None
        self._sealed: deque[spool.Batch] = deque()
        self._under_way: spool.Batch | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._changed = threading.Condition(threading.RLock())
        _open.add(self)
        _at_the_end_of_a_child(self)

    def put(self, record: Mapping[str, Any]) -> None:
        """
        Take one record.

        Raises:
            SinkError: It could not be written to the spool.
        """
        line = encode(record)
        with self._changed:
            if self._batch is None:
                self._batch = self._begin(record)
            self._batch.append(line)
            if self._is_full(self._batch):
                self._seal()
            if not self._waits:
                self._work()
        if self._waits and not record.get("depth") and self._is_time():
            self.flush()

    def flush(self) -> bool:
        """
        Deliver everything, as far as the budget allows, and return whether nothing of this process waits any more.
        """
        with self._changed:
            self._seal()
            resting = monotonic() < self._rest_until_s
            if self._waits and resting:  # a worker's calls are not held up by what does not answer
                return False
            self._end_s = monotonic() + self._limits.budget_s
            self._failure = None
            self._work(at_once=True)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._thread is None, self._limits.budget_s)
            self._end_s = None
            return self._thread is None and self._failure is None

    def close(self) -> None:
        """
        Deliver what is left, and leave to others what can't be delivered.

        Raises:
            SinkError: Something stays in the spool.
        """
        done = self.flush()
        _open.discard(self)
        with self._changed:
            self._give_up()
        if not done:
            why = self._failure or SinkError(f"no answer within {self._limits.budget_s:g} s")
            raise SinkError(f"{self.uri}: {why}; records wait in {spool.folder()}")

    def forget(self) -> None:
        """
        Drop the parent's batches in a forked child, which must neither lock nor deliver them.
        """
        for batch in (*self._sealed, *filter(None, [self._batch, self._under_way])):
            batch.release()
        self._sealed.clear()
        self._batch = self._thread = None

    def _begin(self, record: Mapping[str, Any]) -> spool.Batch:
        try:
            return spool.begin(self.uri, self._key_of(record, True))
        except OSError as error:
            raise SinkError(f"{spool.folder()}: {error.strerror}") from error

    def _is_full(self, batch: spool.Batch) -> bool:
        return batch.records >= self._limits.records or batch.size_bytes >= self._limits.size_bytes

    def _is_time(self) -> bool:
        now_s = monotonic()
        if now_s < self._due_s:
            return False
        self._due_s = now_s + self._pace_s
        return True

    def _seal(self) -> None:
        """
        End the batch that is being filled. With the lock held.
        """
        batch, self._batch = self._batch, None
        if batch is None:
            return
        if len(self._sealed) < MOST_SEALED:
            self._sealed.append(batch)
        else:
            batch.release()
        self._changed.notify_all()

    def _work(self, *, at_once: bool = False) -> None:
        """
        See that there is a thread, unless nothing got through a moment ago. With the lock held.
        """
        if self._thread is not None or (monotonic() < self._rest_until_s and not at_once):
            return
        self._thread = threading.Thread(target=self._run, name="greensdk-outbox", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is going down and starts no more threads
            if at_once:
                self._run()
            self._thread = None

    def _run(self) -> None:
        """
        Deliver until nothing is left: the thread.
        """
        while (batch := self._next()) is not None:
            if not self._delivered(batch):
                break
        else:
            self._deliver_old()
        with self._changed:
            if self._failure is not None or monotonic() < self._rest_until_s:
                self._give_up()
            self._thread = None
            if self._sealed or self._batch is not None:
                self._work()
            self._changed.notify_all()

    def _deliver_old(self) -> None:
        """
        Deliver what other processes, or an outage, have left behind. A call that waits is held up by one batch at most.
        """
        try:
            for batch in spool.claim(self.uri):
                gone = self._delivered(batch) or isinstance(self._failure, Refused)  # for the others' sake, go on
                if self._waits or not gone:
                    break
        except OSError as error:
            warn_once(f"greensdk could not look for old records in {spool.folder()}: {error}")
        self._failure, self._rest_until_s = None, 0.0  # our own got through

    def _next(self) -> spool.Batch | None:
        """
        Return the next batch of this process, when it is due; None when there is none.
        """
        with self._changed:
            while not self._sealed and self._batch is not None:
                left_s = self._batch.born_s + self._limits.age_s - monotonic()
                if left_s <= 0 or self._end_s is not None:
                    self._seal()
                else:
                    self._changed.wait(left_s)
            return self._sealed.popleft() if self._sealed else None

    def _delivered(self, batch: spool.Batch) -> bool:
        """
        Try to deliver a batch until it works, is refused, or the budget is used up.
        """
        end_s = monotonic() + self._limits.budget_s
        pause_s = FIRST_PAUSE_S
        self._under_way = batch
        try:
            key = batch.key or self._key_of(_first(batch), False)
            while True:
                try:
                    self._attempt(batch, key)
                except Exception as error:
                    self._failure = error
                    pause_s = self._pause(pause_s, min(end_s, self._end_s or end_s), error)
                    if not pause_s:
                        return False
                else:
                    self._failure = None
                    self._rest_until_s = 0.0
                    return True
        except BaseException as error:  # a key that can't be made; the thread has nobody to tell
            self._failure = error
            return False
        finally:
            self._under_way = None
            batch.release()

    def _attempt(self, batch: spool.Batch, key: str) -> None:
        if batch.size_bytes:
            with open(batch.fd, "rb", closefd=False) as body:
                body.seek(0)
                self._deliver(key, body)
        batch.remove()

    def _pause(self, pause_s: float, end_s: float, error: Exception) -> float:
        """
        Wait before the next attempt, and return how long to wait before the one after it; 0 when there is none.
        """
        refused = isinstance(error, Refused)
        wait_s = pause_s * random.uniform(0.5, 1.5)
        if refused or monotonic() + wait_s >= end_s:
            self._rest_until_s = monotonic() + (REFUSED_REST_S if refused else REST_S)
            warn_once(f"greensdk could not write to {self.uri}: {error}; the records are in {spool.folder()}")
            return 0.0
        with self._changed:
            self._changed.wait(wait_s)
        return min(pause_s * 2, LONGEST_PAUSE_S)

    def _give_up(self) -> None:
        """
        Let go of what this process holds; it, or another one, claims it later. With the lock held.
        """
        self._seal()
        while self._sealed:
            self._sealed.popleft().release()


def inside_worker() -> tuple[bool, bool]:
    """
    Return whether this process freezes or ends with a call, and whether it ends so that finalizers run.
    """
    lithops = builtin.ADAPTERS["lithops"][1] in os.environ
    return lithops or builtin.LAMBDA in os.environ, lithops


def _first(batch: spool.Batch) -> dict[str, Any]:
    """
    Return the first record of a batch; a line that is none makes a record with an id of its own.
    """
    line = batch.first_line()
    with suppress(ValueError):
        record = json.loads(line)
        if isinstance(record, dict) and record.get("record_id"):
            return record
    from hashlib import sha256

    return {"record_id": sha256(line).hexdigest()[:32]}


def _at_the_end_of_a_child(outbox: Outbox) -> None:
    """
    Have it flushed when a process of multiprocessing ends, which happens without atexit.
    """
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(outbox, outbox.flush, exitpriority=BEFORE_OTHERS)


def _after_fork() -> None:
    for outbox in tuple(_open):
        outbox.forget()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
