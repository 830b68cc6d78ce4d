"""
All methods beside each other, over the same calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greensdk.report.compare import Method, Side
from greensdk.report.page.html import LONGEST_REASON, Html, joined, name_of, table, tag
from greensdk.report.page.plots import COLOURS, INK, legend, picture, scale
from greensdk.report.page.units import NONE, amount, ratio, several, span
from greensdk.report.page.view import View
from greensdk.report.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_SIDES = 4
MOST_DRAWN = 12
COLUMNS = ("method", "what is counted", "quality", "calls", "energy", "90% interval", "ratio", "energy unknown")


def side_by_side(view: View) -> Html | None:
    """
    Show the same calls by every method.
    """
    shown = [side for side in view.sides if side.methods]
    if not shown:
        return None
    text = (
        "The same calls as every method measured or estimated them, from each record (before a meter that several "
        "calls share is split). The ratio is to the method that is used in all other sections. A method that counts a "
        "different part of the machine (the wall includes the package) is not comparable: the two should differ."
    )
    parts = [_one(side, place) for place, side in enumerate(shown[:MOST_SIDES])]
    if len(shown) > MOST_SIDES:
        parts.append(tag("p", f"{len(shown) - MOST_SIDES} more methods, with fewer calls, not shown."))
    return joined([tag("h2", "Methods side by side"), tag("p", text), *parts])


def _one(side: Side, place: int) -> Html:
    if side.source is None:
        caption: Html | str = f"{several(side.calls, 'call')} with unknown energy"
    else:
        caption = joined([f"{several(side.calls, 'call')}, energy from ", name_of(f"{side.source} ({side.boundary})")])
    made = table(caption, COLUMNS, [_row(method, side) for method in side.methods], words=3)
    known = [method for method in side.methods if method.calls][:MOST_DRAWN]
    if len(known) < 2:
        return made
    return joined([made, _keys(known, side), _picture(known, side, f"methods-{place}")])


def _row(method: Method, side: Side) -> list[Any]:
    return [
        name_of(method.monitor),
        name_of(method.boundary),
        name_of(method.quality),
        f"{method.calls:,}",
        amount(method.energy_j if method.calls else None, "J"),
        span(method.low_j, method.high_j, "J") if method.calls else NONE,
        _compared(method, side),
        _missing(method),
    ]


def _compared(method: Method, side: Side) -> Html | str:
    if side.stands(method) and method.boundary != side.boundary:
        return joined([ratio(method.ratio), tag("span", "part of the sum used", class_="more")])
    if method.boundary == side.boundary or method.ratio is None:
        return "used" if method.monitor == side.source and method.ratio else ratio(method.ratio)
    return joined([ratio(method.ratio), tag("span", "different scope", class_="more")])


def _missing(method: Method) -> Html | str:
    if not method.missing:
        return "0"
    reasons = sorted(method.reasons.items(), key=lambda item: -item[1])
    texts = [joined([f"{count:,}: ", name_of(reason, LONGEST_REASON)]) for reason, count in reasons[:3]]
    return tag("details", tag("summary", f"{method.missing:,}"), *(tag("div", text) for text in texts))


def _keys(known: list[Method], side: Side) -> Html:
    other = any(method.boundary != side.boundary for method in known if not side.stands(method))
    entries = [("box c0", "dot: energy; line: 90% interval")]
    return legend([*entries, *[("box c1", "counts a different part of the machine")] * other])


def _picture(known: list[Method], side: Side, name: str) -> Html:
    labels = [f"{plain(method.monitor, 24)}, {plain(method.boundary, 24)}" for method in known]

    def draw(figure: Figure, narrow: bool) -> None:
        axes = figure.subplots()
        ends = [end for method in known for end in (method.low_j, method.high_j, method.energy_j) if end is not None]
        for place, method in enumerate(known):
            colour = COLOURS[method.boundary != side.boundary and not side.stands(method)]
            if method.low_j is not None and method.high_j is not None:
                axes.plot([method.low_j, method.high_j], [place, place], color=colour, linewidth=2.5)
            axes.plot([method.energy_j], [place], "o", color=colour, markersize=7)
        axes.set_yticks(range(len(known)), [""] * len(known) if narrow else labels)
        if narrow:
            for place, text in enumerate(labels):
                axes.annotate(
                    text, (0, place), (4, 7), xycoords=("axes fraction", "data"), textcoords="offset points", color=INK
                )
        axes.set_ylim(len(known) - 0.5, -0.9 if narrow else -0.6)
        scale(axes, "x", ends, "J")
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"energy of {several(side.calls, 'call')} (J)")

    rows = ", ".join(f"{row} {amount(method.energy_j, 'J')}" for row, method in zip(labels, known, strict=True))
    return picture(name, f"Energy by method: {rows}", 70.0 + 32.0 * len(known), draw)
