"""
``greensdk agent``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from greensdk.cli import show

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
        raise GreensdkError(f"agent start: {error.filename or root}: {error.strerror or error}") from error
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

    click.echo("stopped, nothing is left" if room.stop(root) else f"no agent runs in {root}")


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    if found["reason"]:
        yield found["reason"]
    if "counting" not in found:
        return
    group = found["group"]
    who = group["gid"] if group["name"] is None else f"{group['name']} ({group['gid']})"
    yield f"{'runs' if found['running'] else 'is'} in {found['root']} since {found['started_at']}, for the group {who}"
    yield f"programs {', '.join(sorted(found['links']))} ({found['form']} form)"
    if found["counts"] is not None:
        counts = ", ".join(f"{name.replace('_', ' ')} {show.text(n)}" for name, n in found["counts"].items())
        yield f"counted  {counts}"
        yield "maps     " + ", ".join(f"{name} {used} of {room}" for name, (used, room) in found["entries"].items())
    yield f"energy   {_energy(found['rapl'])}"


def _energy(rapl: Mapping[str, Any] | None) -> str:
    if rapl is None:
        return "counters not handed out"
    if "daemon" in rapl:
        every_ms = rapl["update_interval_s"] * 1e3
        return f"copies in {rapl['root']}, renewed every {every_ms:g} ms by process {rapl['daemon']['pid']}"
    return f"{len(rapl['counters'])} counters open to the group"
