"""
The sources of plugins, and what became of those that were installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
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


def imported_by(code: str) -> set[str]:
    """
    Return the modules that some code loads in a bare interpreter.
    """
    script = f"import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], env=environment, check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def foreign(modules: set[str]) -> set[str]:
    """
    Return the packages among some modules that are not of the standard library.
    """
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
