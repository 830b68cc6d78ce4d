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

    Pickled, it becomes a plain dict of the same arguments, which any process can load: what they leave open, the
    process that runs the function decides by its own environment, files and adapters (Ray, Dask, Spark, joblib).
    Inside :class:`sent_whole` it becomes one with everything decided here and now.
    """

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (resolved(self) if sent_whole.depth else dict(self),)


class sent_whole:  # noqa: N801 - used like a function
    """
    Have specifications travel with everything decided: plugins resolved to ``module:attribute``, files and environment
    of this process read. So Lithops sends them, whose workers have no configuration, and of plugins the modules only.

    Attributes:
        depth: How many such blocks are open in this process.
    """

    depth = 0

    def __enter__(self) -> None:
        sent_whole.depth += 1

    def __exit__(self, *_: object) -> None:
        sent_whole.depth -= 1


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
