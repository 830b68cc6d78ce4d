"""
Equipping a pod for measuring: variables, volumes, rights.

Field names: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/. The rights that Kubernetes
calls restricted: https://kubernetes.io/docs/concepts/security/pod-security-standards/.
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
"""Key of the record's ``worker`` block to the field of the downward API."""

USER = 1000
"""User of the containers of Lithops' runtimes."""

CAPABILITIES = ("BPF", "DAC_READ_SEARCH", "PERFMON", "SYS_PTRACE")
"""
Capabilities that root needs to measure: load eBPF programs, read energy counters regardless of owner, open the
machine's performance counters, read other processes' /proc. Linux 5.8 (capabilities(7)). Kubernetes grants
capabilities to root only: it sets no ambient ones.
"""


def equip(pod: dict[str, Any], settings: PodSettings) -> None:
    """
    Change a pod's ``spec`` in place; its first container measures. Its contents stay, except rights that the privileged
    variant must change.
    """
    container = pod["containers"][0]
    # Append: Lithops fills in its own variables by index.
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
    Restrict a pod to the nodes in the settings.
    """
    if settings.node_selector:
        pod["nodeSelector"] = {**(pod.get("nodeSelector") or {}), **settings.node_selector}


def variables(settings: PodSettings) -> Iterator[dict[str, Any]]:
    """
    Yield the environment variables of a pod.
    """
    for key, field in FIELDS.items():
        yield {"name": VARIABLES[key], "valueFrom": {"fieldRef": {"fieldPath": field}}}
    for name, table in settings.tables().items():
        for key, value in table.items():
            text = f"{value:g}" if isinstance(value, float) else value
            yield {"name": f"GREENSDK_{name}_{key}".upper(), "value": text}


def _volumes(settings: PodSettings) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield volume and mount. A node that has no powercap does not start the pod, and its events say so."""
    if settings.powercap and settings.powercap.startswith(HOST_SYSFS):
        for name, folder in (("powercap-class", "class/powercap"), ("powercap-devices", "devices/virtual/powercap")):
            yield (
                {"name": name, "hostPath": {"path": f"{settings.sysfs.rstrip('/')}/{folder}", "type": "Directory"}},
                {"name": name, "mountPath": f"{HOST_SYSFS}/{folder}", "readOnly": True},
            )
    if settings.agent:
        # Not read-only: readers register themselves in the maps.
        yield (
            {"name": "greensdk-agent", "hostPath": {"path": settings.agent_root, "type": "DirectoryOrCreate"}},
            {"name": "greensdk-agent", "mountPath": settings.agent_root, "mountPropagation": "HostToContainer"},
        )


def _rights(settings: PodSettings, current: dict[str, Any]) -> dict[str, Any]:
    """Return a container's security context; existing values take precedence over the restricted variant's."""
    if settings.variant == PRIVILEGED:
        root = {"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False}
        if settings.all_privileges:
            kept = {key: current[key] for key in current.keys() - {"allowPrivilegeEscalation", "capabilities"}}
            return {**kept, **root, "privileged": True}
        added = {"drop": ["ALL"], "add": list(CAPABILITIES)}
        return {**_no_escalation(), **current, **root, "allowPrivilegeEscalation": False, "capabilities": added}
    user = {"runAsUser": USER, "runAsGroup": USER, "runAsNonRoot": True}
    rights = (
        current
        if settings.variant == PLAIN
        else {**user, **_no_escalation(), "capabilities": {"drop": ["ALL"]}, **current}
    )
    return _with_bpf(rights) if settings.agent else rights


def _with_bpf(rights: dict[str, Any]) -> dict[str, Any]:
    """
    Make the runtime's seccomp filter allow bpf(2), which reading the agent's maps needs.

    The filter of containerd and docker does so for containers with this capability in their bounding set
    (https://github.com/containerd/containerd/blob/main/contrib/seccomp/seccomp_default.go). User 1000 does not get
    the capability that way.
    """
    kept = rights.get("capabilities") or {}
    return {**rights, "capabilities": {**kept, "add": sorted({*kept.get("add", ()), "BPF"})}}


def _no_escalation() -> dict[str, Any]:
    return {"allowPrivilegeEscalation": False, "seccompProfile": {"type": "RuntimeDefault"}}
