"""
``greensdk run``: any command, measured.
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
    from greensdk.measure.runtime import Runtime

CLIENTS = frozenset(
    {"docker", "docker-compose", "nerdctl", "ctr", "crictl", "kubectl", "podman-remote", "systemd-run", "at", "batch"}
)
"""Programs that ask a daemon to start processes. Podman starts its containers itself."""

SIGNALS = "GREENSDK_SIGNALS"
"""The setting by which the calls inside of a command leave their records too, when a signal ends it."""

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--out", metavar="FILE", help="Append the record to this file, or send it to this sink.")
@click.option("--label", help="A name of your own for the record.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
def run(out: str | None, label: str | None, command: tuple[str, ...]) -> int:
    """
    Run any command and say what it cost.

    Input, output and exit code are the command's own. The record tells the command's name, never its arguments.
    """
    from greensdk.measure.calls import is_disabled

    program = find(command[0], "run")
    if is_disabled():
        return wait([program, *command[1:]]).code
    runtime = _open(out)
    places = [place(uri) for uri, _ in runtime.sinks]
    code, record = measure(runtime, label, [program, *command[1:]])
    runtime.close()
    if record is not None:
        where = "its record waits in the spool" if runtime.spooled else f"record in {', '.join(places)}"
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


def _open(out: str | None) -> Runtime:
    """
    Build the runtime before the command starts, so that a wrong setting stops it here.

    Raises:
        ConfigError: A setting is wrong.
        SinkError: A sink that was asked for can't take records. (The default file has the spool behind it.)
    """
    from greensdk.configure.config import resolve
    from greensdk.measure.build import Unopened
    from greensdk.measure.runtime import runtime_for

    settings = resolve({} if out is None else {"sink": out})
    runtime = runtime_for({"resources": "full", **settings}).open()
    broken = [sink for _, sink in runtime.sinks if isinstance(sink, Unopened)]
    if broken and settings["sinks"] is not None:
        raise SinkError(f"{broken[0].error}; choose another place with --out; nothing was run")
    return runtime


def measure(runtime: Runtime, label: str | None, command: Sequence[str]) -> tuple[int, dict[str, Any] | None]:
    """
    Run a command as one measured call: its children, their children, and those that left for the background.

    Returns:
        Its exit code and the record; None where greensdk itself failed.

    Raises:
        GreensdkError: The command can't be started.
    """
    from greensdk.machine.identity import hand_on
    from greensdk.machine.orphans import adopting
    from greensdk.measure.window import Subject, open_window

    window = open_window(runtime, Subject(os.path.basename(command[0]), label))
    if window is None:
        return wait(command).code, None
    with adopting() as adopted:
        window.resume()
        environment = {SIGNALS: "1", **os.environ, **hand_on(window.record_id)}
        ended = wait(command, environment, orphans=adopted)
        window.pause()
        window.errors.update(unseen(command, adopted))
        window.end(_error(ended, command))
    return ended.code, window.record


def _error(ended: Ended, command: Sequence[str]) -> Exception | None:
    """
    Return what stands in the record for the way a command ended.
    """
    if ended.signal:
        return Terminated(signal.Signals(ended.signal).name)
    return subprocess.CalledProcessError(ended.code, command) if ended.code else None


def unseen(command: Sequence[str], adopted: bool) -> dict[str, str]:
    """
    Return what a record has to say of processes that are not in its CPU seconds.

    Args:
        command: The command's words.
        adopted: Orphans came to us.

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
