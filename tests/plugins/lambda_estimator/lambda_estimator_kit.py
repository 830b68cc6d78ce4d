"""
Estimators, machines and usages for the tests of lambda-estimator.
"""

from __future__ import annotations

from typing import Any

from greensdk_lambda_estimator import LambdaEstimator

from greensdk.monitor import Usage


def host(arch: str = "x86_64", cpu_class: str = "masked-intel", model: str | None = None) -> Any:
    """
    Return the part of a host's description that the estimator looks at.
    """
    return {"arch": arch, "cpu_class": cpu_class, "cpu_model": model}


def opened(
    memory_mb: float = 1769, vcpus: float | None = None, machine: Any = None, **settings: Any
) -> LambdaEstimator:
    """
    Return an estimator that is ready, with Lambda's share of `memory_mb` unless it is given another.
    """
    vcpus = memory_mb / 1769 if vcpus is None else vcpus
    estimator = LambdaEstimator(vcpus=vcpus, memory_mb=memory_mb, host=machine or host(), **settings)
    assert estimator.open()
    return estimator


def use(cpu_s: float | None, duration_s: float = 2.0) -> Usage:
    """
    Return a usage.
    """
    return Usage(duration_s, cpu_s, None, "process")
