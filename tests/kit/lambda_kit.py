"""
A stand-in for AWS Lambda on this machine: AWS' own runtime client in a sandbox as tight as Lambda's.

As in Lambda: the runtime API over HTTP, the handler's environment, user 993 without capabilities, a file system of
which only /tmp can be written, no /sys, no shared memory, 1/1769 of a CPU for each MB after the start, a memory limit.
Tighter than Lambda: the network has nothing but the runtime API. Not as in Lambda: the clock stops for nobody between
two invocations, and /proc shows this machine.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import os
import queue
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lambda_api import STOP, RuntimeApi
from rights_kit import need, need_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PERIOD_US = 20_000
MB_PER_VCPU = 1769

_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1
_PACKET_BYTES = 1 << 20
_JOIN = 'for group in $GROUPS_TO_JOIN; do echo $$ > "$group/cgroup.procs" || exit 9; done; exec "$@"'


def need_lambda() -> None:
    """
    Skip the test (on CI fail it) where a part of the stand-in is missing.
    """
    need_root()
    need(shutil.which("bwrap"), "bubblewrap: apt-get install bubblewrap")
    need(find_spec("awslambdaric"), "AWS' runtime client: pip install awslambdaric")


class Answer(NamedTuple):
    """
    What one invocation came to.

    Attributes:
        request_id: Lambda's id of it.
        value: What the handler returned.
        writes: What was written to standard output meanwhile, one text for each write(2).
    """

    request_id: str
    value: Any
    writes: list[str]


class Sandbox:
    """
    One execution environment.

    Attributes:
        api: What it talks to.
        groups: Its cgroups; none where this machine can't limit anything.
    """

    def __init__(
        self, api: RuntimeApi, output: socket.socket, groups: list[Path], errors: Path, is_alive: Callable[[], bool]
    ) -> None:
        self.api = api
        self.groups = groups
        self._output = output
        self._errors = errors
        self._is_alive = is_alive

    def invoke(self, **event: Any) -> Answer:
        """
        Run the handler once.

        Raises:
            AssertionError: It raised, or died; the text holds what it left on standard error.
        """
        self.api.events.put(event)
        while self.api.answers.empty():
            assert self._is_alive(), f"it died; standard error: {self._errors.read_text()}"
            time.sleep(0.01)
        path, value = self.api.answers.get()
        assert path.endswith("/response"), f"{path}: {value}; standard error: {self._errors.read_text()}"
        return Answer(path.split("/")[-2], value, self._writes())

    def throttled(self) -> int | None:
        """
        Return how often the quota has stopped it; None where this machine can't limit the CPU.
        """
        for group in self.groups:
            if (group / "cpu.cfs_quota_us").exists():
                counts = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
                return int(counts["nr_throttled"])
        return None

    def _writes(self) -> list[str]:
        found = []
        with suppress(BlockingIOError):
            while packet := self._output.recv(_PACKET_BYTES):
                found.append(packet.decode())
        return found


@contextmanager
def sandbox(folder: Path, source: str, memory_mb: int) -> Iterator[Sandbox]:
    """
    Start an execution environment with `source` as its app.py, and end it with everything that belongs to it.
    """
    need_lambda()
    task = folder / "task"
    task.mkdir(parents=True)
    (task / "app.py").write_text(source)
    # With packets instead of a stream one sees what each write(2) wrote.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PACKET_BYTES)
    ours.setblocking(False)
    groups = _make_groups(memory_mb)
    errors = folder / "stderr"
    listening: queue.Queue[Any] = queue.Queue()
    stop = threading.Event()

    def live() -> None:
        # A network namespace belongs to a thread and what it starts; its end would be the end of the sandbox.
        try:
            listener = _new_network()
        except OSError as error:
            listening.put(error)
            return
        listening.put(listener)
        environment = _environment(memory_mb, listener.getsockname())
        command = ["/bin/sh", "-c", _JOIN, "sh", *_bubblewrap(task, environment)]
        joined = {**os.environ, "GROUPS_TO_JOIN": " ".join(map(str, groups))}
        with errors.open("wb") as log, subprocess.Popen(command, env=joined, stdout=theirs, stderr=log) as process:
            while process.poll() is None and not stop.wait(0.05):
                pass
            process.kill()

    thread = threading.Thread(target=live)
    thread.start()
    listener = listening.get()
    try:
        need(isinstance(listener, socket.socket), f"network namespaces: {listener}")
        api = RuntimeApi(listener)
        server = threading.Thread(target=api.serve_forever, args=(0.05,))
        server.start()
        try:
            while not api.idle.wait(0.05):
                assert thread.is_alive(), f"the runtime did not start: {errors.read_text()}"
            _limit_cpu(groups, memory_mb)
            yield Sandbox(api, ours, groups, errors, thread.is_alive)
        finally:
            stop.set()
            thread.join()
            api.events.put(STOP)
            api.shutdown()
            server.join()
            api.server_close()
    finally:
        stop.set()
        thread.join()
        ours.close()
        theirs.close()
        for group in groups:
            _remove(group)


def _new_network() -> socket.socket:
    """
    Move this thread into a network of its own, and return a listening socket in it.
    """
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
    with socket.socket() as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))
    return socket.create_server(("127.0.0.1", 0))


def _environment(memory_mb: int, address: tuple[str, int]) -> dict[str, str]:
    """
    Return what Lambda puts there: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
    """
    return {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": "work",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/work",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        "AWS_LAMBDA_RUNTIME_API": f"{address[0]}:{address[1]}",
        "AWS_REGION": "us-east-1",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "PYTHONPATH": ":".join(["/var/task", *(f"/opt/{number}" for number in range(len(_roots())))]),
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
    }


def _roots() -> list[Path]:
    """
    Return the folders from which greensdk, its plugins and the runtime client are imported here.
    """
    names = ("greensdk", "greensdk_rapl", "greensdk_aws_lambda", "awslambdaric")
    return sorted({Path(str(importlib.import_module(name).__file__)).parents[1] for name in names})


def _bubblewrap(task: Path, environment: dict[str, str]) -> list[str]:
    words = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    words += ["--hostname", "169.254.100.6", "--uid", "993", "--gid", "990", "--cap-drop", "ALL", "--clearenv"]
    words += ["--die-with-parent", "--ro-bind", "/usr", "/usr"]
    for name in ("lib", "lib64", "bin"):
        real = Path("/", name)
        if real.is_symlink():
            words += ["--symlink", os.readlink(real), str(real)]
        elif real.exists():
            words += ["--ro-bind", str(real), str(real)]
    words += ["--ro-bind", sys.base_prefix, "/var/lang", "--ro-bind", str(task), "/var/task", "--dir", "/var/runtime"]
    for number, root in enumerate(_roots()):
        words += ["--ro-bind", str(root), f"/opt/{number}"]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/dev/shm", "--remount-ro", "/dev/shm"]
    words += ["--size", str(512 << 20), "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/var/task"]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    python = f"/var/lang/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    return [*words, python, "-W", "error", "-m", "awslambdaric", "app.handler"]


def _make_groups(memory_mb: int) -> list[Path]:
    """
    Make a cgroup below our own for CPU and one for memory; none on a machine where that can't be done (cgroup v2).
    """
    groups = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, own = line.split(":", 2)
        for controller in {"cpu", "memory"}.intersection(names.split(",")):
            group = Path(f"/sys/fs/cgroup/{controller}{own}") / f"greensdk-{uuid.uuid4().hex}"
            with suppress(OSError):
                group.mkdir()
                groups.append(group)
                if controller == "memory":
                    (group / "memory.limit_in_bytes").write_text(str(memory_mb << 20))
    return groups


def _limit_cpu(groups: list[Path], memory_mb: int) -> None:
    # Lambda limits the CPU when the function has been loaded.
    for group in groups:
        if (group / "cpu.cfs_quota_us").exists():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(PERIOD_US * memory_mb // MB_PER_VCPU))


def _remove(group: Path) -> None:
    # The kernel takes a moment to notice that the last process has gone.
    for _ in range(100):
        try:
            group.rmdir()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{group} is still in use")
