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
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk.configure.registry import Registry, reference
from greensdk.errors import PluginError, describe

if TYPE_CHECKING:
    import click
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
        self._add(EntryPoint(BUILTIN, "", BUILTIN), _builtin)
        for entry_point in entry_points:
            self._add(entry_point, partial(_imported, entry_point.target))

    def names(self) -> set[str]:
        """
        Return the names that a table of the configuration may have: those of plugins, monitors and sinks.
        """
        return {*self.registry.monitors, *self.registry.sinks, *(row.name for row in self.loaded)}

    def commands(self, cli: click.Group) -> None:
        """
        Let every plugin add its sub-commands to `cli`.
        """
        for place, row in enumerate(self.loaded):
            if row.error:
                continue
            try:
                self._call(row.name, "greensdk_register_commands", cli)
            except BaseException as error:
                self.loaded[place] = row._replace(error=describe(error))

    def _add(self, entry_point: EntryPoint, load: Callable[[], Any]) -> None:
        """Load one plugin; from here on, a plugin that raises, or calls sys.exit(), is a row with its error."""
        name, _, origin = entry_point
        hooks: tuple[str, ...] = ()
        error = ""
        if taken := [row.origin for row in self.loaded if row.name == name]:
            error = f"a plugin of this name is there already, from {taken[0]}"
        else:
            try:
                hooks = self._register(name, load())
            except BaseException as problem:
                error = describe(problem)
                self._forget(name)
        self.loaded.append(Loaded(name, origin, hooks, error))

    def _register(self, name: str, plugin: Any) -> tuple[str, ...]:
        """Check a plugin's hooks, run those that register, and return their names."""
        self._manager.register(plugin, name=name)
        self._manager.check_pending()
        hooks = tuple(sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ()))
        if not hooks:
            raise PluginError(name, "no hook: mark its module's functions with greensdk.hookspecs.hookimpl")
        self.registry.plugin = name
        for hook in ("greensdk_register_monitors", "greensdk_register_sinks", "greensdk_register_adapters"):
            self._call(name, hook, self.registry)
        for impl in self._implementations(name, "greensdk_enrich"):
            if "record" not in impl.argnames:
                raise PluginError(name, "greensdk_enrich must take the argument 'record'")
            self.enrichers.append((name, reference(name, impl.function)))
        return hooks

    def _forget(self, name: str) -> None:
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)
        self.registry.forget(name)
        self.enrichers = [pair for pair in self.enrichers if pair[0] != name]

    def _call(self, name: str, hook: str, argument: Any) -> None:
        """Run one plugin's implementations of a hook with one argument, which pluggy lets them leave out."""
        for impl in self._implementations(name, hook):
            impl.function(*(argument for _ in impl.argnames))

    def _implementations(self, name: str, hook: str) -> list[pluggy.HookImpl]:
        return [impl for impl in getattr(self._manager.hook, hook).get_hookimpls() if impl.plugin_name == name]


def _imported(target: str) -> Any:
    from importlib import import_module

    module, _, attribute = target.partition(":")
    found: Any = import_module(module)
    for part in filter(None, attribute.split(".")):
        found = getattr(found, part)
    return found


def _builtin() -> object:
    """Return the plugin that hands the built-in tables to the hooks."""
    from types import SimpleNamespace

    from greensdk.configure import builtin
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
    Return all plugins of this process; found and loaded once for each setting of the switches and the path.
    """
    return _load(environ.get("GREENSDK_PLUGINS"), environ.get("GREENSDK_DISABLE"), *sys.path)


@cache
def _load(allowed: str | None, dropped: str | None, *path: str) -> Plugins:
    switched = {"GREENSDK_PLUGINS": allowed, "GREENSDK_DISABLE": dropped}
    return Plugins(third_party({name: text for name, text in switched.items() if text is not None}, path))


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
