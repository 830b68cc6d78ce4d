"""
The adapter for AWS Lambda functions: the worker's identity, and the default sinks.

Everything comes from Lambda's documented environment variables
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html) and the runtime client that called the
handler; the network and the handler's arguments are not used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greensdk.deliver.sinks import Sink

_first: str | None = None


def adapter(settings: Mapping[str, Any]) -> Any:
    """
    Return the adapter for a Lambda: that of Lithops in a Lithops worker, a :class:`LambdaCall` otherwise.

    Args:
        settings: The resolved specification.
    """
    if "LITHOPS_WORKER" in os.environ:
        from greensdk_lithops.aws_lambda.worker import LithopsInLambda

        return LithopsInLambda(settings)
    return LambdaCall(settings)


class LambdaCall:
    """
    The adapter for a Lambda function outside of Lithops.

    Args:
        settings: The resolved specification.
    """

    resources = "light"
    """The smallest Lambda has a fourteenth of a CPU, which makes psutil's millisecond fourteen."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def worker(self) -> dict[str, Any]:
        """
        Return the record's ``worker`` block, with None for what is unknown here.
        """
        memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        return {
            "adapter": "lambda",
            "backend": "aws_lambda",
            "executor_id": None,
            "job_id": None,
            "call_id": None,
            "activation_id": None,
            "attempt": None,
            "memory_mb": float(memory) if memory.isdecimal() else None,
            "cold_start": None,
            "stage": None,
            "workflow": None,
            **function(),
        }

    def call(self) -> dict[str, Any]:
        """
        Return the keys of the ``worker`` block that change with each invocation of this process.

        ``cold_start`` is true in the first invocation of this process that measured a call.
        """
        global _first
        invocation = request_id() or trace_root()
        if _first is None:
            _first = invocation
        return {"activation_id": invocation, "cold_start": None if invocation is None else invocation == _first}

    def sinks(self, settings: Mapping[str, Any]) -> Iterator[tuple[str, Sink]]:
        """
        Yield standard output, which is the function's log, unless the user has configured sinks.
        """
        if settings.get("sinks") is None:
            from greensdk.deliver.sinks import StdoutSink

            yield "stdout:", StdoutSink()


def function() -> dict[str, str | None]:
    """
    Return the function's name and version, with None for what is unknown.
    """
    return {
        "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        "function_version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION"),
    }


def request_id() -> str | None:
    """
    Return the request id of this invocation, as in the log's START, END and REPORT lines; None if unknown.

    Every published version of AWS' runtime client keeps it in this global.
    """
    client = sys.modules.get("awslambdaric.bootstrap")
    value = getattr(client, "_GLOBAL_AWS_REQUEST_ID", None)
    return value if isinstance(value, str) else None


def trace_root(header: str | None = None) -> str | None:
    """
    Return the ``Root`` of X-Ray's tracing header, by default this invocation's; None if there is none.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader

    Example:
        >>> trace_root("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
        '1-5759e988-bd862e3fe1be46a994272793'
    """
    text = os.environ.get("_X_AMZN_TRACE_ID", "") if header is None else header
    fields = (part.strip().partition("=") for part in text.split(";"))
    return next((value for key, _, value in fields if key == "Root" and value), None)
