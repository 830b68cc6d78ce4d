"""
Manifests: a worker's Job, the agent's DaemonSet, and a ServiceAccount without rights for both.

Field names: https://kubernetes.io/docs/reference/kubernetes-api/.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from greensdk_lithops.k8s.equip import equip, select
from greensdk_lithops.k8s.settings import PodSettings


class Names(NamedTuple):
    """
    Names that all manifests share.

    Attributes:
        name: Name of the objects.
        namespace: Namespace of the objects.
        image: Image with greensdk installed.
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


def service_account(names: Names) -> dict[str, Any]:
    """
    Return the account of all pods. It has no permissions, and its token is not mounted.
    """
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": names.metadata(),
        "automountServiceAccountToken": False,
    }


def job(
    names: Names, settings: PodSettings, command: Sequence[str], cpu: str, memory: str, sink: str = "stdout:"
) -> dict[str, Any]:
    """
    Return a Job that runs `command` once, in a pod equipped like Lithops' workers.
    """
    amounts = {"cpu": cpu, "memory": memory}
    container = {
        "name": "worker",
        "image": names.image,
        "command": list(command),
        "env": [{"name": "GREENSDK_SINK", "value": sink}],
        "resources": {"requests": dict(amounts), "limits": amounts},
    }
    pod = {**_pod(names), "restartPolicy": "Never", "containers": [container]}
    equip(pod, settings)
    labels = names.labels("-worker")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": names.metadata("-worker"),
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def agent(names: Names, settings: PodSettings, *, rapl: bool) -> dict[str, Any]:
    """
    Return a DaemonSet that runs greensdk's agent on every node and stops it with its pod.

    It is privileged because it mounts a file system for the node's other pods, which Kubernetes allows to no other
    container (https://kubernetes.io/docs/concepts/storage/volumes/#mount-propagation).
    """
    root = settings.agent_root
    start = ["greensdk", "agent", "start", "--root", root, "--group", str(settings.group)]
    if rapl or settings.coarsen_ms:
        start += ["--rapl", *(["--coarsen", f"{settings.coarsen_ms:g}"] if settings.coarsen_ms else [])]
    container = {
        "name": "agent",
        "image": names.image,
        "command": [
            "sh",
            "-ec",
            _run_until_stopped(shlex.join(start), shlex.join(["greensdk", "agent", "stop", "--root", root])),
        ],
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
    labels = names.labels("-agent")
    pod = {
        **_pod(names),
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 30,
        "containers": [container],
        "volumes": [volume],
    }
    select(pod, settings)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": names.metadata("-agent"),
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def text(manifests: Iterable[dict[str, Any]]) -> str:
    """
    Return manifests as one YAML stream.
    """
    import json

    import yaml

    # Copy through JSON, because PyYAML writes aliases for shared objects.
    documents = json.loads(json.dumps(list(manifests)))
    stream: str = yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True, width=120)
    return stream


def _pod(names: Names) -> dict[str, Any]:
    return {"serviceAccountName": names.name, "automountServiceAccountToken": False}


def _run_until_stopped(start: str, stop: str) -> str:
    # A foreground process would delay the shell's signal handlers; `wait` does not.
    return f"trap '{stop}; exit 0' TERM INT; {start}; while :; do sleep 3600 & wait $!; done"
