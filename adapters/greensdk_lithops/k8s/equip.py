"""
From a pod to one that can be measured in: names, volumes, rights.

Field names: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/. Which rights Kubernetes
itself calls restricted: https://kubernetes.io/docs/concepts/security/pod-security-standards/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from greensdk_lithops.k8s.settings import HOST_SYSFS, PLAIN, PRIVILEGED, PodSettings
from greensdk_lithops.pod import VARIABLES

FIELDS = {
    "node": "spec.nodeName",
    "namespace": "metadata.namespace",
    "pod": "metadata.name",
    "pod_uid": "metadata.uid",
}
"""Key of the record's ``worker`` block to the field of the downward API that tells it."""

USER = 1000
"""Who the containers of Lithops' own runtimes run as."""

CAPABILITIES = ("BPF", "DAC_READ_SEARCH", "PERFMON", "SYS_PTRACE")
"""
What root needs to measure: load eBPF programs, read energy counters whoever owns them, open performance counters of
the machine, look into other processes' /proc. Linux 5.8 (capabilities(7)). Kubernetes gives a capability to root
alone: there are no ambient ones.
"""


def equip(pod: dict[str, Any], settings: PodSettings) -> None:
    """
    Change a pod's specification in place; its first container is the one that measures.

    Args:
        pod: Its ``spec``. What it has stays, except for rights that the privileged variant needs otherwise.
        settings: What to add.
    """
    container = pod["containers"][0]
    # At the end: Lithops fills in its own by their place.
    container["env"] = [*(container.get("env") or ()), *variables(settings)]
    for volume, mount in _volumes(settings):
        pod["volumes"] = [*(pod.get("volumes") or ()), volume]
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]
    select(pod, settings)
    if settings.agent:
        groups = (pod.get("securityContext") or {}).get("supplementalGroups") or ()
        pod["securityContext"] = {
            **(pod.get("securityContext") or {}),
            "supplementalGroups": sorted({*groups, settings.group}),
        }
    if rights := _rights(settings, container.get("securityContext") or {}):
        container["securityContext"] = rights


def select(pod: dict[str, Any], settings: PodSettings) -> None:
    """
    Have a pod run where the settings say.
    """
    if settings.node_selector:
        pod["nodeSelector"] = {**(pod.get("nodeSelector") or {}), **settings.node_selector}


def variables(settings: PodSettings) -> Iterator[dict[str, Any]]:
    """
    Yield the environment of a pod.
    """
    for key, field in FIELDS.items():
        yield {"name": VARIABLES[key], "valueFrom": {"fieldRef": {"fieldPath": field}}}
    for name, table in settings.tables().items():
        for key, value in table.items():
            text = f"{value:g}" if isinstance(value, float) else value
            yield {"name": f"GREENSDK_{name}_{key}".upper(), "value": text}


def _volumes(settings: PodSettings) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """
    Yield volume and mount. A node that has no powercap does not start the pod, and its events say so.
    """
    if settings.powercap and settings.powercap.startswith(HOST_SYSFS):
        for name, folder in (("powercap-class", "class/powercap"), ("powercap-devices", "devices/virtual/powercap")):
            yield (
                {"name": name, "hostPath": {"path": f"{settings.sysfs.rstrip('/')}/{folder}", "type": "Directory"}},
                {"name": name, "mountPath": f"{HOST_SYSFS}/{folder}", "readOnly": True},
            )
    if settings.agent:
        # Read-only would be the maps' end: a reader registers itself in them.
        yield (
            {"name": "greensdk-agent", "hostPath": {"path": settings.agent_root, "type": "DirectoryOrCreate"}},
            {"name": "greensdk-agent", "mountPath": settings.agent_root, "mountPropagation": "HostToContainer"},
        )


def _rights(settings: PodSettings, theirs: dict[str, Any]) -> dict[str, Any]:
    """
    Return a container's security context: of the restricted variant as much as nobody has said otherwise.
    """
    if settings.variant == PRIVILEGED:
        root = {"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False}
        if settings.all_privileges:
            kept = {key: theirs[key] for key in theirs.keys() - {"allowPrivilegeEscalation", "capabilities"}}
            return {**kept, **root, "privileged": True}
        added = {"drop": ["ALL"], "add": list(CAPABILITIES)}
        return {**_closed(), **theirs, **root, "allowPrivilegeEscalation": False, "capabilities": added}
    user = {"runAsUser": USER, "runAsGroup": USER, "runAsNonRoot": True}
    rights = theirs if settings.variant == PLAIN else {**user, **_closed(), "capabilities": {"drop": ["ALL"]}, **theirs}
    return _let_bpf(rights) if settings.agent else rights


def _let_bpf(rights: dict[str, Any]) -> dict[str, Any]:
    """
    Have the runtime's seccomp filter let bpf(2) through, without which nobody reads the agent's maps.

    That of containerd and docker does so for containers with this capability in their bounding set
    (https://github.com/containerd/containerd/blob/main/contrib/seccomp/seccomp_default.go). User 1000 does not get
    the capability by that, and can't gain it.
    """
    kept = rights.get("capabilities") or {}
    return {**rights, "capabilities": {**kept, "add": sorted({*kept.get("add", ()), "BPF"})}}


def _closed() -> dict[str, Any]:
    return {"allowPrivilegeEscalation": False, "seccompProfile": {"type": "RuntimeDefault"}}
