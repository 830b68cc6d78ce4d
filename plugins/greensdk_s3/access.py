"""
Which bucket a URI names, a client of our own for it, and what its errors mean to a person.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from greensdk.errors import SinkError

SCHEME = "s3"
DEFAULT_REGION = "us-east-1"
CONNECT_S = 3.0
READ_S = 20.0

_TRANSIENT = frozenset(
    {
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ConditionalRequestConflict",
        "OperationAborted",
        "BadDigest",
        "IncompleteBody",
    }
)
"""Codes below 500 after which the same request may succeed: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""

_WHERE = "in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or the profile (AWS_PROFILE)"
_ADVICE = {
    "SignatureDoesNotMatch": f"the secret key does not belong to the access key: correct it {_WHERE}",
    "InvalidAccessKeyId": f"this access key does not exist: correct it {_WHERE}",
    "ExpiredToken": "the credentials have expired: renew them",
    "InvalidToken": "the session token is wrong: renew it, or unset AWS_SESSION_TOKEN",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
    "PermanentRedirect": "it is in another region: set region in [tool.greensdk.s3], or AWS_DEFAULT_REGION",
    "AuthorizationHeaderMalformed": "it is in another region: set region in [tool.greensdk.s3], or AWS_DEFAULT_REGION",
    "NotImplemented": "the server does not know If-None-Match, which S3 has since 2024: update the server",
}
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"})
_MISSING = frozenset({"NoSuchBucket", "404"})


class Fault(NamedTuple):
    """
    What went wrong.

    Attributes:
        text: In one line, with what helps.
        lasting: Trying again is of no use.
    """

    text: str
    lasting: bool


def place_of(uri: str) -> tuple[str, str]:
    """
    Return bucket and prefix of an ``s3:`` URI.

    Raises:
        SinkError: It has no bucket.

    Example:
        >>> place_of("s3://results/runs/today/"), place_of("s3://results")
        (('results', 'runs/today'), ('results', ''))
    """
    bucket, _, prefix = uri.removeprefix(f"{SCHEME}:").removeprefix("//").partition("/")
    if "@" in bucket or ":" in bucket:
        raise SinkError(f"an S3 sink is s3://bucket/prefix, without credentials: set them {_WHERE}")
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; elsewhere _ and capitals do as well.
    if not bucket or not bucket.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise SinkError(f"an S3 sink is s3://bucket/prefix, and {bucket!r} is no bucket's name")
    return bucket, prefix.strip("/")


def client(endpoint: str | None, region: str | None, budget_s: float, connections: int = 10) -> Any:
    """
    Return a new client, of no shared session: one that two processes use corrupts uploads.

    Threads may share it, as many at once as it has connections.

    It is made by botocore, on which boto3 stands: boto3's own has a pool of threads for transfers, and importing that
    fails while the interpreter goes down, which is when a short program delivers.

    Raises:
        ImportError: It is not installed.
    """
    import botocore.session
    from botocore.config import Config

    session = botocore.session.Session()
    own = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return session.create_client(
        "s3",
        endpoint_url=endpoint,
        region_name=region or session.get_config_variable("region") or DEFAULT_REGION,
        config=Config(
            max_pool_connections=connections,
            retries={"total_max_attempts": 1},  # who calls knows its budget
            connect_timeout=max(min(CONNECT_S, budget_s), 0.1),
            read_timeout=max(min(READ_S, budget_s), 0.1),
            s3={"addressing_style": "path"} if own else None,
        ),
    )


def code_of(error: BaseException) -> tuple[str, int]:
    """
    Return S3's own code for an error and the HTTP status; ("", 0) where no server has answered.
    """
    answer = getattr(error, "response", None) or {}
    return (
        str(answer.get("Error", {}).get("Code", "")),
        int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)),
    )


def fault_of(error: BaseException, bucket: str, right: str, s3: Any = None) -> Fault:
    """
    Return what an error of boto3's means.
    """
    if isinstance(error, ImportError):
        return Fault('boto3 is not installed: pip install "greensdk[s3]"', True)
    code, status = code_of(error)
    if not status:
        return _without_answer(error, bucket)
    if code in _DENIED and s3 is not None and _is_missing(s3, bucket):
        code = "NoSuchBucket"
    if code in _MISSING:
        return Fault(f"there is no bucket {bucket!r}: make it (aws s3 mb s3://{bucket}) or correct the URI", True)
    if code in _DENIED:
        return Fault(f"bucket {bucket!r}: access denied: the credentials need the right {right} there", True)
    if code in _ADVICE:
        return Fault(f"bucket {bucket!r}: {_ADVICE[code]}", True)
    lasting = status < 500 and status not in {408, 429} and code not in _TRANSIENT
    return Fault(f"bucket {bucket!r}: {code}: {answer_of(error)} (HTTP {status})", lasting)


def answer_of(error: BaseException) -> str:
    """
    Return what the server said, in one line.
    """
    said = getattr(error, "response", {}).get("Error", {}).get("Message") or "no explanation"
    return " ".join(str(said).split())


def _without_answer(error: BaseException, bucket: str) -> Fault:
    from botocore import exceptions

    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return Fault(f"bucket {bucket!r}: no complete credentials: set them {_WHERE}", True)
    text = f"bucket {bucket!r}: {' '.join(str(error).split())}"
    if isinstance(error, exceptions.SSLError):
        return Fault(text, True)
    passing = (
        exceptions.ConnectionError,  # refused, no route, a name that does not resolve just now
        exceptions.HTTPClientError,  # broken off, too slow
        exceptions.IncompleteReadError,
        exceptions.ResponseStreamingError,
        exceptions.CredentialRetrievalError,
        exceptions.MetadataRetrievalError,
        OSError,
    )
    return Fault(text, not isinstance(error, passing))


def _is_missing(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except Exception as error:
        return code_of(error)[1] == 404
    return False
