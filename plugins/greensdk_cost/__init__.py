"""
What a call costs: the GB-seconds of a function as a service, the hour of a machine, the electricity.

.. code-block:: text

    gb_s         = memory_mb / 1024 * duration_s, rounded up to the next millisecond
    compute_usd  = gb_s * price of a GB-second            or  usd_per_hour / 3600 * duration_s * share
    electricity  = joules / 3.6e6 * price of a kWh

The first is how AWS bills (https://aws.amazon.com/lambda/pricing/).
"""

from __future__ import annotations

import os
from math import ceil
from typing import TYPE_CHECKING, Any

from greensdk.errors import ConfigError
from greensdk.schema.widest import machine_s, widest_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

IN_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME"
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, as the other variables here."""

JOULES_PER_KWH = 3.6e6

OUTDATED_DAYS = 548
"""A year and a half."""

FIELDS = (
    "usd",
    "compute_usd",
    "requests_usd",
    "gb_s",
    "electricity",
    "electricity_currency",
    "electricity_boundary",
    "region",
    "architecture",
    "price_source",
    "price_date",
    "reason",
)

_ARCHITECTURE = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


class Cost:
    """
    The enricher behind a record's ``cost``.

    Args:
        region: Of AWS; ``auto`` takes that of the Lambda function around us.
        architecture: ``x86_64`` or ``arm64``; None takes the host's.
        memory_mb: What the function is allotted; None asks the record's worker, then Lambda.
        tier: Which price of the month, 1 to 3: what the account uses in a month is not to be seen from inside.
        gb_s_usd: Own price of a GB-second. Calls outside of AWS Lambda are then billed by it, too.
        request_usd: Own price of a request.
        usd_per_hour: Price of this machine for an hour.
        machine_share: How much of the machine is the call's, from 0 to 1; None: the CPU seconds it uses, of all.
        electricity_per_kwh: Price of a kWh.
        electricity_currency: What that price is in.

    Raises:
        ConfigError: A setting is not possible, or no price of the region is known.
    """

    def __init__(
        self,
        *,
        region: str = "auto",
        architecture: str | None = None,
        memory_mb: float | None = None,
        tier: int = 1,
        gb_s_usd: float | None = None,
        request_usd: float | None = None,
        usd_per_hour: float | None = None,
        machine_share: float | None = None,
        electricity_per_kwh: float | None = None,
        electricity_currency: str = "USD",
    ) -> None:
        if architecture is not None and architecture not in _ARCHITECTURE:
            raise ConfigError(f"[cost] architecture = {architecture!r}: expected 'x86_64' or 'arm64'")
        if tier not in {1, 2, 3}:
            raise ConfigError(f"[cost] tier = {tier!r}: expected 1, 2 or 3")
        if machine_share is not None and not 0 <= machine_share <= 1:
            raise ConfigError(f"[cost] machine_share = {machine_share!r}: expected 0 to 1")
        self.in_lambda = IN_LAMBDA in os.environ
        self.region = _region(region, gb_s_usd, in_lambda=self.in_lambda)
        self.architecture = architecture
        self.memory_mb = memory_mb or _number(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
        self.tier = tier
        self.gb_s_usd = _positive("gb_s_usd", gb_s_usd)
        self.request_usd = _positive("request_usd", request_usd)
        self.usd_per_hour = _positive("usd_per_hour", usd_per_hour)
        self.machine_share = machine_share
        self.electricity_per_kwh = _positive("electricity_per_kwh", electricity_per_kwh)
        self.currency = electricity_currency

    def __call__(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return the fields; none at all where nothing is billed that has a price.
        """
        worker = record.get("worker") or {}
        if self.in_lambda or self.gb_s_usd is not None or worker.get("backend") == "aws_lambda":
            return self._function(record, worker)
        if self.usd_per_hour is None and self.electricity_per_kwh is None:
            return {}
        return self._machine(record)

    def _function(self, record: Mapping[str, Any], worker: Mapping[str, Any]) -> dict[str, Any]:
        """Bill by the GB-second. The outermost call stands for the invocation; one inside of it is its part."""
        fields: dict[str, Any] = dict.fromkeys(FIELDS)
        duration_s, outermost = record.get("duration_s"), not record.get("depth")
        memory_mb = self.memory_mb or worker.get("memory_mb")
        arch = (record.get("host") or {}).get("arch")
        fields["region"] = self.region
        fields["architecture"] = architecture = _ARCHITECTURE.get(self.architecture or arch or "")
        price = self._gb_s_price(fields, architecture)
        request_usd = self._request_price() if outermost else 0.0
        if memory_mb is not None and duration_s is not None:
            seconds = ceil(round(duration_s * 1e3, 6)) / 1e3 if outermost else duration_s
            fields["gb_s"] = memory_mb / 1024 * seconds
            if price is not None and request_usd is not None:
                fields["compute_usd"] = fields["gb_s"] * price
                fields["requests_usd"] = request_usd
                fields["usd"] = fields["compute_usd"] + request_usd
                return fields
        missing = {
            "the call has no duration": duration_s,
            "the function's memory is not known: set memory_mb": memory_mb,
            f"no price of a GB-second for {self.region}, {architecture}, tier {self.tier}: set gb_s_usd": price,
            f"no price of a request for {self.region}: set request_usd": request_usd,
        }
        fields["reason"] = next(reason for reason, value in missing.items() if value is None)
        return fields

    def _gb_s_price(self, fields: dict[str, Any], architecture: str | None) -> float | None:
        """Return the price of a GB-second, and say in `fields` where it comes from."""
        if self.gb_s_usd is not None:
            fields["price_source"] = "configured"
            return self.gb_s_usd
        if self.region is None or architecture is None:
            return None
        from greensdk_cost import prices

        price = prices.gb_s_usd(self.region, architecture, self.tier)
        if price is not None:
            fields["price_source"] = source = prices.source(self.region)
            fields["price_date"] = prices.SOURCES[source]
        return price

    def _request_price(self) -> float | None:
        from greensdk_cost.prices import PRICES

        if self.request_usd is None and self.region in PRICES:
            return PRICES[self.region][2]
        return self.request_usd

    def _machine(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Bill by the hour of the machine and by the kWh, as far as either has a price."""
        fields: dict[str, Any] = dict.fromkeys(FIELDS)
        fields["price_source"] = "configured"
        reasons = []
        if self.usd_per_hour is not None:
            seconds = machine_s(record, self.machine_share)
            if seconds is None:
                reasons.append("no clock tells the call's share of the machine: set machine_share")
            else:
                fields["compute_usd"] = self.usd_per_hour / 3600 * seconds
        if self.electricity_per_kwh is not None:
            fields["electricity_currency"] = self.currency
            energy_j, _, _, boundary = widest_of(record)
            if energy_j is None:
                reasons.append(f"no energy: {record.get('reason')}")
            else:
                fields["electricity_boundary"] = boundary
                fields["electricity"] = energy_j / JOULES_PER_KWH * self.electricity_per_kwh
        dollars = [fields["compute_usd"]] if self.usd_per_hour is not None else []
        if self.electricity_per_kwh is not None and self.currency == "USD":
            dollars.append(fields["electricity"])
        if not dollars:
            reasons.append("no price in USD")
        elif None not in dollars:
            fields["usd"] = sum(dollars)
        fields["reason"] = "; ".join(reasons) or None
        return fields


def notes(today: date | None = None) -> list[str]:
    """
    Return what a person should know of the prices, one line each: nothing while they are young.
    """
    from datetime import date

    from greensdk_cost.prices import SOURCES

    now = today or date.today()
    old = [day for day in SOURCES.values() if (now - date.fromisoformat(day)).days > OUTDATED_DAYS]
    if not old:
        return []
    advice = "compare them with https://aws.amazon.com/lambda/pricing/, or set gb_s_usd and request_usd in [cost]"
    return [f"cost: the prices of AWS Lambda are of {min(old)}: {advice}"]


def _region(region: str, gb_s_usd: float | None, *, in_lambda: bool) -> str | None:
    """Return the region to take prices of."""
    if region == "auto":  # AWS_REGION on a laptop only says where its owner's resources are
        return os.environ.get("AWS_REGION") if in_lambda else None
    from greensdk_cost.prices import PRICES

    if region not in PRICES and gb_s_usd is None:
        from greensdk.configure.settings import unknown

        raise ConfigError(f"{unknown('[cost]', region, PRICES, 'region')}; or set gb_s_usd and request_usd")
    return region


def _positive(key: str, value: float | None) -> float | None:
    """Return a price."""
    if value is not None and not value >= 0:
        raise ConfigError(f"[cost] {key} = {value!r}: expected 0 or more")
    return value


def _number(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None
