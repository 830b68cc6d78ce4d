"""
``greensdk validate``.
"""

from __future__ import annotations

import click


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
def validate(sources: tuple[str, ...]) -> int:
    """
    Validate every line of logs against the schema.

    SOURCE is a file of JSON lines (also .gz), a folder, a glob, - for standard input, or a URI such as s3://bucket/runs.
    Each problem is one line "file:line: key: problem"; the exit code is 1 if there is any.
    """
    from greensdk.logs.read import files
    from greensdk.logs.validate import verdicts
    from greensdk.report.text import shown

    for source in sources:
        files(source)  # report a misspelt name before an hour of checking, not after it
    good = bad = 0
    for source in sources:
        for verdict in verdicts(source):
            good += verdict.good
            bad += verdict.bad
            for problem in verdict.problems:
                click.echo(shown(problem))
    click.echo(f"{good} good, {bad} bad", err=bool(bad))
    return int(bad > 0)
