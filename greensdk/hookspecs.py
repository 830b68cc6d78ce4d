"""
The hooks. A plugin implements those it needs, marked with :data:`hookimpl`.

Hooks declare, objects measure: no hook runs inside a measured call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    import click

PROJECT = "greensdk"
"""pluggy's project name, and the entry-point group under which third parties register."""


class Registry(Protocol):
    """
    What the registering hooks are given: takes the offers of the plugin whose hook runs.

    A target is ``"module:attribute"``, imported when it is used, or a class at the top of a module. `config` is a class
    whose keyword arguments are the keys of the plugin's table; by default those of the target.
    """

    def monitor(self, name: str, target: str | type, config: str | type | None = None) -> None:
        """
        Offer a monitor, an estimator or a CPU clock under the name that people write in ``monitors=[...]``.
        """

    def sink(self, scheme: str, target: str | type, config: str | type | None = None) -> None:
        """
        Offer a :class:`greensdk.sink.Sink` for the URIs of one scheme.
        """

    def adapter(self, name: str, target: str | type, *, when: str) -> None:
        """
        Offer a :class:`greensdk.adapter.Adapter`, which is used where the environment variable `when` is set.
        """


hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def greensdk_register_monitors(registry: Registry) -> None:
    """
    Offer monitors and estimators: ``registry.monitor("ipmi", "my_package:IpmiMonitor")``. Touch no hardware.
    """


@hookspec
def greensdk_register_sinks(registry: Registry) -> None:
    """
    Offer places for records to go, by URI scheme: ``registry.sink("s3", "my_package:S3Sink")``.
    """


@hookspec
def greensdk_register_adapters(registry: Registry) -> None:
    """
    Offer adapters to places where functions run: ``registry.adapter("ray", "my_package:RayCall", when="RAY_JOB_ID")``.
    """


@hookspec
def greensdk_enrich(record: Mapping[str, Any], config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """
    Return fields to add to a finished record under the plugin's own name; `config` is the plugin's table.

    Runs after the call, never inside it. Must be a function at the top of a module, so that workers can import it.
    """


@hookspec
def greensdk_register_commands(cli: click.Group) -> None:
    """
    Add sub-commands to the ``greensdk`` command: ``cli.add_command(my_command)``.
    """
