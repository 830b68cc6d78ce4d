"""
``greensdk verify``.
"""

from __future__ import annotations

from collections.abc import Iterator

import click


@click.command(short_help="Check the digests of chained logs.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--last", metavar="DIGEST", help="Expected digest of the last line: detects truncation.")
def verify(sources: tuple[str, ...], last: str | None) -> int:
    """
    Check the digests of chained logs: no line was changed, removed, inserted or moved.

    Files are chained with the setting "chain = true" in the table [tool.greensdk.file], or GREENSDK_FILE_CHAIN=1.
    Each broken link is one line "file:line: problem"; the exit code is 1 if there is any. Each file's last digest is
    printed; keep it elsewhere and pass it as --last to detect lines missing at the end.
    """
    from greensdk.logs.read import files

    paths = [path for source in sources for path in files(source)]
    if last and len(paths) > 1:
        raise click.UsageError(f"--last takes one file, not {len(paths)}")
    return int(sum(_is_broken(path, last) for path in paths) > 0)


def _is_broken(path: str, last: str | None) -> bool:
    from greensdk.cli.show import count
    from greensdk.deliver.chain import NOTHING
    from greensdk.logs.verify import UNCHAINED, check
    from greensdk.report.text import shown

    lines = faults = 0
    digest, before = NOTHING, None
    for number, fault, line_digest in check(_numbered(path)):
        lines, digest = lines + 1, line_digest
        faults += fault is not None
        if fault and not fault == before == UNCHAINED:  # report "from here" once
            click.echo(shown(f"{path}:{number}: {fault}"))
        before = fault
    if last and not digest.startswith(last.lower()):
        faults += 1
        click.echo(f"{path}:{lines}: the last digest is {digest}: lines were removed or added at the end")
    click.echo(f"{path}: {count(lines, 'line')}, {count(faults, 'broken link')}, last digest {digest}")
    return faults > 0


def _numbered(path: str) -> Iterator[tuple[int, bytes]]:
    from greensdk.logs.read import lines

    return ((number, line) for _, number, line in lines(path))
