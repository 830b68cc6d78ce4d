"""
``greensdk run``: measure any command.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from greensdk.errors import GreensdkError, SinkError

if TYPE_CHECKING:
    from types import FrameType

    from greensdk.measure.slots import Slot
    from greensdk.schema.types import Record

FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to all processes in the foreground at once: ioctl_tty(2), termios(3)."""


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--out", metavar="FILE", help="Append the record to this file, or send it to this sink.")
@click.option("--label", help="Label for the record.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
def run(out: str | None, label: str | None, command: tuple[str, ...]) -> int:
    """
    Run a command and report its energy.

    Input, output and exit code are the command's own. The record contains the command's name but not its arguments.
    """
    from greensdk.configure.resolved import is_disabled

    program = find(command[0], "run")
    if is_disabled():
        return _wait([program, *command[1:]])
    slot = _open(out)
    runtime = slot.runtime
    sinks = [location(uri) for uri, _ in runtime.sinks] if runtime else []
    code, record = measure(slot, label, [program, *command[1:]])
    slot.close()
    if record is not None:
        where = "record spooled" if runtime and runtime.spooled else f"record in {', '.join(sinks)}"
        click.echo(f"greensdk: {summary(record)}; {where}", err=True)
    return code


def find(name: str, asked: str) -> str:
    """
    Return the path of a command.

    Raises:
        GreensdkError: There is no such command.
    """
    path = shutil.which(name)
    if path is None:
        problem = "is not executable" if os.path.isfile(name) else "no such command"
        raise GreensdkError(f"{asked}: {name}: {problem}; nothing was run")
    return path


def _open(out: str | None) -> Slot:
    """
    Build the runtime before the command starts, so that an invalid setting is reported first.

    Raises:
        ConfigError: A setting is invalid.
        SinkError: A configured sink can't be opened. (Records for the default file are spooled instead.)
    """
    from greensdk.configure.config import resolve
    from greensdk.measure.build import Unopened
    from greensdk.measure.slots import slot_for

    settings = resolve({} if out is None else {"sink": out})
    slot = slot_for({"resources": "full", **settings})
    broken = [sink for _, sink in slot.open().sinks if isinstance(sink, Unopened)]
    if broken and settings["sinks"] is not None:
        raise SinkError(f"{broken[0].error}; choose another destination with --out; nothing was run")
    return slot


def measure(slot: Slot, label: str | None, command: Sequence[str]) -> tuple[int, Record | None]:
    """
    Run a command as one measured call.

    Returns:
        Its exit code and the record; None where greensdk itself failed.

    Raises:
        GreensdkError: The command can't be started.
    """
    from greensdk.measure.calls import open_window
    from greensdk.measure.record import Subject

    window = open_window(slot, Subject(os.path.basename(command[0]), label))
    if window is None:
        return _wait(command), None
    window.resume()
    code = _wait(command)
    window.close(subprocess.CalledProcessError(code, command) if code else None)
    return code, window.record


def _wait(command: Sequence[str]) -> int:
    """
    Run a command to its end, forwarding signals to it, and return its exit code as a shell reports it.

    Raises:
        GreensdkError: It can't be started.
    """
    with _forwarding() as (children, early):
        try:
            child = subprocess.Popen(command)
        except OSError as error:
            raise GreensdkError(f"run: {command[0]}: {error.strerror}; nothing was run") from error
        children.append(child)
        for number in early:
            child.send_signal(number)
        _wait_for_exit(child)
        code = child.wait()
    return 128 - code if code < 0 else code


def _wait_for_exit(child: subprocess.Popen[bytes]) -> None:
    """
    Sleep until a process has exited, waking for each signal.

    A signal that arrives between Python's last check and waitpid(2) would stay pending for as long as the process
    runs; with the wake-up descriptor it makes select(2) return at once. Without process descriptors the caller waits.
    """
    try:
        exited = os.pidfd_open(child.pid)
    except (AttributeError, OSError):
        return
    received, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    before = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    try:
        while exited not in select.select([exited, received], [], [])[0]:
            os.read(received, 512)
    finally:
        signal.set_wakeup_fd(before)
        for fd in (exited, received, wakeup):
            os.close(fd)


@contextmanager
def _forwarding() -> Iterator[tuple[list[subprocess.Popen[bytes]], list[int]]]:
    """
    Forward signals to the processes in the first list; the second collects those that arrived before there was one.
    """
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        if number in FROM_TERMINAL and _in_foreground():
            return
        if not children:
            early.append(number)
        for child in children:
            child.send_signal(number)

    before = {number: signal.signal(number, handle) for number in (*FROM_TERMINAL, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield children, early
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """
    Whether we are in the terminal's foreground group, where the terminal signals the command as well.
    """
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


def summary(record: Mapping[str, Any]) -> str:
    """
    Return energy with its interval, source, quality, seconds and CPU seconds on one line.
    """
    from greensdk.cli.show import joules

    energy = joules(record["energy_j"], record["energy_low_j"], record["energy_high_j"])
    how = f"{record['energy_source']}, {record['energy_quality']}, {record['energy_boundary']}"
    if record["energy_j"] is None:
        energy, how = "energy unknown", record["reason"]
    elif record["reason"]:
        how = f"{how}, {record['reason']}"
    cpu_s = "unknown" if record["cpu_s"] is None else f"{record['cpu_s']:.3f} s"
    return f"{energy} ({how}); {record['duration_s']:.3f} s, CPU {cpu_s}"


def location(uri: str) -> str:
    """
    Return the absolute path of a file sink, the URI of any other.
    """
    from greensdk.configure.uris import path_of, scheme_of
    from greensdk.errors import masked

    return os.path.abspath(path_of(uri)) if scheme_of(uri) == "file" else masked(uri)
