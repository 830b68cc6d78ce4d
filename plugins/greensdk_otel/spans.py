"""
Joules on the span that is current when a call ends.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

ENERGY = "greensdk.energy_j"
ADDED = {ENERGY: "energy_self_j", "greensdk.calls": "runs"}
"""Attribute to key: what several calls in one span add up to, without those inside them, which have their own span."""

NEWEST = {
    "greensdk.energy_source": "energy_source",
    "greensdk.energy_quality": "energy_quality",
    "greensdk.energy_boundary": "energy_boundary",
    "greensdk.reason": "reason",
}
"""Attribute to key: what the newest call says."""


def mark(record: Mapping[str, Any]) -> None:
    """
    Set the attributes, where the program traces at all: it then has imported the API itself.
    """
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return
    span = trace.get_current_span()
    if not span.is_recording():
        return
    before = getattr(span, "attributes", None) or {}
    for name, key in ADDED.items():
        if (value := record.get(key)) is not None:
            span.set_attribute(name, before.get(name, 0) + value)
    for name, key in NEWEST.items():
        if (value := record.get(key)) is not None:
            span.set_attribute(name, value)
