"""
The agent: root loads the programs once, a group reads them ever after.

There is no process behind it. Maps and programs are pinned in a bpf file system of their own, which keeps them in the
kernel; whoever is in the group opens the maps there. See README.md for the protocol.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from greensdk.errors import GreensdkError
from greensdk.hardware import boot_id, host_id
from greensdk.version import __version__
from greensdk_ebpf.access import pin
from greensdk_ebpf.agent import coarse, handover, pins
from greensdk_ebpf.agent.state import SCHEMA, State, read, remove, write

DEFAULT_ROOT = "/run/greensdk"
DEFAULT_GROUP = "greensdk"
POWERCAP = "/sys/class/powercap"

FOLDER_MODE = 0o750


class AgentError(GreensdkError):
    """
    The agent can't be started or stopped; the message says what helps.
    """


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
        AgentError: It can't be done; nothing is left behind.
    """
    _need_root("start")
    _refuse_strangers(root)
    gid = group_id(group)
    wanted = {"gid": gid, "rapl": rapl, "coarsen_ms": coarsen_ms if rapl else None, "powercap_root": powercap_root}
    state = read(root)
    if state is not None and runs(root, state):
        if state["settings"] == wanted:
            return False
        again = f"sudo greensdk agent stop{_option(root)}  (and start it again)"
        raise AgentError(f"an agent with other settings runs in {root}: {again}")
    _clean(root, state)
    with ExitStack() as undo:
        undo.callback(_clean, root, None)
        _make_root(root, gid)
        made = pins.make(os.path.join(root, "bpf"), gid)
        state = _described(root, wanted, made)
        undo.callback(_undo_handover, root, state)
        if rapl and coarsen_ms:
            state["daemon"] = coarse.start(root, powercap_root, coarsen_ms / 1e3, gid)
        elif rapl:
            handover.open_to(powercap_root, gid, state["restore"])
        write(root, state, gid)
        undo.pop_all()
    return True


def stop(root: str = DEFAULT_ROOT) -> bool:
    """
    Take everything back: programs, maps, permissions, files.

    Returns:
        There was something to take back.

    Raises:
        AgentError: We are not root, or the directory is not.
    """
    _need_root("stop")
    _refuse_strangers(root)
    state = read(root)
    existed = state is not None or os.path.lexists(os.path.join(root, "bpf"))
    _clean(root, state)
    return existed


def status(root: str = DEFAULT_ROOT) -> dict[str, Any]:
    """
    Return what is known of the agent, as far as this user may see it.

    Keys: ``running``, ``reason`` (why not, or what can't be seen), ``root``, and, where it runs, those of the state
    file with ``links`` (are all programs attached), ``counts`` and ``daemon_runs``.
    """
    found: dict[str, Any] = {"running": False, "root": root, "reason": None}
    try:
        state = read(root)
    except PermissionError:
        found["reason"] = f"{root} is there, and this process is not in its group: only the group and root may look"
        return found
    if state is None:
        found["reason"] = f"no agent in {root}: sudo greensdk agent start"
        return found
    found |= state
    if not runs(root, state):
        found["reason"] = f"what is in {root} is left over: sudo greensdk agent stop{_option(root)}"
        return found
    found["running"] = True
    found |= pins.look(os.path.join(root, "bpf"))
    if state["daemon"]:
        found["daemon_runs"] = coarse.runs(state["daemon"])
        if not found["daemon_runs"]:
            found["reason"] = f"the process that copies the energy counters is gone: {coarse.last_words(root)}"
    return found


def runs(root: str, state: State) -> bool:
    """
    Say whether the agent that wrote `state` is still in this kernel.
    """
    return state["boot_id"] == boot_id() and os.path.ismount(os.path.join(root, "bpf"))


def group_id(group: str) -> int:
    """
    Return the number of a group.

    Raises:
        AgentError: There is none of this name.
    """
    import grp

    if group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise AgentError(
            f"there is no group {group!r}: sudo groupadd --system {group}  (or give another --group)"
        ) from None


def _need_root(verb: str) -> None:
    if os.geteuid() != 0:
        raise AgentError(f"only root can {verb} the agent: sudo greensdk agent {verb}")


def _option(root: str) -> str:
    return "" if root == DEFAULT_ROOT else f" --root {root}"


def _refuse_strangers(root: str) -> None:
    """
    Refuse a directory that somebody else could have put there.
    """
    if not os.path.lexists(root):
        return
    if os.path.islink(root) or not os.path.isdir(root) or os.stat(root).st_uid != 0:
        raise AgentError(f"{root} is not a directory of root's: remove it, or give another --root")


def _make_root(root: str, gid: int) -> None:
    """
    Make the agent's directory, if it is not there.
    """
    try:
        os.makedirs(root, 0o700, exist_ok=True)
    except OSError as error:
        raise AgentError(f"{root} can't be made: {error.strerror}: give another --root") from error
    os.chown(root, 0, gid)
    os.chmod(root, FOLDER_MODE)


def _described(root: str, settings: dict[str, Any], made: pins.Made) -> State:
    return {
        "schema": SCHEMA,
        "greensdk": __version__,
        "host_id": host_id(),
        "boot_id": boot_id(),
        "started_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "settings": settings,
        "form": made.form,
        "maps": {name: pin(root, name) for name in made.maps},
        "links": made.links,
        "restore": [],
        "daemon": None,
    }


def _undo_handover(root: str, state: State) -> None:
    if state["daemon"]:
        coarse.stop(state["daemon"])
    coarse.remove(root)
    handover.restore(state["restore"])


def _clean(root: str, state: State | None) -> None:
    """
    Leave nothing of an agent behind, be it whole, half made, or of another boot.
    """
    if state is not None:
        _undo_handover(root, state)
    pins.remove(os.path.join(root, "bpf"))
    coarse.remove(root)
    remove(root)
