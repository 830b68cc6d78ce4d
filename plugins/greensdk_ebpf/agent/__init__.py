"""
The agent: root loads the programs once, a group reads them ever after.

There is no process behind it. Maps and links are pinned in a bpf file system of their own, which keeps them in the
kernel; members of the group open the maps there. See README.md for the protocol.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from greensdk.machine.hardware import boot_id, host_id
from greensdk.version import __version__
from greensdk_ebpf import DEFAULT_ROOT
from greensdk_ebpf.agent import coarse, pins
from greensdk_ebpf.agent.directory import AgentError, claim, group_name, is_ours, lock, option, settled, trust
from greensdk_ebpf.agent.health import daemon_of, sound, status
from greensdk_ebpf.agent.permissions import counters, former, open_to, restore
from greensdk_ebpf.agent.state import SCHEMA, State, read, remove, write

__all__ = ["DEFAULT_GROUP", "POWERCAP", "AgentError", "start", "status", "stop"]

DEFAULT_GROUP = "greensdk"
POWERCAP = "/sys/class/powercap"
ROOT_MODE = 0o750
NO_GROUP = 2**32 - 1
"""What chown(2) takes for "leave it as it is"; larger numbers are not group ids."""


def start(
    root: str = DEFAULT_ROOT,
    group: str = DEFAULT_GROUP,
    *,
    rapl: bool = False,
    coarsen_ms: float | None = None,
    powercap_root: str = POWERCAP,
) -> bool:
    """
    Load the programs and open them to a group.

    Args:
        root: The agent's directory.
        group: Name or number of the group.
        rapl: Let the group read the energy counters as well.
        coarsen_ms: Not the counters themselves but copies, renewed every so many milliseconds.
        powercap_root: Where the counters are.

    Returns:
        True; False if it runs already, with the same settings.

    Raises:
        GreensdkError: It can't be done; nothing is left behind.
        OSError: The same, in the kernel's words.
    """
    _need_root("start")
    wanted = {
        "gid": _group_id(group),
        "rapl": rapl,
        "coarsen_ms": coarsen_ms if rapl else None,
        "powercap_root": os.path.abspath(powercap_root),
    }
    root = settled(root)
    made = claim(root)
    with lock(root):
        state = read(root)
        if state is not None and sound(root, state):
            return _again(root, state, wanted)
        if not is_ours(root):
            raise AgentError(f"{root} holds files that are not an agent's: give another --root")
        _clear(root, state)
        made = made or (state is not None and state["made_root"])
        with ExitStack() as undo:
            new = _described(wanted, made)
            undo.callback(_undo, root, new)
            _start(root, new)
            undo.pop_all()
    return True


def _start(root: str, state: State) -> None:
    settings, gid = state["settings"], state["settings"]["gid"]
    if not state["made_root"]:
        state["restore"].append(former(root))
    if settings["rapl"] and not settings["coarsen_ms"]:
        state["restore"] += map(former, counters(settings["powercap_root"]))
    # Whatever ends us from here on, the next start or stop knows what has to be put back.
    write(root, state)
    os.chown(root, 0, gid)
    os.chmod(root, ROOT_MODE)
    state |= pins.make(root, gid)
    _hand_out(root, state)
    write(root, state)


def _hand_out(root: str, state: State) -> None:
    settings, gid = state["settings"], state["settings"]["gid"]
    if not settings["rapl"]:
        return
    if settings["coarsen_ms"]:
        state["rapl"] = coarse.start(root, settings["powercap_root"], settings["coarsen_ms"] / 1e3, gid)
    else:
        state["rapl"] = open_to(gid, settings["powercap_root"])


def _again(root: str, state: State, wanted: dict[str, Any]) -> bool:
    """Start where an agent runs: nothing has to be done, unless the process that copies is gone."""
    if state["settings"] != wanted:
        more = option(root)
        raise AgentError(
            f"an agent with other settings runs in {root}: sudo greensdk agent stop{more}  (and start it again)"
        )
    daemon = daemon_of(state)
    if daemon is None or coarse.runs(daemon):
        return False
    _hand_out(root, state)
    write(root, state)
    return True


def stop(root: str = DEFAULT_ROOT) -> bool:
    """
    Take everything back: programs, maps, permissions, files, also what is left of an agent that died; return whether
    there was any.

    Raises:
        AgentError: We are not root.
    """
    _need_root("stop")
    root = settled(root)
    if not os.path.lexists(root):
        return False
    trust(root)
    with lock(root):
        state = read(root)
        if state is None and not (is_ours(root) and os.listdir(root)):
            return False
        _clear(root, state)
        if state is None or state["made_root"]:
            _leave(root)
    return True


def _undo(root: str, state: State) -> None:
    _clear(root, state)
    if state["made_root"]:
        _leave(root)


def _clear(root: str, state: State | None) -> None:
    """
    Leave nothing of an agent in its directory, nor of what it has opened, be it whole, half made, or of another boot.
    """
    daemon = None if state is None else daemon_of(state)
    if daemon is not None:
        coarse.stop(daemon)
    coarse.remove(root)
    pins.remove(root)
    if state is not None:
        restore(state["restore"], state["settings"]["gid"])
    remove(root)


def _leave(root: str) -> None:
    if not os.listdir(root):
        os.rmdir(root)


def _need_root(verb: str) -> None:
    if os.geteuid() != 0:
        raise AgentError(f"only root can {verb} the agent: sudo greensdk agent {verb}")


def _group_id(group: str) -> int:
    import grp

    if group.isdecimal():
        if int(group) >= NO_GROUP:
            raise AgentError(f"{group} is no group's number: give another --group")
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise AgentError(
            f"there is no group {group!r}: sudo groupadd --system {group}  (or give another --group)"
        ) from None


def _described(settings: dict[str, Any], made: bool) -> State:
    return {
        "schema": SCHEMA,
        "greensdk": __version__,
        "host_id": host_id(),
        "boot_id": boot_id(),
        "started_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "group": {"gid": settings["gid"], "name": group_name(settings["gid"])},
        "form": None,
        "maps": {},
        "links": {},
        "rapl": None,
        "settings": settings,
        "made_root": made,
        "restore": [],
    }
