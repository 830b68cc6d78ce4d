"""
Where we run, and what of the machine is ours: known from the environment and cgroup files, never by the network.

==========================  ===================================================================================
place                       known by
==========================  ===================================================================================
``aws-lambda``              ``AWS_LAMBDA_FUNCTION_NAME``, ``AWS_LAMBDA_FUNCTION_MEMORY_SIZE``
                            (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html)
``aws-fargate``             ``AWS_EXECUTION_ENV`` is ``AWS_ECS_FARGATE``
                            (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-environment-variables.html)
``kubernetes``              ``KUBERNETES_SERVICE_HOST``
                            (https://kubernetes.io/docs/tutorials/services/connect-applications-service/)
``google-cloud-functions``  the next, and ``FUNCTION_TARGET``
``google-cloud-run``        ``K_SERVICE`` or ``CLOUD_RUN_JOB`` (https://cloud.google.com/run/docs/container-contract)
``azure-functions``         ``FUNCTIONS_WORKER_RUNTIME``, which Azure's tools set on a laptop too, together with
                            ``WEBSITE_INSTANCE_ID`` or ``CONTAINER_NAME``, which they don't
                            (https://learn.microsoft.com/azure/azure-functions/functions-app-settings)
``azure-container-apps``    ``CONTAINER_APP_NAME``
                            (https://learn.microsoft.com/azure/container-apps/environment-variables)
``container``               a CPU quota and a memory limit
==========================  ===================================================================================

Lambda says what it allots in a variable. The others use the kernel's limits (Documentation/scheduler/sched-bwc.rst,
admin-guide/cgroup-v1/memory.rst, admin-guide/cgroup-v2.rst: ``cpu.max``, ``memory.max``), of which the lowest on the
way up from our own group counts. A Google, Azure or Fargate instance without one is a virtual machine of its own, all
of which is ours; a pod without one shares its node, and nothing tells how much of it is its own.
"""

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from greensdk.machine import hardware
from greensdk.machine.hardware import text_of

MB_PER_VCPU = 1769
"""
"At 1,769 MB, a function has the equivalent of one vCPU", and CPU is in proportion to memory:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html.
"""

LARGEST_MB = 10_240
"""The most memory that a Lambda can have, on the same page: 5.79 vCPUs."""

LAMBDA = "aws-lambda"

UNLIMITED_BYTES = 1 << 60
"""cgroup v1 writes the largest multiple of a page for "no limit"."""

NOWHERE = "not in a serverless function or a container with CPU limits"
NO_QUOTA = "this pod has no CPU limit, and may use all of its node"
FIX = (
    "give the container limits of CPU and memory, or set vcpus and memory_mb in [tool.greensdk.lambda-estimator] "
    "(GREENSDK_LAMBDA_ESTIMATOR_VCPUS, GREENSDK_LAMBDA_ESTIMATOR_MEMORY_MB)"
)
_ROOT = "sys/fs/cgroup"


class Place(NamedTuple):
    """
    What of a machine is ours.

    Attributes:
        name: The place, as in the table above.
        vcpus: CPUs, with fractions; None where nothing tells.
        memory_mb: Memory in MB of 1024 * 1024 bytes, which is what the providers mean; None where nothing tells.
        source: Who says so.
    """

    name: str
    vcpus: float | None
    memory_mb: float | None
    source: str


def find(environ: Mapping[str, str], root: str = "/") -> tuple[Place | None, str]:
    """
    Return the place and "", or None and the reason why it is none where CPUs are allotted.
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in environ:
        return _aws_lambda(environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""))
    if "KUBERNETES_SERVICE_HOST" in environ and "CONTAINER_APP_NAME" not in environ:
        return _limited("kubernetes", root, NO_QUOTA)
    if name := _instance_name(environ):
        return _instance(name, root)
    return _limited("container", root, NOWHERE)


def cpu_limit(root: str = "/") -> float | None:
    """
    Return how many CPUs the cgroups above us allow, with fractions; None for any number.
    """
    found = [text_of(f"{group}/cpu.max") for group in _groups(root, "")]
    found += [
        f"{text_of(f'{group}/cpu.cfs_quota_us')} {text_of(f'{group}/cpu.cfs_period_us')}"
        for group in _groups(root, "cpu")
    ]
    return min((cpus for cpus in map(_cpus, found) if cpus is not None), default=None)


def memory_limit_mb(root: str = "/") -> float | None:
    """
    Return how many MB the cgroups above us allow; None for any number.
    """
    found = [text_of(f"{group}/memory.max") for group in _groups(root, "")]
    found += [text_of(f"{group}/memory.limit_in_bytes") for group in _groups(root, "memory")]
    limits = [int(text) for text in found if text.isdigit() and 0 < int(text) < UNLIMITED_BYTES]
    return min(limits) / (1 << 20) if limits else None


def _instance_name(environ: Mapping[str, str]) -> str:
    """Return the place whose instances are virtual machines of their own; "" elsewhere."""
    if environ.get("AWS_EXECUTION_ENV") == "AWS_ECS_FARGATE":
        return "aws-fargate"
    if "CONTAINER_APP_NAME" in environ:
        return "azure-container-apps"
    if "K_SERVICE" in environ or "CLOUD_RUN_JOB" in environ:
        return "google-cloud-functions" if "FUNCTION_TARGET" in environ else "google-cloud-run"
    azure = environ.get("WEBSITE_INSTANCE_ID") or environ.get("CONTAINER_NAME")
    return "azure-functions" if azure and environ.get("FUNCTIONS_WORKER_RUNTIME") else ""


def _aws_lambda(memory: str) -> tuple[Place | None, str]:
    if not memory.isdecimal() or int(memory) == 0:
        return None, f"AWS_LAMBDA_FUNCTION_MEMORY_SIZE = {memory!r} is no number of MB"
    share = min(int(memory), LARGEST_MB) / MB_PER_VCPU
    return Place(LAMBDA, share, float(memory), f"AWS_LAMBDA_FUNCTION_MEMORY_SIZE / {MB_PER_VCPU}"), ""


def _limited(name: str, root: str, otherwise: str) -> tuple[Place | None, str]:
    vcpus = cpu_limit(root)
    if vcpus is None:
        return None, otherwise
    return Place(name, vcpus, memory_limit_mb(root), "cgroup"), ""


def _instance(name: str, root: str) -> tuple[Place, str]:
    vcpus, memory_mb = cpu_limit(root), memory_limit_mb(root)
    if vcpus is not None and memory_mb is not None:
        return Place(name, vcpus, memory_mb, "cgroup"), ""
    host = hardware.describe(root)
    if vcpus is None and host["cpus_logical"]:
        vcpus = float(host["cpus_logical"])
    if memory_mb is None and host["memory_bytes"]:
        memory_mb = host["memory_bytes"] / (1 << 20)
    return Place(name, vcpus, memory_mb, "all that the instance shows"), ""


def _groups(root: str, controller: str) -> Iterator[str]:
    """
    Yield the folders of our own group of a v1 `controller`, or of v2 for "", and of those above it.

    Inside a container only the last exists as a rule, and shows the container's own group.
    """
    mount = os.path.join(root, _ROOT, controller).rstrip("/")
    path = ""
    for line in text_of(root, "proc/self/cgroup").splitlines():
        _, names, group = (*line.split(":", 2), "", "")[:3]
        if controller in names.split(","):
            path = group.rstrip("/")
    # A group outside of the container's namespace is shown as "/../..".
    while path.startswith("/") and ".." not in path:
        yield mount + path
        path = path.rpartition("/")[0]
    yield mount


def _cpus(text: str) -> float | None:
    # "quota period" in microseconds; the quota of no limit is "max", and -1 in v1.
    words = text.split()
    if len(words) != 2 or not all(word.isdigit() and int(word) for word in words):
        return None
    return int(words[0]) / int(words[1])
