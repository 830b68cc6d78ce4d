"""
``greensdk plugins``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from greensdk.configure.plugins import Plugins


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def plugins(context: click.Context, as_json: bool) -> None:
    """
    List plugins, including ones that fail to load.
    """
    from greensdk.cli import Cli, show
    from greensdk.configure.plugins import load_plugins

    group = context.find_root().command
    if isinstance(group, Cli):
        group.add_plugin_commands()  # some plugins fail only here
    rows = plugin_rows(load_plugins())
    if as_json:
        show.json(rows)
        return
    show.table(
        ["plugin", "from", "offers", "hooks", "error"],
        [
            [
                row["name"],
                row["origin"],
                "; ".join(f"{kind}: {', '.join(names)}" for kind, names in row["offers"].items() if names) or None,
                ", ".join(row["hooks"]) or None,
                row["error"] or None,
            ]
            for row in rows
        ],
    )


def plugin_rows(plugins: Plugins) -> list[dict[str, Any]]:
    """
    Return one row per plugin: name, origin, hooks, what it offers by kind, error.
    """
    offers = plugins.registry
    return [
        {
            "name": row.name,
            "origin": row.origin,
            "hooks": list(row.hooks),
            "offers": {
                "monitors": [name for name, offer in offers.monitors.items() if offer.plugin == row.name],
                "sinks": [name for name, offer in offers.sinks.items() if offer.plugin == row.name],
                "adapters": [name for name, (offer, _) in offers.adapters.items() if offer.plugin == row.name],
                "enrichers": [name for name, _ in plugins.enrichers if name == row.name],
            },
            "error": row.error,
        }
        for row in plugins.loaded
    ]
