"""
Records back from a bucket: objects in the order of their keys, the next ones fetched meanwhile.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, cast

from greensdk.errors import RecordError, SinkError
from greensdk.logs.ahead import READERS, fetched
from greensdk_s3 import access
from greensdk_s3.access import SCHEME, place_of

SUFFIXES = (".jsonl", ".jsonl.gz")
BUFFER_BYTES = 1 << 18
SMALL_BYTES = 1 << 20
MOST_DELETED = 1000
"""Objects that one request may delete: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html."""
PATIENCE_S = 60.0


def objects(
    uri: str, endpoint: str | None, region: str | None, without: Collection[str] = ()
) -> Iterator[tuple[str, BinaryIO]]:
    """
    Yield name and bytes of each object of records, sorted by name: the one of this very key, or all below it, but for
    those with some names.

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
        s3 = access.client(endpoint, region, PATIENCE_S, READERS)
        keys = (key for key in _keys(s3, bucket, prefix) if f"{SCHEME}://{bucket}/{key}" not in without)
        for name, stream in fetched(partial(_object, s3, bucket), keys):
            found = True
            with stream:
                yield name, stream
    except (RecordError, GeneratorExit):
        raise
    except Exception as error:
        fault = access.fault_of(error, bucket, "s3:ListBucket and s3:GetObject", s3)
        raise RecordError(f"{uri}: {fault.text}") from error
    if not found and not without:
        raise RecordError(f"{uri}: no *.jsonl there")


def remove(uri: str, names: Sequence[str], endpoint: str | None, region: str | None) -> None:
    """
    Delete objects by their names.

    Raises:
        RecordError: The bucket refuses.
    """
    bucket, _ = place_of(uri)
    keys = [name.removeprefix(f"{SCHEME}://{bucket}/") for name in names]
    s3: Any = None
    try:
        s3 = access.client(endpoint, region, PATIENCE_S)
        for first in range(0, len(keys), MOST_DELETED):
            some = [{"Key": key} for key in keys[first : first + MOST_DELETED]]
            failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True}).get("Errors")
            if failed:
                raise RecordError(f"{SCHEME}://{bucket}/{failed[0]['Key']}: {failed[0].get('Message')}")
    except RecordError:
        raise
    except Exception as error:
        raise RecordError(f"{uri}: {access.fault_of(error, bucket, 's3:DeleteObject', s3).text}") from error


def _object(s3: Any, bucket: str, key: str) -> tuple[str, BinaryIO]:
    """
    Return an object's name and its bytes: all of a small one, those of a large one as they are read.
    """
    name = f"{SCHEME}://{bucket}/{key}"
    answer = s3.get_object(Bucket=bucket, Key=key)
    stream = io.BufferedReader(_Body(name, bucket, answer["Body"]), BUFFER_BYTES)
    if answer["ContentLength"] > SMALL_BYTES:
        return name, cast("BinaryIO", stream)
    with stream:
        return name, io.BytesIO(stream.read())


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
