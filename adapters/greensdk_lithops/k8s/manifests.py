"""
What a cluster is told: a worker, an agent for each node, and an account without rights for both.

Field names: https://kubernetes.io/docs/reference/kubernetes-api/.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from greensdk_lithops.k8s.equip import equip, select
from greensdk_lithops.k8s.settings import PodSettings


class Place(NamedTuple):
    """
    What all manifests have in common.

    Attributes:
        name: Of the objects.
        namespace: Theirs.
        image: Has greensdk in it.
    """

    name: str
    namespace: str
    image: str

    def metadata(self, suffix: str = "") -> dict[str, Any]:
        """
        Return an object's ``metadata``.
        """
        return {"name": self.name + suffix, "namespace": self.namespace, "labels": self.labels(suffix)}

    def labels(self, suffix: str = "") -> dict[str, str]:
        """
        Return an object's labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/.
        """
        return {"app.kubernetes.io/name": "greensdk", "app.kubernetes.io/instance": self.name + suffix}


def service_account(place: Place) -> dict[str, Any]:
    """
    Return the account of all pods. It may do nothing, and its token is mounted nowhere.
    """
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": place.metadata(),
        "automountServiceAccountToken": False,
    }


def job(
    place: Place, settings: PodSettings, command: Sequence[str], cpu: str, memory: str, sink: str = "stdout:"
) -> dict[str, Any]:
    """
    Return a Job that runs `command` once, in a pod that is equipped as Lithops' workers are.
    """
    amounts = {"cpu": cpu, "memory": memory}
    container = {
        "name": "worker",
        "image": place.image,
        "command": list(command),
        "env": [{"name": "GREENSDK_SINK", "value": sink}],
        "resources": {"requests": dict(amounts), "limits": amounts},
    }
    pod = {**_pod(place), "restartPolicy": "Never", "containers": [container]}
    equip(pod, settings)
    labels = place.labels("-worker")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": place.metadata("-worker"),
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def agent(place: Place, settings: PodSettings, *, rapl: bool) -> dict[str, Any]:
    """
    Return a DaemonSet that keeps greensdk's agent on every node; it is stopped with its pod.

    It is privileged because it mounts a file system that the node's other pods are to see, and Kubernetes lets nobody
    else do so (https://kubernetes.io/docs/concepts/storage/volumes/#mount-propagation).
    """
    root = settings.agent_root
    start = ["greensdk", "agent", "start", "--root", root, "--group", str(settings.group)]
    if rapl or settings.coarsen_ms:
        start += ["--rapl", *(["--coarsen", f"{settings.coarsen_ms:g}"] if settings.coarsen_ms else [])]
    container = {
        "name": "agent",
        "image": place.image,
        "command": ["sh", "-ec", _stay(shlex.join(start), shlex.join(["greensdk", "agent", "stop", "--root", root]))],
        "securityContext": {"privileged": True, "runAsUser": 0, "runAsNonRoot": False},
        "readinessProbe": {
            "exec": {"command": ["greensdk", "agent", "status", "--root", root]},
            "periodSeconds": 60,
            "timeoutSeconds": 20,
        },
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "500m", "memory": "256Mi"},
        },
        "volumeMounts": [{"name": "greensdk-agent", "mountPath": root, "mountPropagation": "Bidirectional"}],
    }
    volume = {"name": "greensdk-agent", "hostPath": {"path": root, "type": "DirectoryOrCreate"}}
    labels = place.labels("-agent")
    pod = {
        **_pod(place),
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 30,
        "containers": [container],
        "volumes": [volume],
    }
    select(pod, settings)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": place.metadata("-agent"),
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def text(manifests: Iterable[dict[str, Any]]) -> str:
    """
    Return manifests as one YAML stream.
    """
    import json

    import yaml

    # Through JSON, because PyYAML writes an alias for what stands in two places.
    documents = json.loads(json.dumps(list(manifests)))
    written: str = yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True, width=120)
    return written


def _pod(place: Place) -> dict[str, Any]:
    return {"serviceAccountName": place.name, "automountServiceAccountToken": False}


def _stay(start: str, stop: str) -> str:
    # What waits in the foreground would keep the shell from its signals; `wait` does not.
    return f"trap '{stop}; exit 0' TERM INT; {start}; while :; do sleep 3600 & wait $!; done"
