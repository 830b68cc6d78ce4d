"""
Pods really run: podman and runc play what a kubelet would, with an image made of the running interpreter.

Nothing is downloaded. All that podman has lies in a folder of its own in the temporary directory, and is gone with it,
and so are containers, pods, mounts and cgroups.

As a kubelet does, the kit fills in the downward API and says that this is a cluster.
Not as a kubelet does: pods are on the host's network, and service accounts do not exist. The system call filter is
podman's but for bpf and perf_event_open.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import uuid
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rights_kit import need, need_root

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = "localhost/greensdk:test"
NODE = "node-1"
NAMESPACE = "default"
FILTER = "seccomp.json"

_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
netns = "host"
cgroups = "enabled"
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
runtime = "runc"
[network]
network_backend = "cni"
"""
_COMMAND = """#!/bin/sh
exec python3 -c 'from greensdk.cli import main; main()' "$@"
"""
_LEFT_OUT = re.compile(
    r"/(site-packages|dist-packages|test|tests|idlelib|ensurepip|tkinter|lib2to3|pydoc_data|turtledemo|config-[^/]*)(/|$)|"
    r"_tkinter|\.opt-[12]\.pyc$"
)
_LIBRARIES = ("libpthread.so.0", "librt.so.1", "libdl.so.2", "libutil.so.1", "libgcc_s.so.1", "libstdc++.so.6")
"""What compiled packages ask for beside the interpreter's own."""


def need_podman() -> None:
    """
    Skip the test (on CI fail it) where pods can't be run.
    """
    need_root()
    need(shutil.which("podman") and shutil.which("runc"), "podman: apt-get install podman runc conmon catatonit")


class Ran(NamedTuple):
    """
    What a pod came to.

    Attributes:
        code: Of its container.
        log: Its standard output.
        container: Its container's id.
        oom: It was ended because its memory was used up.
        pod: What was run: its name, uid and specification, as the API would show it.
    """

    code: int
    log: str
    container: str
    oom: bool
    pod: dict[str, Any]


class Podman:
    """
    A podman of our own.

    Attributes:
        folder: Where everything of it is.
        played: Every pod that was started, by name, and its container's id.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.played: dict[str, tuple[dict[str, Any], str]] = {}
        self._conf = folder / "containers.conf"
        self._conf.write_text(_CONF)
        _write_filter(folder / FILTER)

    def __call__(self, *arguments: str, stdin: bytes | None = None, check: bool = True, timeout: float = 120) -> str:
        """
        Run one command and return what it prints.

        Raises:
            AssertionError: It failed; the text holds its standard error.
        """
        own = ["--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run", "--tmpdir", f"{self.folder}/tmp"]
        environment = {**os.environ, "CONTAINERS_CONF": str(self._conf)}
        done = subprocess.run(
            ["podman", *own, "--storage-driver", "overlay", *arguments],
            input=stdin, env=environment, capture_output=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"podman {arguments}: {done.stderr.decode()}"
        return done.stdout.decode()

    def play(self, spec: dict[str, Any], name: str = "", *, namespace: str = NAMESPACE, timeout: float = 120) -> Ran:
        """
        Run a pod to its end.

        Args:
            spec: Its specification, whose image must be :data:`IMAGE`.
            name: Its name; one is made up if not given.
            namespace: Where it is said to be.
            timeout: Seconds that it may take.
        """
        name = name or f"pod-{uuid.uuid4().hex[:8]}"
        pod = as_kubelet(spec, name, namespace)
        try:
            box = self.start(pod)
            self("wait", box, timeout=timeout)
            found = json.loads(self("inspect", box))[0]
            log = self("logs", box)
            state = found["State"]
            return Ran(state["ExitCode"], log, found["Id"], bool(state["OOMKilled"]), pod)
        finally:
            self("pod", "rm", "-f", "-t", "0", name, check=False)

    def start(self, pod: dict[str, Any]) -> str:
        """
        Start a pod and return the name of its first container.
        """
        import yaml

        name = pod["metadata"]["name"]
        box = f"{name}-{pod['spec']['containers'][0]['name']}"
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(pod))
        self("play", "kube", "--network=host", "--seccomp-profile-root", str(self.folder), str(file))
        self.played[name] = pod, self("inspect", "--format", "{{.Id}}", box).strip()
        return box

    def end(self, name: str) -> None:
        """
        End a pod that may still run.
        """
        self("pod", "rm", "-f", "-t", "0", name, check=False)


def as_kubelet(spec: dict[str, Any], name: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    """
    Return the pod of a specification with what a kubelet adds: values instead of references, the cluster's variables.

    Besides, the pod sees this machine's Python packages, which an image would bring along.
    """
    pod = json.loads(json.dumps(spec))
    uid = str(uuid.uuid4())
    fields = {
        "spec.nodeName": NODE,
        "metadata.namespace": namespace,
        "metadata.name": name,
        "metadata.uid": uid,
        "status.podIP": "127.0.0.1",
        "status.hostIP": "127.0.0.1",
    }
    for box in pod["containers"]:
        box["imagePullPolicy"] = "Never"
        for variable in box.get("env", ()):
            if "valueFrom" in variable:
                variable["value"] = fields[variable.pop("valueFrom")["fieldRef"]["fieldPath"]]
        cluster = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "HOSTNAME": name}
        box["env"] = [*box.get("env", ()), *({"name": key, "value": value} for key, value in cluster.items())]
        for number, path in enumerate(code_paths()):
            volume = {"name": f"code-{number}", "hostPath": {"path": path, "type": "Directory"}}
            pod["volumes"] = [*pod.get("volumes", ()), volume]
            mount = {"name": f"code-{number}", "mountPath": path, "readOnly": True}
            box["volumeMounts"] = [*box.get("volumeMounts", ()), mount]
    pod["nodeName"] = NODE
    metadata = {"name": name, "namespace": namespace, "uid": uid, "labels": {"app": name}}
    # What podman understands of seccompProfile.
    metadata["annotations"] = {"seccomp.security.alpha.kubernetes.io/pod": f"localhost/{FILTER}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}


def code_paths() -> list[str]:
    """
    Return the folders that hold greensdk, its adapters and all packages that are installed here.
    """
    specs = [find_spec(name) for name in ("greensdk", "greensdk_lithops", "greensdk_rapl")]
    own = [str(Path(spec.origin).parents[1]) for spec in specs if spec is not None and spec.origin is not None]
    return list(dict.fromkeys([*own, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))


@contextmanager
def podman(*, python: bool = True) -> Iterator[Podman]:
    """
    Have a podman with the image, and leave nothing of it behind.

    Args:
        python: The image has a Python; else no more than a shell.
    """
    need_podman()
    before = cgroups()
    # A short path: sockets lie in it.
    folder = Path(tempfile.mkdtemp(prefix="gk-", dir="/tmp"))
    made = Podman(folder)
    try:
        os.chmod(folder, 0o755)
        _import(made, _image(python))
        yield made
    finally:
        with suppress(AssertionError, subprocess.TimeoutExpired):
            made("pod", "rm", "-f", "-a", "-t", "0", check=False)
            made("rm", "-f", "-a", "-t", "0", check=False)
        _unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)
        for group in sorted(cgroups() - before, key=len, reverse=True):
            with suppress(OSError):
                os.rmdir(group)


def _import(made: Podman, image: bytes) -> None:
    path = f"{os.path.realpath(sys.base_prefix)}/bin:/usr/bin:/bin"
    changes = [
        f"ENV PATH={path}",
        f"ENV PYTHONPATH={':'.join(code_paths())}",
        "ENV PYTHONDONTWRITEBYTECODE=1",
        "ENV HOME=/tmp",
        "ENV AWS_DEFAULT_REGION=us-east-1",
        "USER 1000:1000",
    ]
    options = [word for change in changes for word in ("--change", change)]
    made("import", "-q", *options, "-", IMAGE, stdin=image)
    probe = {"restartPolicy": "Never", "containers": [{"name": "c", "image": IMAGE, "command": ["sleep", "0"]}]}
    try:
        code = made.play(probe).code
    except AssertionError as error:
        need(False, f"a podman that can run pods: {error}")
    else:
        need(code == 0, "a podman that can run pods")


def _image(python: bool) -> bytes:
    """
    Return a root file system with the running interpreter, its library and a shell, as a tar archive.
    """
    target = BytesIO()
    stdlib, program = sysconfig.get_path("stdlib"), os.path.realpath(sys.executable)
    with tarfile.open(fileobj=target, mode="w") as tar:
        put = partial(_put, tar)
        for folder in ("tmp", "proc", "sys", "dev", "etc", "run", "host", "lithops"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        files = ["/bin/sh", "/bin/sleep"]
        if python:
            home = f"{os.path.realpath(sys.base_prefix)}/bin/{os.path.basename(program)}"
            tar.add(stdlib, stdlib[1:], filter=lambda entry: None if _LEFT_OUT.search(f"/{entry.name}") else entry)
            put(program, home)
            _link(tar, "usr/bin/python3", home)
            compiled = (str(file) for file in Path(stdlib, "lib-dynload").glob("*.so"))
            files += [program, *(file for file in compiled if not _LEFT_OUT.search(file))]
        for file in {*_linked(files), *_system_libraries(), *files[:2]}:
            put(file, file)
        script = tarfile.TarInfo("usr/bin/greensdk")
        script.size, script.mode = len(_COMMAND), 0o755
        tar.addfile(script, BytesIO(_COMMAND.encode()))
    return target.getvalue()


def _put(tar: tarfile.TarFile, file: str, name: str) -> None:
    tar.add(os.path.realpath(file), name[1:], recursive=False)


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)


def _linked(files: list[str]) -> set[str]:
    """
    Return the shared libraries of programs and libraries, the loader among them.
    """
    found = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", found, flags=re.MULTILINE))


def _system_libraries() -> Iterator[str]:
    for name in _LIBRARIES:
        for folder in (f"/lib/{sysconfig.get_config_var('MULTIARCH')}", "/lib64", "/usr/lib64"):
            if os.path.exists(f"{folder}/{name}"):
                yield f"{folder}/{name}"
                break


def _write_filter(file: Path) -> None:
    """
    Write a system call filter that goes by CAP_BPF and CAP_PERFMON, as those of containerd and docker do.

    That of podman 4.3 knows of CAP_SYS_ADMIN alone.
    """
    usual = Path("/usr/share/containers/seccomp.json")
    profile = json.loads(usual.read_text()) if usual.exists() else {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}
    own = {"bpf": "CAP_BPF", "perf_event_open": "CAP_PERFMON"}
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in own]
    for name, capability in own.items():
        rule = {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {"caps": [capability]}}
        profile["syscalls"].append(rule)
    file.write_text(json.dumps(profile))


def _unmount(folder: Path) -> None:
    """
    Take away the mounts that podman leaves in its folders, the innermost first.
    """
    places = [line.split(" ")[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((place for place in places if place.startswith(f"{folder}/")), key=len, reverse=True):
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)


def cgroups() -> set[str]:
    """
    Return the groups that podman makes.
    """
    roots = [Path("/sys/fs/cgroup"), *(path for path in Path("/sys/fs/cgroup").glob("*") if path.is_dir())]
    parents = [path for root in roots for path in root.glob("**/libpod_parent")]
    return {str(path) for parent in parents for path in (parent, *parent.glob("**/")) if path.is_dir()}
