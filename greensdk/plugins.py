"""
Finds plugins and loads them one by one.

pluggy's own loader stops at the first plugin that fails to import, and its broadcast at the first
hook that raises; here either is a row with its error, and the others go on.

Finding is done by hand: ``importlib.metadata`` takes about 15 ms to import, and the first measured
call of a process, which has to know whether any third party registered, must not cost that much.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk.registry import Registry

if TYPE_CHECKING:
    import pluggy

GROUP = "greensdk"
BUILTIN = "greensdk"


class EntryPoint(NamedTuple):
    """
    What an installed distribution declares in the entry-point group ``greensdk``.

    Attributes:
        name: The plugin's name.
        target: ``module`` or ``module:attribute``.
        origin: ``name version`` of the distribution.
    """

    name: str
    target: str
    origin: str


class Loaded(NamedTuple):
    """
    What became of one plugin.

    Attributes:
        name: The plugin's name.
        origin: The distribution it comes from.
        hooks: The hooks it implements.
        error: Why it is not in use; empty when it is.
    """

    name: str
    origin: str
    hooks: tuple[str, ...] = ()
    error: str = ""


class Plugins:
    """
    The plugins of this process.

    Attributes:
        loaded: One row for each plugin found, broken ones too.
        registry: What the working ones offer.
        enrichers: (plugin's name, ``module:attribute`` of its ``greensdk_enrich``).
    """

    def __init__(self, entry_points: Iterable[EntryPoint]) -> None:
        self.loaded: list[Loaded] = []
        self.registry = Registry()
        self.enrichers: list[tuple[str, str]] = []
        self._manager = _manager()
        self._add(EntryPoint(BUILTIN, "", BUILTIN), _builtin())
        for entry_point in entry_points:
            self._load(entry_point)

    def commands(self, cli: Any) -> None:
        """
        Let every plugin add its sub-commands to `cli`.
        """
        self._call("greensdk_register_commands", cli=cli)

    def _load(self, entry_point: EntryPoint) -> None:
        module, _, attribute = entry_point.target.partition(":")
        try:
            plugin = __import__(module, fromlist=[attribute or "*"])
            plugin = getattr(plugin, attribute) if attribute else plugin
        except BaseException as error:  # a plugin that calls sys.exit() on import must not take the program along
            self.loaded.append(Loaded(entry_point.name, entry_point.origin, error=f"{type(error).__name__}: {error}"))
        else:
            self._add(entry_point, plugin)

    def _add(self, entry_point: EntryPoint, plugin: Any) -> None:
        name, _, origin = entry_point
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
            hooks = tuple(sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ()))
            self._register(name)
        except BaseException as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            self.loaded.append(Loaded(name, origin, error=f"{type(error).__name__}: {error}"))
        else:
            self.loaded.append(Loaded(name, origin, hooks))

    def _register(self, name: str) -> None:
        """
        Run the registering hooks of one plugin.
        """
        self.registry.plugin = name
        for hook in ("greensdk_register_monitors", "greensdk_register_sinks", "greensdk_register_adapters"):
            for impl in getattr(self._manager.hook, hook).get_hookimpls():
                if impl.plugin_name == name:
                    impl.function(*(self.registry for _ in impl.argnames))
        for impl in self._manager.hook.greensdk_enrich.get_hookimpls():
            if impl.plugin_name == name:
                self.enrichers.append((name, f"{impl.function.__module__}:{impl.function.__qualname__}"))

    def _call(self, hook: str, **arguments: Any) -> None:
        for impl in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                impl.function(*(arguments[name] for name in impl.argnames))
            except BaseException as error:
                origin = next((row.origin for row in self.loaded if row.name == impl.plugin_name), "")
                self.loaded.append(Loaded(impl.plugin_name, origin, (hook,), f"{type(error).__name__}: {error}"))


def _builtin() -> object:
    """
    Return the plugin that hands the built-in tables to the hooks.
    """
    from types import SimpleNamespace

    from greensdk import builtin
    from greensdk.hookspecs import hookimpl

    def offer(registry: Registry) -> None:
        builtin.register(registry)

    return SimpleNamespace(offer=hookimpl(offer, specname="greensdk_register_monitors"))


def _manager() -> pluggy.PluginManager:
    import pluggy

    from greensdk import hookspecs

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


_plugins: dict[str, Plugins] = {}


def third_party(environ: Mapping[str, str] = os.environ, path: Iterable[str] | None = None) -> list[EntryPoint]:
    """
    Return the entry points of installed third parties, but for those that the environment switches off.
    """
    allowed, dropped = switches(environ)
    found = declared(sys.path if path is None else path)
    return [e for e in found if e.name not in dropped and (allowed is None or e.name in allowed)]


def switches(environ: Mapping[str, str]) -> tuple[frozenset[str] | None, frozenset[str]]:
    """
    Return the names in ``GREENSDK_PLUGINS`` (None: no restriction) and in ``GREENSDK_DISABLE``.
    """
    allowed = environ.get("GREENSDK_PLUGINS")
    return (None if allowed is None else _names(allowed)), _names(environ.get("GREENSDK_DISABLE", ""))


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def load_plugins(environ: Mapping[str, str] = os.environ) -> Plugins:
    """
    Return all plugins of this process; found and loaded once for each setting of the switches.
    """
    key = f"{environ.get('GREENSDK_PLUGINS')}|{environ.get('GREENSDK_DISABLE')}"
    if key not in _plugins:
        _plugins[key] = Plugins(third_party(environ))
    return _plugins[key]


def declared(path: Iterable[str]) -> Iterator[EntryPoint]:
    """
    Yield what the distributions on `path` declare in the group; the first of several copies of one counts.
    """
    seen = set()
    for folder in path:
        try:
            names = sorted(n for n in os.listdir(folder or ".") if n.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue
        for name in names:
            distribution = name.rpartition(".")[0].partition("-")[0].lower()
            if distribution not in seen:
                seen.add(distribution)
                yield from _entry_points(os.path.join(folder, name))


def _entry_points(folder: str) -> Iterator[EntryPoint]:
    try:
        with open(os.path.join(folder, "entry_points.txt"), encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return
    name, _, version = os.path.basename(folder).rpartition(".")[0].partition("-")
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[] ")
        elif section == GROUP and "=" in line and line[0] not in "#;":
            left, _, right = line.partition("=")
            yield EntryPoint(left.strip(), right.partition("[")[0].strip(), f"{name} {version}".strip())
