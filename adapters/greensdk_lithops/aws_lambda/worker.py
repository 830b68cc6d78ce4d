"""
The adapter for Lithops workers on AWS Lambda.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from greensdk_aws_lambda.environment import function

from greensdk_lithops.worker import LithopsCall

if TYPE_CHECKING:
    # Lithops sends the modules that sources import, including here: a plain executor has no other way to find this one.
    from greensdk_lambda_estimator import LambdaEstimator  # noqa: F401

    from greensdk.deliver.sinks import Sink


class LithopsInLambda(LithopsCall):
    """
    Lithops' adapter with the function's name and version in ``worker``, and the function's log among the sinks.
    """

    resources = "light"
    """As in any Lambda: the smallest has a fourteenth of a CPU, and host-wide figures are not visible."""

    def worker(self) -> dict[str, Any]:
        """
        Return the record's ``worker`` block, with None for what is unknown here.
        """
        return {**super().worker(), **function()}

    def sinks(self, settings: Mapping[str, Any]) -> Iterator[tuple[str, Sink]]:
        """
        Yield the sinks of Lithops' adapter, and standard output unless the user has configured sinks.
        """
        yield from super().sinks(settings)
        if settings.get("sinks") is None:
            from greensdk.deliver.sinks import StdoutSink

            yield "stdout:", StdoutSink()
