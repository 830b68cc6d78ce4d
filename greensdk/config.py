"""
What a person has configured: built-in < file < environment < arguments; later wins.

The file is the nearest ``greensdk.toml``, or ``[tool.greensdk]`` of the nearest ``pyproject.toml``,
from the working directory upwards. A variable ``GREENSDK_LABEL`` sets the key ``label``,
``GREENSDK_RAPL_ROOT`` the key ``root`` in the plugin's table ``[tool.greensdk.rapl]``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greensdk import builtin
from greensdk.build import ALL, AUTO, NAMED
from greensdk.errors import ConfigError
from greensdk.plugins import switches
from greensdk.settings import KEYS, SWITCHES, check, checked_table, from_text, unknown
from greensdk.sink import scheme_of

if TYPE_CHECKING:
    from greensdk.plugins import Plugins
    from greensdk.registry import Offer

DEFAULTS: dict[str, Any] = {"monitors": "auto", "order": ["rapl", "perf", "psutil-tdp"]}
FILE = "greensdk.toml"


def resolve(
    arguments: Mapping[str, Any], environ: Mapping[str, str] = os.environ, cwd: str | os.PathLike[str] = "."
) -> dict[str, Any]:
    """
    Return everything decided, as plain JSON data that another process can build its runtime from.

    Args:
        arguments: The decorator's, the highest layer.
        environ: The environment.
        cwd: Where the search for a file begins.

    Returns:
        ``sources`` (name, target, keyword arguments, why), ``sinks`` (URI, target, keyword arguments; None
        for the default of the place), ``adapters`` (target, variable), ``enrichers`` (name, target),
        ``missing`` (monitor to reason), and the plain keys.

    Raises:
        ConfigError: A key is unknown or a value of the wrong kind; the message says where it stands.
    """
    values, tables = layers(arguments, environ, cwd)
    catalogue = Catalogue(environ, values["monitors"])
    sources, missing = catalogue.sources(values["monitors"], tables)
    sinks = None if values.get("sink") is None else catalogue.sinks(values["sink"], tables)
    catalogue.refuse_strangers(tables)
    plain = {key: values[key] for key in values if key not in {"monitors", "sink"}}
    return {
        **plain,
        "sources": sources,
        "missing": missing,
        "sinks": sinks,
        "adapters": catalogue.adapters(),
        "enrichers": catalogue.enrichers(),
    }


def layers(
    arguments: Mapping[str, Any], environ: Mapping[str, str], cwd: str | os.PathLike[str]
) -> tuple[dict[str, Any], dict[str, dict[str, tuple[Any, str]]]]:
    """
    Return the merged plain keys, and per plugin its keys with (value, where it stands).

    Raises:
        ConfigError: A key is unknown or a value of the wrong kind.
    """
    values = dict(DEFAULTS)
    tables: dict[str, dict[str, tuple[Any, str]]] = {}
    for where, layer in (read_file(cwd), from_environment(environ), ("energy_tracked", dict(arguments))):
        for key, value in layer.items():
            if key in KEYS:
                values[key] = check(where, key, value)
            elif isinstance(value, Mapping):
                tables.setdefault(key, {}).update({k: (v, f"{where}: [{key}] {k}") for k, v in value.items()})
            else:
                raise ConfigError(unknown(where, key, KEYS))
    return values, tables


def read_file(cwd: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """
    Return (path, contents) of the nearest file with a greensdk configuration; ("", {}) when there is none.

    Raises:
        ConfigError: The file is not TOML.
    """
    for folder in (here := Path(cwd).resolve(), *here.parents):
        own = folder / FILE
        if own.is_file():
            return str(own), _toml(own)
        project = folder / "pyproject.toml"
        # Reading bytes first spares most projects the import of tomllib.
        if project.is_file() and b"tool.greensdk" in project.read_bytes():
            return str(project), _toml(project).get("tool", {}).get("greensdk", {})
    return "", {}


def _toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def from_environment(environ: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """
    Return ("environment", keys) from the variables whose names begin with ``GREENSDK_``.

    Raises:
        ConfigError: A variable's name is a misspelt key.
    """
    found: dict[str, Any] = {}
    names = sorted({*builtin.MONITORS, *builtin.SINKS}, key=len, reverse=True)
    for variable in sorted(v for v in environ if v.startswith("GREENSDK_") and v not in SWITCHES):
        key = variable.removeprefix("GREENSDK_").lower()
        if key in KEYS:
            found[key] = from_text(variable, key, environ[variable])
            continue
        for name in names:
            prefix = name.replace("-", "_") + "_"
            if key.startswith(prefix):
                found.setdefault(name, {})[key.removeprefix(prefix)] = environ[variable]
                break
        else:
            _refuse_misspelt(variable, key)
    return "environment", found


def _refuse_misspelt(variable: str, key: str) -> None:
    """
    Raise for a near miss of a key; other variables may belong to a plugin that is not installed here.
    """
    from difflib import get_close_matches

    near = get_close_matches(key, KEYS, n=1, cutoff=0.8)
    if near:
        raise ConfigError(f"environment: unknown variable {variable}; did you mean GREENSDK_{near[0].upper()}?")


class Catalogue:
    """
    What is on offer: the built-in tables, and third parties' plugins when something asks for them.
    """

    def __init__(self, environ: Mapping[str, str], monitors: Any) -> None:
        self._environ = environ
        self._allowed, self._dropped = switches(environ)
        self._plugins: Plugins | None = None
        if isinstance(monitors, str) and self._has_third_party():
            self._discover()

    def _has_third_party(self) -> bool:
        from greensdk.plugins import third_party

        return bool(third_party(self._environ))

    def _discover(self) -> Plugins:
        if self._plugins is None:
            from greensdk.plugins import load_plugins

            self._plugins = load_plugins(self._environ)
        return self._plugins

    def sources(self, wanted: Any, tables: Mapping[str, Any]) -> tuple[list[list[Any]], dict[str, str]]:
        """
        Return the (name, target, keyword arguments, why) of each monitor to try, and the ones switched off.

        Raises:
            ConfigError: A name is unknown, or a plugin's table has an unknown key.
        """
        mode = wanted if isinstance(wanted, str) else NAMED
        names = self._names() if mode in {AUTO, ALL} else wanted
        found, missing = [], {}
        for name in names:
            if self._is_off(name):
                if mode == NAMED:
                    missing[name] = "switched off by GREENSDK_DISABLE or GREENSDK_PLUGINS"
                continue
            target, config = self._monitor(name)
            found.append([name, target, checked_table(name, config, tables.get(name, {})), mode])
        return found, missing

    def _names(self) -> list[str]:
        return list(builtin.MONITORS if self._plugins is None else self._plugins.registry.monitors)

    def _is_off(self, name: str) -> bool:
        return name in self._dropped or (self._allowed is not None and name not in self._allowed and self._own(name))

    def _own(self, name: str) -> bool:
        """
        Whether `name` is first-party; a third party's is off when its plugin is.
        """
        return name in builtin.MONITORS

    def _monitor(self, name: str) -> tuple[str, str]:
        if ":" in name:
            return name, name
        if name in builtin.MONITORS:
            return builtin.MONITORS[name], builtin.MONITORS[name]
        offer = self._offer("monitor", name, self._discover().registry.monitors)
        return offer.target, offer.config

    def sinks(self, wanted: Any, tables: Mapping[str, Any]) -> list[list[Any]]:
        """
        Return the (URI, target, keyword arguments) of each sink.

        Raises:
            ConfigError: No plugin knows the URI's scheme.
        """
        found = []
        for uri in [wanted] if isinstance(wanted, str) else wanted:
            scheme = scheme_of(uri)
            target = config = builtin.SINKS.get(scheme, "")
            if not target:
                target, config, _ = self._offer("sink", scheme, self._discover().registry.sinks)
            found.append([uri, target, checked_table(scheme, config, tables.get(scheme, {}), skip=1)])
        return found

    def _offer(self, kind: str, name: str, offers: Mapping[str, Offer]) -> Offer:
        if name in offers:
            return offers[name]
        broken = [row for row in self._discover().loaded if row.error and row.name == name]
        if broken:
            raise ConfigError(f"{kind} {name!r}: its plugin is broken: {broken[0].error}")
        raise ConfigError(unknown("configuration", name, offers, kind))

    def adapters(self) -> list[list[str]]:
        """
        Return (target, environment variable) of each adapter.
        """
        if self._plugins is None:
            return [[target, when] for target, when in builtin.ADAPTERS.values()]
        return [[offer.target, when] for offer, when in self._plugins.registry.adapters.values()]

    def enrichers(self) -> list[list[str]]:
        """
        Return (plugin's name, target) of each enricher.
        """
        return [] if self._plugins is None else [list(pair) for pair in self._plugins.enrichers]

    def refuse_strangers(self, tables: Mapping[str, Mapping[str, tuple[Any, str]]]) -> None:
        """
        Raise for a table that belongs to no plugin.

        Raises:
            ConfigError: There is one.
        """
        for name, table in tables.items():
            if name in builtin.MONITORS or name in builtin.SINKS:
                continue
            registry = self._discover().registry
            known = {*registry.monitors, *registry.sinks, *(row.name for row in self._discover().loaded)}
            if name not in known:
                where = next(iter(table.values()))[1].partition(": [")[0] if table else "configuration"
                raise ConfigError(unknown(where, name, {*KEYS, *known}))
