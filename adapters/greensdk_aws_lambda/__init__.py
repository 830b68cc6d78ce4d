"""
AWS Lambda as greensdk's runtime sees it from inside a function: who this worker is, and where its records go.

All of it is told by the environment that Lambda documents
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html) and by the runtime client that called the
handler, so no network is used and no argument of the handler is looked at.
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
    Return the adapter for a Lambda: Lithops' own in a worker of Lithops, a :class:`LambdaCall` elsewhere.

    Args:
        settings: The resolved specification.
    """
    if "LITHOPS_WORKER" in os.environ:
        from greensdk_lithops.aws_lambda.worker import LithopsInLambda

        return LithopsInLambda(settings)
    return LambdaCall(settings)


class LambdaCall:
    """
    The adapter that the runtime makes when it finds itself in a Lambda function.

    Args:
        settings: The resolved specification.
    """

    resources = "light"
    """The smallest Lambda has a fourteenth of a CPU: the millisecond of psutil would be fourteen."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def worker(self) -> dict[str, Any]:
        """
        Return the record's ``worker`` block; None stands for what nothing tells here.
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
        Return what of the ``worker`` block is another with each invocation of this process.

        ``cold_start`` is true in the first invocation that measured something here.
        """
        global _first
        invocation = request_id() or trace_root()
        if _first is None:
            _first = invocation
        return {"activation_id": invocation, "cold_start": None if invocation is None else invocation == _first}

    def sinks(self, settings: Mapping[str, Any]) -> Iterator[tuple[str, Sink]]:
        """
        Yield standard output, which is the function's log, unless the user has named sinks of their own.
        """
        if settings.get("sinks") is None:
            from greensdk.deliver.sinks import StdoutSink

            yield "stdout:", StdoutSink()


def function() -> dict[str, str | None]:
    """
    Return the function's name and version; None stands for what Lambda does not tell.
    """
    return {
        "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        "function_version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION"),
    }


def request_id() -> str | None:
    """
    Return the id of this invocation, which the log's START, END and REPORT lines carry; None where nobody tells.

    AWS' runtime client keeps it for its own log lines, in a global of this name since it has been published.
    """
    client = sys.modules.get("awslambdaric.bootstrap")
    found = getattr(client, "_GLOBAL_AWS_REQUEST_ID", None)
    return found if isinstance(found, str) else None


def trace_root(header: str | None = None) -> str | None:
    """
    Return the ``Root`` of X-Ray's tracing header, by default this invocation's; None where there is none.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader

    Example:
        >>> trace_root("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
        '1-5759e988-bd862e3fe1be46a994272793'
    """
    text = os.environ.get("_X_AMZN_TRACE_ID", "") if header is None else header
    fields = (part.strip().partition("=") for part in text.split(";"))
    return next((value for key, _, value in fields if key == "Root" and value), None)
