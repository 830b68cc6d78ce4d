"""
``greensdk import``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

SOURCES = {
    "powerapi": "greensdk.logs.powerapi:import_",
    "power-gadget": "greensdk.logs.power_gadget:import_",
    "flexecutor": "greensdk_flexecutor:import_",
    "emissions-csv": "greensdk.logs.emissions:import_",
}
"""Name to ``module:attribute``."""


@click.command("import")
@click.option("--from", "form", required=True, type=click.Choice(list(SOURCES)), help="Format of IN.")
@click.argument("source", metavar="IN")
@click.argument("out")
@click.option("--force", is_flag=True, help="Overwrite OUT.")
def import_(form: str, source: str, out: str, force: bool) -> None:
    """
    Import measurements from other tools. OUT is a new log.

    \b
    powerapi      power reports of PowerAPI, CSV or JSON
    power-gadget  a log of Intel Power Gadget
    flexecutor    a profile of FlexExecutor: WORKFLOW/STAGE.json
    emissions-csv  codecarbon's emissions.csv

    Unreadable lines are reported, counted and skipped.
    """
    from greensdk.cli.show import count
    from greensdk.deliver.lines import encode
    from greensdk.errors import RecordError
    from greensdk.logs import Problem
    from greensdk.logs.fresh import fresh
    from greensdk.report.text import shown

    skipped = written = 0

    def skip(problem: Problem) -> None:
        nonlocal skipped
        skipped += 1
        click.echo(shown(problem), err=True)

    with fresh(out, force=force) as path:
        with open(path, "wb") as file:
            for record in _records(form, source, skip):
                file.write(encode(record))
                written += 1
        if not written:
            raise RecordError(f"{source}: contains nothing that can be imported")
    click.echo(f"{out}: {count(written, 'record')}" + (f"; {count(skipped, 'line')} skipped" if skipped else ""))


def _records(form: str, source: str, skip: Callable[[Any], None]) -> Iterator[dict[str, Any]]:
    """Yield the records that conform to the schema."""
    from greensdk.configure.targets import load
    from greensdk.logs import Problem
    from greensdk.schema.check import problems

    reader = load(SOURCES[form])
    records = reader(source) if form == "flexecutor" else reader(source, skip)
    for number, record in enumerate(records, 1):
        faults = problems(record)
        for text in faults:
            skip(Problem(source, number, f"record: {text}"))
        if not faults:
            yield record
