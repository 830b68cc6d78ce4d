"""
Reading records back from Lithops' storage, object by object.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from greensdk.errors import RecordError

SUFFIXES = (".jsonl", ".jsonl.gz")


def objects(prefix: str) -> Iterator[tuple[str, BinaryIO]]:
    """
    Yield name and content of each object with records, sorted by name: the one with this key, or all below it.

    Raises:
        RecordError: There is none, or the storage can't be read.
    """
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
    for key in keys:
        try:
            data = client.get_object(client.bucket, key)
        except Exception as error:
            raise RecordError(f"lithops://{key}: Lithops' storage: {type(error).__name__}: {error}") from error
        yield f"lithops://{key}", io.BytesIO(data)
