"""
Records to any S3: AWS, MinIO, Ceph, SeaweedFS. One immutable object of JSON lines per batch, or per call in a worker.

S3 has no append, so that nothing is ever added to an object: it is written once, under the key that
:mod:`greensdk.deliver.keys` gives it, on the condition that there is none of that key (``If-None-Match: *``,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from greensdk.deliver import lifecycle
from greensdk.deliver.keys import Keys
from greensdk.deliver.outbox import Limits, Outbox
from greensdk_s3.access import SCHEME, place_of

__all__ = ["S3Sink"]


class S3Sink:
    """
    Writes each record ahead to the spool, and batches of them to a bucket; see :mod:`greensdk.deliver.outbox`.

    Credentials come from where every AWS client looks for them, never from here.

    Args:
        uri: ``s3://bucket/prefix``.
        endpoint: URL of a server other than AWS; None: ``AWS_ENDPOINT_URL_S3``, or AWS.
        region: None: as AWS' own variables and files say, else ``us-east-1``.
        batch_records: Most records of an object.
        batch_bytes: Length from which on an object is full.
        batch_age_s: How long the first record of an object may wait.
        budget_s: How long the retries of one object, or everything at the end of the process, may take.

    Raises:
        SinkError: The URI names no bucket.
        ConfigError: A key has an impossible value.
    """

    def __init__(
        self,
        uri: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        batch_records: int = 500,
        batch_bytes: int = 1 << 20,
        batch_age_s: float = 5.0,
        budget_s: float = 5.0,
    ) -> None:
        self.bucket, self.prefix = place_of(uri)
        self.uri = uri
        self._where = endpoint, region
        self._limits = Limits(batch_records, batch_bytes, batch_age_s, budget_s).checked(SCHEME)

    def emit(self, record: Mapping[str, Any]) -> None:
        """
        Take one record. Inside of a worker, an outermost one brings everything to the bucket before this returns.

        Raises:
            SinkError: Not even the spool takes it.
        """
        self._outbox().put(record)

    def flush(self) -> None:
        """
        Deliver what waits, as far as the budget allows.
        """
        self._outbox().flush()

    def close(self) -> None:
        """
        Deliver what waits, and leave the rest in the spool.

        Raises:
            SinkError: Something stays there.
        """
        box: Outbox | None = lifecycle.existing(self._name())
        if box is not None:
            box.close()

    @classmethod
    def stored(
        cls,
        uri: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        without: Collection[str] = (),
        **_: Any,
    ) -> Iterator[tuple[str, BinaryIO]]:
        """
        Yield name and bytes of each object of records at or below a URI, but for some; see
        :class:`greensdk.deliver.sinks.Sink`.

        Raises:
            RecordError: There is none, or it can't be read; says why and what helps.
        """
        from greensdk_s3.reading import objects

        yield from objects(uri, endpoint, region, without)

    @classmethod
    def remove(
        cls, uri: str, names: Sequence[str], *, endpoint: str | None = None, region: str | None = None, **_: Any
    ) -> None:
        """
        Delete objects of a URI's bucket.

        Raises:
            RecordError: One can't be deleted.
        """
        from greensdk_s3.reading import remove

        remove(uri, names, endpoint, region)

    def _name(self) -> tuple[Any, ...]:
        return SCHEME, self.uri, self._where, self._limits

    def _outbox(self) -> Outbox:
        box: Outbox = lifecycle.shared(self._name(), self._open)
        return box

    def _open(self) -> Outbox:
        from greensdk_s3.writing import Writer

        writer = Writer(self.bucket, *self._where, self._limits.budget_s)
        waits = lifecycle.waits_for_delivery()
        interval_s = lifecycle.WORKER_INTERVAL_S if lifecycle.is_lithops_worker() else 0.0
        keys = Keys(self.prefix)
        return Outbox(self.uri, keys.next, writer.put, self._limits, waits=waits, interval_s=interval_s)
