"""
From calls to what a timeline shows: rows of bars, without long pauses, and the power below.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, NamedTuple

from greensdk.report.page.view import Call
from greensdk.report.text import brief, plain

MOST_LANES = 40
MOST_BARS = 2500
PIXELS = 1500
"""What is shorter than such a part of the time can't be seen."""
BINS = 300
PAUSE_S = 60.0
"""A pause longer than this, and than a tenth of all the time in which calls ran, is left out."""


class Bar(NamedTuple):
    """
    A call, or several of one function that follow each other closely.

    Attributes:
        start_s: When it begins, on the picture's clock.
        stop_s: When it ends.
        lane: Which row it is in.
        kind: Its colour.
    """

    start_s: float
    stop_s: float
    lane: int
    kind: int


class Drawn(NamedTuple):
    """
    What the picture shows.

    Attributes:
        bars: The calls.
        bad: Lane and end of each call that did not end well.
        lanes: Name of each lane.
        lanes_in_all: How many there would be.
        cuts: Where pauses were left out, on the picture's clock.
        power: For each meter and boundary, mean watts in each of `BINS` parts of the time.
        length_s: Where the time ends.
    """

    bars: list[Bar]
    bad: list[tuple[float, int]]
    lanes: list[str]
    lanes_in_all: int
    cuts: list[float]
    power: dict[str, Any]
    length_s: float


def prepared(calls: Sequence[Call]) -> Drawn:
    """
    Return what a picture of these calls shows; all have a beginning and a duration, and they are in the order of time.
    """
    spans, cuts, length_s = _without_pauses(calls)
    placed, names = _lanes(calls, spans)
    bars: dict[int, list[Bar]] = {}
    bad: dict[int, list[float]] = {}
    for call, lane, (start_s, stop_s) in zip(calls, placed, spans, strict=True):
        _add(bars.setdefault(lane, []), Bar(start_s, stop_s, lane, call.kind), length_s / PIXELS)
        if call.facts["status"] != "ok":
            bad.setdefault(lane, []).append(stop_s)
    kept = sorted(_busiest(bars), key=lambda lane: (names[lane], lane))
    return Drawn(
        [bar._replace(lane=row) for row, lane in enumerate(kept) for bar in bars[lane]],
        [(stop_s, row) for row, lane in enumerate(kept) for stop_s in bad.get(lane, ())][:MOST_BARS],
        [names[lane] for lane in kept],
        len(names),
        cuts,
        _power(calls, spans, length_s),
        length_s,
    )


def _add(bars: list[Bar], new: Bar, pixel_s: float) -> None:
    """
    Add a bar to its lane; what is shorter than a pixel and follows at once is drawn as one with the bar before it, with
    the colour of the longer one.
    """
    start_s, stop_s, lane, kind = new
    if bars and start_s - bars[-1].stop_s < pixel_s / 2:
        first_s, last_s, _, other = bars[-1]
        old_s, new_s = last_s - first_s, stop_s - start_s
        least_s = min(old_s, new_s)
        if least_s < pixel_s or (kind == other and least_s < 3 * pixel_s):
            bars[-1] = Bar(first_s, max(stop_s, last_s), lane, kind if new_s > old_s else other)
            return
    bars.append(Bar(start_s, max(stop_s, start_s + pixel_s), lane, kind))


def _busiest(bars: dict[int, list[Bar]]) -> list[int]:
    """Return the lanes that are busy the longest, as many as a picture holds, each with all of its bars."""
    busy_s = {lane: sum(bar.stop_s - bar.start_s for bar in row) for lane, row in bars.items()}
    kept: list[int] = []
    count = 0
    for lane in sorted(busy_s, key=lambda lane: (-busy_s[lane], lane))[:MOST_LANES]:
        count += len(bars[lane])
        if kept and count > MOST_BARS:
            break
        kept.append(lane)
    return kept


def _without_pauses(calls: Sequence[Call]) -> tuple[list[tuple[float, float]], list[float], float]:
    """
    Return begin and end of each call on a clock that stands still in long pauses, where it stood, and its last value.
    """
    raw = [(call.start_s or 0.0, (call.start_s or 0.0) + (call.duration_s or 0.0)) for call in calls]
    gaps: list[tuple[float, float]] = []
    busy_s, end_s = 0.0, raw[0][0]
    for start_s, stop_s in raw:
        if start_s > end_s:
            gaps.append((end_s, start_s))
        busy_s += max(0.0, stop_s - max(start_s, end_s))
        end_s = max(end_s, stop_s)
    long_s = max(PAUSE_S, busy_s / 10.0)
    cut = [(start_s, stop_s) for start_s, stop_s in gaps if stop_s - start_s > long_s]
    margin_s = busy_s / 100.0
    offset_s, place, found, cuts = raw[0][0], 0, [], []
    for start_s, stop_s in raw:
        while place < len(cut) and start_s >= cut[place][1]:
            cuts.append(cut[place][0] - offset_s + margin_s)
            offset_s += cut[place][1] - cut[place][0] - 2 * margin_s
            place += 1
        found.append((start_s - offset_s, stop_s - offset_s))
    return found, cuts, max(stop_s for _, stop_s in found) or 1e-6


def _lanes(calls: Sequence[Call], spans: Sequence[tuple[float, float]]) -> tuple[list[int], list[str]]:
    """Return the lane of each call, and all lanes' names: in each machine or pod, the first lane that is free."""
    free: dict[str, list[int]] = {}
    taken: dict[str, list[tuple[float, int]]] = {}
    names: list[str] = []
    homes: dict[Any, str] = {}
    placed = []
    for call, (start_s, stop_s) in zip(calls, spans, strict=True):
        facts = call.facts
        where = facts["worker.pod"] or facts["host.host_id"] or facts["host.boot_id"]
        home = homes.get(where) or homes.setdefault(where, plain(where, 17))
        open_now, idle = taken.setdefault(home, []), free.setdefault(home, [])
        while open_now and open_now[0][0] <= start_s + 1e-9:
            heapq.heappush(idle, heapq.heappop(open_now)[1])
        if idle:
            lane = heapq.heappop(idle)
        else:
            lane = len(names)
            names.append(home)
        heapq.heappush(open_now, (stop_s, lane))
        placed.append(lane)
    return placed, names


def _power(calls: Sequence[Call], spans: Sequence[tuple[float, float]], length_s: float) -> dict[str, Any]:
    """Return mean watts in each part of the time; exact, since a call's joules grow evenly while it runs."""
    import numpy as np

    groups: dict[tuple[Any, Any], list[tuple[float, float, float]]] = {}
    for call, (start_s, stop_s) in zip(calls, spans, strict=True):
        if call.energy_j is not None and stop_s > start_s:
            method = call.facts["energy_source"], call.facts["energy_boundary"]
            groups.setdefault(method, []).append((start_s, stop_s, call.energy_j / (stop_s - start_s)))
    edges = np.linspace(0.0, length_s, BINS + 1)
    found = {}
    for (source, boundary), rows in sorted(groups.items(), key=lambda item: str(item[0])):
        starts, stops, watts = np.array(rows).T
        times = np.concatenate([starts, stops])
        steps = np.concatenate([watts, -watts])
        order = np.argsort(times, kind="stable")
        times, level = times[order], np.cumsum(steps[order])
        energy = np.concatenate([[0.0], np.cumsum(level[:-1] * np.diff(times))])
        found[brief(f"{source}, {boundary}")] = np.diff(np.interp(edges, times, energy)) / (length_s / BINS)
    return found
