"""
In which country a cloud's region is, and how much electricity a cloud's buildings add.

Written by hand: facts, without a licence. The regions are from the providers' own lists: https://docs.aws.amazon.com/global-infrastructure/latest/regions/
with botocore's ``endpoints.json`` (1.43), https://cloud.google.com/compute/docs/regions-zones and
https://learn.microsoft.com/azure/reliability/regions-list, as of November 2026.
"""

from __future__ import annotations

_AWS = """
ARE me-central-1
AUS ap-southeast-2 ap-southeast-4
BHR me-south-1
BRA sa-east-1
CAN ca-central-1 ca-west-1
CHE eu-central-2
CHN cn-north-1 cn-northwest-1
DEU eu-central-1 eusc-de-east-1
ESP eu-south-2
FRA eu-west-3
GBR eu-west-2
HKG ap-east-1
IDN ap-southeast-3
IND ap-south-1 ap-south-2
IRL eu-west-1
ISR il-central-1
ITA eu-south-1
JPN ap-northeast-1 ap-northeast-3
KOR ap-northeast-2
MEX mx-central-1
MYS ap-southeast-5
NZL ap-southeast-6
SGP ap-southeast-1
SWE eu-north-1
THA ap-southeast-7
TWN ap-east-2
USA us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-iso-east-1 us-iso-west-1 us-isob-east-1 us-isob-west-1
USA us-isof-east-1 us-isof-south-1 us-west-1 us-west-2
ZAF af-south-1
"""

_GOOGLE = """
AUS australia-southeast1 australia-southeast2
BEL europe-west1
BRA southamerica-east1
CAN northamerica-northeast1 northamerica-northeast2
CHE europe-west6
CHL southamerica-west1
DEU europe-west10 europe-west3
ESP europe-southwest1
FIN europe-north1
FRA europe-west9
GBR europe-west2
HKG asia-east2
IDN asia-southeast2
IND asia-south1 asia-south2
ISR me-west1
ITA europe-west12 europe-west8
JPN asia-northeast1 asia-northeast2
KOR asia-northeast3
MEX northamerica-south1
NLD europe-west4
POL europe-central2
QAT me-central1
SAU me-central2
SGP asia-southeast1
SWE europe-north2
THA asia-southeast3
TWN asia-east1
USA us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4
ZAF africa-south1
"""

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

CLOUDS: dict[str, dict[str, str]] = {
    cloud: {name: line[:3] for line in lines.split("\n") for name in line.split()[1:]}
    for cloud, lines in (("aws", _AWS), ("google", _GOOGLE), ("azure", _AZURE))
}
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
