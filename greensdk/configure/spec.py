"""
The arguments of one decoration, as they travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greensdk.configure.settings import KEYS, check, unknown
from greensdk.errors import ConfigError


class Spec(dict[str, Any]):
    """
    The given arguments of a decoration.

    Pickled, it becomes a plain dict with everything decided here and now: plugins resolved to
    ``module:attribute``, files and environment of this process read. The process that unpickles it
    needs no discovery, no configuration and no greensdk to load it.
    """

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (resolved(self),)


def make_spec(arguments: Mapping[str, Any], plugins: Mapping[str, Mapping[str, Any]] | None) -> Spec:
    """
    Return the arguments that are not None, checked, with the plugins' tables beside them.

    Raises:
        ConfigError: A key is unknown or a value of the wrong kind.
    """
    where = "energy_tracked"
    if strangers := arguments.keys() - KEYS.keys():
        raise ConfigError(unknown(where, min(strangers), KEYS))
    given = {key: check(where, key, value) for key, value in arguments.items() if value is not None}
    tables = dict(plugins or {})
    if wrong := [name for name, table in tables.items() if name in KEYS or not isinstance(table, Mapping)]:
        raise ConfigError(f"{where}: plugins[{wrong[0]!r}]: expected a plugin's name and a table of its keys")
    return Spec(given | tables)


def resolved(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return `arguments` with everything decided; as they are when that fails, which must not stop
    anybody from pickling a function: the call that first needs it says what is wrong.
    """
    if "sources" in arguments:
        return dict(arguments)
    from greensdk.configure.config import resolve

    try:
        return dict(resolve(arguments))
    except Exception:
        return dict(arguments)
