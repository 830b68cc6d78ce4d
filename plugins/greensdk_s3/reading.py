"""
Records back from a bucket, object by object, with no more than one buffer in memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from greensdk.errors import RecordError, SinkError
from greensdk_s3 import access
from greensdk_s3.access import SCHEME, place_of

SUFFIXES = (".jsonl", ".jsonl.gz")
BUFFER_BYTES = 1 << 18
PATIENCE_S = 60.0


def objects(uri: str, endpoint: str | None, region: str | None) -> Iterator[tuple[str, BinaryIO]]:
    """
    Yield name and bytes of each object of records, sorted by name: the one of this very key, or all below it.

    Raises:
        RecordError: There is none, or the bucket can't be read.
    """
    try:
        bucket, prefix = place_of(uri)
    except SinkError as error:
        raise RecordError(f"{uri}: {error}") from error
    s3: Any = None
    found = False
    try:
        s3 = access.client(endpoint, region, PATIENCE_S)
        for key in _keys(s3, bucket, prefix):
            found = True
            name = f"{SCHEME}://{bucket}/{key}"
            body = s3.get_object(Bucket=bucket, Key=key)["Body"]
            with io.BufferedReader(_Body(name, bucket, body), BUFFER_BYTES) as stream:
                yield name, cast("BinaryIO", stream)
    except (RecordError, GeneratorExit):
        raise
    except Exception as error:
        fault = access.fault_of(error, bucket, "s3:ListBucket and s3:GetObject", s3)
        raise RecordError(f"{uri}: {fault.text}") from error
    if not found:
        raise RecordError(f"{uri}: no *.jsonl there")


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    """Yield the keys; S3 lists them in the order of their bytes."""
    if prefix.endswith(SUFFIXES):
        yield prefix
        return
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/" if prefix else "")
    for page in pages:
        for entry in page.get("Contents", ()):
            if entry["Key"].endswith(SUFFIXES):
                yield entry["Key"]


class _Body(io.RawIOBase):
    """The bytes of one object as they arrive; what breaks off on the way is an OSError, as with a file."""

    def __init__(self, name: str, bucket: str, body: Any) -> None:
        self.name = name
        self._bucket = bucket
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._body.read(len(buffer))
        except Exception as error:
            raise OSError(access.fault_of(error, self._bucket, "s3:GetObject").text) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._body.close()
        super().close()
