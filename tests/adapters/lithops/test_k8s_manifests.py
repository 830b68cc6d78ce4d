"""
Manifests: what `greensdk k8s manifest` prints is what Kubernetes takes, and grants no more than its variant says.
"""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from greensdk.cli import cli

yaml = pytest.importorskip("yaml")
kubernetes_validate = pytest.importorskip("kubernetes_validate")

VERSION = "1.33"
VARIANTS = {
    "restricted": [],
    "restricted with an agent": ["--agent", "--rapl"],
    "restricted with copies": ["--agent", "--coarsen", "10"],
    "privileged": ["--variant", "privileged"],
    "everything": ["--variant", "privileged", "--all-privileges", "--agent", "--group", "77"],
    "on some nodes": ["--agent", "--node-selector", "rapl=true", "--node-selector", "zone=a"],
    "of one's own": ["--name", "mine", "--namespace", "green", "--image", "a/b:1", "--", "python", "job.py"],
}


def manifest(*arguments: str):
    """
    Return the documents that the command prints, by kind.
    """
    done = CliRunner().invoke(cli, ["k8s", "manifest", *arguments])
    assert 0 == done.exit_code, done.output
    return {document["kind"]: document for document in yaml.safe_load_all(done.stdout)}


def pod_of(document):
    """
    Return the pod, and its only container.
    """
    pod = document["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def variables_of(container):
    """
    Return what the container's environment says, references as their field.
    """
    return {
        each["name"]: each["value"] if "value" in each else each["valueFrom"]["fieldRef"]["fieldPath"]
        for each in container["env"]
    }


@pytest.mark.parametrize("arguments", VARIANTS.values(), ids=VARIANTS)
def test_every_manifest_is_valid(arguments):
    """
    Against Kubernetes' own schemas, in which no unknown key is allowed.
    """
    for document in manifest(*arguments).values():
        assert kubernetes_validate.validate(document, VERSION, strict=True)


def test_a_misspelt_manifest_would_not_be_valid():
    """
    The schemas see it.
    """
    document = manifest()["Job"]
    pod_of(document)[0]["hostNetwrok"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_the_restricted_worker_has_no_right_at_all():
    """
    User 1000 without capability, who can't gain one; no account's token; the counters are mounted read-only.
    """
    pod, container = pod_of(manifest()["Job"])
    assert {
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"drop": ["ALL"]},
    } == container["securityContext"]
    assert [False, "Never"] == [pod["automountServiceAccountToken"], pod["restartPolicy"]]
    assert not {"hostPID", "hostNetwork", "hostIPC"} & pod.keys()
    assert {"/sys/class/powercap", "/sys/devices/virtual/powercap"} == {
        volume["hostPath"]["path"] for volume in pod["volumes"]
    }
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert {"cpu": "1", "memory": "512Mi"} == container["resources"]["limits"]


def test_a_worker_learns_where_it_is_and_where_the_counters_are():
    """
    Node, namespace, name and uid by the downward API; the links of the class directory lead into the mounted devices.
    """
    _, container = pod_of(manifest()["Job"])
    assert {
        "GREENSDK_SINK": "stdout:",
        "GREENSDK_NODE": "spec.nodeName",
        "GREENSDK_NAMESPACE": "metadata.namespace",
        "GREENSDK_POD": "metadata.name",
        "GREENSDK_POD_UID": "metadata.uid",
        "GREENSDK_RAPL_ROOT": "/host/sys/class/powercap",
    } == variables_of(container)
    assert ["/host/sys/class/powercap", "/host/sys/devices/virtual/powercap"] == [
        mount["mountPath"] for mount in container["volumeMounts"]
    ]


def test_the_privileged_worker_is_root_with_four_capabilities():
    """
    Not `privileged`, which is for those who ask for it once more.
    """
    _, container = pod_of(manifest("--variant", "privileged")["Job"])
    rights = container["securityContext"]
    assert {"drop": ["ALL"], "add": ["BPF", "DAC_READ_SEARCH", "PERFMON", "SYS_PTRACE"]} == rights["capabilities"]
    assert [0, False, False] == [
        rights["runAsUser"],
        rights["allowPrivilegeEscalation"],
        rights.get("privileged", False),
    ]
    _, container = pod_of(manifest("--variant", "privileged", "--all-privileges")["Job"])
    assert [True, False] == [container["securityContext"]["privileged"], "capabilities" in container["securityContext"]]


def test_the_agent_runs_on_every_node_and_workers_join_its_group():
    """
    Its directory reaches the workers as a mount; they may read what its group may.
    """
    found = manifest("--agent", "--rapl", "--group", "77")
    pod, container = pod_of(found["DaemonSet"])
    assert [{"operator": "Exists"}] == pod["tolerations"]
    assert "greensdk agent start --root /run/greensdk --group 77 --rapl;" in container["command"][-1]
    assert "trap 'greensdk agent stop --root /run/greensdk; exit 0' TERM" in container["command"][-1]
    assert ["Bidirectional", True] == [
        container["volumeMounts"][0]["mountPropagation"],
        container["securityContext"]["privileged"],
    ]
    assert {"cpu": "500m", "memory": "256Mi"} == container["resources"]["limits"]
    worker, container = pod_of(found["Job"])
    assert [77] == worker["securityContext"]["supplementalGroups"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "greensdk-agent"]
    assert ["/run/greensdk", "HostToContainer"] == [mount["mountPath"], mount["mountPropagation"]]


def test_nodes_are_chosen_by_their_labels():
    """
    For the agent and for its workers.
    """
    found = manifest(*VARIANTS["on some nodes"])
    for kind in ("DaemonSet", "Job"):
        assert {"rapl": "true", "zone": "a"} == pod_of(found[kind])[0]["nodeSelector"]
    assert "nodeSelector" not in pod_of(manifest()["Job"])[0]


def test_with_copies_a_worker_sees_no_counter():
    """
    Only the agent's copies, and how old they may be.
    """
    found = manifest("--agent", "--coarsen", "10")
    assert "agent start --root /run/greensdk --group 4242 --rapl --coarsen 10;" in str(found["DaemonSet"])
    pod, container = pod_of(found["Job"])
    assert ["/run/greensdk"] == [volume["hostPath"]["path"] for volume in pod["volumes"]]
    variables = variables_of(container)
    assert ["/run/greensdk/powercap", "0.01"] == [
        variables["GREENSDK_RAPL_ROOT"],
        variables["GREENSDK_RAPL_UPDATE_INTERVAL_S"],
    ]


def test_the_options_of_the_command_are_in_the_manifest():
    """
    Names, image, amounts, and the command after the dashes.
    """
    arguments = ["--name", "mine", "--namespace", "green", "--image", "a/b:1", "--cpu", "250m", "--memory", "64Mi"]
    found = manifest(*arguments, "--sink", "s3://bucket/runs", "--", "python", "-c", "print(1)")
    pod, container = pod_of(found["Job"])
    assert ["mine", "green", "a/b:1"] == [
        pod["serviceAccountName"],
        found["Job"]["metadata"]["namespace"],
        container["image"],
    ]
    assert {"cpu": "250m", "memory": "64Mi"} == container["resources"]["requests"]
    assert ["s3://bucket/runs", ["python", "-c", "print(1)"]] == [
        variables_of(container)["GREENSDK_SINK"],
        container["command"],
    ]
    assert ["mine", False] == [
        found["ServiceAccount"]["metadata"]["name"],
        found["ServiceAccount"]["automountServiceAccountToken"],
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--rapl"], "--rapl needs --agent"),
        (["--coarsen", "10"], "--coarsen needs --agent"),
        (["--all-privileges"], "all_privileges needs variant = 'privileged'"),
        (["--node-selector", "rapl"], "'rapl': expected KEY=VALUE"),
        (["--sysfs", "sys"], "expected an absolute path"),
        (["--variant", "root"], "'root' is not one of"),
    ],
)
def test_what_does_not_fit_together_is_said_in_one_line(arguments, text, capsys):
    """
    With the exit code for a user error.
    """
    with pytest.raises(SystemExit) as done:
        cli(["k8s", "manifest", *arguments])
    said = capsys.readouterr().err
    assert [2, 1] == [done.value.code, said.count("\n")]
    assert text in said


def test_the_dockerfile_is_that_of_lithops_with_greensdk_in_it():
    """
    Installed before the user is changed to one without rights; the first lines say which commands to run.
    """
    config = pytest.importorskip("lithops.serverless.backends.k8s.config")
    done = CliRunner().invoke(cli, ["k8s", "dockerfile", "--image", "docker.io/me/green:1", "--extras", "s3, nvml"])
    assert 0 == done.exit_code, done.output
    lines = done.stdout.splitlines()
    install = next(
        number for number, line in enumerate(lines) if "pip install --no-cache-dir 'greensdk[s3,nvml]==" in line
    )
    assert install < lines.index("USER 1000:1000")
    assert set(config.DOCKERFILE_DEFAULT.splitlines()) <= set(lines)
    assert [
        "# 2. lithops runtime build -b k8s -f Dockerfile docker.io/me/green:1",
        "# 3. lithops runtime deploy -b k8s docker.io/me/green:1",
    ] == lines[1:3]
    assert lines[4].startswith("FROM python:3.")


def test_the_dockerfile_installs_the_given_package(monkeypatch):
    """
    A wheel or a repository instead of the released version; and a Lithops without a Dockerfile is an error of one line.
    """
    config = pytest.importorskip("lithops.serverless.backends.k8s.config")
    done = CliRunner().invoke(cli, ["k8s", "dockerfile", "--package", "git+https://example.org/greensdk"])
    assert "RUN pip install --no-cache-dir 'git+https://example.org/greensdk'" in done.stdout
    monkeypatch.delattr(config, "DOCKERFILE_DEFAULT")
    done = CliRunner().invoke(cli, ["k8s", "dockerfile"])
    assert [2, True] == [done.exit_code, "this version of Lithops has no Dockerfile for Kubernetes" in done.output]
