"""
How ``greensdk report`` looks in a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from greensdk.cli.narrow import table
from greensdk.cli.show import joules
from greensdk.deliver import spool
from greensdk.report.compare import ranking, runs_of
from greensdk.report.text import brief, shown

if TYPE_CHECKING:
    from greensdk.report import EnergyReport, Group
    from greensdk.report.compare import Machine


def print_report(
    found: EnergyReport, key: str, groups: Mapping[Any, Group], problems: Sequence[Any], *, rank: bool
) -> None:
    """
    Print the tables, the sum, the meters, and what has to be said of them.

    Args:
        found: The report.
        key: What the groups are told apart by.
        groups: The sum of each.
        problems: Lines that could not be read.
        rank: Rank the groups by the joules of one run, instead of adding them up.
    """
    total = found.total
    if rank:
        _print_ranking(found, key)
    else:
        rows = [(name, group) for name, group in [*groups.items(), ("total", total)]]
        more = ["parts"] if len(total.parts_j) > 1 else []
        table([key, *COLUMNS, *more], [[*_row(*each), *(parts_text(each[1]) for _ in more)] for each in rows])
    _print_total(found, total)
    _print_meters(found)
    for line in _remarks(found, problems):
        click.echo(brief(line, LONGEST_LINE))


LONGEST_LINE = 1000
"""Characters of a remark that are shown."""
COLUMNS = ("calls", "energy (90 %)", "seconds", "CPU s", "J/call", "from")


def _row(name: Any, group: Group) -> list[Any]:
    known = group.calls - group.unknown
    each = f"{group.energy_j / known:.4g}" if group.energy_j is not None and known else None
    energy = joules(group.energy_j, group.energy_low_j, group.energy_high_j)
    sources = ", ".join(group.sources)
    return [name, group.calls, energy, f"{group.duration_s:.3f}", f"{group.cpu_s:.3f}", each, sources]


def _print_total(found: EnergyReport, total: Group) -> None:
    """
    Print the sum in words: coverage, joules per call and per run, what is estimated, what did not end well.
    """
    known = total.calls - total.unknown
    click.echo()
    click.echo(f"energy    {joules(total.energy_j, total.energy_low_j, total.energy_high_j)} (90 %)")
    if len(total.parts_j) > 1:
        click.echo(f"parts     {parts_text(total)}")
    click.echo(f"calls     {total.calls}, {known} with a number" + _share(known, total.calls))
    if total.energy_j is not None and known:
        runs = runs_of(found)
        per_run = f", {total.energy_j / runs:.4g} J per run" if runs else ""
        click.echo(f"each      {total.energy_j / known:.4g} J per call{per_run}")
    qualities = [f"{group.calls} {name}" for name, group in found.by("energy_quality").items() if name is not None]
    if qualities:
        click.echo(f"known by  {shown(', '.join(qualities))}")
    ended = [f"{group.calls} {name}" for name, group in found.by("status").items() if name != "ok"]
    if ended:
        click.echo(f"ended     {shown(', '.join(ended))}")


def parts_text(group: Group) -> str:
    """
    Return the joules of each part of a sum, the most first.
    """
    parts = sorted(group.parts_j.items(), key=lambda item: -item[1])
    return ", ".join(f"{shown(name)} {joules_j:.4g} J" for name, joules_j in parts)


def _share(part: float, whole: float) -> str:
    return f" ({100.0 * part / whole:.3g} %)" if whole else ""


def _print_ranking(found: EnergyReport, key: str) -> None:
    rows = [
        [
            each.rank,
            each.function,
            each.boundary,
            each.name,
            each.cpu_model,
            each.runs,
            joules(each.energy_j, each.low_j, each.high_j),
            None if each.ratio is None else f"x{each.ratio:.3g}",
            _told_apart(each),
        ]
        for each in ranking(found, key)
    ]
    columns = ["rank", "function", "boundary", key, "CPU", "runs", "per run (90 %)", "to the best", "sure"]
    table(columns, rows)


def _told_apart(machine: Machine) -> str:
    if machine.apart is None:
        return "-"
    return "yes" if machine.apart else "intervals overlap"


def _print_meters(found: EnergyReport) -> None:
    if found.meters:
        click.echo()
        table(
            ["meter", "machine", "counted J", "calls J", "unattributed J"],
            [
                [
                    meter,
                    found.hosts.get(machine, machine)[:8],
                    f"{meter_j:.6g}",
                    f"{calls_j:.6g}",
                    f"{unattributed_j:.6g}{_share(unattributed_j, meter_j)}",
                ]
                for machine, meter, _, _, meter_j, calls_j, unattributed_j in found.meters
            ],
        )


def _remarks(found: EnergyReport, problems: Sequence[Any]) -> Iterable[str]:
    yield from found.remarks()
    if problems:
        yield f"{len(problems)} lines can't be read, the first: {problems[0]}"
    yield from _undelivered()


def _undelivered() -> Iterator[str]:
    """
    Yield what waits in the spool, which no log holds.
    """
    for path, uri, count in spool.waiting():
        yield f"{count} records for {uri} wait in {path}, and are in no log: greensdk report {path}"
