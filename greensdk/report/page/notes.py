"""
What a reader has to know of the numbers: whose joules the meters counted, what is estimated, what failed, and how this
page came about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from greensdk.report.groups import by_first
from greensdk.report.page.html import LONGEST_REASON, Html, joined, name_of, table, tag
from greensdk.report.page.units import amount, percent
from greensdk.report.page.view import View, title
from greensdk.report.remarks import bases
from greensdk.version import __version__

MOST_ROWS = 20

RULES = {
    "cpu": "by the CPU time of each call; what other programs used is unattributed",
    "cycles": "by the CPU cycles of each call; what other programs used is unattributed",
    "wall": "evenly among the calls that run at each moment; nothing is left unattributed",
    "equal": "the same to every call; nothing is left unattributed",
}


def meters(view: View) -> Html | None:
    """
    Show what each shared meter counted, and what of it no call used.
    """
    found = view.report.meters
    if not found:
        return None
    rows = [
        [
            name_of(meter),
            name_of(view.report.hosts.get(machine, machine)),
            name_of(f"{source} ({boundary})"),
            amount(meter_j, "J"),
            amount(calls_j, "J"),
            amount(unattributed_j, "J"),
            percent(unattributed_j, meter_j),
        ]
        for machine, meter, source, boundary, meter_j, calls_j, unattributed_j in found
    ]
    columns = ["meter", "machine", "method", "meter total", "tracked calls", "unattributed", "unattributed, %"]
    text = (
        f"What each meter counted while any of these calls ran. It is shared out {RULES[view.report.attribution]}. The "
        "calls and the unattributed joules add up to what the meter counted."
    )
    return joined([tag("h2", "Unattributed energy"), tag("p", text), table("Meters", columns, rows, words=3)])


def basis(view: View) -> Html | None:
    """
    Show how the joules are known, and what estimates rest on.
    """
    if view.total.energy_j is None:
        return None
    kinds: dict[str, list[float]] = {}
    for facts, group in view.grouped:
        if group.energy_j is not None:
            row = kinds.setdefault(str(facts["energy_quality"]), [0, 0.0])
            row[0] += group.calls - group.unknown
            row[1] += group.energy_j
    found = bases(view.report.log, view.report.rows.rows).items()
    rests_on = Counter({(name, text or "no reason recorded"): count for (name, text), count in found})
    total_j = sum(joules for _, joules in kinds.values())
    columns = ["quality", "meaning", "calls", "energy", "share of the energy"]
    rows = [
        [name_of(kind), MEANING.get(kind, "–"), f"{int(calls):,}", amount(joules, "J"), percent(joules, total_j)]
        for kind, (calls, joules) in sorted(kinds.items(), key=lambda item: -item[1][1])
    ]
    parts = [tag("h2", "Measured or estimated"), table("Measured, attributed, estimated", columns, rows, words=2)]
    estimates = _counted("Basis of the estimates", ("method", "basis", "calls"), rests_on)
    return joined([*parts, *filter(None, [estimates])])


MEANING = {
    "measured": "a meter of this call only",
    "attributed": "the machine's meter, shared out by CPU time",
    "estimated": "no meter: a model of the machine",
}


def failures(view: View) -> Html:
    """
    Show the calls that did not end well, those without a number, and what went wrong while measuring.
    """
    ended: Counter[tuple[str, str, str]] = Counter()
    missing: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for facts, group in view.grouped:
        if facts["status"] != "ok":
            ended[str(facts["status"]), str(facts["error_type"] or "–"), title(facts)] += group.calls
        if group.unknown:
            missing[title(facts), str(facts["reason"] or "no reason recorded")] += group.unknown
        for plugin, text in facts["errors"] or ():
            wrong[str(plugin), str(text)] += group.calls
    parts = [
        _counted("Failed calls", ("status", "error", "function", "calls"), ended),
        _counted("Calls with unknown energy", ("function", "why", "calls"), missing),
        _counted("Measurement errors", ("plugin", "error", "calls"), wrong),
        _counted("Unreadable lines", ("line and fault", "lines"), Counter((text,) for text in view.unreadable)),
    ]
    good = tag("p", "No failures; every call's energy is known.")
    return joined(
        [tag("h2", "Failed calls, and calls without energy"), *(filter(None, parts) if any(parts) else [good])]
    )


def _counted(caption: str, columns: tuple[str, ...], found: Counter[Any]) -> Html | None:
    if not found:
        return None
    rows = [
        [*(name_of(text, LONGEST_REASON) for text in texts), f"{count:,}"]
        for texts, count in found.most_common(MOST_ROWS)
    ]
    if len(found) > MOST_ROWS:
        rest = found.total() - sum(count for _, count in found.most_common(MOST_ROWS))
        rows.append([f"{len(found) - MOST_ROWS:,} more", *[""] * (len(columns) - 2), f"{rest:,}"])
    return table(caption, columns, rows, words=len(columns) - 1)


def provenance(view: View) -> Html:
    """
    Show what this page was made from.
    """
    log, once = view.report.log, view.report.rows.once
    every = [view.facts[place] for place, _ in by_first(log.rows["facts"][once])]
    writers = sorted({str(facts["greensdk"]) for facts in every})
    facts = [
        ("created", f"{view.made:%Y-%m-%d %H:%M:%S} UTC by greensdk {__version__}"),
        ("records", _counted_of(view.total.calls, len(once))),
        ("written by", _listed(f"greensdk {writer}" for writer in writers)),
        ("sources", _listed(view.sources)),
        (
            "settings",
            _listed(f"config {each}" for each in sorted({str(facts["config_digest"]) for facts in every} - {"None"})),
        ),
        ("plugins", _listed(_plugins(every))),
        ("attribution", f"{view.report.attribution}: {RULES[view.report.attribution]}"),
    ]
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]
    return joined([tag("h2", "Where the numbers come from"), tag("dl", *rows)])


def _counted_of(counted: int, records: int) -> str:
    return f"{records:,} records" if counted == records else f"{records:,} records, {counted:,} of them counted"


def _plugins(every: Iterable[Mapping[str, Any]]) -> list[str]:
    found = {(str(name), str(version)) for facts in every for name, version in facts["plugins"] or ()}
    return [f"{name} {version}" for name, version in sorted(found)]


def _listed(texts: Iterable[str]) -> Html | str:
    every = list(texts)
    shown = [joined([", " if place else "", name_of(text)]) for place, text in enumerate(every[:MOST_ROWS])]
    more = f" and {len(every) - MOST_ROWS:,} more" if len(every) > MOST_ROWS else ""
    return joined([*shown, more]) if every else "–"
