"""
``greensdk export``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click


@click.command()
@click.option(
    "--to",
    "form",
    required=True,
    type=click.Choice(["sqlite", "csv", "parquet", "powerapi", "flexecutor", "emissions-csv"]),
    help="What to write.",
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.argument("out")
@click.option("--force", is_flag=True, help="Write over OUT.")
def export(form: str, sources: tuple[str, ...], out: str, force: bool) -> None:
    """
    Convert logs to another format.

    \b
    sqlite      the tables energy_consumption and cpu_usage
    csv         a row a record, a column a key: worker.backend, cost.usd ...
    parquet     the same table as in greensdk query, with nested columns
    powerapi    power reports: CSV when OUT ends in .csv, lines of JSON otherwise
    flexecutor  profiles OUT/WORKFLOW/STAGE.json
    emissions-csv  codecarbon's emissions.csv: a row a call, kWh and kg

    Lines that greensdk validate finds fault with are counted and left out.
    """
    bad = _Skipped()
    said = _WRITE[form](sources, out, force, bad)
    click.echo(f"{out}: {said}")
    bad.tell()


class _Skipped:
    """Lines that were left out: how many, and the first."""

    def __init__(self) -> None:
        self.count, self.first = 0, ""

    def __call__(self, problem: object) -> None:
        self.count += 1
        self.first = self.first or str(problem)

    def tell(self) -> None:
        from greensdk.report.text import shown

        if self.count:
            more = f", the first: {self.first}" if self.first else "; greensdk validate says why"
            click.echo(f"{self.count} lines are no good records and were left out{shown(more)}", err=True)


def _records(sources: tuple[str, ...], skip: Callable[[object], None]) -> Iterator[dict[str, Any]]:
    from greensdk.logs.read import Problem, lines, parse
    from greensdk.schema.check import problems

    for source in sources:
        for file, number, line in lines(source):
            found = parse(line)
            wrong = [found] if isinstance(found, str) else problems(found)
            if isinstance(found, dict) and not wrong:
                yield found
            else:
                skip(Problem(file, number, wrong[0]))


def _sqlite(sources: tuple[str, ...], out: str, force: bool, bad: _Skipped) -> str:
    from greensdk.logs import sqlite
    from greensdk.logs.fresh import fresh

    with fresh(out, force=force) as path:
        return f"{sqlite.export(_records(sources, bad), path)} calls"


def _csv(sources: tuple[str, ...], out: str, force: bool, bad: _Skipped) -> str:
    import csv

    from greensdk.logs.columns import flat_columns, flat_row
    from greensdk.logs.fresh import fresh

    count = 0
    with fresh(out, force=force) as path, open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, flat_columns(), lineterminator="\n")
        writer.writeheader()
        for record in _records(sources, bad):
            count += 1
            writer.writerow({name: _cell(value) for name, value in flat_row(record).items()})
    return f"{count} records"


def _cell(value: Any) -> Any:
    import orjson

    from greensdk.logs.columns import harmless

    if isinstance(value, Mapping | list):
        return orjson.dumps(value).decode()
    return str(value).lower() if isinstance(value, bool) else harmless(value)


def _parquet(sources: tuple[str, ...], out: str, force: bool, bad: _Skipped) -> str:
    from greensdk.cli.extras import need
    from greensdk.errors import RecordError
    from greensdk.logs.columns import literal
    from greensdk.logs.fresh import fresh
    from greensdk.report.sql import said, tables

    need("duckdb", "greensdk export --to parquet")
    import duckdb

    with tables(sources, locked=False) as found, fresh(out, force=force) as path:
        try:
            # A temporary file of DuckDB's own would be readable by everybody.
            copy = f"COPY records TO {literal(path)} (FORMAT parquet, USE_TMP_FILE false)"
            count = found.connection.execute(copy).fetchall()[0][0]
        except duckdb.Error as error:
            raise RecordError(f"export: {said(error)}") from error
        bad.count = found.left_out()
    return f"{count} records"


def _powerapi(sources: tuple[str, ...], out: str, force: bool, bad: _Skipped) -> str:
    from greensdk.logs import powerapi
    from greensdk.logs.fresh import fresh

    with fresh(out, force=force) as path:
        written, unknown = powerapi.export(_records(sources, bad), path, as_csv=out.endswith(".csv"))
    return f"{written} reports" + (f"; {unknown} calls have no energy or no duration" if unknown else "")


def _emissions(sources: tuple[str, ...], out: str, force: bool, bad: _Skipped) -> str:
    from greensdk.logs import emissions
    from greensdk.logs.fresh import fresh

    with fresh(out, force=force) as path:
        return f"{emissions.export(_records(sources, bad), path)} rows"


def _flexecutor(sources: tuple[str, ...], out: str, force: bool, bad: _Skipped) -> str:
    import os

    from greensdk.configure.targets import load
    from greensdk.errors import GreensdkError

    if os.path.isdir(out) and os.listdir(out) and not force:
        raise GreensdkError(f"{out}: is not empty; --force writes over its profiles")
    if os.path.exists(out) and not os.path.isdir(out):
        raise GreensdkError(f"{out}: is a file; name a folder")
    return f"{len(load('greensdk_flexecutor:export')(_records(sources, bad), out))} profiles"


_WRITE: dict[str, Callable[[tuple[str, ...], str, bool, _Skipped], str]] = {
    "sqlite": _sqlite,
    "csv": _csv,
    "parquet": _parquet,
    "powerapi": _powerapi,
    "flexecutor": _flexecutor,
    "emissions-csv": _emissions,
}
