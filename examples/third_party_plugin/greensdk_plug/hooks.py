"""
The hooks of this plugin. The entry point in pyproject.toml refers to this module.
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
    Register the monitor by name; its module is imported when it is used.
    """
    registry.monitor("plug", "greensdk_plug:PlugMonitor")


hookimpl(greensdk_enrich)  # marked here and not where it is defined, because workers import that module
