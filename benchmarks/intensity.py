"""
Makes plugins/greensdk_carbon/data/countries.py: the carbon intensity of each country's electricity.

    python benchmarks/intensity.py [average-intensities.json]

The numbers are Ember's, "Yearly Electricity Data" (https://ember-energy.org/data/yearly-electricity-data/), published
under CC BY 4.0 (https://ember-energy.org/creative-commons/). The file is what the project CO2.js has fetched from
Ember's interface for them: the latest year of each country. Without an argument it is downloaded, always the same
version; for newer numbers change COMMIT and DATE here.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from urllib.request import urlopen

COMMIT, DATE = "b459b5e", "2025-08-03"
URL = f"https://raw.githubusercontent.com/thegreenwebfoundation/co2.js/{COMMIT}/data/output/average-intensities.json"
TABLE = Path(__file__).parents[1] / "plugins" / "greensdk_carbon" / "data" / "countries.py"

HEAD = f'''"""
The carbon intensity of electricity by country; made by benchmarks/intensity.py, not by hand.

Source: Ember, "Yearly Electricity Data", https://ember-energy.org/data/yearly-electricity-data/, CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). Changed: only the latest year of each country is here. Grams of CO2
equivalent per kWh generated in the country, over the whole life of plants and fuels, for 100 years; imports and losses
of the grid are not in them.
"""

from greensdk_carbon.data import named

DATE = "{DATE}"
"""When these were published."""

SOURCE = f"Ember, Yearly Electricity Data ({{DATE}}), average of the country, CC BY 4.0"

_COUNTRIES = """
'''

MIDDLE = '''
"""

COUNTRIES = {code: (float(text[:-5]), int(text[-4:])) for code, text in named(_COUNTRIES).items()}
"""ISO 3166-1 alpha-3 to (grams per kWh, year)."""

_NAMES = """
'''

TAIL = '''
"""

NAMES = named(_NAMES)
"""ISO 3166-1 alpha-3 to Ember's name of the country."""
'''


def table(text: str) -> str:
    # Groups of countries have no code. An intensity of 0 is a grid so small that its emissions were rounded away.
    found = json.loads(text).values()
    rows = [row for row in found if row["country_code"] and row["emissions_intensity_gco2_per_kwh"]]
    rows.sort(key=lambda row: row["country_code"])
    figures = [f"{row['country_code']}={row['emissions_intensity_gco2_per_kwh']:.10g}/{row['year']}" for row in rows]
    names = [f"{row['country_code']}={row['country_or_region']}" for row in rows]
    return HEAD + folded(figures) + MIDDLE + folded(names) + TAIL


def folded(entries: list[str]) -> str:
    return textwrap.fill("; ".join(entries), 120, break_long_words=False, break_on_hyphens=False)


def main() -> None:
    if sys.argv[1:]:
        text = Path(sys.argv[1]).read_text(encoding="utf-8")
    else:
        with urlopen(URL, timeout=60) as answer:
            text = answer.read().decode()
    TABLE.write_text(table(text), encoding="utf-8")
    print(f"written: {TABLE}")


if __name__ == "__main__":
    main()
