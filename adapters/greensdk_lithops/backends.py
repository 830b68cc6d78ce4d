"""
What the client has to put right in one of Lithops' backends before jobs are sent there.
"""

from __future__ import annotations

from typing import Any

from greensdk.configure.targets import load

BACKENDS: dict[str, str] = {
    "aws_lambda": "greensdk_lithops.aws_lambda:prepare",
    "k8s": "greensdk_lithops.k8s:prepare",
}
"""Lithops' name of a backend to ``module:attribute`` of a function of an executor and its energy settings."""


def prepare(executor: Any) -> None:
    """
    Let the backend's own module, where there is one, change the executor.

    Args:
        executor: A measuring ``FunctionExecutor``, built.
    """
    target = BACKENDS.get(executor.backend)
    if target:
        load(target)(executor, executor._energy)
