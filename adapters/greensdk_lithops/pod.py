"""
The Kubernetes pod that a process runs in.

Names come from the variables that the pod's manifest fills by the downward API, the container's id from its cgroup.
With cgroup v2 most runtimes give a container a cgroup namespace, in which it is the root: then nothing inside tells
the id, and it stays None. The kubelet's mounts tell the pod's uid even there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greensdk.deliver.sinks import Sink

WHEN = "KUBERNETES_SERVICE_HOST"
"""Set in every container of a pod: https://kubernetes.io/docs/concepts/containers/container-environment/."""

VARIABLES = {
    "node": "GREENSDK_NODE",
    "namespace": "GREENSDK_NAMESPACE",
    "pod": "GREENSDK_POD",
    "pod_uid": "GREENSDK_POD_UID",
}
"""Key of the record's ``worker`` block to the variable that the pod's manifest fills by the downward API."""

NAMESPACE = "var/run/secrets/kubernetes.io/serviceaccount/namespace"
"""Where a pod with a token finds its namespace (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/)."""

_KUBELET = re.compile(r"/pods/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")
_BOX = re.compile(r"/(?:overlay-)?containers/([0-9a-f]{64})/")


def pod(root: str = "/") -> dict[str, str | None]:
    """
    Return what this pod tells of itself: ``node``, ``namespace``, ``pod``, ``pod_uid`` and ``container``.

    Args:
        root: What takes the place of ``/``.
    """
    told = {key: os.environ.get(variable) or None for key, variable in VARIABLES.items()}
    container, uid = place(root)
    return {
        "node": told["node"],
        "namespace": told["namespace"] or _text(root, NAMESPACE).strip() or None,
        # In a pod on its node's network this is the node's name.
        "pod": told["pod"] or os.environ.get("HOSTNAME"),
        "pod_uid": told["pod_uid"] or uid,
        "container": container,
    }


def place(root: str = "/") -> tuple[str | None, str | None]:
    """
    Return the id of the container that this process is in, and the uid of the pod, as far as anything tells them.

    Args:
        root: What takes the place of ``/``.
    """
    mounts = _text(root, "proc/self/mountinfo")
    found = [box for path in _cgroups(root, mounts) if (box := _container(path))]
    uid = next((box.pod_uid for box in found if box.pod_uid), None)
    if uid is None and (kubelet := _KUBELET.search(mounts)):
        uid = kubelet[1]
    container = next((box.container_id for box in found if box.container_id), None)
    if container is None and uid is None and (own := _BOX.search(mounts)):
        # Docker and podman mount a container's hostname from its own directory, a pod's from that of its sandbox.
        container = own[1]
    return container, uid


def _cgroups(root: str, mounts: str) -> Iterator[str]:
    """
    Yield the paths of this process' cgroups, then what cgroup file systems it sees the inside of (cgroups(7), proc(5)).
    """
    for line in _text(root, "proc/self/cgroup").splitlines():
        yield line.split(":", 2)[-1]
    for line in mounts.splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup"):
            yield fields.split(" ", 4)[3]


def _container(path: str) -> Any:
    try:
        from greensdk_ebpf.cgroups import container
    except ImportError:  # a runtime may have been sent a part of the plugins
        return None
    return container(path)


def _text(root: str, path: str) -> str:
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


class PodCall:
    """
    The adapter that the runtime makes in a pod that is not Lithops': the record says which pod it was.

    Args:
        settings: The resolved specification.
    """

    resources = "light"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def worker(self) -> dict[str, Any]:
        """
        Return the record's ``worker`` block; None stands for what nothing tells here.
        """
        keys = "executor_id", "job_id", "call_id", "activation_id", "attempt", "memory_mb", "cold_start"
        blank = dict.fromkeys((*keys, "stage", "workflow"))
        return {"adapter": "pod", "backend": "k8s", **blank, **pod()}

    def sinks(self, settings: Mapping[str, Any]) -> Iterator[tuple[str, Sink]]:
        """
        Yield what is usual outside of a pod, unless the user has named sinks.
        """
        from greensdk.configure import builtin
        from greensdk.configure.targets import load

        if settings.get("sinks") is None:
            usual = settings.get("default_sinks") or [("energy.jsonl", builtin.SINKS["file"], {})]
            for uri, target, config in usual:
                yield uri, load(target)(uri, **config)
