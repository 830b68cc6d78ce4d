"""
A call's emissions: joules times intensity, from a country or region that somebody tells, or a reason.
"""

from __future__ import annotations

import importlib.util
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from greensdk_carbon import Carbon, notes
from greensdk_carbon.data.countries import COUNTRIES, DATE, NAMES
from greensdk_carbon.data.regions import CLOUDS, PUE
from hypothesis import given
from hypothesis import strategies as st

import greensdk
from greensdk.errors import ConfigError
from greensdk.schema.widest import widest_of

KWH = {"energy_j": 3.6e6, "energy_low_j": 1.8e6, "energy_high_j": 7.2e6}

TELLING = (
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_EXECUTION_ENV", "AWS_REGION", "WEBSITE_SITE_NAME", "REGION_NAME"),
    *("K_SERVICE", "CLOUD_RUN_JOB", "GOOGLE_CLOUD_REGION", "FUNCTION_REGION"),
)

REGIONS = [(cloud, region, country) for cloud, regions in CLOUDS.items() for region, country in regions.items()]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """
    No cloud tells these tests where they run.
    """
    for name in TELLING:
        monkeypatch.delenv(name, raising=False)


def test_a_kwh_emits_the_intensity_of_the_country():
    """
    With the interval of its energy, and everything that the number rests on.
    """
    grams, year = COUNTRIES["ESP"]
    expected = {
        "g_co2e": pytest.approx(grams),
        "low_g": pytest.approx(grams / 2),
        "high_g": pytest.approx(grams * 2),
        "energy_boundary": None,
        "intensity_g_per_kwh": grams,
        "intensity_year": year,
        "intensity_source": f"Ember, Yearly Electricity Data ({DATE}), average of the country, CC BY 4.0",
        "country": "ESP",
        "provider": None,
        "region": None,
        "pue": 1.0,
        "pue_source": "not in a known cloud",
        "embodied_g": None,
        "reason": None,
    }

    assert expected == Carbon(country="esp")(KWH)


@pytest.mark.parametrize(("cloud", "region", "country"), REGIONS)
def test_every_region_of_every_cloud_has_an_intensity(cloud, region, country):
    """
    That of its country, times what the cloud says its buildings add.
    """
    fields = Carbon(region=region)(KWH)

    assert (cloud, region, country) == (fields["provider"], fields["region"], fields["country"])
    assert (PUE[cloud]) == (fields["pue"], fields["pue_source"])
    assert COUNTRIES[country][0] * PUE[cloud][0] == pytest.approx(fields["g_co2e"])


def test_no_two_clouds_share_a_name():
    """
    A name alone tells the cloud.
    """
    names = [region for _, region, _ in REGIONS]

    assert len(names) == len(set(names))
    assert [45, 43] == [len(CLOUDS["aws"]), len(CLOUDS["google"])]


def test_the_table_is_plausible():
    """
    Grams from hydropower to old gas plants, never 0, years that are not old, codes of three letters.
    """
    assert all(len(code) == 3 and code.isupper() for code in COUNTRIES)
    assert all(20 < grams < 1400 for grams, _ in COUNTRIES.values())
    assert {2022, 2023, 2024} == {year for _, year in COUNTRIES.values()}
    assert COUNTRIES["NOR"][0] < COUNTRIES["FRA"][0] < COUNTRIES["ESP"][0] < COUNTRIES["DEU"][0] < COUNTRIES["POL"][0]


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE", "AWS_REGION": "us-west-2"}, "us-west-2"),
        ({"WEBSITE_SITE_NAME": "app", "REGION_NAME": "West Europe"}, "westeurope"),
        ({"K_SERVICE": "s", "GOOGLE_CLOUD_REGION": "europe-west9"}, "europe-west9"),
        ({"CLOUD_RUN_JOB": "j", "FUNCTION_REGION": "us-central1"}, "us-central1"),
    ],
)
def test_a_cloud_tells_its_own_processes_where_they_are(monkeypatch, variables, region):
    """
    Azure with a name for people.
    """
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    fields = Carbon()(KWH)

    assert region == fields["region"]
    assert fields["g_co2e"] > 0


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_REGION": "eu-west-1"},
        {"AWS_REGION": "eu-west-1", "AWS_EXECUTION_ENV": "AWS_ECS_EXTERNAL"},
        {"GOOGLE_CLOUD_REGION": "europe-west9"},
        {"REGION_NAME": "West Europe"},
        {"K_SERVICE": "s"},
        {"AWS_LAMBDA_FUNCTION_NAME": "f"},
    ],
)
def test_no_country_is_guessed(monkeypatch, variables):
    """
    A region in somebody's profile is where their resources are, not where this runs.
    """
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    fields = Carbon()(KWH)

    assert [None] * 6 == [fields[key] for key in ("g_co2e", "low_g", "high_g", "country", "region", "intensity_source")]
    assert "country unknown: set country, region or intensity_g_per_kwh in [carbon]" == fields["reason"]


def test_a_region_that_is_too_new_has_a_reason_and_takes_a_country(monkeypatch):
    """
    Its name is kept, so that the record can be completed later.
    """
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("AWS_REGION", "eu-moon-1")

    assert ("eu-moon-1", None) == (Carbon()(KWH)["region"], Carbon()(KWH)["g_co2e"])
    assert "no country of the region 'eu-moon-1' is known: set country in [carbon]" == Carbon()(KWH)["reason"]
    assert COUNTRIES["DEU"][0] == pytest.approx(Carbon(country="DEU")(KWH)["g_co2e"])


def test_a_configured_country_wins_over_the_cloud_around(monkeypatch):
    """
    An emulator on a laptop says that it is in Virginia.
    """
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    fields = Carbon(country="ESP")(KWH)

    assert ("ESP", None, None, 1.0) == tuple(fields[key] for key in ("country", "provider", "region", "pue"))


def test_own_intensity_and_pue_keep_their_source():
    """
    Nothing else has to be known then.
    """
    own = Carbon(intensity_g_per_kwh=42.0, intensity_source="my supplier", intensity_year=2026, pue=1.5)(KWH)

    assert (63.0, 42.0) == (pytest.approx(own["g_co2e"]), own["intensity_g_per_kwh"])
    assert ("my supplier", 2026, "configured") == (own["intensity_source"], own["intensity_year"], own["pue_source"])
    assert "configured" == Carbon(intensity_g_per_kwh=42.0)(KWH)["intensity_source"]
    assert "IRL" == Carbon(intensity_g_per_kwh=42.0, region="eu-west-1")(KWH)["country"]


def test_no_energy_is_no_emission():
    """
    None and the record's reason, never 0 g.
    """
    fields = Carbon(country="ESP")({"energy_j": None, "reason": "no monitor can measure here"})

    assert (None, None, None) == (fields["g_co2e"], fields["low_g"], fields["high_g"])
    assert "no energy: no monitor can measure here" == fields["reason"]
    assert COUNTRIES["ESP"][0] == fields["intensity_g_per_kwh"]


def test_energy_without_an_interval_has_no_interval_of_grams():
    """
    The middle is still there.
    """
    fields = Carbon(country="ESP")({"energy_j": 3.6e6, "energy_low_j": None})

    assert (None, None) == (fields["low_g"], fields["high_g"])
    assert fields["g_co2e"] > 0


def test_embodied_emissions_as_the_specification_works_them_out():
    """
    1000 kg over four years, the whole machine for an hour: 28.5 g (the specification's example, "around 28 g").
    """
    carbon = Carbon(country="ESP", embodied_kg=1000.0, lifetime_years=4.0, machine_share=1.0)
    fields = carbon({"energy_j": 3.6e6, "duration_s": 3600.0})

    assert 28.54 == round(fields["embodied_g"], 2)
    assert COUNTRIES["ESP"][0] == pytest.approx(fields["g_co2e"])


@pytest.mark.parametrize(
    ("record", "share"),
    [
        ({"duration_s": 3600.0, "cpu_s": 1800.0, "host": {"cpus_logical": 2}}, 0.25),
        ({"duration_s": 3600.0, "cpu_s": 7201.0, "host": {"cpus_logical": 2}}, 1.0),
        ({"duration_s": 3600.0, "cpu_s": None, "host": {"cpus_logical": 2}}, None),
        ({"duration_s": None, "cpu_s": 1.0, "host": {"cpus_logical": 2}}, None),
        ({"duration_s": 3600.0, "cpu_s": 1.0, "host": {}}, None),
    ],
)
def test_the_share_of_a_machine_is_that_of_its_cpus(record, share):
    """
    At most the whole, and null where no clock tells it, even if the energy is not known either.
    """
    fields = Carbon(embodied_kg=1000.0, lifetime_years=4.0)(record)

    assert (None if share is None else pytest.approx(28.538813 * share)) == fields["embodied_g"]
    assert fields["g_co2e"] is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"country": "Spian"}, "did you mean 'Spain'"),
        ({"country": "AND"}, "Ember publishes no intensity"),
        ({"country": "Liechtenstein"}, "'LIE': Ember publishes no intensity"),
        ({"intensity_g_per_kwh": "42,0"}, "'42,0': expected a number"),
        ({"intensity_g_per_kwh": float("nan")}, "expected 0 or more"),
        ({"country": "Xyzzy"}, "there are 416, such as 'ABW'"),
        ({"region": "eu-west-9"}, "did you mean 'eu-west-"),
        ({"region": "westeurop"}, "did you mean 'westeurope'"),
        ({"country": "ESP", "region": "eu-west-1"}, "'eu-west-1' is in IRL"),
        ({"country": "ESP", "pue": 0.9}, "expected 1 or more"),
        ({"intensity_g_per_kwh": -1.0}, "expected 0 or more"),
        ({"country": "ESP", "intensity_year": 2026}, "set it"),
        ({"machine_share": 2.0}, "expected 0 to 1"),
        ({"embodied_kg": 1000.0}, "expected both"),
        ({"lifetime_years": 4.0}, "expected both"),
        ({"embodied_kg": 1000.0, "lifetime_years": 0.0}, "years above 0"),
    ],
)
def test_a_wrong_setting_is_told_before_the_first_call(settings, message):
    """
    One line that says what would be right.
    """
    with pytest.raises(ConfigError, match=message):
        Carbon(**settings)


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.sampled_from(sorted(COUNTRIES)))
def test_more_energy_never_emits_less(one, other, country):
    """
    In any country.
    """
    carbon = Carbon(country=country)
    less, more = sorted((one, other))

    assert 0 <= carbon({"energy_j": less})["g_co2e"] <= carbon({"energy_j": more})["g_co2e"]


def test_a_record_is_not_changed_by_the_next():
    """
    Each has fields of its own.
    """
    carbon = Carbon(country="ESP")
    first = carbon(KWH)
    carbon({"energy_j": None})["country"] = "QQQ"

    assert first == carbon(KWH)


@pytest.mark.parametrize(
    ("today", "lines"),
    [
        (date(2026, 11, 21), []),
        (date(2027, 2, 2), []),
        (date(2027, 2, 3), ["the carbon intensities are from 2025-08-03"]),
        (date(2028, 3, 2), ["the carbon intensities are from 2025-08-03", "the clouds' PUE are from 2026-08-31"]),
    ],
)
def test_outdated_tables_are_reported(today, lines):
    """
    From a year and a half on, each on a line with its date.
    """
    assert [f"carbon: {line}" for line in lines] == [line.partition(";")[0] for line in notes(today)]


def test_the_table_of_countries_comes_from_the_script(tmp_path):
    """
    The latest year of each country as Ember's file has it, in order, without continents and rounded zeros.
    """
    path = Path(__file__).parents[3] / "benchmarks" / "intensity.py"
    spec = importlib.util.spec_from_file_location("intensity", path)
    assert spec
    assert spec.loader
    script: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    rows = {
        code: {
            "country_code": code,
            "country_or_region": NAMES[code],
            "year": year,
            "emissions_intensity_gco2_per_kwh": grams,
        }
        for code, (grams, year) in reversed(COUNTRIES.items())
    }
    rows["Africa"] = {"country_code": "", "year": 2024, "emissions_intensity_gco2_per_kwh": 545.09}
    rows["CAF"] = {"country_code": "CAF", "year": 2022, "emissions_intensity_gco2_per_kwh": 0}

    assert (script.TABLE).read_text(encoding="utf-8") == script.table(json.dumps(rows))


def test_the_grams_are_in_the_record_when_they_are_configured():
    """
    And not when they are not.
    """
    with greensdk.track("x", sink="memory:", monitors=["psutil-tdp"], plugins={"carbon": {"country": "ESP"}}) as block:
        sum(range(100_000))
    with greensdk.track("x", sink="memory:", monitors=[]) as untold:
        pass

    assert {} == untold.record["carbon"]
    carbon, energy_j = block.record["carbon"], widest_of(block.record).energy_j
    assert (None if energy_j is None else "wall") == carbon["energy_boundary"]
    assert "ESP" == carbon["country"]
    assert (None if energy_j is None else pytest.approx(energy_j / 3.6e6 * COUNTRIES["ESP"][0])) == carbon["g_co2e"]


def test_the_environment_alone_switches_it_on(monkeypatch):
    """
    As text, which the arguments' types make sense of.
    """
    monkeypatch.setenv("GREENSDK_CARBON_REGION", "auto")
    monkeypatch.setenv("GREENSDK_CARBON_PUE", "1.25")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    with greensdk.track("x", sink="memory:", monitors=[]) as call:
        pass

    assert {} == call.record["errors"]
    carbon = call.record["carbon"]
    assert ("SWE", 1.25, "configured") == (carbon["country"], carbon["pue"], carbon["pue_source"])
