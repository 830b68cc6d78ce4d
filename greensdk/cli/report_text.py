"""
How ``greensdk report`` looks in a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from greensdk.cli.narrow import table
from greensdk.report.compare import ranking, runs_of
from greensdk.report.energy import NAME
from greensdk.report.text import brief, shown
from greensdk.report.tree import lines
from greensdk.schema.text import joules

if TYPE_CHECKING:
    from greensdk.report import EnergyReport, Group
    from greensdk.report.compare import Machine
    from greensdk.report.groups import Work
    from greensdk.report.tree import Node


def print_report(
    found: EnergyReport,
    key: str,
    groups: Mapping[Any, Group],
    nodes: Sequence[Node] | None,
    remarks: Sequence[str],
    *,
    rank: bool,
) -> None:
    """
    Print the tables, the sum, the meters, and what has to be said of them.

    Args:
        found: The report.
        key: What tells the groups apart.
        groups: The sum of each.
        nodes: The same as a tree, if that is to be shown instead.
        remarks: What has to be said besides.
        rank: Rank the groups by the joules of one run, instead of adding them up.
    """
    if rank:
        _print_ranking(found, key)
    else:
        _print_groups(found, key, list(groups.items()) if nodes is None else _indented(nodes))
    _print_total(found)
    _print_meters(found)
    for line in (*found.remarks(), *remarks):
        click.echo(brief(line, LONGEST_LINE))


LONGEST_LINE = 1000
"""Characters of a remark that are shown."""
COLUMNS = ("calls", "energy (90%)", "own J", "share", "seconds", "CPU s", "J/call", "method")
ENDED_WELL = ("ok", "unmeasured")
MOST_LINES = 500
"""Lines of a tree that are shown."""


def _print_groups(found: EnergyReport, key: str, groups: Sequence[tuple[Any, Group]]) -> None:
    total, rest_j = found.total, found.unattributed_j
    more = ["parts"] if len(total.parts_j) > 1 else []
    listed = [*groups, ("total", total)]
    rows = [[*_row(name, group, total), *(parts_text(group) for _ in more)] for name, group in listed]
    if rest_j is not None:
        rows.insert(-1, ["unattributed", None, joules(rest_j, None, None), *[None] * (6 + len(more))])
    table(["function or block" if key == NAME else key, *COLUMNS, *more], rows)


def _indented(nodes: Sequence[Node]) -> list[tuple[str, Group]]:
    found = [("  " * depth + shown(node.name), node.group) for depth, node in islice(lines(nodes), MOST_LINES + 1)]
    if len(found) > MOST_LINES:
        found[-1:] = []
        click.echo(f"the first {MOST_LINES} lines of the tree; --json has all", err=True)
    return found


def _row(name: Any, group: Group, total: Group) -> list[Any]:
    known = group.calls - group.unknown
    each = f"{group.energy_j / known:.4g}" if group.energy_j is not None and known else None
    energy = joules(group.energy_j, group.energy_low_j, group.energy_high_j)
    sources = ", ".join(group.sources)
    own = None if group.own_j is None else f"{group.own_j:.4g}"
    share = f"{100.0 * (group.own_j or 0.0) / total.energy_j:.3g}%" if total.energy_j else None
    return [name, group.calls, energy, own, share, f"{group.duration_s:.3f}", f"{group.cpu_s:.3f}", each, sources]


def _print_total(found: EnergyReport) -> None:
    """Print the sum in words: coverage, joules per call and per run, the quality, what failed."""
    total, outer = found.total, found.outermost
    known, apart = total.calls - total.unknown, outer.calls - outer.unknown
    click.echo()
    click.echo(f"energy    {joules(total.energy_j, total.energy_low_j, total.energy_high_j)} (90%)")
    if len(total.parts_j) > 1:
        click.echo(f"parts     {parts_text(total)}")
    click.echo(f"calls     {total.calls}, {known} with known energy" + _share(known, total.calls))
    if outer.energy_j is not None and apart:
        runs = runs_of(found)
        per_run = f", {outer.energy_j / runs:.4g} J per run" if runs else ""
        what = "call" if outer.calls == total.calls else "outermost call"
        click.echo(f"mean      {outer.energy_j / apart:.4g} J per {what}{per_run}")
    for unit, (name, work) in _works(found):
        each = "-" if work.j_per_unit is None else f"{work.j_per_unit:.4g} J for each of {work.amount:.10g} {unit}"
        click.echo(shown(f"units     {each} ({name})"))
    qualities = [f"{group.calls} {name}" for name, group in found.by("energy_quality").items() if name is not None]
    if qualities:
        click.echo(f"quality   {shown(', '.join(qualities))}")
    ended = [f"{group.calls} {name}" for name, group in found.by("status").items() if name not in ENDED_WELL]
    if ended:
        click.echo(f"failed    {shown(', '.join(ended))}")


def parts_text(group: Group) -> str:
    """
    Return the joules of each part of a sum, the most first.
    """
    parts = sorted(group.parts_j.items(), key=lambda item: -item[1])
    return ", ".join(f"{shown(name)} {joules_j:.4g} J" for name, joules_j in parts)


def _works(found: EnergyReport) -> Iterator[tuple[str, tuple[Any, Work]]]:
    """Yield each unit with the calls that counted it, by their names: those of different functions are no sum."""
    for name, group in found.by().items() if found.log.units else ():
        yield from ((unit, (name, work)) for unit, work in group.units.items())


def _share(part: float, whole: float) -> str:
    return f" ({100.0 * part / whole:.3g}%)" if whole else ""


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
            None if each.ratio is None else f"×{each.ratio:.3g}",
            _told_apart(each),
        ]
        for each in ranking(found, key)
    ]
    columns = ["rank", "function", "boundary", key, "CPU", "runs", "per run (90%)", "relative to best", "different?"]
    table(columns, rows)


def _told_apart(machine: Machine) -> str:
    if machine.apart is None:
        return "-"
    return "yes" if machine.apart else "not shown"


def _print_meters(found: EnergyReport) -> None:
    if found.meters:
        click.echo()
        table(
            ["meter", "machine", "meter J", "calls J", "unattributed J"],
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
