"""
The hooks. A plugin implements those it needs, marked with :data:`hookimpl`.

Hooks declare, objects measure: no hook runs inside a measured call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from greensdk.configure.registry import Registry

PROJECT = "greensdk"
"""pluggy's project name, and the entry-point group under which third parties register."""

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
