"""
What a reader has to know of the numbers: whose joules the meters counted, what is estimated, what failed, and how this
page came about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from greensdk.monitor import ESTIMATED
from greensdk.report.meters import primary
from greensdk.report.page.html import LONGEST_REASON, Html, joined, name_of, table, tag
from greensdk.report.page.units import amount, percent
from greensdk.report.page.view import View, title
from greensdk.version import __version__

MOST_ROWS = 20

RULES = {
    "cpu": "by the CPU time of each call; what other programs used is nobody's",
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
            amount(parts.meter_j, "J"),
            amount(sum(parts.calls.values()), "J"),
            amount(parts.unattributed_j, "J"),
            percent(parts.unattributed_j, parts.meter_j),
        ]
        for machine, meter, source, boundary, parts in found
    ]
    columns = ["meter", "machine", "read by", "counted", "these calls", "unattributed", "unattributed share"]
    text = (
        f"What each meter counted while any of these calls ran. It is shared out {RULES[view.report.attribution]}. The "
        "calls and the unattributed joules add up to what the meter counted."
    )
    return joined([tag("h2", "Unattributed energy"), tag("p", text), table("Meters", columns, rows, words=3)])


def basis(view: View) -> Html | None:
    """
    Show how the joules are known, and what estimates rest on.
    """
    known = [call for call in view.calls if call.energy_j is not None]
    if not known:
        return None
    kinds: dict[str, list[float]] = {}
    bases: Counter[tuple[str, str]] = Counter()
    for record, energy_j, _, _ in known:
        row = kinds.setdefault(str(record["energy_quality"]), [0, 0.0])
        row[0] += 1
        row[1] += energy_j or 0.0
        if record["energy_quality"] == ESTIMATED and (reading := primary(record)):
            bases[reading["monitor"], str(reading["attributes"].get("basis") or "it does not say what on")] += 1
    total_j = sum(joules for _, joules in kinds.values())
    columns = ["quality", "meaning", "calls", "energy", "share of the energy"]
    rows = [
        [name_of(kind), MEANING.get(kind, "–"), f"{int(calls):,}", amount(joules, "J"), percent(joules, total_j)]
        for kind, (calls, joules) in sorted(kinds.items(), key=lambda item: -item[1][1])
    ]
    parts = [tag("h2", "How the joules are known"), table("Quality of the numbers", columns, rows, words=2)]
    estimates = _counted(
        "What was estimated, and what the estimates rest on", ("method", "it rests on", "calls"), bases
    )
    return joined([*parts, *filter(None, [estimates])])


MEANING = {
    "measured": "a meter counted this call alone",
    "attributed": "a meter counted the machine, and the call has its share of it",
    "estimated": "no meter: a model turned seconds into joules",
}


def failures(view: View) -> Html:
    """
    Show the calls that did not end well, those without a number, and what went wrong while measuring.
    """
    ended: Counter[tuple[str, str, str]] = Counter()
    missing: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for record, energy_j, _, _ in view.calls:
        if record["status"] != "ok":
            ended[str(record["status"]), str(record.get("error_type") or "–"), title(record)] += 1
        if energy_j is None:
            missing[title(record), str(record.get("reason") or "it does not say why")] += 1
        wrong.update((str(plugin), str(text)) for plugin, text in (record.get("errors") or {}).items())
    parts = [
        _counted("Calls that did not end well", ("status", "error", "function", "calls"), ended),
        _counted("Calls without a number", ("function", "why", "calls"), missing),
        _counted("What went wrong while measuring", ("plugin", "error", "calls"), wrong),
        _counted("Lines that can't be read", ("line and fault", "lines"), Counter((text,) for text in view.unreadable)),
    ]
    good = tag("p", "None: every call ended well, has a number, and was measured without a fault.")
    return joined([tag("h2", "Errors and lost calls"), *(filter(None, parts) if any(parts) else [good])])


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
    records = view.report.records
    writers = sorted({str(record.get("greensdk")) for record in records})
    facts = [
        ("page made", f"{view.made:%Y-%m-%d %H:%M:%S} UTC by greensdk {__version__}"),
        ("records", _counted_of(len(view.calls), len(records))),
        ("written by", _listed(f"greensdk {writer}" for writer in writers)),
        ("sources", _listed(view.sources)),
        (
            "settings",
            _listed(f"config {each}" for each in sorted({str(r.get("config_digest")) for r in records} - {"None"})),
        ),
        ("plugins", _listed(_plugins(records))),
        ("attribution", f"{view.report.attribution}: {RULES[view.report.attribution]}"),
    ]
    rows = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]
    return joined([tag("h2", "Where this comes from"), tag("dl", *rows)])


def _counted_of(counted: int, records: int) -> str:
    return (
        f"{records:,}, all counted" if counted == records else f"{records:,}; {counted:,} count, with those inside them"
    )


def _plugins(records: Iterable[Any]) -> list[str]:
    found = {(str(name), str(version)) for record in records for name, version in (record.get("plugins") or {}).items()}
    return [f"{name} {version}" for name, version in sorted(found)]


def _listed(texts: Iterable[str]) -> Html | str:
    every = list(texts)
    shown = [joined([", " if place else "", name_of(text)]) for place, text in enumerate(every[:MOST_ROWS])]
    more = f" and {len(every) - MOST_ROWS:,} more" if len(every) > MOST_ROWS else ""
    return joined([*shown, more]) if every else "–"
