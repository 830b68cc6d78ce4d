"""
Changes to Lithops' backends on the client, before jobs are sent.
"""

from __future__ import annotations

from typing import Any

from greensdk.configure.targets import load

BACKENDS: dict[str, str] = {
    "k8s": "greensdk_lithops.k8s:prepare",
}
"""Backend to ``module:attribute`` of a function that takes an executor and its energy settings."""


def prepare(executor: Any) -> None:
    """
    Let the module for the executor's backend, if there is one, adapt the executor.
    """
    target = BACKENDS.get(executor.backend)
    if target:
        load(target)(executor, executor._energy)
