"""
What AWS Lambda costs, by region: US dollars for a GB-second on x86_64, one on arm64, and a request.

Written by hand: facts of AWS, without a licence, each as one of `SOURCES` shows it; a region that none shows is not
here. Left out are the free tier, savings plans, provisioned concurrency, and storage beyond 512 MB.
"""

from __future__ import annotations

ARCHITECTURES = {"x86_64": 0, "arm64": 1}
"""Where an architecture's price stands in a row."""

PRICE_LIST, CALCULATOR = "AWS Price List, offer AWSLambda", "AWS Pricing Calculator, lambda.json"

SOURCES = {PRICE_LIST: "2026-09-06", CALCULATOR: "2026-09-22"}
"""
Source to the day on which it was read:

- the price list, https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AWSLambda/current/us-east-1/index.json,
  tiers included;
- the calculator, https://calculator.aws/pricing/2.0/meteredUnitMaps/lambda/USD/current/lambda.json, first tier only,
  as the npm package @remotion/lambda-client 4.0.527 of that day carries it.
"""

_USUAL = (0.0000166667, 0.0000133334, 0.0000002)

PRICES: dict[str, tuple[float, float, float]] = {
    "af-south-1": (0.0000221, 0.00001768, 0.00000027),
    "ap-east-1": (0.00002292, 0.0000183, 0.00000028),
    "ap-northeast-1": _USUAL,
    "ap-northeast-2": _USUAL,
    "ap-northeast-3": _USUAL,
    "ap-south-1": _USUAL,
    "ap-southeast-1": _USUAL,
    "ap-southeast-2": _USUAL,
    "ap-southeast-4": _USUAL,
    "ap-southeast-5": (0.000015, 0.000012, 0.00000018),
    "ca-central-1": _USUAL,
    "eu-central-1": _USUAL,
    "eu-central-2": (0.0000183334, 0.0000146667, 0.00000022),
    "eu-north-1": _USUAL,
    "eu-south-1": (0.0000195172, 0.0000156138, 0.00000023),
    "eu-west-1": _USUAL,
    "eu-west-2": _USUAL,
    "eu-west-3": _USUAL,
    "sa-east-1": _USUAL,
    "us-east-1": _USUAL,
    "us-east-2": _USUAL,
    "us-west-1": _USUAL,
    "us-west-2": _USUAL,
}
"""Region to the prices of a month's first GB-seconds."""

HIGHER_TIERS: dict[str, dict[int, tuple[float, float]]] = {
    "us-east-1": {2: (0.000015, 0.0000120001), 3: (0.0000133334, 0.0000106667)},
}
"""
Region to tier to the prices of a GB-second. On x86_64 the second tier begins at 6e9 GB-s a month and the third at
15e9, on arm64 at 7.5e9 and 18.75e9.
"""
