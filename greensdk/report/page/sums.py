"""
What the calls add up to: together, for each function, label, machine and backend, and the calls with the most joules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from greensdk.report.compare import runs_of
from greensdk.report.energy import NAME
from greensdk.report.groups import Group
from greensdk.report.page.html import Html, joined, name_of, table, tag
from greensdk.report.page.units import NONE, amount, percent, seconds, several, span
from greensdk.report.page.view import View, title
from greensdk.report.text import brief
from greensdk.report.tree import lines

MOST_GROUPS = 25
MOST_CALLS = 20
MOST_LINES = 200
INDENT = "\u2003"
NAME_LENGTH = 16
"""A longer id of a record is shown by its ends."""
KEYS = {
    NAME: "function or block",
    "label": "label",
    "host.host_id": "machine",
    "worker.backend": "backend",
    "worker.stage": "stage of the workflow",
}
"""The keys that get a table, with what their values are called."""
J_PER_WH = 3600.0


def totals(view: View) -> Html:
    """
    Show the sum of everything.
    """
    total, outer = view.total, view.report.outermost
    known, apart = total.calls - total.unknown, outer.calls - outer.unknown
    runs = runs_of(view.report)
    each = total.energy_j / apart if total.energy_j is not None and apart else None
    per_run = total.energy_j / runs if total.energy_j is not None and runs else None
    cards = [
        card("energy", amount(total.energy_j, "J"), _interval(total)),
        card("calls", f"{total.calls:,}", f"{percent(known, total.calls)} with known energy"),
        card(
            "energy per call" if outer.calls == total.calls else "energy per outermost call",
            amount(each, "J"),
            _per_run(per_run, runs, apart),
        ),
        card("busy time", seconds(total.duration_s), f"the calls' time added up; CPU time {seconds(total.cpu_s)}"),
        *_meter_card(view),
        *_sum_card(view, "cost.usd", "cost", lambda value: f"{value:.3g} USD"),
        *_sum_card(view, "carbon.g_co2e", "carbon", lambda value: amount(value, "g") + " CO2e"),
    ]
    notes = [tag("p", _mixed(view), class_="note")] if len(total.sources) > 1 else []
    what = f"What is counted: {', '.join(map(brief, view.boundaries))}. " if view.boundaries else ""
    if len(total.parts_j) > 1:
        what += f"Of them {parts(total)}. "
    return joined([tag("div", *cards, class_="cards"), tag("p", what, _defined(total)), *notes])


def card(what: str, number: str, more: str) -> Html:
    """
    Return a number with what it is and what there is to add.
    """
    return tag(
        "div", tag("div", what, class_="what"), tag("div", number, class_="big"), tag("div", more), class_="card"
    )


def parts(group: Group) -> str:
    """
    Return the joules of each part of a sum, the most first.
    """
    found = sorted(group.parts_j.items(), key=lambda item: -item[1])
    return ", ".join(f"{brief(name)} {amount(joules_j, 'J')}" for name, joules_j in found)


def _interval(total: Group) -> str:
    if total.energy_j is None:
        return "no call has a known energy"
    return f"90%: {span(total.energy_low_j, total.energy_high_j, 'J')}"


def _per_run(per_run: float | None, runs: int, calls: int) -> str:
    return "each call is one run" if runs == calls else f"{amount(per_run, 'J')} per run ({runs:,} runs)"


def _meter_card(view: View) -> list[Html]:
    counted_j = sum(meter.meter_j for meter in view.report.meters)
    rest_j = view.report.unattributed_j
    if rest_j is None:
        return []
    return [card("unattributed", percent(rest_j, counted_j), f"{amount(rest_j, 'J')} not used by any tracked call")]


def _sum_card(view: View, key: str, what: str, said: Callable[[float], str]) -> list[Html]:
    values = view.amounts(key)[view.report.rows.rows]
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    return [card(what, said(float(known.sum())), f"{len(known):,} of {several(len(values), 'call')}")]


def _defined(total: Group) -> str:
    energy_j = total.energy_j or 0.0
    wh = f"The energy is {amount(energy_j / J_PER_WH, 'Wh')}. " if energy_j >= J_PER_WH else ""
    inside = "Calls inside other calls are part of those, which own energy leaves out. "
    return (
        wh
        + inside
        + ("The interval is the widest that the calls' 90% intervals allow." if total.energy_low_j is not None else "")
    )


def _mixed(view: View) -> str:
    sources = "; ".join(map(brief, view.total.sources))
    return (
        f"The total mixes methods that count different parts of the machine ({sources}). The tables below list them "
        "separately."
    )


def groups(view: View) -> Html | None:
    """
    Show a table for each key that any call has.
    """
    tables = [made for key, what in KEYS.items() if (made := _by(view, key, what))]
    return joined([tag("h2", "By function, machine and backend"), *tables]) if tables else None


def _by(view: View, key: str, what: str) -> Html | None:
    try:
        found = view.report.by(key)
    except TypeError:  # a list or an object: nothing that calls can be grouped by
        return None
    if found.keys() <= {None} and key != NAME:
        return None
    hosts = {facts["host.host_id"]: facts for facts, _ in view.grouped}
    some = list(found.items())[:MOST_GROUPS]
    rows = [_row(_named(key, name, hosts), group, view.total) for name, group in some]
    rows += _rest(view) if key == NAME else []
    caption = f"By {what}" + (f" (the first {MOST_GROUPS} of {len(found):,})" if len(found) > MOST_GROUPS else "")
    return table(caption, [what, *COLUMNS], rows, last=1)


def tree(view: View) -> Html | None:
    """
    Show calls inside the calls around them, where any are.
    """
    found = list(islice(lines(view.report.tree()), MOST_LINES + 1))
    if not any(depth for depth, _ in found):
        return None
    rows = [
        _row(joined([INDENT * depth, _named(NAME, node.name, {})]), node.group, view.total)
        for depth, node in found[:MOST_LINES]
    ]
    caption = "What ran inside what" + (f" (the first {MOST_LINES} rows)" if len(found) > MOST_LINES else "")
    heads = [KEYS[NAME], *COLUMNS]
    return joined([tag("h2", "Calls inside calls"), table(caption, heads, [*rows, *_rest(view)], last=1)])


def _rest(view: View) -> list[list[Any]]:
    """
    Return the row of what is no call's.
    """
    if view.report.unattributed_j is None:
        return []
    rest = amount(view.report.unattributed_j, "J")
    return [[Html("unattributed"), NONE, NONE, rest, NONE, rest, *[NONE] * (len(COLUMNS) - 5)]]


COLUMNS = (
    "calls", "with known energy", "energy", "90% interval", "own energy", "share", "per call", "time", "CPU time",
    "method",
)  # fmt: skip


def _named(key: str, name: Any, hosts: Mapping[Any, Mapping[str, Any]]) -> Html:
    if name is None:
        return Html("(none)")
    if key != "host.host_id":
        return name_of(name)
    host = hosts.get(name, {})
    cpus = f", {host['host.cpus_logical']} CPUs" if host.get("host.cpus_logical") else ""
    return joined([name_of(str(name)), tag("span", " ", name_of(host.get("host.cpu_model")), cpus, class_="more")])


def _energy(group: Group) -> Html | str:
    whole = amount(group.energy_j, "J")
    return joined([whole, tag("span", " ", parts(group), class_="more")]) if len(group.parts_j) > 1 else whole


def _row(name: Html, group: Group, total: Group) -> list[Any]:
    known = group.calls - group.unknown
    return [
        name,
        f"{group.calls:,}",
        percent(known, group.calls),
        _energy(group),
        span(group.energy_low_j, group.energy_high_j, "J"),
        amount(group.own_j, "J"),
        percent(group.own_j, total.energy_j) if group.own_j is not None and total.energy_j else NONE,
        amount(group.energy_j / known, "J") if group.energy_j is not None and known else NONE,
        seconds(group.duration_s),
        seconds(group.cpu_s),
        joined(tag("div", name_of(source), class_="one") for source in group.sources) if group.sources else NONE,
    ]


def top(view: View) -> Html | None:
    """
    Show the calls with the most joules.
    """
    known = sorted((call for call in view.calls if call.energy_j is not None), key=lambda call: -(call.energy_j or 0.0))
    if not known:
        return None
    rows = []
    for call in known[:MOST_CALLS]:
        record, energy_j = call.record, call.energy_j
        part = (energy_j or 0.0) / record["energy_j"] if record["energy_j"] else 1.0
        low, high = record["energy_low_j"], record["energy_high_j"]
        interval = NONE if low is None or high is None else span(low * part, high * part, "J")
        watts = energy_j / record["duration_s"] if energy_j is not None and record["duration_s"] else None
        rows.append(
            [
                name_of(title(record)),
                name_of(call_name(record)),
                name_of(str(record.get("started_at"))[:19].replace("T", " ")),
                amount(energy_j, "J"),
                interval,
                seconds(record["duration_s"]),
                amount(watts, "W"),
                name_of(f"{record['energy_source']} ({record['energy_boundary']})"),
            ]
        )
    columns = ["function", "call", "started, UTC", "energy", "90% interval", "time", "mean power", "method"]
    caption = f"The {len(rows)} most expensive calls" if len(known) > len(rows) else "All calls"
    return joined([tag("h2", "Most expensive calls"), table(caption, columns, rows, words=2, last=1)])


def call_name(record: Mapping[str, Any]) -> str:
    """
    Return what tells a call apart on a page: Lithops' ids, or both ends of the record's id.

    Example:
        >>> call_name({"worker": None, "record_id": "a6b0ecf39578cb6c42d500000000002f"})
        'a6b0ecf3…00002f'
    """
    worker, name = record["worker"] or {}, str(record["record_id"])
    # A process makes its ids from one beginning and a counter.
    short = name if len(name) <= NAME_LENGTH else f"{name[:8]}…{name[-6:]}"
    return "/".join(str(worker[key]) for key in ("job_id", "call_id") if worker.get(key)) or short
