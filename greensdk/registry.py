"""
Where plugins put what they offer: names to ``module:attribute``.
"""

from __future__ import annotations

from typing import NamedTuple

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
    Collects the offers of one plugin after the other; an earlier offer of the same name wins.

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
        self._offer(self.monitors, "monitor", name, target, config)

    def sink(self, scheme: str, target: str | type, config: str | type | None = None) -> None:
        """
        Offer a sink for URIs of one scheme (``"s3"`` for ``s3://bucket/prefix``); arguments as :meth:`monitor`.
        """
        self._offer(self.sinks, "sink", scheme, target, config)

    def adapter(self, name: str, target: str | type, *, when: str) -> None:
        """
        Offer an adapter, which tells a worker who it is and where its records go.

        Args:
            name: For people.
            target: Its class, or ``"module:attribute"``.
            when: The environment variable whose presence says that we run inside such a worker.
        """
        reference = self._reference(target)
        self.adapters.setdefault(name, (Offer(reference, reference, self.plugin), when))

    def _offer(
        self, table: dict[str, Offer], kind: str, name: str, target: str | type, config: str | type | None
    ) -> None:
        taken = table.get(name)
        if taken is not None:
            raise PluginError(self.plugin, f"the {kind} {name!r} is already offered by {taken.plugin}")
        reference = self._reference(target)
        table[name] = Offer(reference, self._reference(config) if config is not None else reference, self.plugin)

    def _reference(self, target: str | type) -> str:
        if isinstance(target, str):
            if not all(target.partition(":")):
                raise PluginError(self.plugin, f"{target!r} is not of the form 'module:attribute'")
            return target
        if "<locals>" in target.__qualname__:
            raise PluginError(self.plugin, f"{target.__qualname__} is not at the top of a module: workers can't import it")
        return f"{target.__module__}:{target.__qualname__}"
