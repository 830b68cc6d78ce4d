"""
Which place this is, and what of the machine is ours there: known from variables and files alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from greensdk_lambda_estimator import LambdaEstimator
from greensdk_lambda_estimator.places import NO_QUOTA, NOWHERE, Place, cpu_limit, find, memory_limit_mb
from hypothesis import given
from hypothesis import strategies as st

from greensdk.configure import builtin
from greensdk.monitor import Usage

if TYPE_CHECKING:
    from pathlib import Path

LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "work", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}
POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
RUN = {"K_SERVICE": "work", "K_REVISION": "work-00001", "K_CONFIGURATION": "work"}
AZURE = {"FUNCTIONS_WORKER_RUNTIME": "python", "WEBSITE_INSTANCE_ID": "f00d", "WEBSITE_SKU": "Dynamic"}
HOST = {"arch": "x86_64", "cpu_class": "masked-intel"}
V1_NO_LIMIT = 9_223_372_036_854_771_712


class Tree:
    """
    A root folder with the files of a kernel, as far as limits go.
    """

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._root = root

    def put(self, path: str, text: object) -> Tree:
        """
        Write one file.
        """
        file = self._root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
        return self

    def v2(self, group: str = "", cpu: str = "max 100000", memory: object = "max") -> Tree:
        """
        Write the limits of a cgroup v2.
        """
        return self.put(f"sys/fs/cgroup{group}/cpu.max", cpu).put(f"sys/fs/cgroup{group}/memory.max", memory)

    def v1(self, group: str = "", quota: int = -1, memory: int = V1_NO_LIMIT, period: int = 100_000) -> Tree:
        """
        Write the limits of a cgroup v1.
        """
        self.put(f"sys/fs/cgroup/cpu{group}/cpu.cfs_quota_us", quota)
        self.put(f"sys/fs/cgroup/cpu{group}/cpu.cfs_period_us", period)
        return self.put(f"sys/fs/cgroup/memory{group}/memory.limit_in_bytes", memory)

    def machine(self, cpus: str = "0-1", memory_kb: int = 2_097_152) -> Tree:
        """
        Write what a small virtual machine shows of itself.
        """
        return self.put("sys/devices/system/cpu/online", cpus).put("proc/meminfo", f"MemTotal: {memory_kb} kB")


@pytest.fixture
def files(tmp_path: Path) -> Tree:
    """
    An empty root folder.
    """
    return Tree(tmp_path / "root")


@pytest.mark.parametrize(
    ("memory", "share"),
    [("128", 0.07236), ("512", 0.28943), ("1769", 1.0), ("3008", 1.70040), ("10240", 5.78858), ("20480", 5.78858)],
)
def test_a_lambda_has_a_vcpu_for_each_1769_mb(files: Tree, memory: str, share: float) -> None:
    """
    And never more than the largest one. No file is needed.
    """
    place, reason = find({**LAMBDA, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}, files.root)
    assert place is not None
    assert ("aws-lambda", float(memory), "") == (place.name, place.memory_mb, reason)
    assert share == pytest.approx(place.vcpus, abs=1e-5)


@pytest.mark.parametrize("memory", ["", "0", "much", "-5", "1.5", "\u00b2"])
def test_a_lambda_without_a_size_is_no_place(files: Tree, memory: str) -> None:
    """
    It says which variable is wrong, and does not guess.
    """
    place, reason = find({**LAMBDA, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}, files.root)
    assert (None, f"AWS_LAMBDA_FUNCTION_MEMORY_SIZE = {memory!r} is no number of MB") == (place, reason)


@pytest.mark.parametrize("environ", [POD, RUN, AZURE, {**AZURE, "CONTAINER_NAME": "c"}, {}])
@pytest.mark.parametrize("version", [1, 2])
def test_limits_are_the_same_in_both_versions_of_cgroups(files: Tree, environ: dict[str, str], version: int) -> None:
    """
    Half a CPU and 256 MB, wherever we are.
    """
    if version == 1:
        files.v1(quota=50_000, memory=256 << 20)
    else:
        files.v2(cpu="50000 100000", memory=256 << 20)
    place, reason = find(environ, files.root)
    assert place is not None
    assert (0.5, 256.0, "cgroup", "") == (place.vcpus, place.memory_mb, place.source, reason)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        (LAMBDA, "aws-lambda"),
        (POD, "kubernetes"),
        ({**POD, **RUN}, "kubernetes"),
        (RUN, "google-cloud-run"),
        ({"CLOUD_RUN_JOB": "work"}, "google-cloud-run"),
        ({**RUN, "FUNCTION_TARGET": "main"}, "google-cloud-functions"),
        (AZURE, "azure-functions"),
        ({"FUNCTIONS_WORKER_RUNTIME": "python", "CONTAINER_NAME": "c"}, "azure-functions"),
        ({}, "container"),
    ],
)
def test_a_place_is_known_by_its_variables(files: Tree, environ: dict[str, str], name: str) -> None:
    """
    Knative in a cluster of one's own is Kubernetes.
    """
    place, _ = find(environ, files.v2(cpu="100000 100000", memory=1 << 30).root)
    assert place is not None
    assert name == place.name


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, NOWHERE),
        ({"FUNCTIONS_WORKER_RUNTIME": "python"}, NOWHERE),
        ({"FUNCTION_TARGET": "main"}, NOWHERE),
        (POD, NO_QUOTA),
    ],
)
@pytest.mark.parametrize("version", [0, 1, 2])
def test_without_limits_there_is_no_place(files: Tree, environ: dict[str, str], expected: str, version: int) -> None:
    """
    A laptop, one with Azure's or Google's tools on it, and a pod that shares its node.
    """
    if version:
        (files.v1 if version == 1 else files.v2)()
    assert (None, expected) == find(environ, files.machine().root)


@pytest.mark.parametrize("environ", [RUN, AZURE])
def test_an_instance_without_limits_is_ours_as_a_whole(files: Tree, environ: dict[str, str]) -> None:
    """
    Such an instance is a virtual machine made for one function.
    """
    place, _ = find(environ, files.machine().root)
    assert place is not None
    assert (2.0, 2048.0, "all that the instance shows") == (place.vcpus, place.memory_mb, place.source)


def test_an_instance_may_have_one_limit_of_two(files: Tree) -> None:
    """
    The rest is what it shows.
    """
    files.machine().v2(cpu="80000 100000")
    place, _ = find(RUN, files.root)
    assert place is not None
    assert (0.8, 2048.0) == (place.vcpus, place.memory_mb)


def test_an_instance_that_shows_nothing_has_no_numbers(files: Tree) -> None:
    """
    None, and the estimator says which one it misses.
    """
    assert (Place("google-cloud-run", None, None, "all that the instance shows"), "") == find(RUN, files.root)


def test_the_lowest_limit_on_the_way_up_counts(files: Tree) -> None:
    """
    A pod's group is limited, the container's in it less, and the machine's own not at all.
    """
    files.put("proc/self/cgroup", "0::/kubepods/pod1/c1")
    files.v2("/kubepods/pod1/c1", "max 100000", "max").v2("/kubepods/pod1", "150000 100000", 512 << 20).v2()
    assert (1.5, 512.0) == (cpu_limit(files.root), memory_limit_mb(files.root))
    files.v2("/kubepods", "100000 100000", 1 << 30)
    assert (1.0, 512.0) == (cpu_limit(files.root), memory_limit_mb(files.root))


def test_each_controller_of_the_first_version_has_its_own_group(files: Tree) -> None:
    """
    Named together with others in one line or not.
    """
    files.put("proc/self/cgroup", "4:memory:/m\n3:cpuacct,cpu:/c\n2:cpuset:/s\n1:name=systemd:/s\n0::/s\n")
    files.v1("/c", quota=25_000).v1("/m", memory=128 << 20).v1("/s", quota=1_000, memory=1 << 20)
    assert (0.25, 128.0) == (cpu_limit(files.root), memory_limit_mb(files.root))


def test_a_group_outside_of_the_namespace_is_not_followed(files: Tree) -> None:
    """
    The kernel shows it as a path upwards, which would lead out of the mount.
    """
    files.put("proc/self/cgroup", "0::/../../other").v2(cpu="200000 100000", memory=1 << 30)
    files.put("sys/other/cpu.max", "1000 100000").put("other/cpu.max", "1000 100000")
    assert (2.0, 1024.0) == (cpu_limit(files.root), memory_limit_mb(files.root))


@given(text=st.text(max_size=30))
def test_what_no_kernel_writes_is_no_limit(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """
    No error and no number from anything but two numbers above 0.
    """
    files = Tree(tmp_path_factory.mktemp("root"))
    files.put("sys/fs/cgroup/cpu.max", text.encode("ascii", "replace").decode())
    files.put("sys/fs/cgroup/memory.max", "x" + text.encode("ascii", "replace").decode())
    limit = cpu_limit(files.root)
    assert limit is None or limit > 0
    assert memory_limit_mb(files.root) is None


@pytest.mark.parametrize("text", ["0 100000", "100000 0", "-1 100000", "100000", "", "max", "1 2 3"])
def test_a_quota_that_means_nothing_is_no_limit(files: Tree, text: str) -> None:
    """
    Neither zero CPUs nor a division by zero.
    """
    assert cpu_limit(files.v2(cpu=text).root) is None


def test_the_estimator_says_why_it_can_not_work(monkeypatch: pytest.MonkeyPatch, files: Tree) -> None:
    """
    And what helps; not a single number comes out.
    """
    estimator = LambdaEstimator(root=files.root, host=HOST)
    available = estimator.probe()
    assert (False, NOWHERE) == (available.ok, available.reason)
    assert "set vcpus and memory_mb in [tool.greensdk.lambda-estimator]" in available.fix
    assert [] == estimator.open()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    assert NO_QUOTA == LambdaEstimator(root=files.root, host=HOST).probe().reason


@pytest.mark.parametrize(
    ("limits", "given", "lacks"),
    [
        ({"cpu": "100000 100000"}, {}, "kubernetes: nothing tells the memory limit"),
        ({"cpu": "100000 100000"}, {"memory_mb": 300.0}, ""),
        ({"memory": 1 << 30}, {"vcpus": 2.0}, NO_QUOTA),
        ({"memory": 1 << 30}, {"vcpus": 2.0, "memory_mb": 300.0}, ""),
    ],
)
def test_a_pod_with_half_of_the_limits_needs_the_other_half(
    monkeypatch: pytest.MonkeyPatch, files: Tree, limits: dict[str, object], given: dict[str, float], lacks: str
) -> None:
    """
    From the user, whose word wins over the files.
    """
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    available = LambdaEstimator(root=files.v2(**limits).root, host=HOST, **given).probe()
    assert (not lacks, lacks) == (available.ok, available.reason)


def test_the_user_may_correct_what_the_place_says(monkeypatch: pytest.MonkeyPatch, files: Tree) -> None:
    """
    One number, and the source says whose it is.
    """
    for name, value in LAMBDA.items():
        monkeypatch.setenv(name, value)
    estimator = LambdaEstimator(root=files.root, host=HOST, vcpus=1.0)
    estimator.open()
    attributes = estimator.estimate(Usage(1.0, 0.5, None, "process"))["attributes"]
    assert (1.0, 512.0) == (attributes["vcpu_share"], attributes["memory_mb"])
    assert "user, and AWS_LAMBDA_FUNCTION_MEMORY_SIZE / 1769" == attributes["limits_source"]


@pytest.mark.parametrize("environ", [LAMBDA, POD, RUN, {"CLOUD_RUN_JOB": "work"}, AZURE])
def test_auto_looks_for_it_wherever_it_can_work(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    """
    One of the place's variables lets it be imported; on any other machine it costs nothing.
    """
    assert builtin.is_absent("lambda-estimator")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert not builtin.is_absent("lambda-estimator")
