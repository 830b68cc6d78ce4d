"""
What a person has configured: built-in < file < environment < arguments; later wins.

The file is the nearest ``greensdk.toml``, or ``[tool.greensdk]`` of the nearest ``pyproject.toml``,
from the working directory upwards. A variable ``GREENSDK_LABEL`` sets the key ``label``,
``GREENSDK_RAPL_ROOT`` the key ``root`` in the plugin's table ``[tool.greensdk.rapl]``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk.configure import builtin
from greensdk.configure.plugins import BUILTIN, declared, load_plugins, switches, third_party
from greensdk.configure.settings import FOR_ONE, KEYS, SWITCHES, Table, check, checked_table, from_text, plain, unknown
from greensdk.configure.targets import MANY_RUNS, NAMED
from greensdk.configure.uris import scheme_of
from greensdk.errors import ConfigError

if TYPE_CHECKING:
    from greensdk.configure.plugins import Plugins
    from greensdk.configure.registry import Offer
    from greensdk.configure.targets import Resolved

DEFAULTS: dict[str, Any] = {"monitors": "auto", "order": ["rapl", "perf", "lambda-estimator", "psutil-tdp"]}
DEFAULT_SINK = "energy.jsonl"
FILE = "greensdk.toml"
PREFIX = "GREENSDK_"


def resolve(
    arguments: Mapping[str, Any], environ: Mapping[str, str] = os.environ, cwd: str | os.PathLike[str] = "."
) -> Resolved:
    """
    Return everything decided, as plain JSON data that another process can build its runtime from.

    Returns:
        See :class:`greensdk.configure.targets.Resolved`.

    Raises:
        ConfigError: A key is unknown or a value of the wrong kind; the message says where it stands.
    """
    values, tables, where = layers(arguments, environ, cwd)
    catalogue = Catalogue(environ, values["monitors"])
    sources, missing = catalogue.sources(values["monitors"], tables, where["monitors"])
    sinks = None if "sink" not in values else catalogue.sinks(values["sink"], tables, where["sink"])
    catalogue.refuse_strangers(tables)
    resolved: Any = {
        **{key: value for key, value in values.items() if key not in {"monitors", "sink"}},
        "sources": sources,
        "missing": missing,
        "sinks": sinks,
        "default_sinks": catalogue.sinks(DEFAULT_SINK, tables, "defaults"),
        "adapters": catalogue.adapters(),
        "enrichers": catalogue.enrichers(tables),
    }
    complete: Resolved = resolved | {"config_digest": digest(resolved), "versions": catalogue.versions()}
    return complete


def digest(resolved: Mapping[str, Any]) -> str:
    """
    Return 12 hex digits of the SHA-256 of everything decided but label and tags, which say nothing of the measuring.
    """
    import json
    from hashlib import sha256

    decided = {key: value for key, value in resolved.items() if key not in {"label", "tags"}}
    return sha256(json.dumps(decided, sort_keys=True, default=str).encode()).hexdigest()[:12]


def sink_table(scheme: str, environ: Mapping[str, str] = os.environ) -> tuple[str, dict[str, Any]]:
    """
    Return ``module:attribute`` of the sink of a scheme ("" where there is none) and its table of the configuration.

    Raises:
        ConfigError: The configuration is wrong.
    """
    if scheme in builtin.SINKS:
        target = config = builtin.SINKS[scheme]
    else:
        offer = load_plugins(environ).registry.sinks.get(scheme) if third_party(environ) else None
        if offer is None:
            return "", {}
        target, config = offer.target, offer.config
    tables = layers({}, environ, ".").tables
    return target, checked_table(table_of(scheme), config, tables.get(table_of(scheme), {}), skip=1)


class Layers(NamedTuple):
    """
    All layers, one laid over the other.

    Attributes:
        values: The plain keys.
        tables: The table of each plugin.
        where: Which layer each plain key comes from.
    """

    values: dict[str, Any]
    tables: dict[str, dict[str, tuple[Any, str]]]
    where: dict[str, str]


def layers(arguments: Mapping[str, Any], environ: Mapping[str, str], cwd: str | os.PathLike[str]) -> Layers:
    """
    Return what the file, the environment and the arguments say together.

    Raises:
        ConfigError: A key is unknown or a value of the wrong kind.
    """
    values, where = dict(DEFAULTS), dict.fromkeys(DEFAULTS, "defaults")
    tables: dict[str, dict[str, tuple[Any, str]]] = {}
    for layer, found in (read_file(cwd), from_environment(environ), ("energy_tracked", arguments)):
        for key, value in found.items():
            if key not in KEYS and isinstance(value, Mapping):
                tables.setdefault(key, {}).update({name: (each, layer) for name, each in value.items()})
            elif key in MANY_RUNS and found is not arguments:
                raise ConfigError(FOR_ONE.format(layer, key))
            else:
                values[key], where[key] = check(layer, key, value), layer
    return Layers(values, tables, where)


def read_file(cwd: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """
    Return (path, contents) of the nearest file with a greensdk configuration; ("", {}) when there is none.

    Raises:
        ConfigError: The file can't be read, or is not TOML.
    """
    try:
        here = Path(cwd).resolve()
    except FileNotFoundError:  # somebody deleted the working directory
        return "", {}
    for folder in (here, *here.parents):
        own, project = folder / FILE, folder / "pyproject.toml"
        if (contents := _contents(own)) is not None:
            return str(own), _toml(own, contents)
        # Looking into the bytes first spares most projects the import of tomllib.
        if b"tool.greensdk" in (contents := _contents(project) or b""):
            found = _toml(project, contents).get("tool", {}).get("greensdk", {})
            if not isinstance(found, dict):
                raise ConfigError(f"{project}: tool.greensdk = {found!r}: expected a table")
            if found:
                return str(project), found
    return "", {}


def _contents(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _toml(path: Path, contents: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(contents.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def from_environment(environ: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """
    Return ("environment", keys) from the variables whose names begin with ``GREENSDK_``.

    Raises:
        ConfigError: A variable's name is a misspelt key.
    """
    found: dict[str, Any] = {}
    others: dict[str, str] = {}
    for variable in sorted(v for v in environ if v.startswith(PREFIX) and v not in SWITCHES):
        key = variable.removeprefix(PREFIX).lower()
        if key in KEYS:
            found[key] = from_text(variable, key, environ[variable])
        elif not _into_table(found, _own_names(), key, environ[variable]):
            others[variable] = key
    names = load_plugins(environ).names() if others and third_party(environ) else set()
    for variable, key in others.items():
        if not _into_table(found, names, key, environ[variable]):
            _refuse_misspelt(variable, key)
    return "environment", found


def _own_names() -> set[str]:
    """Return the names of the first-party plugins that have a table."""
    return {*builtin.MONITORS, *map(table_of, builtin.SINKS), *builtin.ENRICHERS}


def table_of(scheme: str) -> str:
    """
    Return the name of the table of a sink: ``prometheus`` for ``prometheus+http`` and ``prometheus+https``.
    """
    return scheme.partition("+")[0]


def _into_table(found: dict[str, Any], names: set[str], key: str, text: str) -> bool:
    """Put a variable's text into the table of the plugin whose name it begins with; False when there is none."""
    fitting = [name for name in names if key.startswith(name.replace("-", "_") + "_")]
    if fitting:
        name = max(fitting, key=len)
        found.setdefault(name, {})[key[len(name) + 1 :]] = text
    return bool(fitting)


def _refuse_misspelt(variable: str, key: str) -> None:
    """Raise for a near miss of a key; other variables may belong to a plugin that is not installed here."""
    from difflib import get_close_matches

    known = [*KEYS, *(switch.removeprefix(PREFIX).lower() for switch in SWITCHES)]
    if near := get_close_matches(key, known, n=1, cutoff=0.8):
        raise ConfigError(f"environment: unknown variable {variable}; did you mean {PREFIX}{near[0].upper()}?")


class Catalogue:
    """
    What is on offer: the built-in tables, and third parties' plugins when something asks for them.
    """

    def __init__(self, environ: Mapping[str, str], monitors: Any) -> None:
        self._environ = environ
        self._allowed, self._dropped = switches(environ)
        self._plugins: Plugins | None = None
        if isinstance(monitors, str) and third_party(environ):
            self._discover()

    def _discover(self) -> Plugins:
        if self._plugins is None:
            self._plugins = load_plugins(self._environ)
        return self._plugins

    def sources(self, wanted: Any, tables: Mapping[str, Table], where: str) -> tuple[list[list[Any]], dict[str, str]]:
        """
        Return the (name, target, keyword arguments, why) of each monitor to try, and the ones switched off.

        Raises:
            ConfigError: A name is unknown, or a plugin's table has an unknown key.
        """
        mode = wanted if isinstance(wanted, str) else NAMED
        found: list[list[Any]] = []
        missing = {}
        for name in wanted if mode == NAMED else self._names():
            if not self._is_off(name):
                target, config = self._monitor(name, where)
                found.append([name, target, checked_table(name, config, tables.get(name, {})), mode])
            elif mode == NAMED:
                missing[name] = "switched off by GREENSDK_DISABLE or GREENSDK_PLUGINS"
        return found, missing

    def _names(self) -> list[str]:
        return list(builtin.MONITORS if self._plugins is None else self._plugins.registry.monitors)

    def _is_off(self, name: str) -> bool:
        if name in self._dropped:
            return True
        if self._allowed is None or name in self._allowed:
            return False
        return name in builtin.MONITORS or name in builtin.ENRICHERS or name in _installed()

    def _monitor(self, name: str, where: str) -> tuple[str, str]:
        if ":" in name:
            return name, name
        if name in builtin.MONITORS:
            return builtin.MONITORS[name], builtin.MONITORS[name]
        offer = self._offer("monitor", name, self._discover().registry.monitors, where)
        return offer.target, offer.config

    def sinks(self, wanted: Any, tables: Mapping[str, Table], where: str) -> list[list[Any]]:
        """
        Return the (URI, target, keyword arguments) of each sink.

        Raises:
            ConfigError: No plugin knows the URI's scheme, or a plugin's table has an unknown key.
        """
        found = []
        for uri in [wanted] if isinstance(wanted, str) else wanted:
            scheme = scheme_of(uri)
            target = config = builtin.SINKS.get(scheme, "")
            if not target:
                target, config, _ = self._offer("sink", scheme, self._discover().registry.sinks, where)
            table = table_of(scheme)
            found.append([uri, target, checked_table(table, config, tables.get(table, {}), skip=1)])
        return found

    def _offer(self, kind: str, name: str, offers: Mapping[str, Offer], where: str) -> Offer:
        if name in offers:
            return offers[name]
        for row in self._discover().loaded:
            if row.error and row.name == name:
                raise ConfigError(f"{where}: {kind} {name!r}: its plugin is broken: {row.error}")
        raise ConfigError(unknown(where, name, offers, kind))

    def adapters(self) -> list[list[str]]:
        """
        Return (target, environment variable) of each adapter.
        """
        if self._plugins is None:
            return [[target, when] for target, when in builtin.ADAPTERS.values()]
        return [[offer.target, when] for offer, when in self._plugins.registry.adapters.values()]

    def versions(self) -> dict[str, str]:
        """
        Return the version of each third party's monitor and enricher that was found.
        """
        if self._plugins is None:
            return {}
        of = {row.name: row.origin.rpartition(" ")[2] for row in self._plugins.loaded if row.name != BUILTIN}
        monitors = {name: offer.plugin for name, offer in self._plugins.registry.monitors.items()}
        found = {**monitors, **{name: name for name, _ in self._plugins.enrichers}}
        return {name: of[plugin] for name, plugin in found.items() if plugin in of}

    def enrichers(self, tables: Mapping[str, Table]) -> list[list[Any]]:
        """
        Return (plugin's name, target, the plugin's table) of each enricher.
        """
        own = [
            [name, target, checked_table(name, target, tables[name])]
            for name, target in builtin.ENRICHERS.items()
            if name in tables and not self._is_off(name)
        ]
        found = [] if self._plugins is None else self._plugins.enrichers
        return own + [[name, target, plain(tables.get(name, {}))] for name, target in found]

    def refuse_strangers(self, tables: Mapping[str, Table]) -> None:
        """
        Raise for a table that belongs to no plugin; one that is switched off may have its table.

        Raises:
            ConfigError: There is one.
        """
        for name, table in tables.items():
            if name not in _own_names():
                known = self._discover().names() | self._dropped | _installed()
                if name not in known:
                    where = next((where for _, where in table.values()), "configuration")
                    raise ConfigError(unknown(where, name, {*KEYS, *known}))


def _installed() -> set[str]:
    """Return the names of the third parties' plugins, those that are switched off as well."""
    return {entry_point.name for entry_point in declared(sys.path)}
