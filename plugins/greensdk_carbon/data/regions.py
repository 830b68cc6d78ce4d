"""
In which country a cloud's region is, and how much electricity a cloud's buildings add.

Written by hand: facts, without a licence. The regions are from the providers' own lists: https://docs.aws.amazon.com/global-infrastructure/latest/regions/
with botocore's ``endpoints.json`` (1.43), https://cloud.google.com/compute/docs/regions-zones and
https://learn.microsoft.com/azure/reliability/regions-list, as of November 2026.
"""

from __future__ import annotations

AWS = {
    "af-south-1": "ZAF",
    "ap-east-1": "HKG",
    "ap-east-2": "TWN",
    "ap-northeast-1": "JPN",
    "ap-northeast-2": "KOR",
    "ap-northeast-3": "JPN",
    "ap-south-1": "IND",
    "ap-south-2": "IND",
    "ap-southeast-1": "SGP",
    "ap-southeast-2": "AUS",
    "ap-southeast-3": "IDN",
    "ap-southeast-4": "AUS",
    "ap-southeast-5": "MYS",
    "ap-southeast-6": "NZL",
    "ap-southeast-7": "THA",
    "ca-central-1": "CAN",
    "ca-west-1": "CAN",
    "cn-north-1": "CHN",
    "cn-northwest-1": "CHN",
    "eu-central-1": "DEU",
    "eu-central-2": "CHE",
    "eu-north-1": "SWE",
    "eu-south-1": "ITA",
    "eu-south-2": "ESP",
    "eu-west-1": "IRL",
    "eu-west-2": "GBR",
    "eu-west-3": "FRA",
    "eusc-de-east-1": "DEU",
    "il-central-1": "ISR",
    "me-central-1": "ARE",
    "me-south-1": "BHR",
    "mx-central-1": "MEX",
    "sa-east-1": "BRA",
    "us-east-1": "USA",
    "us-east-2": "USA",
    "us-gov-east-1": "USA",
    "us-gov-west-1": "USA",
    "us-iso-east-1": "USA",
    "us-iso-west-1": "USA",
    "us-isob-east-1": "USA",
    "us-isob-west-1": "USA",
    "us-isof-east-1": "USA",
    "us-isof-south-1": "USA",
    "us-west-1": "USA",
    "us-west-2": "USA",
}

GOOGLE = {
    "africa-south1": "ZAF",
    "asia-east1": "TWN",
    "asia-east2": "HKG",
    "asia-northeast1": "JPN",
    "asia-northeast2": "JPN",
    "asia-northeast3": "KOR",
    "asia-south1": "IND",
    "asia-south2": "IND",
    "asia-southeast1": "SGP",
    "asia-southeast2": "IDN",
    "asia-southeast3": "THA",
    "australia-southeast1": "AUS",
    "australia-southeast2": "AUS",
    "europe-central2": "POL",
    "europe-north1": "FIN",
    "europe-north2": "SWE",
    "europe-southwest1": "ESP",
    "europe-west1": "BEL",
    "europe-west10": "DEU",
    "europe-west12": "ITA",
    "europe-west2": "GBR",
    "europe-west3": "DEU",
    "europe-west4": "NLD",
    "europe-west6": "CHE",
    "europe-west8": "ITA",
    "europe-west9": "FRA",
    "me-central1": "QAT",
    "me-central2": "SAU",
    "me-west1": "ISR",
    "northamerica-northeast1": "CAN",
    "northamerica-northeast2": "CAN",
    "northamerica-south1": "MEX",
    "southamerica-east1": "BRA",
    "southamerica-west1": "CHL",
    "us-central1": "USA",
    "us-east1": "USA",
    "us-east4": "USA",
    "us-east5": "USA",
    "us-south1": "USA",
    "us-west1": "USA",
    "us-west2": "USA",
    "us-west3": "USA",
    "us-west4": "USA",
}

_AZURE = """
ARE uaecentral uaenorth
AUS australiacentral australiacentral2 australiaeast australiasoutheast
AUT austriaeast
BEL belgiumcentral
BRA brazilsouth brazilsoutheast
CAN canadacentral canadaeast
CHE switzerlandnorth switzerlandwest
CHL chilecentral
CHN chinaeast chinaeast2 chinaeast3 chinanorth chinanorth2 chinanorth3
DEU germanynorth germanywestcentral
DNK denmarkeast
ESP spaincentral
FRA francecentral francesouth
GBR uksouth ukwest
HKG eastasia
IDN indonesiacentral
IND centralindia jioindiacentral jioindiawest southindia westindia
IRL northeurope
ISR israelcentral
ITA italynorth
JPN japaneast japanwest
KOR koreacentral koreasouth
MEX mexicocentral
MYS malaysiawest
NLD westeurope
NOR norwayeast norwaywest
NZL newzealandnorth
POL polandcentral
QAT qatarcentral
SGP southeastasia
SWE swedencentral swedensouth
TWN taiwannorth
USA centralus eastus eastus2 northcentralus southcentralus westcentralus westus westus2 westus3
USA usgovarizona usgovtexas usgovvirginia
ZAF southafricanorth southafricawest
"""

AZURE = {name: line[:3] for line in _AZURE.split("\n") for name in line.split()[1:]}

CLOUDS: dict[str, dict[str, str]] = {"aws": AWS, "google": GOOGLE, "azure": AZURE}
"""Provider to region to country, ISO 3166-1 alpha-3."""

PUE: dict[str, tuple[float, str]] = {
    "aws": (1.14, "AWS, average of all in 2025, https://sustainability.aboutamazon.com/products-services/aws-cloud"),
    "google": (1.09, "Google, average of all in twelve months, August 2026, https://datacenters.google/efficiency/"),
    "azure": (
        1.17,
        "Microsoft, average of all in fiscal year 2025, https://datacenters.microsoft.com/sustainability/efficiency/",
    ),
}
"""Provider to its power usage effectiveness and who says so: kWh of the building for each kWh of its computers."""

PUE_DATE = "2026-08-31"
"""When these were read."""
