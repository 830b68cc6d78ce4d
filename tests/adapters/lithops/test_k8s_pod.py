"""
A pod's identity: names from variables, the container from its cgroup, the uid from either.
"""

from __future__ import annotations

import os

import pytest
from greensdk_lithops.pod import VARIABLES, PodCall, container_and_pod_uid, pod

BOX = "0123456789abcdef" * 4
SANDBOX = "fedcba9876543210" * 4
UID = "12345678-9abc-4def-8123-456789abcdef"
FLAT = UID.replace("-", "_")

CGROUPS = {
    "containerd, systemd driver, v2": (
        f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{FLAT}.slice/cri-containerd-{BOX}.scope"
    ),
    "containerd, cgroupfs driver, v1": (
        f"11:memory:/kubepods/burstable/pod{UID}/{BOX}\n4:cpu,cpuacct:/kubepods/burstable/pod{UID}/{BOX}\n"
        f"1:name=systemd:/kubepods/burstable/pod{UID}/{BOX}\n0::/"
    ),
    "containerd, in a node that is a container": (
        f"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
        f"kubelet-kubepods-besteffort-pod{FLAT}.slice/cri-containerd-{BOX}.scope"
    ),
    "cri-o, systemd driver, v2": (
        f"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{FLAT}.slice/crio-{BOX}.scope/container"
    ),
    "docker, systemd driver, v1": (
        f"9:pids:/kubepods.slice/kubepods-pod{FLAT}.slice/docker-{BOX}.scope\n"
        f"1:name=systemd:/kubepods.slice/kubepods-pod{FLAT}.slice/docker-{BOX}.scope"
    ),
    "docker, cgroupfs driver, guaranteed": f"2:cpu:/kubepods/pod{UID}/{BOX}",
}
OUTSIDE = {
    "docker, v1": f"5:memory:/docker/{BOX}\n0::/system.slice/containerd.service",
    "docker, systemd driver": f"0::/system.slice/docker-{BOX}.scope",
    "podman": f"0::/machine.slice/libpod-{BOX}.scope/container",
    "podman's pod": f"4:memory:/libpod_parent/{SANDBOX}/libpod-{BOX}",
}
PRIVATE = "0::/\n"

CONTAINERD_MOUNTS = f"""\
1021 890 0:31 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw
1040 1002 259:1 /var/lib/kubelet/pods/{UID}/etc-hosts /etc/hosts rw,noatime - xfs /dev/root rw
1041 1003 259:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{SANDBOX}/hostname /etc/hostname rw - xfs a rw
"""
CRIO_MOUNTS = f"""\
1040 1002 259:1 /var/lib/kubelet/pods/{UID}/containers/worker/5ab1c9ee /dev/termination-log rw - xfs /dev/root rw
1041 1003 0:24 /containers/storage/overlay-containers/{SANDBOX}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw
"""
V1_MOUNTS = f"""\
733 732 0:30 /kubepods/burstable/pod{UID}/{BOX} /sys/fs/cgroup/memory ro,nosuid shared:12 - cgroup cgroup rw,memory
"""
DOCKER_MOUNTS = f"""\
512 490 8:1 /var/lib/docker/containers/{BOX}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/sda1 rw
513 490 8:1 /var/lib/docker/containers/{BOX}/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw
"""


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """
    Return a function that makes a root with the files that a container would see there.
    """
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)

    def make(cgroup: str = PRIVATE, mounts: str = ""):
        folder = tmp_path / "proc" / "self"
        folder.mkdir(parents=True)
        (folder / "cgroup").write_text(cgroup)
        (folder / "mountinfo").write_text(mounts)
        return str(tmp_path)

    return make


@pytest.mark.parametrize("cgroup", CGROUPS.values(), ids=CGROUPS)
def test_the_cgroup_tells_container_and_pod(cgroup, inside):
    """
    Whichever driver the kubelet has, and whichever runtime.
    """
    assert (BOX, UID) == container_and_pod_uid(inside(cgroup))


@pytest.mark.parametrize("cgroup", OUTSIDE.values(), ids=OUTSIDE)
def test_a_container_outside_of_kubernetes_has_no_pod(cgroup, inside):
    """
    It is the innermost container, not the pod that podman puts it into.
    """
    assert (BOX, None) == container_and_pod_uid(inside(cgroup))


@pytest.mark.parametrize("mounts", [CONTAINERD_MOUNTS, CRIO_MOUNTS], ids=["containerd", "cri-o"])
def test_with_a_cgroup_of_its_own_a_pod_knows_its_uid_but_not_its_container(mounts, inside):
    """
    The mounts name the sandbox's container, which is another one.
    """
    assert (None, UID) == container_and_pod_uid(inside(PRIVATE, mounts))


def test_the_mounted_cgroups_tell_where_the_process_file_does_not(inside):
    """
    With v1 the mounts show the paths that a namespace hides.
    """
    assert (BOX, UID) == container_and_pod_uid(inside("4:memory:/\n0::/", V1_MOUNTS))


def test_docker_shows_its_container_in_the_mounts(inside):
    """
    With v2 there is nothing else.
    """
    assert (BOX, None) == container_and_pod_uid(inside(PRIVATE, DOCKER_MOUNTS))


def test_outside_of_any_container_there_is_nothing_to_tell(inside, tmp_path):
    """
    Nor where there is no /proc at all, as on macOS.
    """
    host = "0::/user.slice/user-1000.slice/session-3.scope\n"
    assert (None, None) == container_and_pod_uid(inside(host, "25 30 0:24 / /proc rw - proc proc rw\n"))
    assert (None, None) == container_and_pod_uid(str(tmp_path / "nowhere"))


def test_the_downward_api_has_the_first_word(inside, monkeypatch):
    """
    Then what a pod can see for itself: the account's namespace, its host name, its mounts.
    """
    root = inside(CGROUPS["containerd, cgroupfs driver, v1"])
    account = f"{root}/var/run/secrets/kubernetes.io/serviceaccount"
    os.makedirs(account)
    with open(f"{account}/namespace", "w") as file:
        file.write("jobs\n")
    monkeypatch.setenv("HOSTNAME", "worker-7")
    seen = {"node": None, "namespace": "jobs", "pod": "worker-7", "pod_uid": UID, "container": BOX}
    assert seen == pod(root)
    for key, variable in VARIABLES.items():
        monkeypatch.setenv(variable, f"the {key}")
    assert {**{key: f"the {key}" for key in VARIABLES}, "container": BOX} == pod(root)


def test_a_record_of_a_pod_outside_of_lithops_has_its_identity(monkeypatch):
    """
    Where Kubernetes' variable is set: Lithops is not needed for it.
    """
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    for key, variable in VARIABLES.items():
        monkeypatch.setenv(variable, f"the-{key}")
    worker = PodCall({}).worker()
    assert ["pod", "k8s", None] == [worker["adapter"], worker["backend"], worker["job_id"]]
    assert {key: f"the-{key}" for key in VARIABLES} == {key: worker[key] for key in VARIABLES}


def test_a_plain_pod_writes_where_everybody_writes(tmp_path, monkeypatch):
    """
    A file in the working directory, unless sinks are named: then these alone.
    """
    monkeypatch.chdir(tmp_path)
    assert ["energy.jsonl"] == [uri for uri, _ in PodCall({}).sinks({"sinks": None})]
    assert [] == list(PodCall({}).sinks({"sinks": [["memory:", "", {}]]}))
