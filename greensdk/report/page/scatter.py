"""
Energy against time, and energy against cost, a point for each call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isnan
from typing import TYPE_CHECKING, Any

from greensdk.report.page.html import Html, joined, name_of, tag
from greensdk.report.page.plots import COLOURS, PAPER, SHAPES, legend, picture, scale
from greensdk.report.page.view import KINDS, OTHERS, Call, View, sampled
from greensdk.report.text import brief, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = {False: 1000, True: 400}
"""Points in a wide and in a narrow picture."""

CURRENCY = "cost.electricity_currency"

Value = Callable[[Call], Any]


def against_time(view: View) -> Html | None:
    """
    Show how joules and seconds go together.
    """
    return _against(view, "time", "duration", "s", lambda call: call.duration_s)


def against_cost(view: View) -> Html | None:
    """
    Show how joules and money go together.
    """
    found = _against(view, "cost", "bill", "USD", partial(_amount, view.amounts("cost.usd")))
    if found:
        return found
    for currency in sorted({facts[CURRENCY] for facts, _ in view.grouped} - {None}, key=str):
        value = partial(_electricity, view.amounts("cost.electricity"), currency)
        if found := _against(view, "cost", "electricity", plain(currency, 3), value):
            return found
    text = "No prices known. The cost plugin knows those of AWS Lambda; add others to its configuration."
    return joined([tag("h2", "Energy and cost"), tag("p", text)])


def _amount(column: Any, call: Call) -> float | None:
    value = float(column[call.row])
    return None if isnan(value) else value


def _electricity(column: Any, currency: Any, call: Call) -> float | None:
    return _amount(column, call) if call.facts[CURRENCY] == currency else None


def _against(view: View, name: str, what: str, unit: str, value: Value) -> Html | None:
    calls = [call for call in view.calls if call.energy_j is not None and value(call) is not None]
    if not calls:
        return None
    amounts, joules = [value(call) for call in calls], [call.energy_j or 0.0 for call in calls]
    shapes = {boundary: SHAPES[place % len(SHAPES)] for place, boundary in enumerate(view.boundaries)}

    def draw(figure: Figure, narrow: bool) -> None:
        axes = figure.subplots()
        shown = sampled(calls, MOST_POINTS[narrow])
        for kind in range(KINDS, -1, -1):
            for boundary, shape in shapes.items():
                points = [call for call in shown if (call.kind, call.facts["energy_boundary"]) == (kind, boundary)]
                axes.plot(
                    [value(call) for call in points],
                    [call.energy_j or 0.0 for call in points],
                    shape,
                    color=COLOURS[kind],
                    markersize=6,
                    markeredgecolor=PAPER,
                    markeredgewidth=0.6,
                    linestyle="none",
                )
        scale(axes, "x", amounts, unit)
        scale(axes, "y", joules, "J")
        axes.set_xlabel(f"{what} of a call ({unit})")
        axes.set_title("energy of a call (J)")

    keys: list[tuple[str, Any]] = [(f"box c{place}", name_of(text)) for place, text in enumerate(view.kinds)]
    keys += [(f"box c{KINDS}", OTHERS)] * view.others
    if len(shapes) > 1:
        keys += [(f"shape s{place % len(SHAPES)}", f"counts {brief(text)}") for place, text in enumerate(shapes)]
    alt = f"{len(calls)} calls, energy in joules over {what} in {unit}"
    return joined(
        [
            tag("h2", f"Energy and {name}"),
            tag("p", _explained(calls, shapes)),
            legend(keys),
            picture(f"scatter-{name}", alt, 300.0, draw),
        ]
    )


def _explained(calls: Sequence[Call], shapes: Sequence[str] | dict[str, str]) -> str:
    text = "Each point is a call. "
    if len(calls) > MOST_POINTS[False]:
        text += (
            f"Of {len(calls):,} calls, {MOST_POINTS[False]:,} are drawn ({MOST_POINTS[True]} on a small screen), "
            "taken evenly over time; the ones with the most joules are always among them. "
        )
    if len(shapes) > 1:
        kinds = ", ".join(map(brief, shapes))
        text += f"The shapes show what is counted ({kinds}): compare only points of one shape."
    return text
