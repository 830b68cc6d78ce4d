"""
Two ways to do something, compared in pairs: the numbers, and the sentence that they allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any, Literal

from greensdk.ab import stats
from greensdk.ab.stats import FEWEST, Interval, Word

BY = {
    "active": "energy above rest",
    "call": "energy",
    "machine": "energy of the machine",
    "cpu": "CPU seconds",
    "time": "time",
    "instructions": "instructions",
}
"""What can be compared."""
UNITS = {"active": "J", "call": "J", "machine": "J", "cpu": "s", "time": "s", "instructions": ""}
MODELS = ("psutil-tdp", "lambda-estimator")
"""Monitors that see CPU seconds and nothing else."""

Verdict = Literal["pass", "fail", "unclear"]
Sample = Mapping[str, float | None]
"""What one run took, by the names in `BY`; None where it is unknown."""


class Comparison:
    """
    How b compares with a.

    Args:
        a: Name of the first.
        b: Name of the other.
        by: What is compared, one of `BY`.
        source: The monitor that the joules are from.
        runs: Calls in one measurement.
        least: The difference that matters: 0.02 is 2%.

    Attributes:
        seconds: How long it took.
        samples_a: What a took in each pair, per call.
        samples_b: What b took.
        order: +1 for each pair in which a ran first, -1 for the others.
    """

    def __init__(self, a: str, b: str, by: str, source: str | None, runs: int, least: float) -> None:
        self.a, self.b, self.by, self.source, self.runs, self.least = a, b, by, source, runs, least
        self.seconds = 0.0
        self.samples_a: list[Sample] = []
        self.samples_b: list[Sample] = []
        self.order: list[int] = []

    def logs(self, by: str | None = None) -> tuple[list[float], list[int]]:
        """
        Return ln(b/a) of the pairs in which both are known, and the order in each.
        """
        known = self._known(by or self.by)
        return [log(b / a) for a, b, _ in known], [order for *_, order in known]

    def interval(self, by: str | None = None, level: float = 0.95) -> Interval | None:
        """
        Return the ratio b/a with its interval; None with fewer than six pairs.
        """
        logs, order = self.logs(by)
        return stats.interval(logs, order, level) if len(logs) >= FEWEST else None

    @property
    def pairs(self) -> int:
        """
        The pairs that count.
        """
        return len(self._known(self.by))

    @property
    def word(self) -> Word:
        """
        ``differs``, ``same`` (within `least`), or ``open``: neither can be said.
        """
        found = self.interval()
        word = "open" if found is None else stats.verdict(found, self.least)
        return "open" if word == "same" and self.total is not None else word

    @property
    def ratio(self) -> float | None:
        """
        What b takes in units of a; None with fewer than six pairs.
        """
        found = self.interval()
        return found and found.ratio

    @property
    def low(self) -> float | None:
        """
        Lower end of the ratio's 95% interval.
        """
        found = self.interval()
        return found and found.low

    @property
    def high(self) -> float | None:
        """
        Upper end of the ratio's 95% interval.
        """
        found = self.interval()
        return found and found.high

    @property
    def total(self) -> float | None:
        """
        sum(b)/sum(a) if it lies outside of the interval: a few calls weigh more than the many. Else None.
        """
        found = self.interval()
        if found is None:
            return None
        known = self._known(self.by)
        return stats.heavy([a for a, _, _ in known], [b for _, b, _ in known], found)

    @property
    def others(self) -> dict[str, Interval]:
        """
        The ratios by everything else that is known.
        """
        found = {by: self.interval(by) for by in BY if by != self.by}
        return {by: each for by, each in found.items() if each is not None}

    def more_pairs(self, effect: float) -> int | None:
        """
        Return how many more pairs would show a difference of `effect` (0.02 is 2%) in 80% of cases.

        Returns:
            0 if these do; None if no number that is tried would, or with fewer than six pairs.
        """
        logs, order = self.logs()
        if len(logs) < FEWEST:
            return None
        needed = stats.pairs_needed(logs, order, effect)
        return None if needed is None else max(needed - len(logs), 0)

    def is_enough(self, precise: float) -> bool:
        """
        Say whether no more pairs are needed.
        """
        found = self.interval()
        return found is not None and self.total is None and stats.is_enough(found, self.least, precise)

    def gate(self, at_most: float) -> Verdict:
        """
        Say whether b takes at most `at_most` times what a takes, where that is sure.
        """
        found = self.interval(level=0.9)
        if found is None:
            return "unclear"
        return "fail" if found.low > at_most else "pass" if found.high <= at_most else "unclear"

    def to_dict(self) -> dict[str, Any]:
        """
        Return everything as plain values, for JSON.
        """
        found = self.interval()
        return {
            "a": self.a,
            "b": self.b,
            "by": self.by,
            "source": self.source,
            "word": self.word,
            "ratio": self.ratio,
            "low": self.low,
            "high": self.high,
            "visible": found and found.visible,
            "total": self.total,
            "pairs": self.pairs,
            "runs": self.runs,
            "seconds": self.seconds,
            "least": self.least,
            "more_pairs": self.more_pairs(self.least),
            "others": {by: each._asdict() for by, each in self.others.items()},
            "samples": {"a": self.samples_a, "b": self.samples_b, "order": self.order},
            "text": str(self),
        }

    def __str__(self) -> str:
        return sentence(self)

    def _known(self, by: str) -> Sequence[tuple[float, float, int]]:
        rows = zip(self.samples_a, self.samples_b, self.order, strict=True)
        pairs = ((a.get(by), b.get(by), order) for a, b, order in rows)
        return [(a, b, order) for a, b, order in pairs if a is not None and b is not None and a > 0 and b > 0]


def sentence(found: Comparison) -> str:
    """
    Return the result in one sentence, and others where there is something to add.
    """
    interval = found.interval()
    if interval is None:
        known = f"{found.pairs} of {len(found.order)} pairs have a number"
        return f"nothing can be said: {known}, and {FEWEST} are needed; give it more time, or longer calls"
    sentences = [_result(found, interval)]
    if found.by == "cpu" and found.source in MODELS:
        sentences.append(
            f"{found.source} is a model of CPU seconds: it gives the energies the same ratio, and sees nothing else"
        )
    if found.total is not None:
        sentences.append(f"but summed up it is {found.total:.3g}x: a few calls weigh more than the many")
    machine = found.interval("machine")
    if found.by != "machine" and machine and _sign(machine) * _sign(interval) < 0:
        sentences.append(
            f"until it is done the machine takes {ratio(machine)} the energy: the two questions have different answers"
        )
    if found.by == "instructions":
        sentences.append(f"{BY['instructions']} are not energy")
    return ". ".join(sentences)


def _result(found: Comparison, interval: Interval) -> str:
    how, what = _how(found), BY[found.by]
    if found.word == "differs":
        return f"{found.b} takes {ratio(interval)} the {what} of {found.a}, {how}; the difference is real"
    if found.word == "same":
        return f"{found.a} and {found.b} take the same {what} to within {percent(interval.visible)}, {how}"
    text = f"no difference larger than {percent(interval.visible)} can be seen, {how}"
    more = found.more_pairs(found.least)
    if more is None:
        return f"{text}; {percent(found.least)} is out of reach here"
    if more:
        return f"{text}; {more} more pairs would show {percent(found.least)}"
    return f"{text}; give it more time to be sure"


def _how(found: Comparison) -> str:
    calls = f" of {found.runs} calls" if found.runs > 1 else ""
    source = "" if found.by in ("time", "instructions") else f", {found.source or 'no monitor'}"
    return f"{found.pairs} pairs{calls}, {found.seconds:.3g} s{source}"


def _sign(interval: Interval) -> int:
    return (interval.low > 1) - (interval.high < 1)


def ratio(interval: Interval) -> str:
    """
    Return a ratio with its interval.

    Example:
        >>> ratio(Interval(0.8123, 0.8444, 0.881))
        '0.844x [0.812, 0.881]'
    """
    return f"{interval.ratio:.3g}x [{interval.low:.3g}, {interval.high:.3g}]"


def percent(share: float) -> str:
    """
    Return a share as a percentage.

    Example:
        >>> percent(0.0173), percent(0.4)
        ('1.7%', '40%')
    """
    return f"{100 * share:.2g}%"
