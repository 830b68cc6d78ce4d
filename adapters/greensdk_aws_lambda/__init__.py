"""
The adapter for AWS Lambda functions: the worker's identity, and the default sinks.

Everything comes from Lambda's documented environment variables
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html) and the runtime client that called the
handler; the network and the handler's arguments are not used.
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
    Return the adapter for a Lambda: that of Lithops in a Lithops worker, a :class:`LambdaCall` otherwise.
    """
    if "LITHOPS_WORKER" in os.environ:
        return load(IN_LITHOPS)(settings)
    return LambdaCall(settings)


class LambdaCall:
    """
    The adapter for a Lambda function outside of Lithops.
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
        keys = "executor_id", "job_id", "call_id", "activation_id", "attempt", "memory_mb", "cold_start"
        blank = dict.fromkeys((*keys, "stage", "workflow"))
        known = {"memory_mb": float(memory)} if memory.isdecimal() else {}
        return {"adapter": "lambda", "backend": "aws_lambda", **blank, **known, **function()}

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
