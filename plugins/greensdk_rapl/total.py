"""
From what each domain counted to the total: what a hole in the meter costs, and what can't have been counted.

A package whose joules are unknown costs the total: the others alone would be another machine. Memory whose joules are
unknown costs the memory, and the boundary says so: ``package`` instead of ``package+dram``.
"""

from collections.abc import Mapping
from typing import NamedTuple

from greensdk_rapl.zones import COUNTED, DEFAULT_MAX_POWER_W, PACKAGE, PARTS

SLACK_S = 0.1
"""
Seconds at full power by which a counter may be ahead of the window's clock: the reader can lose the CPU between the
counter and the clock, and copies of a counter are renewed late.
"""

STUCK_UPDATES = 20
"""A package draws watts even when it is idle: a counter that stood still for so many updates is stuck, or emulated."""

NEVER = "the counter stands at 0: it has never counted"


class Sum(NamedTuple):
    """
    What the domains add up to.

    Attributes:
        amount: Their sum, in the unit of the amounts; None where it is unknown.
        boundary: What is in it.
        missing: The domains that should be in it and are not.
        reason: Why it is unknown.
    """

    amount: float | None
    boundary: str
    missing: list[str]
    reason: str | None


def add(kinds: Mapping[str, str], amounts: Mapping[str, float | None], reasons: Mapping[str, str]) -> Sum:
    """
    Add up the packages and their memory. A domain of unknown kind that may be a package is a package.
    """
    packages: list[float] = []
    memory: list[float] = []
    unknown: list[str] = []
    missing: list[str] = []
    for key, kind in kinds.items():
        if kind in COUNTED:
            amount = amounts.get(key)
            if amount is None:
                (unknown if kind == PACKAGE else missing).append(key)
            else:
                (packages if kind == PACKAGE else memory).append(amount)
    boundary = "package" if missing or not memory else "package+dram"
    if unknown:
        return Sum(None, boundary, missing, "; ".join(f"{key}: {reasons[key]}" for key in unknown))
    return Sum(sum(packages if missing else packages + memory), boundary, missing, None)


def jumped(joules: float, elapsed_s: float, max_power_w: float) -> str:
    """
    Return why so many joules can't have been drawn in the time; empty if they can.

    During a suspend a counter may go on while the clock stands still, and a virtual machine may find itself on
    another host.
    """
    if joules <= max_power_w * (elapsed_s + SLACK_S):
        return ""
    return (
        f"{joules:.6g} J in {elapsed_s:.3g} s are more than {max_power_w:g} W: the counter jumped, or the clock stood "
        "still meanwhile (suspend)"
    )


def still(elapsed_ns: float) -> str:
    """
    Return why a counter that should have moved in this time counts nothing.
    """
    return f"the counter did not move in {elapsed_ns / 1e6:.3g} ms: it is stuck, or a hypervisor's zero"


def doubts(
    kinds: Mapping[str, str],
    joules: Mapping[str, float | None],
    elapsed_ns: float,
    update_ns: float,
    stood_ns: Mapping[str, float] = {},
) -> dict[str, str]:
    """
    Return which joules of a window are none: of a counter that stood still, or that jumped.

    Args:
        kinds: What each domain is.
        joules: What each counted.
        elapsed_ns: Length of the window.
        update_ns: How often the counters are updated; 0 leaves out what rests on time.
        stood_ns: Since when counters have stood still, where that is known to be longer than the window.
    """
    if not update_ns:
        return {}
    found = {}
    for key, amount_j in joules.items():
        if amount_j == 0:
            still_ns = max(elapsed_ns, stood_ns.get(key, 0.0))
            if still_ns >= STUCK_UPDATES * update_ns and kinds[key] in COUNTED:
                found[key] = still(still_ns)
        elif amount_j and kinds[key] in PARTS and (why := jumped(amount_j, elapsed_ns / 1e9, DEFAULT_MAX_POWER_W)):
            found[key] = why
    return found
