"""
AWS Lambda as greensdk's runtime sees it from inside a function: who this worker is, and where its records go.

All of it is told by the environment that Lambda documents
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html) and by the runtime client that called the
handler, so no network is used and no argument of the handler is looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from greensdk.configure.targets import load
from greensdk_aws_lambda.environment import function, request_id, trace_root

if TYPE_CHECKING:
    from greensdk.deliver.sinks import Sink

IN_LITHOPS = "greensdk_lithops.aws_lambda.worker:LithopsInLambda"
"""The adapter that knows both; it builds on this package, and this one names it only."""

_first: str | None = None


def adapter(settings: Mapping[str, Any]) -> Any:
    """
    Return the adapter for a Lambda: Lithops' own in a worker of Lithops, a :class:`LambdaCall` elsewhere.

    Args:
        settings: The resolved specification.
    """
    if "LITHOPS_WORKER" in os.environ:
        return load(IN_LITHOPS)(settings)
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
