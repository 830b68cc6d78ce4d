"""
One run of the program perf: one window.

How it is begun and ended. perf runs a shell of ours, which says one line, and then waits for one on its standard
input; ``perf stat`` counts as long as it lives. So

* the first line says that perf counts already: no guess how long it needs to begin;
* a line of ours, or the end of the pipe, ends the shell, then perf, which prints and exits. When the
  measuring process dies, even by SIGKILL, the kernel closes the pipe: nothing is left behind, and no signal is sent;
* perf runs in a session of its own, without a terminal: Ctrl-C does not reach it, and nothing can ask for a password.

The alternatives are worse: a signal (SIGINT) is lost in the first 10 ms of perf, and leaves it running for ever when
the process dies before it sends one; ``--control fd:`` needs perf 5.10, and still a program that ends; an interval mode
(``-I``) counts in steps of 10 ms or more.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from greensdk.machine.signals import is_from_signal

WORKLOAD = ("sh", "-c", "echo; read line")

Process = subprocess.Popen[bytes]

_left: list[Process] = []
"""Those that could not be killed; they end with their pipes, and are reaped when the next one is started."""


class PerfFailed(Exception):
    """
    perf did not do what it should; the text says what it did.
    """


class PerfHung(PerfFailed):
    """
    perf did nothing at all.
    """


def begin(command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> Process:
    """
    Start perf, and return when it counts.

    Raises:
        PerfFailed: It can't be started, or ended at once.
        PerfHung: It took longer than `timeout_s`; it was killed.
    """
    _left[:] = [process for process in _left if process.poll() is None]
    words = [*command, *WORKLOAD]
    try:
        process = subprocess.Popen(
            words,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        if is_from_signal(error):
            raise
        raise PerfFailed(f"{words[0]} can't be started: {error.strerror or error}") from error
    try:
        _wait(process, words[0], timeout_s)
    except BaseException:  # a signal handler's, too
        if process.poll() is None:
            kill(process)
        raise
    return process


def _wait(process: Process, program: str, timeout_s: float) -> None:
    assert process.stdout is not None
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    if not poll.poll(timeout_s * 1000):
        raise PerfHung(f"{program} did not begin to count within {timeout_s:g} s, and was killed")
    if process.stdout.read(1) != b"\n":
        said = end(process, timeout_s, line=False)
        raise PerfFailed(said.strip() or f"{program} ended with status {process.returncode}")


def end(process: Process, timeout_s: float, *, line: bool = True) -> str:
    """
    End the window, and return what perf printed.

    A process that does not end within `timeout_s` is killed; what was printed by then is returned.

    Args:
        process: Of :func:`begin`.
        timeout_s: How long perf may take.
        line: Say the line that ends the shell, and don't only close the pipe. Processes that were forked from this
            one in the meantime hold the pipe as well, so that it would not end.
    """
    if line and process.stdin is not None and not process.stdin.closed:
        with suppress(BrokenPipeError):
            process.stdin.write(b"\n")
    try:
        _, said = process.communicate(timeout=timeout_s)  # again, where a signal handler has raised in it
    except subprocess.TimeoutExpired:
        said = kill(process)
    return said.decode(errors="replace")


def kill(process: Process, timeout_s: float = 1.0) -> bytes:
    """
    Kill perf and its shell, and return what they had printed.

    One that belongs to root (by sudo) can't be killed: it ends with its pipe.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        _, said = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as late:
        said = late.stderr or b""
        forget(process)
        if process.poll() is None:
            _left.append(process)
    return said


def forget(process: Process) -> None:
    """
    Close the pipes to a process that is not waited for: it is another's, or can't be killed.
    """
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def disown(process: Process) -> None:
    """
    Close a forked child's copies of the pipes; the process is its parent's.
    """
    forget(process)
    # Popen would warn that a child is still running, which is not one here.
    process.returncode = 0


def once(command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> str:
    """
    Return what perf prints about a window as short as can be.

    Raises:
        PerfFailed: See :func:`begin`.
    """
    process = begin(command, environment, timeout_s)
    said = end(process, timeout_s)
    if process.returncode == -signal.SIGKILL:
        raise PerfHung(f"{command[0]} did not end within {timeout_s:g} s, and was killed")
    if process.returncode:
        raise PerfFailed(said.strip() or f"{command[0]} ended with status {process.returncode}")
    return said
