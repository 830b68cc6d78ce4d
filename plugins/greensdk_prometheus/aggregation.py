"""
Records added up: a few hundred numbers, whatever the number of calls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from threading import Lock
from typing import Any

from greensdk.deliver.metrics import MAX_VALUES, OTHER, Labels
from greensdk_prometheus.families import COUNTER, FAMILIES, GAUGE, HISTOGRAM, REPLACED, observations

MAX_SERIES = 1_000
"""How many series a metric may have."""

FOLD_AT = 256
"""How many records wait before those that bring more add some up."""

FOLDED = 2
"""How many each of them adds up then: a few at a time, so that no call pays for hundreds."""

Key = tuple[str, ...]


class Totals:
    """
    The values of all metrics. Not for several threads at once.

    Attributes:
        values: For each metric, by the values of its labels, a number, or a histogram's counts with the sum behind.
    """

    def __init__(self, max_values: int = MAX_VALUES) -> None:
        self.labels = Labels(max_values)
        self.values: dict[str, dict[Key, Any]] = {name: {} for name in FAMILIES}

    def add(self, record: Mapping[str, Any]) -> None:
        """
        Add one record.
        """
        for name, found, value, times in observations(record):
            family = FAMILIES[name]
            key = self._key(name, found)
            if family.kind == HISTOGRAM:
                counts = self._histogram(name, key)
                counts[bisect_left(family.bounds, value)] += times
                counts[-1] += value * times
            else:
                self._put(name, key, value)
        self._tell_replaced()

    def merge(self, state: Mapping[str, Any]) -> None:
        """
        Add what :meth:`state` once returned; a gauge that has a value here keeps it.
        """
        for name, rows in state.items():
            for key, value in rows if name in FAMILIES else ():
                at = self._key(name, tuple(key))
                if FAMILIES[name].kind == HISTOGRAM:
                    counts = self._histogram(name, at)
                    counts[:] = [mine + more for mine, more in zip(counts, value, strict=True)]
                elif FAMILIES[name].kind == COUNTER or at not in self.values[name]:
                    self._put(name, at, value)

    def state(self) -> dict[str, list[tuple[Key, Any]]]:
        """
        Return everything as plain data.
        """
        return {
            name: [(key, value[:] if isinstance(value, list) else value) for key, value in rows.items()]
            for name, rows in self.values.items()
            if rows
        }

    def _key(self, name: str, found: tuple[Any, ...]) -> Key:
        """Return the labels' texts; what has been looked at before and is one of few is not looked at again."""
        try:
            if found in self.values[name]:
                return found
        except TypeError:
            pass  # something that no label should be, and that has no hash
        return tuple(self.labels.of(label, each) for label, each in zip(FAMILIES[name].labels, found, strict=True))

    def _put(self, name: str, key: Key, value: Any) -> None:
        rows, key = self.values[name], self._room(name, key)
        rows[key] = value if FAMILIES[name].kind == GAUGE else rows.get(key, 0.0) + value

    def _histogram(self, name: str, key: Key) -> list[float]:
        fresh = [0.0] * (len(FAMILIES[name].bounds) + 2)
        counts: list[float] = self.values[name].setdefault(self._room(name, key), fresh)
        return counts

    def _room(self, name: str, key: Key) -> Key:
        """Return a series' key, or that of the one that stands for all that are too many."""
        rows = self.values[name]
        if key in rows or len(rows) < MAX_SERIES:
            return key
        self.labels.replaced[name] = self.labels.replaced.get(name, 0) + 1
        return (OTHER,) * len(key)

    def _tell_replaced(self) -> None:
        if not self.labels.replaced:
            return
        replaced, self.labels.replaced = self.labels.replaced, {}
        for name, times in replaced.items():
            self._put(REPLACED, (name,), times)


class Aggregator:
    """
    Numbers that any thread may add to, also in a garbage collection or a signal handler: `put` never waits.
    """

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._queue: deque[Mapping[str, Any]] = deque()
        self._lock = Lock()

    def put(self, record: Mapping[str, Any]) -> None:
        """
        Take one record; where many wait, add some of them up.
        """
        self._queue.append(record)
        if len(self._queue) >= FOLD_AT and self._lock.acquire(blocking=False):
            try:
                self._fold(FOLDED)
            finally:
                self._lock.release()

    def merge(self, state: Mapping[str, Any]) -> None:
        """
        Add what an earlier process has left.
        """
        with self._lock:
            self._totals.merge(state)

    def state(self) -> dict[str, list[tuple[Key, Any]]]:
        """
        Add up all that waits, and return everything as plain data.
        """
        with self._lock:
            self._fold(len(self._queue))
            return self._totals.state()

    def _fold(self, most: int) -> None:
        for _ in range(most):
            if not self._queue:
                break
            self._totals.add(self._queue.popleft())
