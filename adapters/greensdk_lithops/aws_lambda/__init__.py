"""
Lithops on AWS Lambda: its records in the function's log too, and less to do for a sandbox before it can measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Lithops reads the imports in sources, also these, and sends what they name; a plain executor has no other sign.
    from greensdk_aws_lambda.lithops import LithopsInLambda  # noqa: F401
    from greensdk_lambda_estimator import LambdaEstimator  # noqa: F401


def prepare(executor: Any, energy: Mapping[str, Any]) -> None:  # noqa: ARG001 - as all of them are called
    """
    Have what travels of greensdk with the jobs of this process travel compiled.

    Args:
        executor: A ``FunctionExecutor`` whose backend is AWS Lambda.
        energy: Its settings.
    """
    from greensdk_lithops.aws_lambda.compiled import send_compiled

    send_compiled()
