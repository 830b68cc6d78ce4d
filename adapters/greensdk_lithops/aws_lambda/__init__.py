"""
Lithops on AWS Lambda: records in the function's log too, and bytecode for a faster start in new sandboxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def prepare(executor: Any, energy: Mapping[str, Any]) -> None:  # noqa: ARG001 - the signature of all backends
    """
    Make Lithops send greensdk's modules compiled, in all jobs of this process.
    """
    from greensdk_lithops.aws_lambda.compiled import send_compiled

    send_compiled()
