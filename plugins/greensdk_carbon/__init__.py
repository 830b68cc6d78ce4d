"""
Emissions of a call: its energy times the carbon intensity of electricity where it ran.

.. code-block:: text

    g_co2e     = joules / 3.6e6 * pue * intensity_g_per_kwh
    embodied_g = embodied_kg * 1000 * duration_s / lifetime * share of the machine

Both formulas are those of the Software Carbon Intensity specification 1.1, O = E * I and M = TE * TS * RS
(https://github.com/Green-Software-Foundation/sci/blob/main/SPEC.md); it counts the data centre's power usage
effectiveness into E. The joules are those of the widest boundary that is known of the call: grams of a package alone
are a half or a fourth of the machine's. The network is not used, and no country is guessed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from greensdk.errors import ConfigError
from greensdk.schema.widest import machine_s, widest_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

JOULES_PER_KWH = 3.6e6

SECONDS_PER_YEAR = 365 * 24 * 3600
"""As the specification counts."""

OUTDATED_DAYS = 548
"""A year and a half."""

FIELDS = (
    "g_co2e",
    "low_g",
    "high_g",
    "energy_boundary",
    "intensity_g_per_kwh",
    "intensity_year",
    "intensity_source",
    "country",
    "provider",
    "region",
    "pue",
    "pue_source",
    "embodied_g",
    "reason",
)

NOWHERE = "country unknown: set country, region or intensity_g_per_kwh in [carbon]"


class Carbon:
    """
    The enricher behind a record's ``carbon``.

    Args:
        country: Where this is: a code of ISO 3166-1 (``ESP``, ``ES``, ``UK``) or an English name (``Spain``).
        region: Of AWS, Google Cloud or Azure; ``auto`` takes the one that the cloud around us tells.
        intensity_g_per_kwh: Own grams of CO2 equivalent per kWh.
        intensity_source: Where those come from.
        intensity_year: The year they are of.
        pue: kWh of the building for each kWh of its computers; None takes the cloud's own figure, outside of one 1.
        embodied_kg: Kilograms of CO2 equivalent that making this machine has emitted.
        lifetime_years: How long it will be in use.
        machine_share: How much of the machine is the call's, from 0 to 1; None: the CPU seconds it uses, of all.

    Raises:
        ConfigError: A setting is not possible.
    """

    def __init__(
        self,
        *,
        country: str | None = None,
        region: str = "auto",
        intensity_g_per_kwh: float | None = None,
        intensity_source: str | None = None,
        intensity_year: int | None = None,
        pue: float | None = None,
        embodied_kg: float | None = None,
        lifetime_years: float | None = None,
        machine_share: float | None = None,
    ) -> None:
        _check(pue, intensity_g_per_kwh, machine_share)
        if intensity_g_per_kwh is None and (intensity_source or intensity_year):
            raise ConfigError("[carbon] intensity_source and intensity_year are those of intensity_g_per_kwh: set it")
        self.fields: dict[str, Any] = dict.fromkeys(FIELDS)
        self.problem = self._place(_country(country), region)
        self._building(pue)
        if intensity_g_per_kwh is None:
            self._look_up()
        else:
            self._intensity(intensity_g_per_kwh, intensity_year, intensity_source or "configured")
        intensity = self.fields["intensity_g_per_kwh"]
        self.g_per_j = None if intensity is None else intensity * self.fields["pue"] / JOULES_PER_KWH
        self.embodied_g_per_s = _embodied(embodied_kg, lifetime_years)
        self.machine_share = machine_share

    def __call__(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return the fields of one record.
        """
        fields = self.fields.copy()
        factor = self.g_per_j
        *joules, boundary = widest_of(record)
        if factor is None:
            fields["reason"] = self.problem
        elif joules[0] is None:
            fields["reason"] = f"no energy: {record.get('reason')}"
        else:
            grams = [None if each is None else each * factor for each in joules]
            fields["g_co2e"], fields["low_g"], fields["high_g"] = grams
            fields["energy_boundary"] = boundary
        if self.embodied_g_per_s is not None:
            seconds = machine_s(record, self.machine_share)
            fields["embodied_g"] = None if seconds is None else seconds * self.embodied_g_per_s
        return fields

    def _place(self, country: str | None, region: str) -> str:
        """Determine country, provider and region, and return the reason if the country is unknown."""
        from greensdk_carbon.data.regions import CLOUDS
        from greensdk_carbon.places import here, locate

        asked = region != "auto"
        named = region if asked else here(os.environ)
        found = locate(named) if named else None
        if asked and found is None:
            raise _unknown("region", region, [name for cloud in CLOUDS.values() for name in cloud])
        if asked and found and country not in {None, found[2]}:
            raise ConfigError(f"[carbon] country is {country!r}, but {region!r} is in {found[2]}: set one of both")
        if found and country in {None, found[2]}:  # else it names a cloud elsewhere: an emulator
            self.fields.update(zip(("provider", "region", "country"), found, strict=True))
            return ""
        self.fields.update(country=country, region=None if found else named)
        return f"no country of the region {named!r} is known: set country in [carbon]" if named else NOWHERE

    def _building(self, pue: float | None) -> None:
        from greensdk_carbon.data.regions import PUE

        known = PUE.get(self.fields["provider"], (1.0, "not in a known cloud"))
        self.fields["pue"], self.fields["pue_source"] = known if pue is None else (pue, "configured")

    def _look_up(self) -> None:
        """Take the country's intensity from the table."""
        from greensdk_carbon.data.countries import COUNTRIES, SOURCE

        country = self.fields["country"]
        if country is None:
            return
        if country not in COUNTRIES:
            raise ConfigError(
                f"[carbon] country = {country!r}: Ember publishes no intensity of its electricity; "
                "set intensity_g_per_kwh, for example that of the country that it is supplied from"
            )
        self._intensity(*COUNTRIES[country], SOURCE)

    def _intensity(self, g_per_kwh: float, year: int | None, source: str) -> None:
        self.fields.update(intensity_g_per_kwh=g_per_kwh, intensity_year=year, intensity_source=source)


def notes(today: date | None = None) -> list[str]:
    """
    Return warnings about outdated tables, one line each.
    """
    from datetime import date

    from greensdk_carbon.data.countries import DATE
    from greensdk_carbon.data.regions import PUE_DATE

    now = today or date.today()
    tables = (
        (DATE, "the carbon intensities", "a newer release of greensdk, or intensity_g_per_kwh in [carbon]"),
        (PUE_DATE, "the clouds' PUE", "a newer release of greensdk, or pue in [carbon]"),
    )
    return [
        f"carbon: {what} are from {day}; fix: {fix}"
        for day, what, fix in tables
        if (now - date.fromisoformat(day)).days > OUTDATED_DAYS
    ]


def _country(text: str | None) -> str | None:
    """Return the code of a country that may be written in several ways."""
    from greensdk_carbon.places import country_code

    if not text:
        return None
    code = country_code(text)
    if code is None:
        from greensdk_carbon.data.countries import COUNTRIES, NAMES

        raise _unknown("country", text, [*COUNTRIES, *NAMES.values()])
    return code


def _check(pue: float | None, intensity: float | None, share: float | None) -> None:
    """Check the numbers."""
    for key, value in (("pue", pue), ("intensity_g_per_kwh", intensity), ("machine_share", share)):
        if value is not None and not isinstance(value, (int, float)):
            raise ConfigError(f"[carbon] {key} = {value!r}: expected a number")
    if pue is not None and not pue >= 1:
        raise ConfigError(f"[carbon] pue = {pue!r}: a building takes no less than its computers: expected 1 or more")
    if intensity is not None and not intensity >= 0:
        raise ConfigError(f"[carbon] intensity_g_per_kwh = {intensity!r}: expected 0 or more")
    if share is not None and not 0 <= share <= 1:
        raise ConfigError(f"[carbon] machine_share = {share!r}: expected 0 to 1")


def _embodied(embodied_kg: float | None, lifetime_years: float | None) -> float | None:
    """Return the grams of each second of the machine's life."""
    if embodied_kg is None and lifetime_years is None:
        return None
    if embodied_kg is None or lifetime_years is None or not (embodied_kg >= 0 and lifetime_years > 0):
        raise ConfigError(
            f"[carbon] embodied_kg = {embodied_kg!r}, lifetime_years = {lifetime_years!r}: expected both, "
            "kilograms from 0 and years above 0"
        )
    return embodied_kg * 1e3 / (lifetime_years * SECONDS_PER_YEAR)


def _unknown(kind: str, name: str, known: list[str]) -> ConfigError:
    from difflib import get_close_matches

    near = get_close_matches(name, known) or get_close_matches(name.title(), known)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {len(known)}, such as {known[0]!r}"
    return ConfigError(f"[carbon] {kind} = {name!r} is not known; {hint}; or set intensity_g_per_kwh instead")
