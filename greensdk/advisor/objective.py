"""
Objectives: least energy, time, cost, energy-delay product, or a weighted mix.
"""

from __future__ import annotations

import attrs
import numpy as np

from greensdk.advisor.surface import Array
from greensdk.errors import ConfigError

ENERGY, TIME, COST, EDP = NAMES = ("energy", "time", "cost", "edp")

QUANTITY = {ENERGY: "energy_j", TIME: "time_s", COST: "usd"}
"""The quantity of each. EDP, the energy-delay product: M. Horowitz, T. Indermaur and R. Gonzalez, 1994."""


@attrs.frozen
class Objective:
    """
    What to minimise.

    Attributes:
        weights: Weights of energy, time and cost, each relative to its minimum; they sum to 1.
        edp: Minimise energy times time instead.
    """

    weights: dict[str, float]
    edp: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """
        The quantities that must be known.
        """
        return (ENERGY, TIME) if self.edp else tuple(self.weights)

    def score(self, totals: dict[str, Array | None], least: dict[str, float]) -> Array:
        """
        Return the score of each, less is better; with a single quantity it is that quantity.
        """
        known = {name: value for name, value in totals.items() if value is not None}
        if self.edp:
            return known[ENERGY] * known[TIME]
        if len(self.weights) == 1:
            return known[next(iter(self.weights))]
        parts = [weight * known[name] / least[name] for name, weight in self.weights.items()]
        total: Array = np.sum(parts, axis=0)
        return total


def parse(text: str) -> Objective:
    """
    Return the objective for a text.

    Raises:
        ConfigError: It is not an objective.

    Example:
        >>> parse("energy").weights, parse("energy=1,time=3").weights
        ({'energy': 1.0}, {'energy': 0.25, 'time': 0.75})
    """
    if text == EDP:
        return Objective({}, edp=True)
    weights = {}
    for part in text.split(","):
        name, is_weight, number = (each.strip() for each in part.partition("="))
        value = _weight(number) if is_weight else 1.0
        if name not in QUANTITY or value is None or name in weights or (not is_weight and "," in text):
            raise ConfigError(
                f"objective {text!r}: expected {', '.join(NAMES)}, or weights such as energy=0.5,time=0.5"
            )
        weights[name] = value
    total = sum(weights.values())
    return Objective({name: value / total for name, value in weights.items() if value})


def _weight(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
