"""
The timeline: which worker ran what when, and the power that it took.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from greensdk.report.page.html import Html, joined, name_of, tag
from greensdk.report.page.lanes import BINS, Drawn, prepared
from greensdk.report.page.plots import BAD, COLOURS, GRID, INK, PAPER, legend, picture, unit_ticks
from greensdk.report.page.units import several
from greensdk.report.page.view import KINDS, OTHERS, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = ("-", "--", ":", "-.")


def timeline(view: View) -> Html | None:
    """
    Show the calls of each worker over time, and the power below.
    """
    calls = [call for call in view.calls if call.start_s is not None and call.duration_s is not None]
    if not calls:
        return None
    drawn = prepared(calls)
    rows = len(drawn.lanes)
    height = 60.0 + max(60.0, min(14.0, 460.0 / rows) * rows + 20.0) + (150.0 if drawn.power else 0.0)
    first = datetime.fromtimestamp(calls[0].start_s or 0.0, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    alt = f"Timeline of {len(calls)} calls on {drawn.lanes_in_all} workers from {first}, with the power they took"

    def draw(figure: Figure, narrow: bool) -> None:
        from matplotlib.ticker import MaxNLocator

        parts = [max(60.0, min(14.0, 460.0 / rows) * rows + 20.0), 130.0]
        if drawn.power:
            above, below = figure.subplots(2, 1, sharex=True, height_ratios=parts)
            _draw_power(below, drawn, narrow)
        else:
            above = below = figure.subplots()
        _draw_bars(above, drawn, narrow)
        below.set_xlabel(f"time since {first}" + (", idle gaps cut" if drawn.cuts else ""), loc="left")
        if narrow:
            below.set_xlabel("time since the first call" + (", gaps cut" if drawn.cuts else ""), loc="left")
        below.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8))
        unit_ticks(below.xaxis, "s")
        below.set_xlim(-0.01 * drawn.length_s, 1.01 * drawn.length_s)

    return joined(
        [
            tag("h2", "Timeline"),
            tag("p", _explained(drawn, first), _unseen(len(view.calls) - len(calls))),
            legend(_keys(view, drawn)),
            picture("timeline", alt, height, draw),
        ]
    )


def _keys(view: View, drawn: Drawn) -> list[tuple[str, Any]]:
    keys: list[tuple[str, Any]] = [(f"box c{place}", name_of(name)) for place, name in enumerate(view.kinds)]
    keys += [(f"box c{KINDS}", OTHERS)] * view.others
    keys += [("cross", "ended with an error")] * bool(drawn.bad)
    if len(drawn.power) > 1:
        keys += [(f"line l{place % len(LINES)}", name_of(name)) for place, name in enumerate(drawn.power)]
    return keys


def _explained(drawn: Drawn, first: str) -> str:
    text = "One row per worker. "
    text += f"Time 0 is {first}. "
    if drawn.lanes_in_all > len(drawn.lanes):
        text += f"Shown are the {len(drawn.lanes)} busiest of {drawn.lanes_in_all} workers. "
    if drawn.cuts:
        text += f"{several(len(drawn.cuts), 'idle gap')} cut (dotted lines). "
    if drawn.power:
        text += "Power is each call's joules spread evenly over its time, added up over all calls that run"
        text += ", for each method on its own." if len(drawn.power) > 1 else f" ({next(iter(drawn.power))})."
    return text


def _unseen(count: int) -> str:
    return f" {several(count, 'call')} without a start time: not drawn." if count else ""


def _draw_bars(axes: Axes, drawn: Drawn, narrow: bool) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    for kind in sorted({bar.kind for bar in drawn.bars}):
        corners = [
            Path([(a, row - 0.42), (b, row - 0.42), (b, row + 0.42), (a, row + 0.42), (a, row - 0.42)], closed=True)
            for a, b, row, other in drawn.bars
            if other == kind
        ]
        whole = Path.make_compound_path(*corners)
        axes.add_patch(PathPatch(whole, facecolor=COLOURS[kind], edgecolor=PAPER, linewidth=0.3))
    if drawn.bad:
        times, rows = zip(*drawn.bad, strict=True)
        for colour, width in ((PAPER, 4.0), (BAD, 1.8)):
            axes.plot(times, rows, "x", color=colour, markersize=5, markeredgewidth=width, linestyle="none")
    for cut in drawn.cuts:
        axes.axvline(cut, color=INK, linestyle=":", linewidth=0.8)
    axes.set_ylim(len(drawn.lanes) - 0.4, -0.6)
    _name_lanes(axes, drawn.lanes)
    axes.grid(visible=False, axis="y")
    axes.set_title("calls of each worker" if narrow else "calls, in a row for each worker (by machine or pod)")


def _name_lanes(axes: Axes, lanes: Sequence[str]) -> None:
    """Say each machine once, at its first row, and draw a line between machines."""
    firsts = [place for place, name in enumerate(lanes) if not place or lanes[place - 1] != name]
    brief = {name: name[:8] for name in lanes}
    names = brief if len(set(brief.values())) == len(brief) else {name: name for name in lanes}
    axes.set_yticks(firsts, [names[lanes[place]] for place in firsts], fontsize=8 if len(firsts) > 12 else 9)
    axes.tick_params(axis="y", length=0)
    for before, place in pairwise([0, *firsts]):
        if place > before:
            axes.axhline(place - 0.5, color=GRID, linewidth=0.8)


def _draw_power(axes: Axes, drawn: Drawn, narrow: bool) -> None:
    import numpy as np

    edges = np.linspace(0.0, drawn.length_s, BINS + 1)
    for place, watts in enumerate(drawn.power.values()):
        line = LINES[place % len(LINES)]
        axes.stairs(watts, edges, fill=False, color=INK, linestyle=line, linewidth=1.3)
    axes.set_ylim(bottom=0.0)
    unit_ticks(axes.yaxis, "W")
    axes.set_title("mean power (W)" if narrow else "mean power of these calls (W)")
