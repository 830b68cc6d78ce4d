"""
Where this is: countries as people write them, regions of clouds, and what the environment says.
"""

from __future__ import annotations

from collections.abc import Mapping

from greensdk_carbon.data.regions import CLOUDS


def country_code(text: str) -> str | None:
    """
    Return ISO 3166-1 alpha-3 of a country by its codes of three or two letters, or its English name; else None.

    >>> country_code("esp"), country_code("UK"), country_code("South Korea"), country_code("Côte d'Ivoire")
    ('ESP', 'GBR', 'KOR', 'CIV')
    """
    from greensdk_carbon.data.codes import ALIASES, ALPHA_2, WITHOUT_FIGURE
    from greensdk_carbon.data.countries import NAMES

    code = text.strip().upper()
    for pair in ALPHA_2.split():
        if code in (pair[:3], pair[3:]):
            return pair[:3]
    name, names = _plain(text), {**WITHOUT_FIGURE, **NAMES}
    if name in ALIASES:
        return ALIASES[name]
    # "Congo" is one country and "Congo (DRC)" another; "Virgin Islands" alone is none
    found = [code for code, known in names.items() if _plain(known) == name]
    found = found or [code for code, known in names.items() if _plain(known.partition("(")[0]) == name]
    return found[0] if len(found) == 1 else None


def locate(region: str) -> tuple[str, str, str] | None:
    """
    Return provider, name of the region and country; Azure's readable names ("West Europe") and zones will do.

    >>> locate("West Europe"), locate("us-east-1a"), locate("europe-west9-b")
    (('azure', 'westeurope', 'NLD'), ('aws', 'us-east-1', 'USA'), ('google', 'europe-west9', 'FRA'))
    """
    name = region.lower().replace(" ", "")
    zone_of = name[:-1].rstrip("-") if name[-1:].isalpha() else name  # AWS's us-east-1a, Google's us-east1-b
    for each in (name, zone_of):
        for cloud, regions in CLOUDS.items():
            if each in regions:
                return cloud, each, regions[each]
    return None


def here(environ: Mapping[str, str]) -> str | None:
    """
    Return the region that this process runs in, if its cloud says so.

    A laptop has AWS_REGION or GOOGLE_CLOUD_REGION set as well, for its owner's resources elsewhere; they count only
    beside a variable that a cloud sets for its own processes:

    - Lambda: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    - ECS and Fargate: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-environment-variables.html
    - Azure Functions: https://learn.microsoft.com/azure/app-service/reference-app-settings
    - Cloud Run, which tells no region of its own: https://cloud.google.com/run/docs/container-contract
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in environ or environ.get("AWS_EXECUTION_ENV") in {"AWS_ECS_FARGATE", "AWS_ECS_EC2"}:
        return environ.get("AWS_REGION")
    if "WEBSITE_SITE_NAME" in environ:
        return environ.get("REGION_NAME")
    if "K_SERVICE" in environ or "CLOUD_RUN_JOB" in environ:
        return environ.get("GOOGLE_CLOUD_REGION") or environ.get("FUNCTION_REGION")
    return None


def _plain(name: str) -> str:
    # Small letters without accents, no signs, no article: "The Philippines", "Côte d'Ivoire".
    from unicodedata import normalize

    letters = normalize("NFKD", name.replace("[", "(").lower())
    words = "".join(each if each.isascii() and each.isalpha() else " " for each in letters if each.isascii()).split()
    return " ".join(words[1:] if words[:1] == ["the"] else words)
