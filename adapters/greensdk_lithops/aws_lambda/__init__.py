"""
Lithops on AWS Lambda: its records in the function's log too, and less to do for a sandbox before it can measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def prepare(executor: Any, energy: Mapping[str, Any]) -> None:  # noqa: ARG001 - as all of them are called
    """
    Have what travels of greensdk with the jobs of this process travel compiled.

    Args:
        executor: A ``FunctionExecutor`` whose backend is AWS Lambda.
        energy: Its settings.
    """
    from greensdk_lithops.aws_lambda.compiled import send_compiled

    send_compiled()
