"""
Pods that really run: our manifests, and the Jobs of Lithops' own Kubernetes backend, by podman and runc.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from textwrap import dedent

import k8s_kit
import podman_kit
import pytest
from click.testing import CliRunner
from law_kit import Power, turning
from podman_kit import IMAGE, NAMESPACE, NODE
from rights_kit import need
from s3_kit import seaweed

from greensdk.cli import cli
from greensdk.schema.check import problems
from greensdk.testing import PowercapTree

pytest.importorskip("lithops")
pytest.importorskip("kubernetes")
yaml = pytest.importorskip("yaml")

pytestmark = pytest.mark.slow

TIMES_OUT_S = 3
WORK = """
import greensdk

@greensdk.energy_tracked
def work():
    return sum(range(3_000_000))

work()
"""


@pytest.fixture(scope="module")
def podman():
    """
    Return what runs pods.
    """
    with podman_kit.podman() as made:
        yield made


@pytest.fixture(scope="module")
def sysfs(tmp_path_factory):
    """
    Return a node's sysfs whose energy counters turn.
    """
    folder = tmp_path_factory.mktemp("node")
    tree = PowercapTree(folder)
    tree.package(0).dram()
    with turning(tree, {"package-0": Power(40.0), "dram-0": Power(5.0)}):
        yield str(folder)


@pytest.fixture(scope="module")
def cluster(podman, tmp_path_factory):
    """
    Return a cluster.
    """
    with k8s_kit.cluster(podman, tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """
    Return the storage of Lithops.
    """
    with seaweed(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture(scope="module")
def client(cluster, s3, tmp_path_factory):
    """
    Return a function that runs a script as Lithops' client, in a process of its own, and returns what it shows.
    """
    folder = tmp_path_factory.mktemp("client")

    def run(script: str, **variables: str):
        configured = {
            "CONFIG": json.dumps(k8s_kit.lithops_config(cluster, s3)),
            "TMPDIR": str(folder),
            "HOME": str(folder),
        }
        environment = {**os.environ, **s3.environment(), **configured, **variables}
        done = subprocess.run(
            [sys.executable, "-c", dedent(HEAD) + dedent(script)],
            env=environment, cwd=folder, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        shown = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        assert shown, done.stderr + "".join(f"\n{ran.pod['metadata']['name']}: {ran.log}" for ran in cluster.ran)
        return json.loads(shown[-1].removeprefix("RESULT "))

    return run


HEAD = """
    import json, os, signal, sys, time
    from greensdk import energy_tracked
    from greensdk_lithops import EnergyFunctionExecutor, collect
    CONFIG = json.loads(os.environ["CONFIG"])

    def show(value):
        print("RESULT", json.dumps(value))
"""


def worker_pod(*arguments: str):
    """
    Return the pod in the Job that ``greensdk k8s manifest`` prints.
    """
    return documents(*arguments)["Job"]["spec"]["template"]["spec"]


def documents(*arguments: str):
    """
    Return what ``greensdk k8s manifest`` prints, by kind.
    """
    done = CliRunner().invoke(cli, ["k8s", "manifest", "--image", IMAGE, *arguments])
    assert 0 == done.exit_code, done.output
    return {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}


@pytest.mark.parametrize(("variant", "user"), [("restricted", 1000), ("privileged", 0)])
def test_a_pod_of_the_manifest_reads_the_counters_of_its_node(podman, sysfs, variant, user):
    """
    The record is the only line of its log; it says where it was, and RAPL is what it was measured with.
    """
    script = f"import os; assert os.getuid() == {user}\n" + WORK
    pod = worker_pod("--variant", variant, "--sysfs", sysfs, "--", "python3", "-c", script)
    ran = podman.play(pod, f"green-{variant}")
    assert 0 == ran.code, ran.log
    record = json.loads(ran.log)
    assert [] == problems(record)
    assert ["rapl", "package+dram", None] == [record["energy_source"], record["energy_boundary"], record["reason"]]
    assert record["energy_j"] > 0
    assert {"package-0", "dram-0"} == record["readings"][0]["domains"].keys()
    assert {
        "node": NODE,
        "namespace": NAMESPACE,
        "pod": f"green-{variant}",
        "pod_uid": ran.pod["metadata"]["uid"],
        "container": ran.container,
    } == {key: record["worker"][key] for key in ("node", "namespace", "pod", "pod_uid", "container")}


def test_the_rights_of_a_running_pod_are_those_of_its_variant(podman, sysfs):
    """
    No capability; or BPF, DAC_READ_SEARCH, PERFMON and SYS_PTRACE, and those alone. The counters can't be written.
    """
    script = (
        "import json, os, sys\n"
        "status = dict(line.split(':\\t') for line in open('/proc/self/status') if ':\\t' in line)\n"
        "root = os.environ['GREENSDK_RAPL_ROOT']\n"
        "print(json.dumps([int(status['CapEff'], 16), int(status['CapBnd'], 16), os.access(root, os.W_OK)]))\n"
    )
    seen = {
        variant: json.loads(
            podman.play(worker_pod("--variant", variant, "--sysfs", sysfs, "--", "python3", "-c", script)).log
        )
        for variant in ("restricted", "privileged")
    }
    four = 1 << 2 | 1 << 19 | 1 << 38 | 1 << 39
    assert {"restricted": [0, 0, False], "privileged": [four, four, False]} == seen


def test_a_pod_without_a_command_runs_doctor(podman, sysfs):
    """
    The manifest's own command is ``greensdk doctor``.
    """
    ran = podman.play(worker_pod("--sysfs", sysfs))
    assert [0, True] == [ran.code, "energy_j comes from rapl" in ran.log], ran.log


@pytest.fixture(scope="module")
def mapped(client, sysfs):
    """
    Return what came of one map: values, records, statistics, the report's joules.
    """
    return client(
        """
        @energy_tracked(label="mine")
        def work(x):
            return sum(range(1_000_000)) and [x, os.environ["GIVEN"]]

        energy = {"monitors": ["rapl"], "plugins": {"k8s": {"variant": "restricted", "sysfs": os.environ["SYSFS"]}}}
        with EnergyFunctionExecutor(config=CONFIG, log_level=None, energy=energy) as fexec:
            futures = fexec.map(work, [1, 2, 3, 4], extra_env={"GIVEN": "kept"})
            values = fexec.get_result(futures, show_progressbar=False)
            stats = [future.stats["worker_func_energy_j"] for future in futures]
            show([values, collect(futures), stats, fexec.energy_report().energy_j])
        """,
        SYSFS=sysfs,
    )


def test_lithops_jobs_are_measured_in_their_pods(mapped, podman):
    """
    By Lithops' own backend, through one map: each record comes back by storage and by ``future.stats``, from its pod.
    """
    values, records, stats, energy_j = mapped
    assert [[1, "kept"], [2, "kept"], [3, "kept"], [4, "kept"]] == values
    assert [[]] * 4 == [problems(record) for record in records]
    assert stats == [record["energy_j"] for record in records]
    assert min(stats) > 0
    assert energy_j == pytest.approx(sum(stats), rel=0.2)
    for number, record in enumerate(records):
        worker = record["worker"]
        pod, container = podman.played[worker["pod"]]
        assert ["rapl", "mine", "ok"] == [record["energy_source"], record["label"], record["status"]]
        assert ["k8s", 512.0, NODE, NAMESPACE] == [worker[k] for k in ("backend", "memory_mb", "node", "namespace")]
        assert [pod["metadata"]["uid"], container] == [worker["pod_uid"], worker["container"]]
        assert [f"{number:05}", "M000"] == [worker["call_id"], worker["job_id"]]


@pytest.mark.usefixtures("mapped")
def test_only_the_worker_pods_of_lithops_were_changed(cluster):
    """
    Three kinds of Jobs were sent; what Kubernetes would say to them is what it says without us.
    """
    validate = pytest.importorskip("kubernetes_validate").validate
    kinds = {job["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"]: job for job in cluster.sent}
    assert {"get_metadata", "run_master", "run_job"} == kinds.keys()
    for kind, job in kinds.items():
        assert validate(job, "1.33", strict=True)
        names = {variable["name"] for variable in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        assert (kind == "run_job") == ("GREENSDK_NODE" in names)


def test_every_call_leaves_one_record_however_it_ends(client):
    """
    One for each attempt: the worker's own where it could speak, else one of the client's that says what happened.
    """
    shown = client(
        """
        from lithops.retries import RetryingFunctionExecutor

        def fate(way):
            sum(range(200_000))
            if way == "raises":
                raise ValueError("no")
            if way == "exits":
                raise SystemExit("enough")
            if way == "leaves":
                os._exit(3)
            if way == "hangs":
                time.sleep(60)
            if way == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if way == "oom":
                return len(b"x" * (1 << 30))
            return way

        ways = ["ok", "raises", "exits", "leaves", "killed", "oom", "hangs"]
        energy = {"monitors": ["psutil-tdp"]}
        with EnergyFunctionExecutor(config=CONFIG, log_level=None, energy=energy) as fexec:
            # The others may take as long as a busy machine makes them.
            futures = [*fexec.map(fate, ways[:-1])]
            futures.append(fexec.call_async(fate, ways[-1], timeout=int(os.environ["TIMES_OUT_S"])))
            fexec.get_result(futures, throw_except=False, show_progressbar=False)
            rows = [[way, [future.executor_id, future.job_id, future.call_id], record]
                    for way, future, record in zip(ways, futures, collect(futures), strict=True)]
            again = RetryingFunctionExecutor(fexec)
            tried = again.map(fate, ["raises"], retries=1)
            again.wait(tried, throw_except=False)
            show([rows, collect(fexec.futures)[len(ways):]])
        """,
        TIMES_OUT_S=str(TIMES_OUT_S),
    )
    rows, attempts = shown
    assert [[]] * len(rows) == [problems(record) for _, _, record in rows]
    assert {
        "ok": ["ok", None, True],
        "raises": ["error", "ValueError", True],
        "exits": ["error", "SystemExit", True],
        "leaves": ["lost", "RuntimeError", False],
        "hangs": ["lost", "TimeoutError", False],
        "killed": ["lost", "MemoryError", False],
        "oom": ["lost", "MemoryError", False],
    } == {way: [each["status"], each["error_type"], each["energy_j"] is not None] for way, _, each in rows}
    for _, ids, record in rows:
        assert ids == [record["worker"][key] for key in ("executor_id", "job_id", "call_id")]
    assert "exited with code 3" in rows[3][2]["reason"]
    assert "exceeded maximum time" in rows[-1][2]["reason"]
    assert [["error", 1], ["error", 2]] == [[each["status"], each["worker"]["attempt"]] for each in attempts]


@pytest.fixture
def shared(tmp_path):
    """
    Return a folder whose mounts are shared, as everything is on a machine with systemd.
    """
    folder = tmp_path / "agent"
    folder.mkdir()
    folder.chmod(0o755)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "--make-shared", folder], check=True)
    yield str(folder)
    for place in (folder / "bpf", folder):
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)


def test_the_agent_of_the_manifest_serves_pods_without_rights(podman, sysfs, shared):
    """
    The DaemonSet's pod loads its programs; user 1000 of its group has CPU seconds from them; its end takes all back.
    """

    def here(pod):
        for volume in pod["volumes"]:
            if volume["name"] == "greensdk-agent":
                volume["hostPath"]["path"] = shared
        return pod

    agent = documents("--agent")["DaemonSet"]["spec"]["template"]["spec"]
    box = podman.start(podman_kit.as_kubelet(here(agent), "agent"))
    try:
        said = until(lambda: podman("logs", box))
        need("the agent runs in /run/greensdk" in said, f"eBPF: {said}")
        # Podman lets a user have what is added, Kubernetes does not: it has no ambient capabilities. So away with it.
        work = "import ctypes, os, struct; assert os.getuid() == 1000\n"
        work += "header, none = struct.pack('=Ii', 0x20080522, 0), bytes(24)\n"
        work += "assert 0 == ctypes.CDLL(None).capset(header, none)\n"
        work += "assert 'CapEff:\\t0000000000000000' in open('/proc/self/status').read()\n" + WORK
        ran = podman.play(here(worker_pod("--agent", "--sysfs", sysfs, "--", "python3", "-c", work)))
        assert 0 == ran.code, ran.log
        record = json.loads(ran.log)
        assert ["ebpf", "rapl", {}] == [record["cpu_source"], record["energy_source"], record["errors"]]
        assert ran.container == record["worker"]["container"]
        podman("stop", "-t", "20", box)
        assert "stopped, everything removed" in podman("logs", box)
        assert [] == os.listdir(shared)
    finally:
        podman.end("agent")


def until(look):
    """
    Return what `look` returns, once it is something.
    """
    for _ in range(3000):
        if seen := look():
            return seen
        time.sleep(0.1)
    raise AssertionError("nothing was seen in 5 min")


def test_nothing_is_left_of_a_podman():
    """
    Neither files nor mounts nor cgroups, even where a pod is still running when the test fails.
    """
    folders, groups = [], set()

    def fail() -> None:
        with podman_kit.podman(python=False) as made:
            folders.append(made.folder)
            pod = {
                "restartPolicy": "Never",
                "containers": [{"name": "c", "image": IMAGE, "command": ["sleep", "1000"]}],
            }
            made.start(podman_kit.as_kubelet(pod, "forever"))
            _, container = made.played["forever"]
            groups.update(os.path.dirname(group) for group in podman_kit.cgroups() if container in group)
            raise RuntimeError("the test fails")

    with pytest.raises(RuntimeError):
        fail()
    assert groups
    with open("/proc/mounts") as mounts:
        assert str(folders[0]) not in mounts.read()
    assert [False, []] == [folders[0].exists(), [group for group in groups if os.path.exists(group)]]
