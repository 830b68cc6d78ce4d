"""
The hook through which Lithops' pods are changed.

Lithops' Kubernetes backend (3.7 and 3.8) has no setting for variables or volumes, but passes every Job to
``_apply_security_context(job)`` before sending it: those of workers, that of the master, which distributes calls, and
that which lists an image's packages. The last two measure nothing and are left unchanged.
"""

from __future__ import annotations

from typing import Any

from greensdk.errors import ConfigError
from greensdk_lithops.k8s.equip import equip
from greensdk_lithops.k8s.settings import PodSettings

HOOK = "_apply_security_context"


def equip_workers(backend: Any, settings: PodSettings, *, asked: bool) -> None:
    """
    Make a backend equip every further worker pod.

    Args:
        backend: Lithops' Kubernetes backend.
        settings: What to add to its pods.
        asked: Whether the user has configured this; only then is it an error if it can't be done.

    Raises:
        ConfigError: This version of Lithops has no such hook, or it doesn't apply to the pods.
    """
    apply: Any = getattr(backend, HOOK, None)
    if problem := _problem(backend, apply):
        if asked:
            raise ConfigError(problem)
        return

    def change(job: dict[str, Any]) -> None:
        apply(job)
        if is_worker(job, backend):
            equip(job["spec"]["template"]["spec"], settings)

    setattr(backend, HOOK, change)


def is_worker(job: dict[str, Any], backend: Any) -> bool:
    """
    Return whether the pods of a Job run calls.
    """
    name = job["metadata"]["name"]
    return name != backend.master_name and not name.endswith("-meta")


def _problem(backend: Any, apply: Any) -> str:
    if not callable(apply):
        from lithops.version import __version__

        return f"[k8s]: Lithops {__version__} can't change its pods: pip install 'lithops>=3.7'"
    if getattr(backend, "rabbitmq_executor", False):
        return "[k8s]: Lithops can't change its pods with k8s.rabbitmq_executor: disable it"
    return ""
