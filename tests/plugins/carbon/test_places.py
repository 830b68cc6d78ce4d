"""
Countries and regions as people and clouds write them.
"""

from __future__ import annotations

import pytest
from greensdk_carbon import Carbon
from greensdk_carbon.data.codes import ALPHA_2, WITHOUT_FIGURE
from greensdk_carbon.data.countries import COUNTRIES, NAMES
from greensdk_carbon.places import country_code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *(("ESP", "ESP"), ("esp", "ESP"), ("es", "ESP"), ("Spain", "ESP"), (" SPAIN ", "ESP")),
        *(("UK", "GBR"), ("GB", "GBR"), ("gbr", "GBR"), ("Great Britain", "GBR"), ("United Kingdom", "GBR")),
        *(("US", "USA"), ("usa", "USA"), ("United States of America", "USA"), ("united states", "USA")),
        *(("Türkiye", "TUR"), ("Turkey", "TUR"), ("Côte d'Ivoire", "CIV"), ("Cote d'Ivoire", "CIV")),
        *(("Réunion", "REU"), ("South Korea", "KOR"), ("Taiwan", "TWN"), ("Hong Kong", "HKG"), ("Czechia", "CZE")),
        *(("Czech Republic", "CZE"), ("The Netherlands", "NLD"), ("holland", "NLD"), ("Russia", "RUS")),
        *(("XK", "XKX"), ("Kosovo", "XKX"), ("Viet Nam", "VNM"), ("Laos", "LAO"), ("Palestine", "PSE")),
        *(
            ("Andorra", "AND"),
            ("Vatican", "VAT"),
            ("Congo", "COG"),
            ("DR Congo", "COD"),
            ("Virgin Islands", None),
            ("Atlantis", None),
            ("", None),
            ("E", None),
            ("EU", None),
        ),
    ],
)
def test_a_country_is_understood_as_people_write_it(written, code):
    """
    Codes of three and two letters, names, other names; what no country has is none.
    """
    assert code == country_code(written)


def test_every_code_and_name_leads_to_its_country():
    """
    Each country that has an intensity, or none, by all that it is called.
    """
    pairs = ALPHA_2.split()

    assert 250 == len({pair[:3] for pair in pairs}) == len({pair[3:] for pair in pairs})
    assert [pair[:3] for pair in pairs] == [country_code(pair[3:]) for pair in pairs]
    assert {pair[:3] for pair in pairs} == COUNTRIES.keys() | WITHOUT_FIGURE.keys()
    assert COUNTRIES.keys() == NAMES.keys()
    for code, name in {**WITHOUT_FIGURE, **NAMES}.items():
        assert code == country_code(name), name


@pytest.mark.parametrize(
    ("zone", "region"),
    [
        ("us-east-1a", "us-east-1"),
        ("eu-central-1c", "eu-central-1"),
        ("europe-west9-b", "europe-west9"),
        ("us-central1-f", "us-central1"),
        ("West Europe", "westeurope"),
        ("US Gov Virginia", "usgovvirginia"),
        ("US-EAST-1", "us-east-1"),
    ],
)
def test_a_zone_is_in_its_region(zone, region):
    """
    As instances know it; Azure's names for people too.
    """
    assert region == Carbon(region=zone)({"energy_j": 1.0})["region"]
