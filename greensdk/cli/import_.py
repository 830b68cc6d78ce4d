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
}
"""Name to ``module:attribute``."""


@click.command("import")
@click.option("--from", "form", required=True, type=click.Choice(list(SOURCES)), help="Who wrote IN.")
@click.argument("source", metavar="IN")
@click.argument("out")
@click.option("--force", is_flag=True, help="Write over OUT.")
def import_(form: str, source: str, out: str, force: bool) -> None:
    """
    Make records of what other tools have measured, and write them to OUT, a new log.

    \b
    powerapi      power reports of PowerAPI, CSV or JSON
    power-gadget  a log of Intel Power Gadget
    flexecutor    a profile of FlexExecutor: WORKFLOW/STAGE.json

    Lines that can't be read are named, counted and left out.
    """
    from greensdk.deliver.lines import encode
    from greensdk.errors import RecordError
    from greensdk.logs import Problem
    from greensdk.logs.fresh import fresh

    skipped = written = 0

    def skip(problem: Problem) -> None:
        nonlocal skipped
        skipped += 1
        click.echo(str(problem), err=True)

    with fresh(out, force=force) as path:
        with open(path, "wb") as file:
            for record in _records(form, source, skip):
                file.write(encode(record))
                written += 1
        if not written:
            raise RecordError(f"{source}: nothing in it became a record")
    click.echo(f"{out}: {written} records" + (f"; {skipped} lines were left out" if skipped else ""))


def _records(form: str, source: str, skip: Callable[[Any], None]) -> Iterator[dict[str, Any]]:
    """
    Yield what keeps to the schema.
    """
    from greensdk.configure.targets import load
    from greensdk.logs import Problem
    from greensdk.schema.check import problems

    found = load(SOURCES[form])
    records = found(source) if form == "flexecutor" else found(source, skip)
    for number, record in enumerate(records, 1):
        wrong = problems(record)
        for text in wrong:
            skip(Problem(source, number, f"record: {text}"))
        if not wrong:
            yield record
