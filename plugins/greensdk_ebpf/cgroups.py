"""
Which cgroup has which id, and which container or pod it is.

The id of a cgroup is the number of its directory's inode (kernfs gives both from one 64-bit number,
include/linux/kernfs.h, ``kernfs_id``). Paths of pods: the kubelet's cgroup drivers (pkg/kubelet/cm in Kubernetes),
cgroupfs and systemd. Names of container scopes: the runtime's prefix, 64 hex digits, ``.scope`` (docker, podman's
libpod, containerd's cri, cri-o, nerdctl); without systemd the digits alone.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

MOUNTS = "/proc/mounts"

_POD = re.compile(r"[/-]pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?=/|$)")
_CONTAINER = re.compile(r"/(?:([a-z][a-z-]*)-)?([0-9a-f]{64})(?:\.scope)?(?=/|$)")
_RUNTIMES = {
    "docker": "docker",
    "libpod": "podman",
    "cri-containerd": "containerd",
    "nerdctl": "containerd",
    "crio": "cri-o",
}
_PARENTS = {"docker": "docker", "libpod_parent": "podman"}


class Container(NamedTuple):
    """
    What a cgroup's path says.

    Attributes:
        container_id: 64 hex digits; None for a pod's own group.
        runtime: ``docker``, ``podman``, ``containerd`` or ``cri-o``; None where the path does not say.
        pod_uid: The pod's uid as Kubernetes writes it; None outside of one.
    """

    container_id: str | None
    runtime: str | None
    pod_uid: str | None


def mount_root(mounts: str = MOUNTS) -> str | None:
    """
    Return where the cgroup2 file system is mounted; None if it is not.
    """
    with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            _, place, kind, _ = line.split(" ", 3)
            if kind == "cgroup2":
                return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place)
    return None


def paths(root: str) -> dict[int, str]:
    """
    Return id and path, below `root`, of each cgroup.
    """
    found = {os.stat(root).st_ino: "/"}
    waiting = [(root, "")]
    while waiting:
        folder, path = waiting.pop()
        try:
            inside = [entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            continue  # containers end while we look
        for entry in inside:
            found[entry.inode()] = f"{path}/{entry.name}"
            waiting.append((entry.path, f"{path}/{entry.name}"))
    return found


def cgroup_of(thread: int, proc: str = "/proc", root: str | None = None) -> int | None:
    """
    Return the id of the cgroup that a thread is in; None when it is gone.
    """
    root = root or mount_root(f"{proc}/mounts")
    try:
        with open(f"{proc}/{thread}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            path = next((line[3:].rstrip("\n") for line in file if line.startswith("0::")), None)
        return None if root is None or path is None else os.stat(f"{root}{path}").st_ino
    except (FileNotFoundError, ProcessLookupError):
        return None


def container(path: str) -> Container | None:
    """
    Return what the path of a cgroup says about a container or pod; None if it is neither's.
    """
    path = path if path.startswith("/") else f"/{path}"
    pod = _POD.search(path)
    boxes = [box for box in _CONTAINER.finditer(path) if not (box[1] or "").endswith("conmon")]
    if not pod and not boxes:
        return None
    uid = pod[1].replace("_", "-") if pod else None
    if not boxes:
        return Container(None, None, uid)
    # The innermost: a container may run others.
    box = boxes[-1]
    parent = path[: box.start()].rpartition("/")[2]
    return Container(box[2], _RUNTIMES.get(box[1]) if box[1] else _PARENTS.get(parent), uid)
