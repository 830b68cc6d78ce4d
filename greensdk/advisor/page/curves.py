"""
What a stage takes against its number of workers: measured, predicted, and how sure that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import TYPE_CHECKING, Any, NamedTuple

from greensdk.report.page.html import Html, joined
from greensdk.report.page.plots import COLOURS, INK, PAPER, legend, picture, scale
from greensdk.report.page.units import digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from greensdk.advisor import Point, Prediction
    from greensdk.advisor.advice import StageAdvice

MOST_SIZES = len(COLOURS)
SHAPES = "o^sDv*"
"""A marker for each memory size, for who can't tell the colours apart."""

RING: dict[str, Any] = {"markersize": 14, "markerfacecolor": "none", "markeredgecolor": INK, "markeredgewidth": 1.5}
"""Around a choice."""

MOST_TICKS = 7


class Quantity(NamedTuple):
    """
    Something to have less of, and the attributes that hold it and its interval.
    """

    name: str
    unit: str
    key: str
    low: str
    high: str


TIME = Quantity("time", "s", "time_s", "time_low_s", "time_high_s")
ENERGY = Quantity("energy", "J", "energy_j", "energy_low_j", "energy_high_j")
COST = Quantity("cost", "USD", "usd", "usd_low", "usd_high")


def band(stage: StageAdvice) -> tuple[float, float]:
    """
    Return how far all of a stage's joules may be off together: what an estimator says of itself; 1 for a meter.
    """
    energy = stage.model.energy if stage.model else None
    return (energy.low, energy.high) if energy else (1.0, 1.0)


def curves(stage: StageAdvice, chosen: Prediction | None, name: str) -> Html:
    """
    Show each quantity that is known, with a line for each memory size.
    """
    quantities = _known(stage)
    sizes = _sizes(stage, chosen)

    def draw(figure: Figure, narrow: bool) -> None:
        rows, columns = (len(quantities), 1) if narrow else (1, len(quantities))
        for axes, quantity in zip(figure.subplots(rows, columns, squeeze=False).ravel(), quantities, strict=True):
            values = [value for place, size in enumerate(sizes) for value in _line(axes, stage, size, quantity, place)]
            if chosen is not None and (at := getattr(chosen, quantity.key)) is not None:
                axes.plot([chosen.workers], [at], "o", **RING)
                values.append(at)
            _finish(axes, stage, quantity, values)

    alt = f"{', '.join(each.name for each in quantities)} by number of workers"
    return joined([legend(_keys(stage, sizes, chosen)), picture(name, alt, 290.0, draw, 210.0 * len(quantities))])


def measured(stage: StageAdvice, point: Point, quantity: Quantity) -> float | None:
    """
    Return what a run took; its cost is what it would be billed at the price that predictions take.
    """
    price = stage.profile.price
    if quantity is not COST:
        found: float | None = getattr(point, quantity.key)
        return found
    if price is None or point.memory_mb is None:
        return None
    return point.billed_s * point.memory_mb / 1024 * price.gb_s_usd + point.workers * price.request_usd


def _known(stage: StageAdvice) -> list[Quantity]:
    return [
        quantity
        for quantity in (TIME, ENERGY, COST)
        if any(measured(stage, point, quantity) is not None for point in stage.points)
    ]


def _sizes(stage: StageAdvice, chosen: Prediction | None) -> list[float | None]:
    """Return the memory sizes to show: all, or evenly so many of them, the choice's among them."""
    every = sorted({point.memory_mb for point in stage.points}, key=lambda size: size or 0.0)
    if len(every) <= MOST_SIZES:
        return every
    shown = {every[place * (len(every) - 1) // (MOST_SIZES - 1)] for place in range(MOST_SIZES)}
    if chosen is not None and chosen.memory_mb in every and chosen.memory_mb not in shown:
        shown = {*sorted(shown, key=lambda size: abs((size or 0.0) - (chosen.memory_mb or 0.0)))[1:], chosen.memory_mb}
    return sorted(shown, key=lambda size: size or 0.0)


def _line(axes: Axes, stage: StageAdvice, size: float | None, quantity: Quantity, place: int) -> list[float]:
    """Draw one memory size, and return all the numbers in it. The shade leaves out what all lines have in common."""
    colour = COLOURS[place]
    down, up = band(stage) if quantity is ENERGY else (1.0, 1.0)
    curve = [each for each in stage.curves.get(size, ()) if getattr(each, quantity.key) is not None]
    counts = [each.workers for each in curve]
    middle = [getattr(each, quantity.key) for each in curve]
    low = [getattr(each, quantity.low) / down for each in curve]
    high = [getattr(each, quantity.high) / up for each in curve]
    axes.fill_between(counts, low, high, color=colour, alpha=0.16, linewidth=0)
    axes.plot(counts, middle, color=colour, linewidth=1.6)
    runs = [(point.workers, measured(stage, point, quantity)) for point in stage.points if point.memory_mb == size]
    known = [(count, value) for count, value in runs if value is not None]
    axes.plot(
        [count for count, _ in known],
        [value for _, value in known],
        SHAPES[place],
        color=colour,
        markeredgecolor=PAPER,
        markeredgewidth=0.5,
        markersize=8 if SHAPES[place] == "*" else 5.5,
    )
    return [*low, *high, *(value for _, value in known)]


def _finish(axes: Axes, stage: StageAdvice, quantity: Quantity, values: Sequence[float]) -> None:
    counts = sorted({point.workers for point in stage.points})
    axes.set_xscale("log", base=2)
    axes.set_xlim(counts[0] / 1.2, counts[-1] * 1.2)
    ticks = _spread(counts)
    axes.set_xticks(ticks, [f"{count:,}" for count in ticks])
    axes.minorticks_off()
    scale(axes, "y", values, quantity.unit)
    if quantity is COST:
        plain_ticks(axes.yaxis)
    axes.set_xlabel("workers")
    axes.set_title(f"{quantity.name} ({quantity.unit})")


def _spread(counts: Sequence[int]) -> list[int]:
    """Return those counts that have room beside each other."""
    apart = log2(counts[-1] / counts[0]) / MOST_TICKS
    shown = [counts[-1]]
    for count in counts:
        if log2(counts[-1] / count) >= apart and (len(shown) == 1 or log2(count / shown[-1]) >= apart):
            shown.append(count)
    return sorted(shown)


def plain_ticks(axis: Any) -> None:
    """
    Have an axis say its numbers as they are: no reader thinks in thousandths of a dollar.
    """
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: _bare(value)))


def _bare(value: float) -> str:
    text = digits(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _keys(stage: StageAdvice, sizes: Sequence[float | None], chosen: Prediction | None) -> list[tuple[str, Any]]:
    names = ["a run" if size is None else f"{size:,g} MB" for size in sizes]
    keys: list[tuple[str, Any]] = [(f"shape s{place} i{place}", name) for place, name in enumerate(names)]
    if stage.curves:
        keys.append(("l0 i0" if len(sizes) == 1 else "l0", "prediction, its 90% interval shaded"))
    if chosen is not None:
        keys.append(("ring", "the recommendation"))
    every = len({point.memory_mb for point in stage.points})
    return [*keys, *[("", f"{len(sizes)} of {every} memory sizes are shown")] * (len(sizes) < every)]
