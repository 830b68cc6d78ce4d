"""
A report as one page of HTML that needs nothing else: no network, no script, no second file.

The page is a list of sections. Each is a function that takes a :class:`View` and returns markup, or None where it has
nothing to show; :data:`SECTIONS` can be added to, and :func:`page` takes more for one page:

.. code-block:: python

    from greensdk.report.page.html import Html, joined, table, tag

    def forecast(view: View) -> Html | None:
        return joined([tag("h2", "Forecast"), table("Next run", ["function", "J"], [["f", "12"]])])

    text = page(report, sections=[*SECTIONS, forecast])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from greensdk.report.page.html import Html, joined, tag
from greensdk.report.page.notes import basis, failures, meters, provenance
from greensdk.report.page.scatter import against_cost, against_time
from greensdk.report.page.side import side_by_side
from greensdk.report.page.sums import groups, top, totals, tree
from greensdk.report.page.timeline import timeline
from greensdk.report.page.units import amount, several
from greensdk.report.page.view import View

if TYPE_CHECKING:
    from greensdk.report.energy import EnergyReport

__all__ = ["SECTIONS", "Section", "View", "document", "page"]

Section = Callable[[View], Html | None]

ADVICE = "greensdk.advisor.page.advice:recommended"
"""A section of the advisor, which adds up with this room and is therefore reached by its name only."""


def recommended(view: View) -> Html | None:
    """
    Show what to run where the records hold a sweep.
    """
    section: Section = resolve_name(ADVICE)
    return section(view)


SECTIONS: list[Section] = [
    totals,
    groups,
    tree,
    side_by_side,
    timeline,
    against_time,
    against_cost,
    top,
    recommended,
    meters,
    basis,
    failures,
    provenance,
]
"""What the page shows, in this order."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""What a browser may load for the page: nothing."""


def page(
    report: EnergyReport,
    *,
    sources: Sequence[str] = (),
    unreadable: Sequence[str] = (),
    made: datetime | None = None,
    sections: Sequence[Section] | None = None,
) -> str:
    """
    Return the page. The same records make the same page, but for the time it is made.

    Args:
        report: What it is about.
        sources: Where the records came from.
        unreadable: Lines that could not be read, as texts.
        made: When the page is made; now, if not given.
        sections: What it shows; :data:`SECTIONS` if not given.
    """
    view = View(report, (made or datetime.now(UTC)).astimezone(UTC), sources, unreadable)
    parts = [shown for section in (SECTIONS if sections is None else sections) if (shown := section(view))]
    return document(_title(view), "Energy report", _when(view), parts)


def document(title: str, heading: str, introduction: Any, parts: Iterable[Html]) -> str:
    """
    Return a whole page.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(Path(__file__).with_name("style.css").read_text(encoding="utf-8"))),
    )
    header = tag("header", tag("h1", heading), tag("p", introduction))
    body = tag("body", header, tag("main", *(tag("section", part) for part in parts)))
    return "<!DOCTYPE html>\n" + joined([Html('<html lang="en">'), head, body, Html("</html>")]) + "\n"


def _title(view: View) -> str:
    total = view.total
    return f"Energy report: {amount(total.energy_j, 'J')} in {several(total.calls, 'call')}"


def _when(view: View) -> str:
    times = [call.start_s for call in view.calls if call.start_s is not None]
    if not times:
        return "No calls."
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (times[0], times[-1]))
    until = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
    machines = len({facts["host.boot_id"] or facts["host.host_id"] for facts, _ in view.grouped})
    return (
        f"{several(len(view.calls), 'call')} that began between {first:%Y-%m-%d %H:%M:%S} and {until} UTC on "
        f"{several(machines, 'machine')}."
    )
