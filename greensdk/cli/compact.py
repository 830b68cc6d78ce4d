"""
``greensdk compact``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from greensdk.logs import Problem


@click.command()
@click.argument("source")
@click.argument("target")
@click.option(
    "--by", default="day,host", metavar="KEYS", help="Partition by day, host, or keys such as worker.backend."
)
@click.option("--delete", is_flag=True, help="Delete the files or objects whose records are in TARGET then.")
def compact(source: str, target: str, by: str, delete: bool) -> None:
    """
    Turn many small logs into Parquet.

    SOURCE is a file of JSON lines, a folder, a glob, or a URI such as s3://bucket/runs; TARGET is a folder, which
    greensdk report, query and advise read, as do Athena, Trino, Spark and DuckDB. Run it again to add what is new:
    each record is written once, even if a run is killed.
    """
    from greensdk.cli.extras import need
    from greensdk.report.text import shown

    need("duckdb", "greensdk compact")
    from greensdk.logs import compact as engine

    problems: list[Problem] = []
    done = engine.compact(source, target, tuple(filter(None, by.split(","))), skip=problems.append)
    copies = f", {done.copies} copies left out" if done.copies else ""
    click.echo(f"{target}: {done.records} records{copies}")
    if problems:
        click.echo(shown(f"{len(problems)} lines are no records and were left out, the first: {problems[0]}"), err=True)
    if delete:
        click.echo(f"{source}: {engine.remove(source, done)} deleted")
