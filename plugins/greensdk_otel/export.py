"""
The records of one process on their way to one OTLP receiver.

A record waits in a queue until the thread adds it to the SDK's instruments, and is held on to until an export that had
it succeeded. So each is exported or, when the process ends first, in the spool; and no more than a few thousand wait.
What is in the spool is exported when the receiver next takes anything, by whatever process that is.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from greensdk.deliver import lifecycle, spool
from greensdk.deliver.delivery import Delivery
from greensdk.deliver.lines import encode
from greensdk.errors import SinkError

if TYPE_CHECKING:
    from greensdk_otel.pipeline import Pipeline

MOST_WAITING = 5_000
"""How many records may wait; further ones go to the spool at once."""


class Export(Delivery):
    """
    Exports records, and retries until they are exported.
    """

    thread_name = "greensdk-otel"

    def __init__(self, uri: str, endpoint: str, timeout_s: float, max_values: int, every_s: float) -> None:
        # The SDK imports it, which is no longer possible when the interpreter ends: maybe at the first export.
        import concurrent.futures.thread  # noqa: F401

        super().__init__(uri, timeout_s, waits=lifecycle.waits_for_delivery())
        self._settings = endpoint, timeout_s, max_values
        self._every_s = every_s
        self._queue: deque[Mapping[str, Any]] = deque()
        self._held: list[Mapping[str, Any]] = []
        self._pipeline: Pipeline | None = None
        self._spooled = True

    def put(self, record: Mapping[str, Any]) -> None:
        """
        Take one record.

        Raises:
            SinkError: Too many wait already.
        """
        if len(self._queue) >= MOST_WAITING:
            self._spooled = True
            raise SinkError(f"{MOST_WAITING} records wait for the receiver already: {self.error or 'no export so far'}")
        self._queue.append(record)
        if not self.waits:
            self.wake()
        elif not record.get("depth"):
            self.finish()

    def due_s(self) -> float | None:
        """
        Return in how many seconds the next export is; None when everything is exported.
        """
        return self.since_s + self._every_s - monotonic() if self._queue or self._held else None

    def send(self) -> None:
        """
        Export what waits, then what is in the spool.

        Raises:
            Refused: The receiver will not take it.
            SinkError: It has not taken it.
        """
        from greensdk_otel.pipeline import Pipeline

        pipeline = self._pipeline = self._pipeline or Pipeline(*self._settings)
        # Held records are in the instruments already: first, these have to go out.
        while self._held or self._queue:
            while not self._held and self._queue:
                self._take(pipeline)
            pipeline.export()
            self._held = []
        if self._spooled:
            self._spooled = False
            self._export_spooled(pipeline)

    def abandon(self) -> str:
        """
        Put what waits into the spool.
        """
        # The instruments of this pipeline have the held records in them, and must not be exported after all.
        self._pipeline, self._spooled = None, True
        rest, self._held = self._held, []
        while self._queue:
            rest.append(self._queue.popleft())
        return f"the records are in {spool.add(self.uri, map(encode, rest))} ({len(rest)} waiting)"

    def _take(self, pipeline: Pipeline) -> None:
        while self._queue:
            record = self._queue.popleft()
            self._held.append(record)
            pipeline.add(record)

    def _export_spooled(self, pipeline: Pipeline) -> None:
        def export(batch: spool.Batch) -> None:
            with open(batch.fd, "rb", closefd=False) as lines:
                lines.seek(0)
                for line in lines:
                    with suppress(ValueError):  # a torn line was no record
                        pipeline.add(json.loads(line))
            pipeline.export()

        try:
            spool.redeliver(self.uri, export, 1 if self.waits else None)
        except BaseException:
            # The instruments have these records in them now, which the batch still has, too.
            self._pipeline, self._spooled = None, True
            raise
