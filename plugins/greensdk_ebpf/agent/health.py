"""
What can be seen of an agent, by root, by its group, and by others.
"""

from __future__ import annotations

import os
from typing import Any

from greensdk.machine.hardware import boot_id
from greensdk_ebpf import DEFAULT_ROOT
from greensdk_ebpf.access import pin
from greensdk_ebpf.agent import coarse, pins
from greensdk_ebpf.agent.directory import group_name, option, settled
from greensdk_ebpf.agent.state import State, read


def status(root: str = DEFAULT_ROOT) -> dict[str, Any]:
    """
    Return what is known of the agent, as far as this process may see it.

    Keys: ``running``, ``reason`` (why not, or what can't be seen), ``root``; where the state can be read all of
    agent.json; where an agent is, what :func:`greensdk_ebpf.agent.pins.look` returns, and ``daemon_runs``.
    """
    root = settled(root)
    found: dict[str, Any] = {"running": False, "reason": None, "root": root}
    try:
        state = read(root)
    except PermissionError:
        return found | _from_outside(root)
    if state is None:
        return found | {"reason": f"no agent runs in {root}: sudo greensdk agent start{option(root)}"}
    found |= state
    if not sound(root, state):
        return found | {"reason": f"what is in {root} is left over: sudo greensdk agent stop{option(root)}"}
    found |= pins.look(root)
    daemon = daemon_of(state)
    found["daemon_runs"] = None if daemon is None else coarse.runs(daemon)
    found["reason"] = _trouble(root, found)
    found["running"] = found["counting"] is not False and found["daemon_runs"] is not False
    return found


def _from_outside(root: str) -> dict[str, Any]:
    gid = os.stat(root).st_gid
    group = group_name(gid) or gid
    reason = f"more of {root} only the group {group} and root may see: sudo usermod -aG {group} $USER"
    return {"running": pins.mounted(root), "reason": reason}


def _trouble(root: str, found: dict[str, Any]) -> str | None:
    again = f"sudo greensdk agent start{option(root)}  (as before)"
    if found["counting"] is False:
        return f"the programs in {root} do not count: sudo greensdk agent stop{option(root)}"
    if found["daemon_runs"] is False:
        return f"the process that copies the energy counters is gone ({coarse.last_words(root)}): {again}"
    if found["counting"] is None:
        return "before Linux 5.19 only a process with CAP_BPF can see what has been counted"
    return None


def sound(root: str, state: State) -> bool:
    """
    Say whether all that the agent which wrote `state` has pinned is still there.
    """
    if state["boot_id"] != boot_id() or not state["links"] or not pins.mounted(root):
        return False
    # By their names: a container may have the directory at another path.
    names = (*state["maps"], *(pins.LINK + name for name in state["links"]))
    return all(os.path.lexists(pin(root, name)) for name in names)


def daemon_of(state: State) -> dict[str, int] | None:
    """
    Return the process that copies, if there should be one.
    """
    daemon: dict[str, int] | None = (state["rapl"] or {}).get("daemon")
    return daemon if state["boot_id"] == boot_id() else None
