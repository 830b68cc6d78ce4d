"""
The one place where Lithops lets its pods be changed.

Its Kubernetes backend (3.7 and 3.8) has no setting for variables or volumes, but every Job that it makes passes
through ``_apply_security_context(job)`` before it is sent: those of workers, that of the master, which hands out
numbers, and that which asks an image for its packages. The last two measure nothing and stay as they are.
"""

from __future__ import annotations

from typing import Any

from greensdk.errors import ConfigError
from greensdk_lithops.k8s.equip import equip
from greensdk_lithops.k8s.settings import PodSettings

SEAM = "_apply_security_context"


def equip_workers(backend: Any, settings: PodSettings, *, asked: bool) -> None:
    """
    Have every further worker pod of a backend equipped.

    Args:
        backend: Lithops' Kubernetes backend.
        settings: What its pods get.
        asked: The user has asked for something: then it is a mistake that it can't be done, else it is left.

    Raises:
        ConfigError: This Lithops has no such place, or it does not lead to the pods.
    """
    apply: Any = getattr(backend, SEAM, None)
    if problem := _problem(backend, apply):
        if asked:
            raise ConfigError(problem)
        return

    def change(job: dict[str, Any]) -> None:
        apply(job)
        if is_worker(job, backend):
            equip(job["spec"]["template"]["spec"], settings)

    setattr(backend, SEAM, change)


def is_worker(job: dict[str, Any], backend: Any) -> bool:
    """
    Say whether the pods of a Job run calls.
    """
    name = job["metadata"]["name"]
    return name != backend.master_name and not name.endswith("-meta")


def _problem(backend: Any, apply: Any) -> str:
    if not callable(apply):
        from lithops.version import __version__

        return f"[k8s]: Lithops {__version__} does not let its pods be changed: pip install 'lithops>=3.7'"
    if getattr(backend, "rabbitmq_executor", False):
        return "[k8s]: Lithops makes the pods of k8s.rabbitmq_executor without a place to change them: switch it off"
    return ""
