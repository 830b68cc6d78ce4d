"""
A command run to its end: signals passed on, orphans waited for.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from greensdk.errors import GreensdkError
from greensdk.machine.orphans import reap

if TYPE_CHECKING:
    from types import FrameType

FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
"""What a terminal sends to all processes in the foreground at once: ioctl_tty(2), termios(3)."""

FINAL = (signal.SIGTERM, signal.SIGHUP)
"""What asks a process to end, and nothing else."""


class Ended(NamedTuple):
    """
    How a command ended.

    Attributes:
        code: Its exit code as a shell tells it: 128 and the signal's number where one killed it.
        signal: The signal that asked it or us to stop, if it ended by that; else 0.
    """

    code: int
    signal: int


def wait(command: Sequence[str], environment: Mapping[str, str] | None = None, *, orphans: bool = False) -> Ended:
    """
    Run a command to its end, passing on the signals we get; with `orphans`, wait for every other child that ends, too.

    Raises:
        GreensdkError: It can't be started.
    """
    with _heard() as (relay, heard):
        try:
            child = subprocess.Popen(command, env=environment)
        except OSError as error:
            raise GreensdkError(f"run: {command[0]}: {error.strerror}; nothing was run") from error
        relay.child = child
        for number in relay.early:
            child.send_signal(number)
        # Each signal, SIGCHLD too, leaves a byte in the pipe, so none is missed between the look and the wait.
        while child.poll() is None:
            if orphans:
                reap(child.pid)
            select.select([heard], [], [])
            os.read(heard, 512)
        if orphans:
            reap(0)
    return Ended(
        128 - child.returncode if child.returncode < 0 else child.returncode, _asked(child.returncode, relay.came)
    )


def _asked(returncode: int, came: Sequence[int]) -> int:
    """Return the signal that a command ended by. After a typed interrupt that it survived, it ended of itself."""
    if -returncode in (*FROM_TERMINAL, *FINAL):
        return -returncode
    return next((number for number in came if returncode or number in FINAL), 0)


class Relay:
    """
    Passes signals on to a command.

    Attributes:
        child: The command, once it runs.
        early: The signals that came before it ran.
        came: All signals that came.
    """

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.early: list[int] = []
        self.came: list[int] = []

    def __call__(self, number: int, _: FrameType | None) -> None:
        """
        Be the handler of a signal.
        """
        self.came.append(number)
        if number in FROM_TERMINAL and _in_foreground():
            return
        if self.child is None:
            self.early.append(number)
        else:
            self.child.send_signal(number)


@contextmanager
def _heard() -> Iterator[tuple[Relay, int]]:
    """Hand out what passes signals on, and a pipe that gets a byte for each of them and for each child that ends."""
    relay = Relay()
    # What is ignored (nohup, a shell's background) stays ignored, by the command as well.
    handlers = {number: relay for number in (*FROM_TERMINAL, *FINAL) if signal.getsignal(number) != signal.SIG_IGN}
    heard, woken = os.pipe()
    os.set_blocking(woken, False)
    # Ignoring SIGCHLD would take the exit code and the CPU time of children away: wait(2), getrusage(2).
    before = {signal.SIGCHLD: signal.signal(signal.SIGCHLD, lambda *_: None)}
    before |= {number: signal.signal(number, handler) for number, handler in handlers.items()}
    woken_before = signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    try:
        yield relay, heard
    finally:
        signal.set_wakeup_fd(woken_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(heard)
        os.close(woken)


def _in_foreground() -> bool:
    """Whether we are in the terminal's foreground, where the command gets its own copy of what is typed."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


@contextmanager
def output_to(fd: int) -> Iterator[None]:
    """
    Have what we and our children write to standard output go to a descriptor.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(fd, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
