"""
What a Lithops worker can say besides when it is a Lambda.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from greensdk_aws_lambda.environment import function

from greensdk_lithops.worker import LithopsCall

if TYPE_CHECKING:
    # Lithops reads the imports in sources, also this one, and sends what they name; a plain executor has no other sign.
    from greensdk_lambda_estimator import LambdaEstimator  # noqa: F401

    from greensdk.deliver.sinks import Sink


class LithopsInLambda(LithopsCall):
    """
    Lithops' adapter with the function's name and version in ``worker``, and the function's log among the sinks.
    """

    resources = "light"
    """As in any Lambda: the smallest has a fourteenth of a CPU, and what the rest of the machine does is not shown."""

    def worker(self) -> dict[str, Any]:
        """
        Return the record's ``worker`` block; None stands for what nothing tells here.
        """
        return {**super().worker(), **function()}

    def sinks(self, settings: Mapping[str, Any]) -> Iterator[tuple[str, Sink]]:
        """
        Yield what Lithops' adapter does, then standard output unless the user has named sinks of their own.
        """
        yield from super().sinks(settings)
        if settings.get("sinks") is None:
            from greensdk.deliver.sinks import StdoutSink

            yield "stdout:", StdoutSink()
