"""
Where plugins put what they offer: names to ``module:attribute``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from greensdk.errors import PluginError


class Offer(NamedTuple):
    """
    One thing a plugin offers.

    Attributes:
        target: ``module:attribute`` of the class or function.
        config: ``module:attribute`` of the class whose keyword arguments are the configuration's keys;
            the target itself when the plugin names none.
        plugin: Which plugin offers it.
    """

    target: str
    config: str
    plugin: str


class Registry:
    """
    Collects the offers of one plugin after the other; a name that is taken is refused.

    Attributes:
        plugin: The plugin whose hook runs right now.
        monitors: Name to offer.
        sinks: URI scheme to offer.
        adapters: Name to (offer, environment variable that says we run there).
    """

    def __init__(self) -> None:
        self.plugin = "greensdk"
        self.monitors: dict[str, Offer] = {}
        self.sinks: dict[str, Offer] = {}
        self.adapters: dict[str, tuple[Offer, str]] = {}

    def monitor(self, name: str, target: str | type, config: str | type | None = None) -> None:
        """
        Offer a monitor or estimator.

        Args:
            name: What people write in ``monitors=[...]``.
            target: Its class, or better ``"module:attribute"``, which is imported only when it is used.
            config: A class whose keyword arguments are the configuration's keys; default: those of `target`.

        Raises:
            PluginError: Another plugin offers a monitor of this name, or the class can't be imported by name.
        """
        self.monitors[name] = self._offer("monitor", name, self.monitors.get(name), target, config)

    def sink(self, scheme: str, target: str | type, config: str | type | None = None) -> None:
        """
        Offer a sink for URIs of one scheme (``"s3"`` for ``s3://bucket/prefix``); arguments as :meth:`monitor`.
        """
        self.sinks[scheme] = self._offer("sink", scheme, self.sinks.get(scheme), target, config)

    def adapter(self, name: str, target: str | type, *, when: str) -> None:
        """
        Offer an adapter, which tells a worker who it is and where its records go.

        Args:
            name: For people.
            target: Its class, or ``"module:attribute"``.
            when: The environment variable whose presence says that we run inside such a worker.
        """
        first, _ = self.adapters.get(name, (None, ""))
        self.adapters[name] = self._offer("adapter", name, first, target, None), when

    def forget(self, plugin: str) -> None:
        """
        Take back everything that `plugin` has offered: it turned out to be broken.
        """
        self.monitors = {name: offer for name, offer in self.monitors.items() if offer.plugin != plugin}
        self.sinks = {scheme: offer for scheme, offer in self.sinks.items() if offer.plugin != plugin}
        self.adapters = {name: pair for name, pair in self.adapters.items() if pair[0].plugin != plugin}

    def _offer(self, kind: str, name: str, first: Offer | None, target: str | type, config: str | type | None) -> Offer:
        if first is not None:
            raise PluginError(self.plugin, f"the {kind} {name!r} is already offered by {first.plugin}")
        offered = reference(self.plugin, target)
        return Offer(offered, reference(self.plugin, config) if config is not None else offered, self.plugin)


def reference(plugin: str, target: str | type | Callable[..., Any]) -> str:
    """
    Return the ``module:attribute`` under which any process can import `target`.

    Raises:
        PluginError: There is none: it is not at the top of a module.
    """
    if isinstance(target, str):
        if not all(target.partition(":")):
            raise PluginError(plugin, f"{target!r} is not of the form 'module:attribute'")
        return target
    if "." in target.__qualname__:
        raise PluginError(plugin, f"{target.__qualname__} is not at the top of a module: workers can't import it")
    return f"{target.__module__}:{target.__qualname__}"
