"""
What botocore's errors mean: which are worth another attempt, and what a person reads.
"""

from __future__ import annotations

import pytest
from botocore import exceptions
from greensdk_s3 import S3Sink
from greensdk_s3.access import client, fault_of
from prometheus_kit import server

from greensdk import SinkError
from greensdk.deliver import spool


def error_of(code: str, status: int, message: str = "said\nso") -> exceptions.ClientError:
    """
    Return what botocore raises for a server's answer.
    """
    error = {"Code": code, "Message": message}
    return exceptions.ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")


URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    "error",
    [
        error_of("InternalError", 500),
        error_of("SlowDown", 503),
        error_of("ServiceUnavailable", 503),
        error_of("SlowDown", 400),
        error_of("Throttling", 400),
        error_of("RequestTimeout", 400),
        error_of("TooManyRequests", 429),
        error_of("ConditionalRequestConflict", 409),
        error_of("BadDigest", 400),
        exceptions.EndpointConnectionError(endpoint_url=URL),
        exceptions.ConnectTimeoutError(endpoint_url=URL),
        exceptions.ReadTimeoutError(endpoint_url=URL),
        exceptions.ConnectionClosedError(endpoint_url=URL),
        exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ConnectionResetError("reset"),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again(error):
    """
    And is one line with the bucket's name.
    """
    fault = fault_of(error, "results", "s3:PutObject")

    assert not fault.lasting
    assert fault.text.startswith("bucket 'results': ")
    assert "\n" not in fault.text


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (error_of("NoSuchBucket", 404), "there is no bucket 'results': make it (aws s3 mb s3://results) or correct"),
        (error_of("404", 404), "there is no bucket 'results'"),
        (error_of("AccessDenied", 403), "bucket 'results': access denied: the credentials need the right s3:PutObject"),
        (error_of("SignatureDoesNotMatch", 403), "bucket 'results': the secret key does not belong to the access key"),
        (error_of("InvalidAccessKeyId", 403), "bucket 'results': this access key does not exist"),
        (error_of("ExpiredToken", 400), "bucket 'results': the credentials have expired: renew them"),
        (error_of("PermanentRedirect", 301), "bucket 'results': it is in another region: set region in"),
        (error_of("NotImplemented", 501), "bucket 'results': the server does not know If-None-Match"),
        (error_of("EntityTooLarge", 400), "bucket 'results': EntityTooLarge: said so (HTTP 400)"),
        (exceptions.NoCredentialsError(), "bucket 'results': no complete credentials: set them in the environment"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="x"), "bucket 'results': no complete credentials"),
        (exceptions.ProfileNotFound(profile="p"), "bucket 'results': The config profile (p) could not be found"),
        (exceptions.SSLError(endpoint_url=URL, error="self-signed"), "bucket 'results': SSL validation failed"),
        (ValueError("Invalid endpoint: x"), "bucket 'results': Invalid endpoint: x"),
        (ImportError("No module named 'botocore'"), 'boto3 is not installed: pip install "greensdk[s3]"'),
    ],
)
def test_what_lasts_is_one_line_that_says_what_helps(error, line):
    """
    Trying again would only take time.
    """
    fault = fault_of(error, "results", "s3:PutObject")

    assert fault.lasting
    assert fault.text.startswith(line)
    assert "\n" not in fault.text


@pytest.mark.parametrize(
    ("key", "variables", "endpoint", "region", "style"),
    [
        (None, {}, "https://s3.amazonaws.com", "us-east-1", None),
        (None, {"AWS_DEFAULT_REGION": "eu-west-1"}, "https://s3.eu-west-1.amazonaws.com", "eu-west-1", None),
        (None, {"AWS_ENDPOINT_URL_S3": "http://s:1"}, "http://s:1", "us-east-1", "path"),
        (None, {"AWS_ENDPOINT_URL": "http://s:2"}, "http://s:2", "us-east-1", "path"),
        ("http://s:3", {"AWS_ENDPOINT_URL_S3": "http://s:1"}, "http://s:3", "us-east-1", "path"),
    ],
)
def test_endpoint_and_region_are_the_keys_or_the_environments(monkeypatch, key, variables, endpoint, region, style):
    """
    A server of one's own has no name for each bucket, so that the bucket goes into the path.
    """
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "no-file")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    made = client(key, None, 1.0)

    assert (endpoint, region) == (made.meta.endpoint_url, made.meta.region_name)
    assert style == (made.meta.config.s3 or {}).get("addressing_style")
    assert "ap-south-1" == client(key, "ap-south-1", 1.0).meta.region_name


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((200, {"Content-Type": "text/html"}, b"<title>Sign in</title>"), "the answer is no S3's"),
        ((302, {"Location": "/login"}, b""), "302"),
        ((403, {}, b""), "access denied"),
    ],
)
def test_only_an_s3s_own_yes_is_a_delivery(monkeypatch, answer, problem):
    """
    Not the page that a proxy answers with.
    """
    pytest.importorskip("botocore")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with server(lambda *_: answer) as url:
        sink = S3Sink("s3://bucket/runs", endpoint=url, budget_s=30)
        sink.emit({"record_id": "0"})
        with pytest.warns(RuntimeWarning, match=problem), pytest.raises(SinkError, match=problem):
            sink.close()

    assert [1] == [count for *_, count in spool.waiting()]
