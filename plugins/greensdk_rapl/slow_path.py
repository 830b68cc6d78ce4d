"""
What a window counted that is not plain: a fault, a wrap, polls, a counter that stands still or jumps.

Few windows come here, and every worker pays for the imports of the others.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from greensdk_rapl.counters import Side, window
from greensdk_rapl.total import Sum, add
from greensdk_rapl.zones import Zone


class Outcome(NamedTuple):
    """
    What a window counted.

    Attributes:
        total: The sum, in microjoules.
        domains: Joules of each zone; None where they are unknown.
        attributes: What a reading says beside that: ``wraps``, ``reasons``, ``missing``, each where there is any.
    """

    total: Sum
    domains: dict[str, float | None]
    attributes: dict[str, Any]


def outcome(
    zones: Sequence[Zone],
    ends: tuple[Side, Side, Side],
    update_ns: float,
    lost: Mapping[str, str],
    kinds: Mapping[str, str],
) -> Outcome:
    """
    Return what a window counted.

    Args:
        zones: The counters.
        ends: When they were opened, and the window's beginning and end.
        update_ns: See :func:`greensdk_rapl.counters.window`.
        lost: Zones that are not open, to the reason.
        kinds: What each zone is; those that are not in it show a meter once more.
    """
    amounts: dict[str, float | None] = dict.fromkeys(lost)
    domains = amounts.copy()
    reasons, wraps = dict(lost), {}
    for zone, part in zip(zones, window(zones, *ends, update_ns), strict=True):
        key = zone.key
        if key not in kinds:
            continue
        amounts[key], domains[key] = part.uj, None if part.uj is None else part.uj / 1e6
        if part.reason:
            reasons[key] = part.reason
        if part.wraps:
            wraps[key] = part.wraps
    total = add(kinds, amounts, reasons)
    about = {"wraps": wraps, "reasons": reasons, "missing": total.missing}
    return Outcome(total, domains, {name: each for name, each in about.items() if each})
