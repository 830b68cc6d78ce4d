"""
What AWS Lambda costs: the prices of `data.prices`, and who shows them.
"""

from __future__ import annotations

from greensdk_cost.data.prices import ARCHITECTURES, CALCULATOR, HIGHER_TIERS, PRICE_LIST, PRICES, SOURCES

__all__ = ["ARCHITECTURES", "PRICES", "SOURCES", "gb_s_usd", "source"]


def source(region: str) -> str:
    """
    Return which of the sources shows a region's prices.
    """
    return PRICE_LIST if region in HIGHER_TIERS else CALCULATOR


def gb_s_usd(region: str, architecture: str, tier: int) -> float | None:
    """
    Return the price of a GB-second; None where no source shows it.

    >>> gb_s_usd("us-east-1", "arm64", 2)
    1.20001e-05
    """
    rows = PRICES if tier == 1 else {name: tiers.get(tier) for name, tiers in HIGHER_TIERS.items()}
    row = rows.get(region)
    return None if row is None else row[ARCHITECTURES[architecture]]
