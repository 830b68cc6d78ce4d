"""
``greensdk doctor``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


@click.command(short_help="Check which energy sources work here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:
    """
    Check which energy sources work here and how to enable the others.

    The exit code is 0 when at least one energy source works and 1 when none does.
    """
    from greensdk.cli import show
    from greensdk.cli.survey import survey

    facts = survey()
    if as_json:
        show.json(facts)
    else:
        _print(facts)
    return 0 if any(row["ok"] for row in facts["monitors"]) else 1


def _print(facts: Mapping[str, Any]) -> None:
    from greensdk.cli.show import table

    host = facts["host"]
    click.echo(f"CPU      {host['cpu_model'] or 'unknown'} ({host['cpu_class']}), {host['cpus_logical']} logical CPUs")
    if host["cpu_microarch"]:
        click.echo(f"cores    {host['cpu_microarch']}")
    click.echo(f"by CPUID {host['cpuid'].get('cpu_model') or host['cpuid']['reason'] or 'unknown'}")
    none = f"none, so metered energy cannot be attributed to calls: {host['host_clock_reason']}"
    click.echo(f"clock    {host['host_clock'] or none}\n")
    table(["monitor", "works", "problem", "fix"], [_cells(row, "name") for row in facts["monitors"]])
    primary = facts["primary"]
    click.echo(f"\nenergy_j comes from {primary}" if primary else "\nenergy_j will be null")
    for boundary, text in facts["basis"].get(primary or "", {}).items():
        click.echo(f"  {boundary}: {text}")
    click.echo(f"active_j {_active(facts['calibration'])}")
    for name, scale in facts["calibration"]["references"].items():
        click.echo(f"{name} at the wall: {scale['words']}")
    click.echo()
    for note in facts["notes"]:
        click.echo(note)
    table(
        ["records go to", "works", "problem", "fix"],
        [_cells({**row, "path": row["path"] or row["uri"]}, "path") for row in facts["sinks"]],
    )
    click.echo()
    table(
        ["adapter", "works", "active", "problem", "fix"],
        [[r["name"], r["ok"], r["active"], r["reason"] or None, r["fix"] or None] for r in facts["adapters"]],
    )
    click.echo()
    table(
        ["setting", "value", "from"],
        [[key, _value(setting["value"]), setting["from"]] for key, setting in facts["config"].items()],
    )


def _active(calibration: Mapping[str, Any]) -> str:
    watts = ", ".join(f"{name} {idle_w:.3g} W idle" for name, idle_w in calibration["idle_w"].items())
    return watts or f"will be null: the calibration is {calibration['reason']}"


def _cells(row: Mapping[str, Any], first: str) -> list[Any]:
    return [row[first], row["ok"], row["reason"] or None, row["fix"] or None]


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
