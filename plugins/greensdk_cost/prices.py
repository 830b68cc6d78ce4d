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


def list_price(region: str, arch: str | None) -> tuple[float, float, str]:
    """
    Return AWS Lambda's first-tier prices in a region: US dollars for a GB-second and a request, and their source.

    Args:
        region: A region of AWS.
        arch: ``x86_64`` or ``arm64``, or the kernel's name of either; None for x86_64.

    Raises:
        ConfigError: There is no such price.
    """
    name = {"aarch64": "arm64", "amd64": "x86_64", None: "x86_64"}.get(arch, arch)
    if region not in PRICES or name not in ARCHITECTURES:
        from greensdk.errors import ConfigError

        raise ConfigError(f"no AWS Lambda price for {region}, {name}: known regions are {', '.join(PRICES)}")
    row, where = PRICES[region], source(region)
    return row[ARCHITECTURES[name]], row[2], f"{where} {region} {SOURCES[where]}"
