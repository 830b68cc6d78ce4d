"""
The same report of a log too large to be kept as dictionaries.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, ValuesView
from contextlib import suppress
from functools import cached_property
from math import fsum
from typing import Any, cast

import numpy as np

from greensdk.logs import Problem
from greensdk.report.drift import Drift
from greensdk.report.energy import EnergyReport, Group, sole_hosts, told
from greensdk.report.large_meters import Sum, shared_out
from greensdk.report.large_read import ALSO, KEYS, can_take, pieces
from greensdk.report.large_rows import TextSums, by_first, counted, gathered, text_sums
from greensdk.report.large_windows import UnusualError
from greensdk.report.meters import Metered
from greensdk.report.needed import usable
from greensdk.report.split import Split

__all__ = ["LargeReport", "UnusualError", "report_of"]

FUNCTION, STATUS, RUNS, QUALITY, SOURCE, BOUNDARY, REASON = range(len(KEYS))
TAKEN = (*KEYS, *ALSO)


class Calls(Mapping[str, float]):
    """
    Joules of each call of one meter, whose ids are read only when somebody asks for them.
    """

    def __init__(self, joules: Any, exact: Callable[[], Mapping[str, float]]) -> None:
        self._joules = joules
        self._exact = exact

    def __getitem__(self, call: str) -> float:
        return self._exact()[call]

    def __iter__(self) -> Iterator[str]:
        return iter(self._exact())

    def __len__(self) -> int:
        return len(self._joules)

    def values(self) -> ValuesView[float]:
        """
        Return the joules without the ids.
        """
        found: ValuesView[float] = self._joules.tolist()
        return found


class LargeReport(EnergyReport):
    """
    What the records of some files add up to.

    Sums are made of columns of numbers. What needs the records themselves, such as :attr:`records`, reads them all.
    """

    def __init__(self, files: Sequence[str], attribution: str, key: str, skip: Callable[[Problem], Any]) -> None:
        """
        Read the files.

        Args:
            files: Plain files.
            attribution: One of :data:`greensdk.report.split.RULES`.
            key: A key that sums will be asked for by.
            skip: Called with each line that can't be read.

        Raises:
            UnusualError: Only the plain way can read them.
        """
        self.attribution = EnergyReport([], attribution).attribution
        self._files = files
        self._key = key
        log = gathered(pieces(files, key), skip)
        found = counted(log)
        for name in ("id", "parent", "address"):
            del log.rows[name]
        self._rows, self._unique = found.rows, found.unique
        self._calls, self._sums = shared_out(log, self._rows, attribution)
        nothing = np.empty(0)
        self._log = log._replace(windows={}, starts_j=nothing, counted_j=nothing)

    @cached_property
    def records(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """
        All of them, each once.
        """
        every = (record for file in self._files for record in usable(file, lambda _: None))
        return list({record["record_id"]: record for record in every}.values())

    @cached_property
    def hosts(self) -> dict[str, str]:
        """
        The ``host_id`` of each boot that has one.
        """
        return sole_hosts(self._log.tables["host"])

    @cached_property
    def meters(self) -> list[Metered]:
        """
        The meters that several calls may have read, and what became of their joules.
        """
        return [self._metered(place, each) for place, each in enumerate(self._sums)]

    def _metered(self, place: int, found: Sum) -> Metered:
        calls = Calls(self._calls[found.rows], lambda: self.account.meters[place].split.calls)
        return Metered(*found.names, Split(found.meter_j, cast("dict[str, float]", calls), found.rest_j))

    @cached_property
    def total(self) -> Group:
        """
        Everything.
        """
        return self._group(range(len(self._sums_of_texts.texts)))

    def by(self, key: str) -> dict[Any, Group]:
        """
        Return a sum for each value of a key, the most joules first.

        Args:
            key: As for :meth:`EnergyReport.by`.
        """
        if key not in TAKEN and key != self._key:
            return self._by_another(key)
        place = TAKEN.index(key) if key in TAKEN else len(TAKEN)
        groups: dict[Any, list[int]] = {}
        for number, text in enumerate(self._sums_of_texts.texts):
            groups.setdefault(text[place], []).append(number)
        sums = {value: self._group(numbers) for value, numbers in groups.items()}
        return dict(sorted(sums.items(), key=lambda item: -(item[1].energy_j or 0.0)))

    def _by_another(self, key: str) -> dict[Any, Group]:
        """
        Return the sums for a key that was not read.
        """
        with suppress(UnusualError):
            if can_take(key) and (other := report_of(self._files, self.attribution, key, lambda _: None)):
                return other.by(key)
        return super().by(key)

    @cached_property
    def _sums_of_texts(self) -> TextSums:
        return text_sums(self._log, self._rows, self._calls)

    def _group(self, numbers: Sequence[int]) -> Group:
        """
        Return the sum of the records with some of the texts.
        """
        found = self._sums_of_texts
        known = [number for number in numbers if found.known[number]]
        ends = [
            None if any(missing[number] for number in known) or not known else fsum(end_j[number] for number in known)
            for end_j, missing in zip(found.ends_j, found.missing, strict=True)
        ]
        calls = sum(found.calls[number] for number in numbers)
        return Group(
            calls,
            calls - sum(found.known[number] for number in known),
            fsum(found.energy_j[number] for number in known) if known else None,
            ends[0],
            ends[1],
            fsum(found.duration_s[number] for number in numbers),
            fsum(found.cpu_s[number] for number in numbers),
            tuple(sorted({f"{found.texts[each][SOURCE]} ({found.texts[each][BOUNDARY]})" for each in known})),
        )

    def remarks(self) -> Iterable[str]:
        """
        Yield why calls have no number, and what is mixed in the sums.
        """
        log, rows = self._log, self._rows
        without = rows[np.isnan(log.rows["energy_j"][rows])]
        reasons: dict[tuple[str, str], int] = {}
        for text, times in by_first(log.rows["texts"][without]):
            why = log.tables["texts"][text][STATUS], str(log.tables["texts"][text][REASON])
            reasons[why] = reasons.get(why, 0) + times
        bases = log.rows["basis"][rows]
        found = {log.tables["basis"][basis]: times for basis, times in by_first(bases[bases >= 0])}
        return told(reasons, self.total.sources, found, self._drifts())

    def _drifts(self) -> list[Drift]:
        sums: dict[tuple[str, str, str], list[float]] = {}
        for row, names, first_j, second_j in self._log.pairs:
            if self._unique[row]:
                each = sums.setdefault(names, [0.0, 0.0, 0.0])
                each[0] += 1
                each[1] += first_j
                each[2] += second_j
        return [Drift(*names, int(count), second / first) for names, (count, first, second) in sums.items()]


def report_of(files: Sequence[str], attribution: str, key: str, skip: Callable[[Problem], Any]) -> LargeReport | None:
    """
    Return the report of some files; None where they can't be read in pieces.

    Args:
        files: Plain files.
        attribution: One of :data:`greensdk.report.split.RULES`.
        key: A key that sums will be asked for by.
        skip: Called with each line that can't be read.

    Raises:
        UnusualError: Only the plain way can read them.
    """
    # A process with threads must not be forked, and a spawned one would run the user's script again.
    if sys.platform != "linux" or threading.active_count() > 1:
        return None
    return LargeReport(files, attribution, key if can_take(key) else KEYS[FUNCTION], skip)
