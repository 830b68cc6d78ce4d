"""
``greensdk report``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from greensdk.report import EnergyReport, Group


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--by", "key", default="function", metavar="KEY", help="A key of the record: label, worker.call_id ...")
@click.option(
    "--attribution",
    default="cpu",
    type=click.Choice(["cpu", "wall", "equal"]),
    help="How a meter that several calls read at once is shared out among them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def report(sources: tuple[str, ...], key: str, attribution: str, as_json: bool) -> None:
    """
    Add up the records in logs: each call once, each meter once.

    SOURCE is a file of JSON lines (also .gz), a folder, a glob, or - for standard input. Calls inside other calls
    are part of those. Lines that can't be read are counted and left out.
    """
    from greensdk.cli import show
    from greensdk.logs import Problem
    from greensdk.report.load import load

    problems: list[Problem] = []
    found = load(sources, attribution, skip=problems.append)
    groups = found.by(key)
    if as_json:
        show.json(_plain(found, key, groups, len(problems)))
        return
    show.table(
        [key, "calls", "energy (90 %)", "seconds", "CPU s", "J/call", "from"],
        [_row(show.text(name), group) for name, group in [*groups.items(), ("total", found.total)]],
    )
    _print_meters(found)
    for line in _remarks(found, problems):
        click.echo(line)


def _row(name: str, group: Group) -> list[Any]:
    from greensdk.cli.show import joules

    known = group.calls - group.unknown
    each = f"{group.energy_j / known:.4g}" if group.energy_j is not None and known else None
    energy = joules(group.energy_j, group.energy_low_j, group.energy_high_j)
    return [name, group.calls, energy, f"{group.duration_s:.3f}", f"{group.cpu_s:.3f}", each, ", ".join(group.sources)]


def _print_meters(found: EnergyReport) -> None:
    from greensdk.cli.show import table

    if found.meters:
        click.echo()
        table(
            ["meter", "machine", "counted J", "calls J", "unattributed J"],
            [
                [
                    meter,
                    machine[:8],
                    f"{parts.meter_j:.6g}",
                    f"{sum(parts.calls.values()):.6g}",
                    f"{parts.unattributed_j:.6g}",
                ]
                for machine, meter, _, _, parts in found.meters
            ],
        )


def _remarks(found: EnergyReport, problems: list[Any]) -> Iterable[str]:
    yield from found.remarks()
    if problems:
        yield f"{len(problems)} lines can't be read, the first: {problems[0]}"


def _plain(found: EnergyReport, key: str, groups: dict[Any, Group], unreadable: int) -> dict[str, Any]:
    import attrs

    return {
        "attribution": found.attribution,
        "by": key,
        "groups": [{"name": name, **attrs.asdict(group)} for name, group in groups.items()],
        "total": attrs.asdict(found.total),
        "meters": [
            {
                "machine": machine,
                "meter": meter,
                "source": source,
                "boundary": boundary,
                "meter_j": parts.meter_j,
                "calls_j": sum(parts.calls.values()),
                "unattributed_j": parts.unattributed_j,
            }
            for machine, meter, source, boundary, parts in found.meters
        ],
        "remarks": list(found.remarks()),
        "unreadable_lines": unreadable,
    }
