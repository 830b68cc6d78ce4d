"""
The records of one process on their way to one OTLP receiver.

A record waits in a queue until the thread adds it to the SDK's instruments, and is held on to until an export that had
it succeeded. So each is exported or, when the process ends first, in the spool; and no more than a few thousand wait.
What is in the spool is exported when the receiver next takes anything, by whatever process that is.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk_prometheus.courier import Courier

from greensdk.deliver import spool
from greensdk.errors import SinkError

if TYPE_CHECKING:
    from greensdk_otel.pipeline import Pipeline

BEFORE_OTHERS = 10
"""The exit priority in a child of multiprocessing: before the finalizers of the user's own managers and pools."""

KEPT = 5_000
"""How many records may wait; further ones go to the spool at once."""


class Settings(NamedTuple):
    """
    Where to export to, and how.

    Attributes:
        uri: The sink's.
        endpoint: The receiver's address for metrics.
        timeout_s: For one export, the SDK's own retries included.
        max_values: How many values an attribute may have.
    """

    uri: str
    endpoint: str
    timeout_s: float
    max_values: int


class Delivery:
    """
    Exports records, and retries until they are exported.

    Args:
        settings: Where to and how.
        every_s: Seconds between two exports.

    Attributes:
        error: Why the last export failed; empty when it did not.
    """

    def __init__(self, settings: Settings, every_s: float) -> None:
        # The SDK imports it, which is no longer possible when the interpreter ends: maybe at the first export.
        import concurrent.futures.thread  # noqa: F401

        self.error = ""
        self._settings = settings
        self._pid = os.getpid()
        self._queue: deque[Mapping[str, Any]] = deque()
        self._held: list[Mapping[str, Any]] = []
        self._busy = Lock()
        self._pipeline: Pipeline | None = None
        self._spooled = True
        self._courier = Courier("greensdk-otel", self._deliver, lambda: bool(self._queue or self._held), every_s)
        atexit.register(self.finish)
        if "multiprocessing.util" in sys.modules:  # its children end without atexit
            from multiprocessing.util import Finalize

            Finalize(None, self.finish, exitpriority=BEFORE_OTHERS)

    def put(self, record: Mapping[str, Any]) -> None:
        """
        Take one record.

        Raises:
            SinkError: Too many wait already.
        """
        if len(self._queue) >= KEPT:
            self._spooled = True
            raise SinkError(f"{KEPT} records wait for the receiver already: {self.error or 'no export so far'}")
        self._queue.append(record)
        with suppress(RuntimeError):  # the interpreter ends: finish() is yet to come
            self._courier.wake()

    def flush(self, *, leave: bool = False) -> bool:
        """
        Export now, and say whether nothing waits any more.

        Args:
            leave: Don't go on trying afterwards.
        """
        if os.getpid() != self._pid or not (self._queue or self._held):
            return True
        return self._courier.finish(self._settings.timeout_s, leave=leave)

    def finish(self) -> None:
        """
        Export now; what can't be exported in time goes to the spool.
        """
        if self.flush(leave=True):
            return
        if not self._busy.acquire(timeout=self._settings.timeout_s):
            self._give_up()  # an export that outlives its own timeout; its records may arrive twice
            return
        try:
            self._give_up()
        finally:
            self._busy.release()

    def _give_up(self) -> None:
        error = SinkError(self.error or "no answer in time")
        # The instruments of this pipeline have the held records in them, and must not be exported after all.
        self._pipeline, self._spooled = None, True
        rest, self._held = self._held, []
        while self._queue:
            rest.append(self._queue.popleft())
        for record in rest:
            spool.keep(record, self._settings.uri, error)

    def _deliver(self) -> bool:
        with self._busy:
            try:
                self._export()
            except Exception as error:
                self.error = str(error) or type(error).__name__
                return False
            self.error = ""
            return not self._queue

    def _export(self) -> None:
        if self._pipeline is None:
            from greensdk_otel.pipeline import Pipeline

            self._pipeline = Pipeline(self._settings)
        # Held records are in the instruments already: first, these have to go out.
        while self._held or self._queue:
            if not self._held:
                self._take()
            self._pipeline.export()
            self._held = []
        if self._spooled:
            self._spooled = False
            self._export_spooled()

    def _export_spooled(self) -> None:
        for batch in spool.claim(self._settings.uri):
            try:
                self._export_batch(batch)
            except BaseException:
                # The instruments have these records in them now, which the batch still has, too.
                self._pipeline, self._spooled = None, True
                batch.release()
                raise
            batch.remove()

    def _export_batch(self, batch: spool.Batch) -> None:
        assert self._pipeline is not None
        with open(batch.fd, "rb", closefd=False) as lines:
            lines.seek(0)
            for line in lines:
                with suppress(ValueError):  # a torn line was no record
                    self._pipeline.add(json.loads(line))
        self._pipeline.export()

    def _take(self) -> None:
        assert self._pipeline is not None
        while self._queue:
            record = self._queue.popleft()
            self._held.append(record)
            self._pipeline.add(record)
