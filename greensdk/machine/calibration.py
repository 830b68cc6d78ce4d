"""
What this machine draws when it does nothing, as ``greensdk calibrate`` measured it.

A file of JSON holds the watts of each meter with the machine and the kernel they belong to. It is used for
``active_j`` only while it fits: another machine's watts, another kernel's, or a quarter-old ones are named and left
alone.
"""

import os
from collections.abc import Mapping
from time import strftime, time
from typing import Any

SCHEMA = "greensdk.calibration/1"
FRESH_DAYS = 90
"""Fans, firmware and background services change what a machine draws at rest: measure again every quarter."""


def default_path() -> str:
    """
    Return where the file is when no setting says otherwise.

    The place is the XDG Base Directory Specification's for state that is not worth a backup.
    """
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "greensdk", "calibration.json")


def key_of(monitor: str, boundary: str) -> str:
    """
    Return the name under which a meter's watts are kept.
    """
    return f"{monitor} {boundary}"


def load(path: str, host_id: str | None, now_s: float | None = None) -> tuple[dict[str, float], str]:
    """
    Return what the file at `path` says of this machine.

    Args:
        path: The file.
        host_id: Which machine this is.
        now_s: Seconds since 1970; None for now.

    Returns:
        Watts at rest of each meter by :func:`key_of`, and why there are none; empty when there are.
    """
    if not os.path.exists(path):
        return {}, "not measured yet: greensdk calibrate"
    import json

    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        reason = _misfit(found, host_id, time() if now_s is None else now_s)
        meters: Mapping[str, Any] = found["meters"]
        return {} if reason else {name: float(row["idle_w"]) for name, row in meters.items()}, reason
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        return {}, f"{path} can't be read ({type(error).__name__}: {error}): greensdk calibrate"


def _misfit(found: Mapping[str, Any], host_id: str | None, now_s: float) -> str:
    """
    Return why a calibration does not fit here and now; empty when it does.
    """
    if found["schema"] != SCHEMA:
        return f"of another version ({found['schema']}): greensdk calibrate"
    if found["host_id"] != host_id:
        return f"of another machine ({found['host_id']}, this is {host_id}): greensdk calibrate"
    if found["kernel"] != kernel():
        return f"of another kernel ({found['kernel']}, this is {kernel()}): greensdk calibrate"
    age_days = (now_s - found["measured_s"]) / 86400
    if age_days > FRESH_DAYS:
        return f"{age_days:.0f} days old, of {found['measured_at'][:10]}: greensdk calibrate"
    return ""


def kernel() -> str:
    """
    Return the running kernel's release.
    """
    return os.uname().release


def save(path: str, host_id: str | None, meters: Mapping[str, Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """
    Write a calibration and return it; a reader never sees half of one.

    Raises:
        OSError: The file can't be written.
    """
    import json

    now_s = time()
    made = {
        "schema": SCHEMA,
        "host_id": host_id,
        "kernel": kernel(),
        "measured_at": strftime("%Y-%m-%dT%H:%M:%SZ", _utc(now_s)),
        "measured_s": now_s,
        "seconds": seconds,
        "meters": dict(meters),
    }
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    half = f"{path}.{os.getpid()}"
    with open(half, "w", encoding="utf-8") as file:
        json.dump(made, file, indent=2)
    os.replace(half, path)
    return made


def _utc(now_s: float) -> Any:
    from time import gmtime

    return gmtime(now_s)


def active(machine_j: float, idle_w: float, duration_s: float, share: float) -> float:
    """
    Return the joules of a call above the machine's rest: its share of what the machine drew beyond idle.

    Never below 0: a quiet second can draw less than the quietest that was calibrated.

    Example:
        >>> active(machine_j=50.0, idle_w=20.0, duration_s=2.0, share=0.5)
        5.0
    """
    return max(0.0, machine_j - idle_w * duration_s) * share
