"""
What this plugin tells greensdk. The entry point in pyproject.toml names this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greensdk.hookspecs import hookimpl
from greensdk_plug import greensdk_enrich

if TYPE_CHECKING:
    from greensdk.configure.registry import Registry


@hookimpl
def greensdk_register_monitors(registry: Registry) -> None:
    """
    Offer the monitor by name; the module is imported when somebody uses it.
    """
    registry.monitor("plug", "greensdk_plug:PlugMonitor")


hookimpl(greensdk_enrich)  # marked here and not where it is defined, which workers import
