"""
The interpreter of localhost workers.

Lithops' default is the name of this interpreter (``python3``), looked up on ``PATH``. In a virtual environment
that is not activated this is a different Python, without the user's packages: its workers die on import, and
the client waits for them until its own timeout.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from lithops.config import load_config
from lithops.constants import LOCALHOST, MODE_DEFAULT


def with_runtime(arguments: dict[str, Any]) -> dict[str, Any]:
    """
    Return the arguments of an executor, with ``runtime`` added for localhost if none is configured.
    """
    if arguments.get("runtime") is not None:
        return arguments
    config = arguments.get("config") or load_config(arguments.get("config_file"), log=False)
    if not _is_local(arguments, config) or _section(config, LOCALHOST).get("runtime"):
        return arguments
    return {**arguments, "runtime": sys.executable}


def _is_local(arguments: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    general = _section(config, "lithops")
    backend = arguments.get("backend") or general.get("backend")
    mode = arguments.get("mode") or general.get("mode") or MODE_DEFAULT
    return bool((backend or _section(config, mode).get("backend") or mode) == LOCALHOST)


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return config.get(name) or {}
