"""
One batch to one object.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from greensdk.deliver.delivery import Refused
from greensdk.errors import SinkError
from greensdk_s3 import access

CONTENT_TYPE = "application/x-ndjson"
PRECONDITION_FAILED = 412


class Writer:
    """
    A bucket, with the client that one process has for it.
    """

    def __init__(self, bucket: str, endpoint: str | None, region: str | None, budget_s: float) -> None:
        self._bucket = bucket
        self._where = endpoint, region, budget_s
        self._client: Any = None

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
            answer = self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*", ContentType=CONTENT_TYPE
            )
        except Exception as error:
            if access.code_of(error)[1] == PRECONDITION_FAILED:
                return  # an attempt whose answer was lost, or another process, has delivered it
            fault = access.fault_of(error, self._bucket, "s3:PutObject", self._client)
            raise (Refused if fault.lasting else SinkError)(fault.text) from error
        if not answer.get(
            "ETag"
        ):  # which S3 gives each object: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
            raise Refused(f"bucket {self._bucket!r}: the answer is no S3's: correct the endpoint")
