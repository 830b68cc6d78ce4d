"""
Faster, or with less energy, or for less money: the choices that nothing beats, drawn and listed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot, log
from typing import TYPE_CHECKING, Any

from greensdk.advisor.page.curves import COST, ENERGY, RING, TIME, Quantity, plain_ticks
from greensdk.report.page.html import Html, joined, name_of, table, tag
from greensdk.report.page.plots import BAD, COLOURS, INK, PAPER, legend, picture, scale
from greensdk.report.page.units import NONE, amount, digits, several
from greensdk.report.page.view import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from greensdk.advisor.plan import Option, Plan

MOST_POINTS = 300
APART = 0.15
"""Of the picture's width: numbers nearer to each other would overlap."""


def tradeoffs(plan: Plan, heading: Callable[..., Html], name: str) -> Html | None:
    """
    Show the trade-offs; nothing where there is one quantity alone, or one choice alone.
    """
    against = [each for each in _quantities(plan) if each is not TIME]
    if plan.choice is None or not against or len(plan.pareto) < 2:
        return None
    listed = numbered(plan, against[0])
    names = " and ".join(each.name for each in against)

    def draw(figure: Figure, narrow: bool) -> None:
        rows, columns = (len(against), 1) if narrow else (1, len(against))
        for axes, quantity in zip(figure.subplots(rows, columns, squeeze=False).ravel(), against, strict=True):
            _draw(axes, plan, quantity, listed)

    keys: list[tuple[str, Any]] = [
        ("shape s0 i0", "Pareto-optimal: nothing is better on both"),
        (f"shape s0 i{KINDS}", "dominated"),
        ("ring", "the recommendation"),
    ]
    if plan.deadline_s is not None:
        keys.append(("dashed", f"the deadline, {plan.deadline_s:g} s"))
    text = "Each point is an option; down and to the left is better. The numbers are those of the table."
    alt = f"{names} against time of {several(len(plan.ranked), 'option')}"
    title = f"Trade-off between {names} and time"
    drawn = picture(name, alt, 290.0, draw, 250.0 * len(against))
    return joined([heading(title), tag("p", text), legend(keys), drawn, _table(plan, listed)])


def numbered(plan: Plan, quantity: Quantity) -> list[Option]:
    """
    Return the options to talk of: the choice, and along the front those that stand apart from each other, by time.
    """
    assert plan.choice is not None
    line = front(plan.pareto, quantity)
    places = _places([*line, plan.choice], quantity)
    kept = [len(line)]
    for place in (0, len(line) - 1, *range(len(line))):
        if all(hypot(*(a - b for a, b in zip(places[place], places[k], strict=True))) >= APART for k in kept):
            kept.append(place)
    return sorted(([*line, plan.choice][place] for place in kept), key=lambda option: option.time_s)


def front(options: Sequence[Option], quantity: Quantity) -> list[Option]:
    """
    Return the options that none is faster than with less of a quantity, by time.
    """
    found: list[Option] = []
    for option in sorted(options, key=lambda each: (each.time_s, _get(each, quantity))):
        if not found or _get(option, quantity) < _get(found[-1], quantity):
            found.append(option)
    return found


def _places(options: Sequence[Option], quantity: Quantity) -> list[list[float]]:
    """Return where options lie in a picture with sides of 1."""
    columns = []
    for each in (TIME, quantity):
        logs = [log(max(_get(option, each), 1e-300)) for option in options]
        low, wide = min(logs), max(logs) - min(logs) or 1.0
        columns.append([(value - low) / wide for value in logs])
    return [list(place) for place in zip(*columns, strict=True)]


def _get(option: Option, quantity: Quantity) -> Any:
    return getattr(option, quantity.key)


def _draw(axes: Axes, plan: Plan, quantity: Quantity, listed: Sequence[Option]) -> None:
    assert plan.choice is not None
    step = -(-len(plan.ranked) // MOST_POINTS)
    rest, best = plan.ranked[::step], plan.pareto[:: -(-len(plan.pareto) // MOST_POINTS)]
    for options, colour, size in ((rest, COLOURS[KINDS], 4), (best, COLOURS[0], 6)):
        axes.plot(
            [option.time_s for option in options],
            [_get(option, quantity) for option in options],
            "o",
            color=colour,
            markersize=size,
            markeredgecolor=PAPER,
            markeredgewidth=0.5,
        )
    axes.plot([plan.choice.time_s], [_get(plan.choice, quantity)], "o", **RING)
    for number, option in enumerate(listed, 1):
        at = option.time_s, _get(option, quantity)
        axes.annotate(str(number), at, (8, 6), textcoords="offset points", color=INK)
    shown = [*rest, *best, plan.choice]
    times = [option.time_s for option in shown]
    if plan.deadline_s is not None and min(times) / 2 < plan.deadline_s < 2 * max(times):
        axes.axvline(plan.deadline_s, color=BAD, linestyle="--", linewidth=1.2)
        times.append(plan.deadline_s)
    scale(axes, "x", times, "s")
    scale(axes, "y", [_get(option, quantity) for option in shown], quantity.unit)
    if quantity is COST:
        plain_ticks(axes.yaxis)
    axes.set_xlabel("time (s)")
    axes.set_title(f"{quantity.name} ({quantity.unit})")


def _table(plan: Plan, listed: Sequence[Option]) -> Html:
    rows = [
        [joined([f"{number}. ", what(option)]), *numbers(plan, option), _note(plan, option)]
        for number, option in enumerate(listed, 1)
    ]
    return table("Options, fastest first", ["run", *known(plan), ""], rows, last=1)


def known(plan: Plan) -> list[str]:
    """
    Return the headings of what is known of options.
    """
    return [each.name for each in _quantities(plan)]


def numbers(plan: Plan, option: Option) -> list[str]:
    """
    Return what is known of an option: time, energy and cost.
    """
    return [
        dollars(_get(option, each)) if each is COST else amount(_get(option, each), each.unit)
        for each in _quantities(plan)
    ]


def _quantities(plan: Plan) -> list[Quantity]:
    return [each for each in (TIME, ENERGY, COST) if plan.choice and _get(plan.choice, each) is not None]


def what(option: Option) -> Html:
    """
    Return what to run, stage by stage where there are several.
    """
    if len(option.configs) == 1:
        return joined([config(*next(iter(option.configs.values())))])
    return joined(tag("div", name_of(name), f": {config(*each)}") for name, each in option.configs.items())


def config(workers: int, memory_mb: float | None) -> str:
    """
    Return a configuration in words.

    Example:
        >>> config(8, 1792.0), config(1, None)
        ('8 workers of 1,792 MB', '1 worker')
    """
    return several(workers, "worker") + ("" if memory_mb is None else f" of {memory_mb:,g} MB")


def dollars(value: float | None) -> str:
    """
    Return an amount of money.

    Example:
        >>> dollars(0.00126), dollars(None)
        ('0.00126 USD', '–')
    """
    return NONE if value is None else f"{digits(value)} USD"


def _note(plan: Plan, option: Option) -> str:
    notes = ["recommended"] * (option == plan.choice)
    for quantity, word in ((TIME, "fastest"), (ENERGY, "least energy"), (COST, "cheapest")):
        if quantity in _quantities(plan):
            notes += [word] * (_get(option, quantity) == min(_get(each, quantity) for each in plan.pareto))
    if plan.deadline_s is not None and option.time_s > plan.deadline_s:
        notes.append("beyond the deadline")
    return ", ".join(notes)
