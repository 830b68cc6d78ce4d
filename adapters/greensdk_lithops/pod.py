"""
The Kubernetes pod that a process runs in.

Names come from the variables that the pod's manifest fills by the downward API, the container's id from its cgroup.
With cgroup v2 most runtimes give a container a cgroup namespace in which it is the root: then its id can't be
determined from inside and is None. The kubelet's mounts contain the pod's uid even then.
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
"""File with a pod's namespace (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/)."""

_KUBELET = re.compile(r"/pods/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")
_BOX = re.compile(r"/(?:overlay-)?containers/([0-9a-f]{64})/")


def pod(root: str = "/") -> dict[str, str | None]:
    """
    Return the pod's identity: ``node``, ``namespace``, ``pod``, ``pod_uid`` and ``container``.
    """
    variables = {key: os.environ.get(variable) or None for key, variable in VARIABLES.items()}
    container, uid = container_and_pod_uid(root)
    return {
        "node": variables["node"],
        "namespace": variables["namespace"] or _text(root, NAMESPACE).strip() or None,
        # With the node's network this is the node's name.
        "pod": variables["pod"] or os.environ.get("HOSTNAME"),
        "pod_uid": variables["pod_uid"] or uid,
        "container": container,
    }


def container_and_pod_uid(root: str = "/") -> tuple[str | None, str | None]:
    """
    Return the id of this process's container and the uid of its pod, as far as known.
    """
    mounts = _text(root, "proc/self/mountinfo")
    boxes = [box for path in _cgroups(root, mounts) if (box := _container(path))]
    uid = next((box.pod_uid for box in boxes if box.pod_uid), None)
    if uid is None and (kubelet := _KUBELET.search(mounts)):
        uid = kubelet[1]
    container = next((box.container_id for box in boxes if box.container_id), None)
    if container is None and uid is None and (own := _BOX.search(mounts)):
        # Docker and podman mount a container's hostname from its own directory, and a pod's from its sandbox's.
        container = own[1]
    return container, uid


def _cgroups(root: str, mounts: str) -> Iterator[str]:
    """Yield the paths of this process's cgroups, then the roots of its cgroup mounts (cgroups(7), proc(5))."""
    for line in _text(root, "proc/self/cgroup").splitlines():
        yield line.split(":", 2)[-1]
    for line in mounts.splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.startswith("cgroup"):
            yield fields.split(" ", 4)[3]


def _container(path: str) -> Any:
    try:
        from greensdk_ebpf.cgroups import container
    except ImportError:  # a runtime may have only some of the plugins
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
    The adapter for a pod outside of Lithops: records identify the pod.
    """

    resources = "light"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def worker(self) -> dict[str, Any]:
        """
        Return the record's ``worker`` block, with None for what is unknown here.
        """
        keys = "executor_id", "job_id", "call_id", "activation_id", "attempt", "memory_mb", "cold_start"
        blank = dict.fromkeys((*keys, "stage", "workflow"))
        return {"adapter": "pod", "backend": "k8s", **blank, **pod()}

    def sinks(self, settings: Mapping[str, Any]) -> Iterator[tuple[str, Sink]]:
        """
        Yield the default sinks, unless the user has configured sinks.
        """
        from greensdk.configure import builtin
        from greensdk.configure.targets import load

        if settings.get("sinks") is None:
            defaults = settings.get("default_sinks") or [("energy.jsonl", builtin.SINKS["file"], {})]
            for uri, target, config in defaults:
                yield uri, load(target)(uri, **config)
