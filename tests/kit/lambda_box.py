"""
A stand-in for one execution environment of AWS Lambda: AWS' own runtime client in a sandbox as tight as Lambda's.

As in Lambda: the runtime API over HTTP, the handler's environment, user 993 without capabilities, a file system of
which only /tmp can be written, no /sys, no shared memory, 1/1769 of a CPU for each MB after the start, a memory limit.
Nothing in it runs between two invocations. Tighter than Lambda: the network has nothing but the runtime API and the
doors asked for. Not as in Lambda: /proc shows this machine.
"""

from __future__ import annotations

import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import lambda_limits
from lambda_api import Event, RuntimeApi
from lambda_net import Address, Door, new_network
from rights_kit import need, need_root

_PACKET_BYTES = 1 << 20
_JOIN = 'for group in $GROUPS_TO_JOIN; do echo $$ > "$group/cgroup.procs" || exit 9; done; exec "$@"'


def need_lambda() -> None:
    """
    Skip the test (on CI fail it) where a part of the stand-in is missing.
    """
    need_root()
    need(shutil.which("bwrap"), "bubblewrap: apt-get install bubblewrap")
    need(find_spec("awslambdaric"), "AWS' runtime client: pip install awslambdaric")


def python() -> str:
    """
    Return what AWS calls this Python.
    """
    return f"python{sys.version_info[0]}.{sys.version_info[1]}"


SITE = f"lib/{python()}/site-packages"


class Plan(NamedTuple):
    """
    What is to run in a sandbox.

    Attributes:
        name: Of the function.
        handler: ``module.function`` in `task`.
        task: The folder that is /var/task.
        memory_mb: What the function is allotted.
        mounts: Path in the sandbox to what is seen there, read-only.
        path: ``PYTHONPATH`` in the sandbox.
        environment: The function's own variables.
        doors: Addresses on this machine's loopback that can be reached from inside.
        flags: For the interpreter.
    """

    name: str
    handler: str
    task: Path
    memory_mb: int
    mounts: Mapping[str, Path]
    path: tuple[str, ...]
    environment: Mapping[str, str] = {}
    doors: tuple[Address, ...] = ()
    flags: tuple[str, ...] = ()


class Died(Exception):
    """
    The sandbox ended before it answered.
    """


class Box:
    """
    One execution environment.

    Attributes:
        api: What it talks to.
        groups: Its cgroups; none where this machine can't limit anything.
        errors: File with its standard error.
    """

    def __init__(self, api: RuntimeApi, output: socket.socket, groups: list[Path], errors: Path) -> None:
        self.api = api
        self.groups = groups
        self.errors = errors
        self.is_alive: Callable[[], bool] = lambda: False
        self.kill: Callable[[], None] = lambda: None
        self._output = output

    def run(self, event: Event) -> tuple[str, bytes]:
        """
        Have one invocation done; return the kind of the answer (``response``, ``error``) and its body.

        Raises:
            Died: It ended meanwhile.
            TimeoutError: It had no more time, and was ended.
        """
        lambda_limits.freeze(self.groups, still=False)
        self.api.events.put(event)
        while self.api.answers.empty():
            if not self.is_alive():
                raise Died(self.errors.read_text())
            if time.time() > event.deadline_s:
                self.kill()
                raise TimeoutError(event.request_id)
            time.sleep(0.01)
        path, body = self.api.answers.get()
        lambda_limits.freeze(self.groups, still=True)
        return path.rsplit("/", 1)[-1], body

    def writes(self) -> list[str]:
        """
        Return what was written to standard output since the last time, one text for each write(2).
        """
        found = []
        with suppress(BlockingIOError):
            while packet := self._output.recv(_PACKET_BYTES):
                found.append(packet.decode())
        return found


@contextmanager
def box(folder: Path, plan: Plan) -> Iterator[Box]:
    """
    Start an execution environment, and end it with everything that belongs to it.

    Raises:
        Died: It ended before it asked for work.
    """
    need_lambda()
    with ExitStack() as stack:
        # With packets instead of a stream one sees what each write(2) wrote.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stack.enter_context(ours)
        stack.enter_context(theirs)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PACKET_BYTES)
        ours.setblocking(False)
        groups = lambda_limits.make_groups(plan.memory_mb)
        stack.callback(lambda_limits.remove, groups)
        errors = folder / "stderr"
        process = _Process(plan, groups, theirs, errors)
        stack.callback(process.end)
        listener, *doors = process.start()
        for door in map(Door, doors):
            _serve(stack, door)
        api = RuntimeApi(listener, plan.name)
        _serve(stack, api)
        stack.callback(api.events.put, None)
        stack.callback(process.end)
        found = Box(api, ours, groups, errors)
        found.is_alive, found.kill = process.is_alive, process.end
        while not api.idle.wait(0.05):
            if not process.is_alive():
                said = [body.decode() for _, body in list(api.answers.queue)]
                raise Died(f"the runtime did not start: {said} {errors.read_text()}")
        lambda_limits.limit_cpu(groups, plan.memory_mb)
        yield found


def _serve(stack: ExitStack, server: Any) -> None:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()

    def end() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    stack.callback(end)


class _Process:
    """
    The sandbox' process, on a thread of its own: a network belongs to a thread and what it starts.
    """

    def __init__(self, plan: Plan, groups: list[Path], output: socket.socket, errors: Path) -> None:
        self._plan, self._groups, self._output, self._errors = plan, groups, output, errors
        self._listening: queue.Queue[Any] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live)

    def start(self) -> list[socket.socket]:
        self._thread.start()
        found = self._listening.get()
        need(isinstance(found, list), f"network namespaces: {found}")
        return found  # type: ignore[no-any-return]

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _live(self) -> None:
        try:
            listeners = new_network(self._plan.doors)
        except OSError as error:
            self._listening.put(error)
            return
        self._listening.put(listeners)
        command = ["/bin/sh", "-c", _JOIN, "sh", *_bubblewrap(self._plan, listeners[0].getsockname())]
        joined = {**os.environ, "GROUPS_TO_JOIN": " ".join(map(str, self._groups))}
        with (
            self._errors.open("wb") as log,
            subprocess.Popen(command, env=joined, stdin=subprocess.DEVNULL, stdout=self._output, stderr=log) as process,
        ):
            while process.poll() is None and not self._stop.wait(0.05):
                pass
            process.kill()
            lambda_limits.freeze(self._groups, still=False)  # what is frozen does not even die


def _environment(plan: Plan, api: Address) -> dict[str, str]:
    """
    Return what Lambda puts there: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
    """
    return {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{python()}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(plan.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": plan.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{plan.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        "AWS_LAMBDA_RUNTIME_API": f"{api[0]}:{api[1]}",
        "AWS_REGION": "us-east-1",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "PYTHONPATH": ":".join(plan.path),
        "TZ": ":UTC",
        "_HANDLER": plan.handler,
        **plan.environment,
    }


def _bubblewrap(plan: Plan, api: Address) -> list[str]:
    words = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    words += ["--hostname", "169.254.100.6", "--uid", "993", "--gid", "990", "--cap-drop", "ALL", "--clearenv"]
    words += ["--die-with-parent", "--ro-bind", "/usr", "/usr"]
    for name in ("lib", "lib64", "bin"):
        real = Path("/", name)
        if real.is_symlink():
            words += ["--symlink", os.readlink(real), str(real)]
        elif real.exists():
            words += ["--ro-bind", str(real), str(real)]
    words += ["--ro-bind", sys.base_prefix, "/var/lang", "--ro-bind", str(plan.task), "/var/task"]
    words += ["--dir", "/var/runtime"]
    if (Path(sys.base_prefix) / SITE).is_dir():  # what somebody has installed for this interpreter is not Lambda's
        words += ["--tmpfs", f"/var/lang/{SITE}", "--remount-ro", f"/var/lang/{SITE}"]
    for place, source in plan.mounts.items():
        words += ["--ro-bind", str(source), place]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/dev/shm", "--remount-ro", "/dev/shm"]
    words += ["--size", str(512 << 20), "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/var/task"]
    for name, value in _environment(plan, api).items():
        words += ["--setenv", name, value]
    return [*words, f"/var/lang/bin/{python()}", *plan.flags, "-m", "awslambdaric", plan.handler]
