"""
``greensdk run``: measure any command.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from greensdk.cli.command import Ended, wait
from greensdk.errors import GreensdkError, SinkError, Terminated

if TYPE_CHECKING:
    from greensdk.measure.slots import Slot
    from greensdk.schema.types import Record

CLIENTS = frozenset(
    {"docker", "docker-compose", "nerdctl", "ctr", "crictl", "kubectl", "podman-remote", "systemd-run", "at", "batch"}
)
"""Programs that ask a daemon to start processes. Podman starts its containers itself."""

SIGNALS = "GREENSDK_SIGNALS"
"""The setting by which the calls inside of a command leave their records too, when a signal ends it."""

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--out", metavar="FILE", help="Append the record to this file, or send it to this sink.")
@click.option("--label", help="Label for the record.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
def run(out: str | None, label: str | None, command: tuple[str, ...]) -> int:
    """
    Run a command and report its energy.

    Input, output and exit code are the command's own. The record contains the command's name but not its arguments.
    """
    from greensdk.configure.targets import is_disabled
    from greensdk.schema.text import summary

    program = find(command[0], "run")
    if is_disabled():
        return wait([program, *command[1:]]).code
    slot = open_slot({} if out is None else {"sink": out})
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


def open_slot(asked: Mapping[str, Any]) -> Slot:
    """
    Build the runtime before the command starts, so that an invalid setting is reported first.

    Raises:
        SinkError: A sink that was asked for can't be opened.
    """
    from greensdk.configure.config import resolve
    from greensdk.deliver.sinks import Unopened
    from greensdk.measure.slots import slot_for

    settings = resolve(asked)
    slot = slot_for({"resources": "full", **settings})
    broken = [sink for _, sink in slot.open().sinks if isinstance(sink, Unopened)]
    if broken and settings["sinks"] is not None:
        raise SinkError(f"{broken[0].error}; choose another destination with --out; nothing was run")
    return slot


def measure(slot: Slot, label: str | None, command: Sequence[str]) -> tuple[int, Record | None]:
    """
    Run a command as one measured call: its children, their children, and those that left for the background.

    Returns:
        Its exit code and the record; None where greensdk itself failed.

    Raises:
        GreensdkError: The command can't be started.
    """
    from greensdk.machine.identity import hand_on
    from greensdk.machine.orphans import adopting
    from greensdk.measure.calls import open_window
    from greensdk.measure.record import Subject

    window = open_window(slot, Subject(os.path.basename(command[0]), label))
    if window is None:
        return wait(command).code, None
    with adopting() as adopted:
        window.resume()
        environment = {SIGNALS: "1", **os.environ, **hand_on(window.record_id)}
        ended = wait(command, environment, orphans=adopted)
        window.pause()
        window.errors.update(unseen(command, adopted))
        window.close(_error(ended, command))
    return ended.code, window.record


def _error(ended: Ended, command: Sequence[str]) -> Exception | None:
    """Return what stands in the record for the way a command ended."""
    if ended.signal:
        return Terminated(signal.Signals(ended.signal).name)
    return subprocess.CalledProcessError(ended.code, command) if ended.code else None


def unseen(command: Sequence[str], adopted: bool) -> dict[str, str]:
    """
    Return what a record has to say of processes that are not in its CPU seconds.

    Example:
        >>> unseen(["docker", "run", "alpine"], True)
        {'containers': 'docker has a daemon start its processes, outside of this command: not in cpu_s or energy_j'}
    """
    errors = {}
    if not adopted:
        errors["orphans"] = "background processes that outlive their parent are not seen here: not in cpu_s or energy_j"
    words = re.split(r"[\s;&|()]+", command[-1]) if os.path.basename(command[0]) in SHELLS else command[:1]
    if client := next((name for name in map(os.path.basename, words) if name in CLIENTS), None):
        errors["containers"] = (
            f"{client} has a daemon start its processes, outside of this command: not in cpu_s or energy_j"
        )
    return errors


def location(uri: str) -> str:
    """
    Return the absolute path of a file sink, the URI of any other.
    """
    from greensdk.configure.uris import path_of, scheme_of
    from greensdk.errors import masked

    return os.path.abspath(path_of(uri)) if scheme_of(uri) == "file" else masked(uri)
