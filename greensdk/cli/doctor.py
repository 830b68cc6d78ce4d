"""
``greensdk doctor``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:
    """
    Say what can be measured here, what can't, why, and what helps.

    The exit code is 0 when some source of joules works and 1 when none does.
    """
    from greensdk.cli import show
    from greensdk.cli.survey import survey

    found = survey()
    if as_json:
        show.json(found)
    else:
        _print(found)
    return 0 if any(row["ok"] for row in found["monitors"]) else 1


def _print(found: Mapping[str, Any]) -> None:
    from greensdk.cli.show import table

    host = found["host"]
    click.echo(f"CPU      {host['cpu_model'] or 'unknown'} ({host['cpu_class']}), {host['cpus_logical']} logical CPUs")
    if host["cpu_microarch"]:
        click.echo(f"cores    {host['cpu_microarch']}")
    click.echo(f"by CPUID {host['cpuid'].get('cpu_model') or host['cpuid']['reason'] or 'unknown'}")
    click.echo(f"clock    {host['host_clock'] or 'none: the joules of a meter can not be shared out to calls'}\n")
    table(["monitor", "works", "why not", "fix"], [_cells(row, "name") for row in found["monitors"]])
    primary = found["primary"]
    click.echo(f"\nenergy_j comes from {primary}" if primary else "\nenergy_j will be null")
    for boundary, words in found["basis"].get(primary or "", {}).items():
        click.echo(f"  {boundary}: {words}")
    click.echo(f"active_j {_active(found['calibration'])}")
    for name, scale in found["calibration"]["references"].items():
        click.echo(f"{name} at the wall: {scale['words']}")
    click.echo()
    for note in found["notes"]:
        click.echo(note)
    table(
        ["records go to", "works", "why not", "fix"],
        [_cells({**row, "path": row["path"] or row["uri"]}, "path") for row in found["sinks"]],
    )
    click.echo()
    table(
        ["adapter", "works", "active", "why not", "fix"],
        [[r["name"], r["ok"], r["active"], r["reason"] or None, r["fix"] or None] for r in found["adapters"]],
    )
    click.echo()
    table(
        ["setting", "value", "from"],
        [[key, _value(setting["value"]), setting["from"]] for key, setting in found["config"].items()],
    )


def _active(calibration: Mapping[str, Any]) -> str:
    watts = ", ".join(f"{name} at rest {idle_w:.4g} W" for name, idle_w in calibration["idle_w"].items())
    return watts or f"will be null: the calibration is {calibration['reason']}"


def _cells(row: Mapping[str, Any], first: str) -> list[Any]:
    return [row[first], row["ok"], row["reason"] or None, row["fix"] or None]


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
