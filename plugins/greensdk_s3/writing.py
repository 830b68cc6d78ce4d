"""
One batch to one object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from greensdk.configure.targets import load
from greensdk.deliver import keys
from greensdk.deliver.outbox import Refused
from greensdk.errors import SinkError
from greensdk_s3 import access

CONTENT_TYPE = "application/x-ndjson"
PRECONDITION_FAILED = 412


class Writer:
    """
    What one process has for one bucket and prefix.

    Args:
        bucket: The bucket.
        prefix: What all keys begin with.
        endpoint: URL of the server; None: as the environment says.
        region: None: as the environment says.
        budget_s: The longest that one attempt may take.
    """

    def __init__(self, bucket: str, prefix: str, endpoint: str | None, region: str | None, budget_s: float) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._where = endpoint, region, budget_s
        self._base: str | None = None
        self._written = 0
        self._client: Any = None

    def key_of(self, record: Mapping[str, Any], own: bool) -> str:
        """
        Return the key of the object that `record` begins; `own` says whether this process has made the record.
        """
        base = keys.base_of(self._prefix, record)
        if not own or base is None:
            return keys.key_of(self._prefix, record, 0, in_call=False)
        self._base, self._written = base, self._written + 1 if base == self._base else 0
        return keys.key_of(self._prefix, record, self._written, in_call=_is_call(record))

    def put(self, key: str, body: BinaryIO) -> None:
        """
        Write an object, unless it is there already.

        Raises:
            Refused: Somebody has to change something first.
            SinkError: It may work later.
        """
        try:
            if self._client is None:
                self._client = access.client(*self._where)
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*", ContentType=CONTENT_TYPE)
        except Exception as error:
            if access.code_of(error)[1] == PRECONDITION_FAILED:
                return  # an attempt whose answer was lost, or another process, has delivered it
            fault = access.fault_of(error, self._bucket, "s3:PutObject", self._client)
            raise (Refused if fault.lasting else SinkError)(fault.text) from error


def _is_call(record: Mapping[str, Any]) -> bool:
    """
    Say whether this process is the call's own, and not one that the user's function has started.
    """
    if record["worker"]["call_id"] is None:
        return True
    return bool(load("greensdk_lithops.place:is_call")())
