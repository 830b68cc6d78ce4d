"""
``greensdk report``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from greensdk.logs import Problem
    from greensdk.report import EnergyReport, Group
    from greensdk.report.tree import Node

NAME = "name"
MACHINES = "host.host_id"
ALSO = ("function", "label", MACHINES, "worker.backend")
"""The keys that a hint names when --by has none that any record knows."""


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--by",
    "key",
    metavar="KEY",
    help="A key: label, tags.team, host.host_id ... Default: name, the function or a block's label.",
)
@click.option("--tree", is_flag=True, help="Show calls inside the calls around them, in other processes too.")
@click.option("--rank", is_flag=True, help="Rank machines (or --by KEY) by the joules that one run takes them.")
@click.option(
    "--attribution",
    default="cpu",
    type=click.Choice(["cpu", "wall", "equal", "cycles"]),
    help="How to split a meter that overlapping calls share.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", "page", metavar="PAGE", help="Write one HTML page with tables and pictures to this file.")
def report(
    sources: tuple[str, ...], key: str | None, tree: bool, rank: bool, attribution: str, as_json: bool, page: str | None
) -> None:
    """
    Summarise logs without double counting.

    SOURCE is a file of JSON lines (also .gz), a folder, a glob, or - for standard input. Nested calls are
    included in their caller, and listed as well. Unreadable lines are counted and left out.
    """
    from greensdk.cli import show
    from greensdk.cli.extras import need

    for library in ("numpy", "msgspec"):
        need(library, "greensdk report")
    from greensdk.cli.report_text import print_report
    from greensdk.report import EnergyReport

    if page is not None:
        need("matplotlib", "greensdk report --html")
        spare_logs(page, sources)
    problems: list[Problem] = []
    key = key or (MACHINES if rank else NAME)
    keys = (key, "label", "host.cpu_model") if rank else (key,)
    found = EnergyReport.load(sources, attribution, keys=keys, details=page is not None, skip=problems.append)
    groups = _groups(found, key)
    nodes = found.tree(key) if tree else None
    if page is not None:
        _write(page, found, sources, problems)
    waiting = _undelivered(sources)
    if as_json:
        show.json(_plain(found, key, groups, nodes, rank) | {"undelivered": waiting, "unreadable_lines": len(problems)})
    else:
        print_report(found, key, groups, nodes, list(_remarks(problems, waiting)), rank=rank)
        if page is not None:
            click.echo(f"page      {page}")


def _undelivered(sources: Sequence[str]) -> list[dict[str, Any]]:
    """Return what waits in the spool to be written to one of these logs; what others left there is theirs."""
    from greensdk.configure.uris import path_of
    from greensdk.deliver import spool

    logs = {os.path.abspath(source) for source in sources}
    return [
        {"path": str(path), "uri": uri, "records": count}
        for path, uri, count in spool.waiting()
        if os.path.abspath(path_of(uri)) in logs
    ]


def _remarks(problems: Sequence[Problem], waiting: Sequence[dict[str, Any]]) -> Iterator[str]:
    if problems:
        yield f"{len(problems)} unreadable lines, first: {problems[0]}"
    for each in waiting:
        yield f"{each['records']} records for {each['uri']} wait in {each['path']}: greensdk report {each['path']}"


def _groups(found: EnergyReport, key: str) -> dict[Any, Group]:
    """Return the sums for each value of a key."""
    from greensdk.errors import GreensdkError
    from greensdk.schema.fields import FIELDS

    try:
        groups = found.by(key)
    except TypeError as error:
        raise GreensdkError(f"--by {key}: holds several values; name one of them, as in --by {key}.NAME") from error
    if groups.keys() == {None} and key not in (NAME, *FIELDS) and not key.startswith(("tags.", "errors.")):
        raise GreensdkError(f"--by {key}: no record has this key; try one of {', '.join(ALSO)}, or greensdk schema")
    return groups


def spare_logs(page: str, sources: Sequence[str]) -> None:
    """
    Keep a page from being written over a log.

    Raises:
        GreensdkError: The page's name is a source's, or a log's.
    """
    from greensdk.errors import GreensdkError

    same = os.path.exists(page) and any(os.path.exists(each) and os.path.samefile(each, page) for each in sources)
    if same or page.endswith((".jsonl", ".jsonl.gz")):
        raise GreensdkError(f"--html {page}: this is a log; name a page, for example report.html")


def _write(page: str, found: EnergyReport, sources: Sequence[str], problems: Sequence[Any]) -> None:
    from greensdk.report.page import page as made

    text = made(found, sources=sources, unreadable=[str(problem) for problem in problems])
    with open(page, "w", encoding="utf-8") as file:
        file.write(text)


def _plain(
    found: EnergyReport,
    key: str,
    groups: dict[Any, Group],
    nodes: list[Node] | None,
    rank: bool,
) -> dict[str, Any]:
    import attrs

    from greensdk.report.compare import ranking, runs_of
    from greensdk.report.tree import lines

    total = found.total
    known, runs, whole_j = total.calls - total.unknown, runs_of(found), total.energy_j or 0.0
    return {
        "attribution": found.attribution,
        "by": key,
        "groups": [{"name": name, **_each(group, whole_j)} for name, group in groups.items()],
        "total": {**_each(total, whole_j), "runs": runs, "j_per_run": _per(total.energy_j, runs)},
        "coverage": _per(known, total.calls),
        "quality": {str(name): _each(group, whole_j) for name, group in found.by("energy_quality").items()},
        "status": {str(name): group.calls for name, group in found.by("status").items()},
        **({} if nodes is None else {"tree": [_line(depth, node, whole_j) for depth, node in lines(nodes)]}),
        **({"ranking": [attrs.asdict(machine) for machine in ranking(found, key)]} if rank else {}),
        "meters": [
            {**meter._asdict(), "unattributed_share": _per(meter.unattributed_j, meter.meter_j)}
            for meter in found.meters
        ],
        "unattributed_j": found.unattributed_j,
        "remarks": list(found.remarks()),
    }


def _line(depth: int, node: Node, whole_j: float) -> dict[str, Any]:
    return {"depth": depth, "name": node.name, **_each(node.group, whole_j)}


def _each(group: Group, whole_j: float) -> dict[str, Any]:
    import attrs

    per_call = _per(group.energy_j, group.calls - group.unknown)
    return {**attrs.asdict(group), "share": _per(group.own_j, whole_j), "j_per_call": per_call}


def _per(value: float | None, count: float) -> float | None:
    return value / count if value is not None and count else None
