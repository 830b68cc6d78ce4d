"""
``greensdk run``: any command, measured.
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
"""What a terminal sends to all processes in the foreground at once: ioctl_tty(2), termios(3)."""


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--out", metavar="FILE", help="Append the record to this file, or send it to this sink.")
@click.option("--label", help="A name of your own for the record.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
def run(out: str | None, label: str | None, command: tuple[str, ...]) -> int:
    """
    Run any command and say what it cost.

    Input, output and exit code are the command's own. The record tells the command's name, never its arguments.
    """
    from greensdk.configure.targets import is_disabled

    program = find(command[0], "run")
    if is_disabled():
        return _wait([program, *command[1:]])
    slot = _open(out)
    runtime = slot.runtime
    places = [place(uri) for uri, _ in runtime.sinks] if runtime else []
    code, record = measure(slot, label, [program, *command[1:]])
    slot.close()
    if record is not None:
        where = "its record waits in the spool" if runtime and runtime.spooled else f"record in {', '.join(places)}"
        click.echo(f"greensdk: {summary(record)}; {where}", err=True)
    return code


def find(name: str, asked: str) -> str:
    """
    Return the path of a command.

    Raises:
        GreensdkError: There is no such command.
    """
    found = shutil.which(name)
    if found is None:
        problem = "is not executable" if os.path.isfile(name) else "no such command"
        raise GreensdkError(f"{asked}: {name}: {problem}; nothing was run")
    return found


def _open(out: str | None) -> Slot:
    """
    Build the runtime before the command starts, so that a wrong setting stops it here.

    Raises:
        ConfigError: A setting is wrong.
        SinkError: A sink that was asked for can't take records. (The default file has the spool behind it.)
    """
    from greensdk.configure.config import resolve
    from greensdk.measure.build import Unopened
    from greensdk.measure.slots import slot_for

    settings = resolve({} if out is None else {"sink": out})
    slot = slot_for({"resources": "full", **settings})
    broken = [sink for _, sink in slot.open().sinks if isinstance(sink, Unopened)]
    if broken and settings["sinks"] is not None:
        raise SinkError(f"{broken[0].error}; choose another place with --out; nothing was run")
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
    Run a command to its end, passing on the signals we get, and return its exit code as a shell tells it.

    Raises:
        GreensdkError: It can't be started.
    """
    with _passed_on() as (children, early):
        try:
            child = subprocess.Popen(command)
        except OSError as error:
            raise GreensdkError(f"run: {command[0]}: {error.strerror}; nothing was run") from error
        children.append(child)
        for number in early:
            child.send_signal(number)
        _until_over(child)
        code = child.wait()
    return 128 - code if code < 0 else code


def _until_over(child: subprocess.Popen[bytes]) -> None:
    """
    Sleep until a process is over, waking for each signal.

    A signal that comes between Python's last look and waitpid(2) would wait there as long as the process runs; with
    the wake-up descriptor it makes select(2) return at once. Where there are no process descriptors, waiting is
    left to the caller.
    """
    try:
        over = os.pidfd_open(child.pid)
    except (AttributeError, OSError):
        return
    heard, woken = os.pipe()
    os.set_blocking(woken, False)
    before = signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    try:
        while over not in select.select([over, heard], [], [])[0]:
            os.read(heard, 512)
    finally:
        signal.set_wakeup_fd(before)
        for fd in (over, heard, woken):
            os.close(fd)


@contextmanager
def _passed_on() -> Iterator[tuple[list[subprocess.Popen[bytes]], list[int]]]:
    """
    Pass signals on to the processes in the first list that is handed out; the second holds those that
    came before there was a process.
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
    Whether we are in the terminal's foreground, where the command gets its own copy of what is typed.
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
    Return joules with their interval, source, quality, seconds and CPU seconds in one line.
    """
    from greensdk.cli.show import joules

    energy = joules(record["energy_j"], record["energy_low_j"], record["energy_high_j"])
    how = f"{record['energy_source']}, {record['energy_quality']}, {record['energy_boundary']}"
    if record["energy_j"] is None:
        energy, how = "no joules", record["reason"]
    cpu_s = "unknown" if record["cpu_s"] is None else f"{record['cpu_s']:.3f} s"
    return f"{energy} ({how}); {record['duration_s']:.3f} s, CPU {cpu_s}"


def place(uri: str) -> str:
    """
    Return the absolute path of a file sink, the URI of any other.
    """
    from greensdk.deliver.sinks import path_of, scheme_of

    return os.path.abspath(path_of(uri)) if scheme_of(uri) == "file" else uri
