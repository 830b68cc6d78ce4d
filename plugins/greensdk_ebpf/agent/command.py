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
    Give unprivileged users exact CPU times and energy counters.

    Run once as root: it loads the eBPF programs and opens them to a group. No process keeps running.
    """


@agent.command()
@root_option
@click.option("--group", default="greensdk", show_default=True, metavar="NAME|GID", help="Group that may read them.")
@click.option("--rapl/--no-rapl", default=False, help="Let the group read the energy counters as well.")
@click.option(
    "--coarsen",
    type=click.FloatRange(min=1),
    metavar="MS",
    help="With --rapl: offer copies, updated every MS milliseconds, against the side channel PLATYPUS.",
)
@click.option("--powercap-root", default="/sys/class/powercap", show_default=True, metavar="DIR")
def start(root: str, group: str, rapl: bool, coarsen: float | None, powercap_root: str) -> None:
    """
    Load the eBPF programs and open them to a group.
    """
    from greensdk.errors import GreensdkError
    from greensdk_ebpf import agent as control

    if coarsen and not rapl:
        raise GreensdkError("agent start: --coarsen needs --rapl")
    try:
        new = control.start(root, group, rapl=rapl, coarsen_ms=coarsen, powercap_root=powercap_root)
    except OSError as error:
        raise GreensdkError(f"agent start: {error.filename or root}: {error.strerror or error}") from error
    click.echo(f"the agent {'runs' if new else 'is already running'} in {root}, for the group {group}")
    if new and coarsen:
        click.echo(f'members set rapl.root = "{root}/powercap" and rapl.update_interval_s = {coarsen / 1e3:g}')
        for line in _protection(coarsen, powercap_root):
            click.echo(line)


def _protection(coarsen: float, powercap_root: str) -> Iterator[str]:
    """Yield what the copies keep from members of the group, and what they don't."""
    import os
    import stat

    from greensdk_ebpf.agent.permissions import counters

    yield (
        f"members can't see how the power changes within {coarsen:g} ms, which is what PLATYPUS needs to read "
        "secrets of other programs; means over longer times they can see"
    )
    readable = [path for path in counters(powercap_root) if os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH)]
    if readable:
        yield f"not only root can read the counters themselves, which protects nothing: sudo chmod 400 {readable[0]}"


@agent.command()
@root_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(root: str, as_json: bool) -> int:
    """
    Show whether the agent runs; the exit code is 0 if it does and 1 if not.
    """
    from greensdk_ebpf import agent as control

    state = control.status(root)
    if as_json:
        show.json(state)
    else:
        for line in _lines(state):
            click.echo(line)
    return 0 if state["running"] else 1


@agent.command()
@root_option
def stop(root: str) -> None:
    """
    Remove everything that was loaded or opened. Succeeds when no agent runs.
    """
    from greensdk_ebpf import agent as control

    click.echo("stopped, everything removed" if control.stop(root) else f"no agent runs in {root}")


def _lines(state: Mapping[str, Any]) -> Iterator[str]:
    if state["reason"]:
        yield state["reason"]
    if "counting" not in state:
        return
    group = state["group"]
    who = group["gid"] if group["name"] is None else f"{group['name']} ({group['gid']})"
    verb = "runs" if state["running"] else "loaded"
    yield f"{verb} in {state['root']} since {state['started_at']}, for the group {who}"
    yield f"programs {', '.join(sorted(state['links']))} ({state['form']} form)"
    if state["counts"] is not None:
        counts = ", ".join(f"{name.replace('_', ' ')} {show.text(n)}" for name, n in state["counts"].items())
        yield f"counted  {counts}"
        yield "maps     " + ", ".join(f"{name} {used} of {size}" for name, (used, size) in state["entries"].items())
    yield f"energy   {_energy(state['rapl'])}"


def _energy(rapl: Mapping[str, Any] | None) -> str:
    if rapl is None:
        return "counters not opened"
    if "daemon" in rapl:
        every_ms = rapl["update_interval_s"] * 1e3
        return f"copies in {rapl['root']}, updated every {every_ms:g} ms by process {rapl['daemon']['pid']}"
    return f"{len(rapl['counters'])} counters open to the group"
