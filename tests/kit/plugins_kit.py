"""
The sources of plugins, and what became of those that were installed.
"""

from __future__ import annotations

from pathlib import Path

from greensdk.configure.plugins import Plugins, declared

HOOK = "from greensdk.hookspecs import hookimpl\n"
GOOD = """
    from greensdk.hookspecs import hookimpl

    @hookimpl
    def greensdk_register_monitors(registry):
        registry.monitor("{name}", "{name}_meter:Meter")
"""


def loaded(site: Path) -> Plugins:
    """
    Load what is installed in `site`, and nothing else.
    """
    return Plugins(declared([str(site)]))


def errors(plugins: Plugins) -> dict[str, str]:
    """
    Return each plugin's error by its name.
    """
    return {row.name: row.error for row in plugins.loaded}
