"""
``greensdk verify``.
"""

from __future__ import annotations

from collections.abc import Iterator

import click


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--last", metavar="DIGEST", help="What the last line's digest was: tells lines that were cut off.")
def verify(sources: tuple[str, ...], last: str | None) -> int:
    """
    Check that no line of chained logs was changed, removed, inserted or moved.

    Files are chained with the setting "chain = true" in the table [tool.greensdk.file], or GREENSDK_FILE_CHAIN=1.
    Each broken link is one line "file:line: what is wrong"; the exit code is 1 when there is one. The digest of each
    file's last line is printed; kept elsewhere, it tells with --last whether lines are missing at the end.
    """
    from greensdk.logs.read import files

    paths = [path for source in sources for path in files(source)]
    if last and len(paths) > 1:
        raise click.UsageError(f"--last is about one file, and these are {len(paths)}")
    return int(sum(_is_broken(path, last) for path in paths) > 0)


def _is_broken(path: str, last: str | None) -> bool:
    from greensdk.deliver.chain import NOTHING
    from greensdk.logs.verify import UNCHAINED, check

    lines = faults = 0
    digest, before = NOTHING, None
    for number, fault, found in check(_numbered(path)):
        lines, digest = lines + 1, found
        faults += fault is not None
        if fault and not fault == before == UNCHAINED:  # "from here" is said once
            click.echo(f"{path}:{number}: {fault}")
        before = fault
    if last and not digest.startswith(last.lower()):
        faults += 1
        click.echo(f"{path}:{lines}: the last digest is {digest}: lines are missing, or there are new ones")
    click.echo(f"{path}: {lines} lines, {faults or 'no'} broken links, last digest {digest}")
    return faults > 0


def _numbered(path: str) -> Iterator[tuple[int, bytes]]:
    from greensdk.logs.read import lines

    return ((number, line) for _, number, line in lines(path))
