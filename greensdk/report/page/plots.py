"""
Pictures for the page: matplotlib's SVG with the page's own colours and font, light or dark as the page is.

Texts that others chose never get into a picture: matplotlib would read them as formulas, and a font may lack them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

from greensdk.report.page.html import Html, html, joined, tag
from greensdk.report.page.units import amount
from greensdk.report.page.view import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, NARROW = 756.0, 330.0
"""Widths in points: for a window or paper, and for a telephone."""

INK, GRID, PAPER, BAD = "#010101", "#020202", "#030303", "#040404"
COLOURS = tuple(f"#0500{place:02x}" for place in range(KINDS + 1))
"""Stand for the page's colours while matplotlib draws; the last is for all other functions."""
VARIABLES = {
    INK: "var(--ink)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    BAD: "var(--bad)",
    **{colour: f"var(--c{place})" for place, colour in enumerate(COLOURS)},
}

SHAPES = "o^sDv"
"""Markers of the boundaries."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.id": None,
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 10.0,
    "axes.titlelocation": "left",
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.dpi": 72.0,
}

Draw = Callable[["Figure", bool], None]


def picture(name: str, alt: str, height: float, draw: Draw, tall: float | None = None) -> Html:
    """
    Return a picture twice, of which the page shows the one that fits.

    Args:
        name: What tells its parts' ids from those of other pictures.
        alt: What it shows, for who can't see it.
        height: Its height in points.
        draw: Called with an empty figure, and with whether it is the narrow one.
        tall: The height of the narrow one, if it is another.
    """
    return joined(
        tag("div", _svg(f"{name}-{kind}", alt, width, points, draw), class_=f"plot {kind}")
        for kind, width, points in (("wide", WIDE, height), ("narrow", NARROW, tall or height))
    )


def _svg(name: str, alt: str, width: float, height: float, draw: Draw) -> Html:
    from matplotlib.figure import Figure

    with _styled(name):
        figure = Figure(figsize=(width / 72.0, height / 72.0), layout="constrained")
        figure.patch.set_visible(False)
        draw(figure, width == NARROW)
        for axes in figure.axes:
            axes.patch.set_visible(False)
        drawn = StringIO()
        figure.savefig(drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _page_like(drawn.getvalue(), alt)


@contextmanager
def _styled(salt: str) -> Iterator[None]:
    import matplotlib as mpl

    with mpl.rc_context({**mpl.rcParamsDefault, "backend": "svg", **STYLE, "svg.hashsalt": salt}):
        yield


def _page_like(svg: str, alt: str) -> Html:
    """
    Return matplotlib's document as an element: without its own style, font, colours, sizes and names, and no
    finer than a hundredth of a point.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"font: ([0-9.]+px)[^;\"]*", r"font: \1 var(--font)", svg)
    svg = re.sub("#0[1-5]0[0-4]0[0-9]", lambda found: VARIABLES.get(found[0], found[0]), svg)
    svg = re.sub("<[^>]*>", lambda found: re.sub(r"(\d\.\d\d)\d+", r"\1", found[0]), svg)
    svg = re.sub(r"\n\s*", "\n", svg)
    size = re.search(r'viewBox="[^"]*"', svg)
    start = (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {size[0] if size else ""} role="img" aria-label="{html(alt)}"'
    )
    return Html(
        re.sub(r"<svg[^>]*", lambda _: f"{start}", svg, count=1).replace(">", f"><title>{html(alt)}</title>", 1)
    )


def unit_ticks(axis: Any, unit: str) -> None:
    """
    Have an axis say its numbers with a unit.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value, unit)))
    axis.set_minor_formatter(NullFormatter())


def short(value: float, unit: str) -> str:
    """
    Return a tick's text, without digits that say nothing.

    Example:
        >>> short(20.0, "J"), short(0.05, "J"), short(2500.0, "W"), short(17.25, "J")
        ('20 J', '50 mJ', '2.5 kW', '17.25 J')
    """
    number, _, rest = amount(value, unit, 4).partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {rest}"


def scale(axes: Axes, which: str, values: Sequence[float], unit: str) -> None:
    """
    Choose an axis' scale: logarithmic where the numbers differ much, without zero where they hardly differ.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = min(values), max(values)
    if low > 0.0 and high / low > 20.0:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        few = (1.0,) if high / low > 500.0 else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=few, numticks=6))
        axis.set_minor_locator(LogLocator(subs=(), numticks=1))
    else:
        room = 0.15 * (high - low) or 0.1 * high or 1.0
        limit = axes.set_xlim if which == "x" else axes.set_ylim
        limit(low - room if low > 0.4 * high else 0.0, high + room)
        axis.set_major_locator(MaxNLocator(4 if which == "x" else 5))
    unit_ticks(axis, unit)


def legend(entries: Sequence[tuple[str, Any]]) -> Html:
    """
    Return what the colours and shapes of a picture mean.
    """
    items = [tag("li", tag("span", class_=f"key {kind}", aria_hidden="true"), text) for kind, text in entries]
    return tag("ul", *items, class_="legend")
