"""
``greensdk schema``.
"""

from __future__ import annotations

import click


@click.command()
def schema() -> None:
    """
    Print the JSON Schema of a record.
    """
    from greensdk.cli.show import json
    from greensdk.schema.check import json_schema

    json(json_schema())
