"""
Who sends: the resource of OpenTelemetry's data model.

Names are of https://opentelemetry.io/docs/specs/semconv/resource/ : ``host.*``, ``os.type``, ``k8s.*``,
``container.id`` and ``faas.*``. What ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` say wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from greensdk.deliver.lifecycle import is_lithops_worker
from greensdk.version import __version__

MIB = 1024 * 1024

HOST = {
    "host.id": "host_id",
    "host.arch": "arch",
    "host.cpu.model.name": "cpu_model",
    "os.type": "os",
}
"""Attribute to key of a record's ``host``."""

WORKER = {
    "k8s.node.name": "node",
    "k8s.namespace.name": "namespace",
    "k8s.pod.name": "pod",
    "k8s.pod.uid": "pod_uid",
    "container.id": "container",
    "faas.name": "function_name",
    "faas.version": "function_version",
}
"""Attribute to key of a record's ``worker``."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "x86"}
"""The kernel's names to the well-known values of ``host.arch``."""


def is_own(record: Mapping[str, Any]) -> bool:
    """
    Say whether a record was made in this process; one that a Lithops client has collected tells of a worker.
    """
    return is_lithops_worker() or (record.get("worker") or {}).get("adapter") != "lithops"


def attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return what the first record that is sent tells of the process that sends it.
    """
    from greensdk.machine.hardware import describe

    own = is_own(record)
    host, worker = (record.get("host") or {}, record.get("worker") or {}) if own else (describe(), {})
    found = {name: host.get(key) for name, key in HOST.items()} | {
        name: worker.get(key) for name, key in WORKER.items()
    }
    found["host.arch"] = ARCHITECTURES.get(str(found["host.arch"]), found["host.arch"])
    if found["faas.name"] and worker.get("memory_mb"):
        found["faas.max_memory"] = int(worker["memory_mb"]) * MIB
    named = {"service.name": "greensdk", "service.instance.id": str(uuid4()), "telemetry.distro.name": "greensdk"}
    return {**named, "telemetry.distro.version": __version__, **{name: value for name, value in found.items() if value}}
