"""
``greensdk agent``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

ROOT = "/run/greensdk"

root_option = click.option("--root", default=ROOT, show_default=True, metavar="DIR", help="The agent's directory.")


@click.group()
def agent() -> None:
    """
    Exact CPU times, and energy counters, for users without rights.

    As root, once: loads the eBPF programs and opens them to a group. No process stays behind.
    """


@agent.command()
@root_option
@click.option("--group", default="greensdk", show_default=True, metavar="NAME|GID", help="Who may read.")
@click.option("--rapl/--no-rapl", default=False, help="Let the group read the energy counters, too.")
@click.option(
    "--coarsen",
    type=click.FloatRange(min=1),
    metavar="MS",
    help="With --rapl: not the counters but copies, renewed every MS milliseconds; see the side channel PLATYPUS.",
)
@click.option("--powercap-root", default="/sys/class/powercap", show_default=True, metavar="DIR")
def start(root: str, group: str, rapl: bool, coarsen: float | None, powercap_root: str) -> None:
    """
    Load the programs and open them to a group.
    """
    from greensdk_ebpf import agent as room

    from greensdk.errors import GreensdkError

    if coarsen and not rapl:
        raise GreensdkError("agent start: --coarsen is for --rapl")
    try:
        new = room.start(root, group, rapl=rapl, coarsen_ms=coarsen, powercap_root=powercap_root)
    except OSError as error:
        raise GreensdkError(f"agent start: {error.filename}: {error.strerror}") from error
    click.echo(f"the agent {'runs' if new else 'runs already'} in {root}, for the group {group}")
    if new and rapl and coarsen:
        click.echo(f'members set rapl.root = "{root}/powercap" and rapl.update_interval_s = {coarsen / 1e3:g}')


@agent.command()
@root_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(root: str, as_json: bool) -> int:
    """
    Say whether the agent runs; the exit code is 0 when it does and 1 when not.
    """
    from greensdk_ebpf import agent as room

    from greensdk.cli import show

    found = room.status(root)
    if as_json:
        show.json(found)
    else:
        for line in _lines(found):
            click.echo(line)
    return 0 if found["running"] else 1


@agent.command()
@root_option
def stop(root: str) -> None:
    """
    Take everything back. Stopping where nothing runs is no mistake.
    """
    from greensdk_ebpf import agent as room

    click.echo("stopped, nothing is left" if room.stop(root) else f"no agent in {root}")


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    if found["reason"]:
        yield found["reason"]
    if not found["running"]:
        return
    settings = found["settings"]
    yield f"runs in {found['root']} since {found['started_at']}, for the group {settings['gid']}"
    yield f"programs {', '.join(found['links_pinned'])} ({found['form']} form)"
    if found["counts"] is None:
        yield "what they have counted only the group and root may see"
    else:
        counts = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in found["counts"].items())
        yield f"counted  {counts}"
        yield "maps     " + ", ".join(f"{name} {used} of {room}" for name, (used, room) in found["entries"].items())
    yield f"energy   {_energy(found)}"


def _energy(found: Mapping[str, Any]) -> str:
    daemon = found["daemon"]
    if daemon:
        return f"copies in {daemon['tree']}, renewed every {daemon['every_s'] * 1e3:g} ms by process {daemon['pid']}"
    opened = [path for path, *_ in found["restore"]]
    return f"{len(opened)} counters open to the group" if opened else "counters not handed out"
