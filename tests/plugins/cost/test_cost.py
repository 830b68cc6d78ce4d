"""
A call's cost: the bill of a function, the hour of a machine, the electricity, and a reason where a price is missing.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from greensdk_cost import FIELDS, Cost, notes, prices
from hypothesis import given
from hypothesis import strategies as st

import greensdk
from greensdk.errors import ConfigError

LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024"}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """
    No test runs in a Lambda unless it says so.
    """
    for name in LAMBDA:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def in_lambda(monkeypatch):
    """
    Return a function that puts us into a Lambda: ``in_lambda(AWS_REGION="eu-west-1")``; None leaves a variable out.
    """

    def enter(**variables: str | None) -> None:
        for name, value in {**LAMBDA, **variables}.items():
            if value is not None:
                monkeypatch.setenv(name, value)

    return enter


def call(duration_s: float | None = 1.0, **changes: Any) -> dict[str, Any]:
    """
    Return as much of a record as a price needs.
    """
    return {
        "status": "ok",
        "depth": 0,
        "duration_s": duration_s,
        "cpu_s": 0.5,
        "energy_j": 36.0,
        "reason": None,
        "host": {"arch": "x86_64", "cpus_logical": 2},
        "worker": None,
        **changes,
    }


GOLDEN = [
    ("x86_64", 512, 0.100, 0.05, 8.33335e-07),
    ("x86_64", 1024, 0.100, 0.1, 1.66667e-06),
    ("x86_64", 2048, 0.100, 0.2, 3.33334e-06),
    ("aarch64", 512, 0.100, 0.05, 6.6667e-07),
    ("aarch64", 1024, 0.100, 0.1, 1.33334e-06),
    ("aarch64", 2048, 0.100, 0.2, 2.66668e-06),
    ("x86_64", 1769, 900.0, 1554.78515625, 0.025913137763671874),
]


@pytest.mark.parametrize(("arch", "memory_mb", "duration_s", "gb_s", "usd"), GOLDEN)
def test_a_lambda_is_billed_by_the_gb_second_and_the_request(in_lambda, arch, memory_mb, duration_s, gb_s, usd):
    """
    The prices of us-east-1, worked out by hand.
    """
    in_lambda(AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(memory_mb))
    fields = Cost()(call(duration_s, host={"arch": arch}))

    assert gb_s == pytest.approx(fields["gb_s"], rel=1e-12)
    assert usd == pytest.approx(fields["compute_usd"], rel=1e-12)
    assert 0.0000002 == fields["requests_usd"]
    assert fields["usd"] == fields["compute_usd"] + fields["requests_usd"]
    assert fields["reason"] is None


@pytest.mark.parametrize(
    ("duration_s", "billed_ms"),
    [(0.0001, 1), (0.001, 1), (0.0010001, 2), (0.07, 70), (0.3, 300), (1.0000000001, 1000), (2.5000009, 2501)],
)
def test_a_duration_is_rounded_up_to_the_millisecond(in_lambda, duration_s, billed_ms):
    """
    Less than a nanosecond beyond it is the arithmetic's, not time.
    """
    in_lambda()

    assert billed_ms / 1e3 == pytest.approx(Cost()(call(duration_s))["gb_s"])


def test_a_call_inside_another_is_no_request_and_is_not_rounded(in_lambda):
    """
    AWS bills the invocation once.
    """
    in_lambda()
    fields = Cost()(call(0.0105, depth=1))

    assert (0.0105, 0.0) == (fields["gb_s"], fields["requests_usd"])
    assert 0.0105 * 0.0000166667 == pytest.approx(fields["usd"], rel=1e-12)


@pytest.mark.parametrize(
    ("calls", "memory_mb", "duration_s", "free", "compute_usd", "requests_usd"),
    [
        (3_000_000, 1536, 0.120, (400_000, 1_000_000), 2.33, 0.40),
        (7_440_000, 1024, 2.0, (0, 0), 248.00, 1.49),
        (6_000_000, 4096, 0.280, (400_000, 1_000_000), 105.33, 1.00),
    ],
)
def test_the_worked_examples_of_the_pricing_page(
    in_lambda, calls, memory_mb, duration_s, free, compute_usd, requests_usd
):
    """
    https://aws.amazon.com/lambda/pricing/: a month of mobile backend, telemetry and customer support, to the cent.
    """
    in_lambda(AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(memory_mb))
    fields = Cost()(call(duration_s))
    free_gb_s, free_requests = free

    assert compute_usd == round((calls - free_gb_s / fields["gb_s"]) * fields["compute_usd"], 2)
    assert requests_usd == round((calls - free_requests) * fields["requests_usd"], 2)


@pytest.mark.parametrize(
    ("architecture", "tier", "price"),
    [
        ("x86_64", 1, 0.0000166667),
        ("x86_64", 2, 0.000015),
        ("x86_64", 3, 0.0000133334),
        ("arm64", 1, 0.0000133334),
        ("arm64", 2, 0.0000120001),
        ("arm64", 3, 0.0000106667),
    ],
)
def test_tiers_are_chosen_by_the_user(in_lambda, architecture, tier, price):
    """
    A function can't see what its account uses in a month.
    """
    in_lambda()
    fields = Cost(architecture=architecture, tier=tier)(call())

    assert price == fields["compute_usd"]
    assert ("AWS Price List, offer AWSLambda", "2026-09-06") == (fields["price_source"], fields["price_date"])


def test_a_tier_that_no_source_shows_has_no_price(in_lambda):
    """
    Not that of the first tier, and not a guess.
    """
    in_lambda(AWS_REGION="eu-west-1")
    fields = Cost(tier=2)(call())

    assert (None, None, 1.0) == (fields["usd"], fields["compute_usd"], fields["gb_s"])
    assert "no price of a GB-second for eu-west-1, x86_64, tier 2: set gb_s_usd" == fields["reason"]


@pytest.mark.parametrize("region", sorted(prices.PRICES))
def test_every_region_has_prices_with_source_and_date(in_lambda, region):
    """
    Arm costs four fifths of x86 everywhere, to within rounding.
    """
    in_lambda(AWS_REGION=region)
    x86, arm = Cost(architecture="x86_64")(call()), Cost(architecture="arm64")(call())

    assert region == x86["region"]
    assert 0.8 == pytest.approx(arm["compute_usd"] / x86["compute_usd"], rel=2e-3)
    assert 1e-7 < x86["requests_usd"] < 3e-7
    assert prices.SOURCES[x86["price_source"]] == x86["price_date"]


@pytest.mark.parametrize(
    ("variables", "record", "reason"),
    [
        ({"AWS_REGION": "mars-east-1"}, call(), "for mars-east-1, x86_64, tier 1: set gb_s_usd"),
        ({"AWS_REGION": None}, call(), "for None, x86_64, tier 1: set gb_s_usd"),
        ({}, call(host={"arch": "riscv64"}), "for us-east-1, None, tier 1: set gb_s_usd"),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": None}, call(), "set memory_mb"),
        ({}, call(None), "no duration"),
    ],
)
def test_what_is_not_known_is_null_with_a_reason(in_lambda, variables, record, reason):
    """
    Never 0 dollars, and never the price of another region.
    """
    in_lambda(**variables)
    fields = Cost()(record)

    assert (None, None, None) == (fields["usd"], fields["compute_usd"], fields["requests_usd"])
    assert reason in fields["reason"]


def test_own_prices_hold_in_an_unknown_region(in_lambda):
    """
    And are marked as such.
    """
    in_lambda(AWS_REGION="mars-east-1")
    fields = Cost(gb_s_usd=0.001, request_usd=0.1)(call(2.0))

    assert 0.102 == pytest.approx(fields["usd"])
    assert ("configured", None) == (fields["price_source"], fields["price_date"])


def test_own_prices_bill_any_function_by_the_gb_second():
    """
    With the memory that its worker was allotted; the price of a request has to be given, even if it is 0.
    """
    record = call(2.0, worker={"memory_mb": 256, "backend": "knative"})

    assert 0.0005 == pytest.approx(Cost(gb_s_usd=0.001, request_usd=0.0)(record)["usd"])
    assert "no price of a request for None: set request_usd" == Cost(gb_s_usd=0.001)(record)["reason"]


def test_a_call_on_lambda_that_is_told_elsewhere_is_billed_too():
    """
    A client that has a record of its worker takes the region from the configuration.
    """
    record = call(worker={"memory_mb": 1024, "backend": "aws_lambda"})

    assert 0.0000168667 == pytest.approx(Cost(region="eu-west-3")(record)["usd"])
    assert Cost()(record)["usd"] is None


def test_a_call_that_failed_is_billed(in_lambda):
    """
    AWS does not care.
    """
    in_lambda()

    assert Cost()(call())["usd"] == Cost()(call(status="error", error_type="ValueError"))["usd"]


def test_a_laptop_without_prices_has_no_cost(monkeypatch):
    """
    Not even keys, and AWS_REGION in somebody's profile makes no Lambda of it.
    """
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    assert {} == Cost()(call())


def test_a_machine_is_billed_by_the_share_of_its_cpus():
    """
    Half a CPU second of two CPUs in a second: a quarter of the hour's price for that second.
    """
    fields = Cost(usd_per_hour=3.6)(call())

    assert 0.00025 == pytest.approx(fields["usd"])
    assert fields["usd"] == fields["compute_usd"]
    assert "configured" == fields["price_source"]


def test_a_machine_can_be_billed_whole():
    """
    One that was rented for this call alone.
    """
    assert 0.002 == pytest.approx(Cost(usd_per_hour=3.6, machine_share=1)(call(2.0))["usd"])


def test_a_call_never_costs_more_than_the_machine():
    """
    CPU clocks are a little coarser than the wall's.
    """
    assert 0.001 == pytest.approx(Cost(usd_per_hour=3.6)(call(cpu_s=2.1))["usd"])


def test_electricity_keeps_its_currency():
    """
    36 J are a hundred-thousandth of a kWh; euros are no dollars.
    """
    fields = Cost(electricity_per_kwh=0.25, electricity_currency="EUR")(call())

    assert (2.5e-06, "EUR", None) == (
        pytest.approx(fields["electricity"]),
        fields["electricity_currency"],
        fields["usd"],
    )
    assert "no price in USD" == fields["reason"]


def test_electricity_in_dollars_counts_into_the_dollars():
    """
    Beside the machine's hour, if that has a price.
    """
    assert 2.5e-06 == pytest.approx(Cost(electricity_per_kwh=0.25)(call())["usd"])
    assert 0.0002525 == pytest.approx(Cost(electricity_per_kwh=0.25, usd_per_hour=3.6)(call())["usd"])


def test_half_a_sum_is_no_sum():
    """
    Without joules the dollars of the machine stand alone, and the total is null.
    """
    fields = Cost(electricity_per_kwh=0.25, usd_per_hour=3.6)(call(energy_j=None, reason="no meter"))

    assert (None, None) == (fields["usd"], fields["electricity"])
    assert 0.00025 == pytest.approx(fields["compute_usd"])
    assert "no energy: no meter" == fields["reason"]


@pytest.mark.parametrize("record", [call(cpu_s=None), call(host={}), call(None), {}])
def test_a_share_that_no_clock_tells_is_null(record):
    """
    With what helps.
    """
    fields = Cost(usd_per_hour=3.6)(record)

    assert fields["usd"] is None
    assert "set machine_share" in fields["reason"]


def test_all_fields_are_there_or_none(in_lambda):
    """
    So that a table of records has the same columns for functions and machines.
    """
    machine = Cost(usd_per_hour=1.0)(call())
    in_lambda()

    assert list(FIELDS) == list(machine) == list(Cost()(call()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"region": "eu-west-9"}, "did you mean 'eu-west-"),
        ({"architecture": "sparc"}, "expected 'x86_64' or 'arm64'"),
        ({"tier": 4}, "expected 1, 2 or 3"),
        ({"machine_share": 1.5}, "expected 0 to 1"),
        ({"gb_s_usd": -1.0}, "gb_s_usd = -1.0"),
        ({"request_usd": -1.0}, "request_usd = -1.0"),
        ({"usd_per_hour": float("nan")}, "usd_per_hour = nan"),
        ({"electricity_per_kwh": -0.1}, "electricity_per_kwh = -0.1"),
    ],
)
def test_a_wrong_setting_is_told_before_the_first_call(settings, message):
    """
    One line that says what would be right.
    """
    with pytest.raises(ConfigError, match=message):
        Cost(**settings)


durations = st.floats(0, 900, allow_nan=False)
sizes = st.integers(128, 10_240)


@given(durations, durations, sizes, sizes)
def test_more_time_or_memory_never_costs_less(one, other, small, large):
    """
    For any duration and any size of a function.
    """
    (short, long), (small, large) = sorted((one, other)), sorted((small, large))
    less = Cost(region="us-east-1", gb_s_usd=1e-5, request_usd=2e-7, memory_mb=small)(call(short))
    more = Cost(region="us-east-1", gb_s_usd=1e-5, request_usd=2e-7, memory_mb=large)(call(long))

    assert less["usd"] <= more["usd"]
    assert short <= less["gb_s"] * 1024 / small + 1e-9
    assert less["gb_s"] * 1024 / small < short + 0.001 + 1e-9


@pytest.mark.parametrize(("today", "lines"), [(date(2026, 11, 21), 0), (date(2028, 3, 7), 0), (date(2028, 3, 8), 1)])
def test_old_prices_are_told(today, lines):
    """
    From a year and a half on, with their date and where to compare them.
    """
    remarks = notes(today)

    assert lines == len(remarks)
    assert all("2026-09-06" in line and "https://aws.amazon.com/lambda/pricing/" in line for line in remarks)


def test_the_cost_is_in_the_record_when_it_is_configured():
    """
    And not when it is not.
    """
    with greensdk.track("x", sink="memory:", monitors=[], plugins={"cost": {"usd_per_hour": 3.6}}) as paid:
        pass
    with greensdk.track("x", sink="memory:", monitors=[]) as free:
        pass

    assert {} == paid.record["errors"] == free.record["cost"]
    assert paid.record["cost"]["usd"] > 0


def test_a_lambda_has_its_cost_unasked(in_lambda):
    """
    Its prices are public.
    """
    in_lambda(AWS_REGION="eu-central-1")
    with greensdk.track("x", sink="memory:", monitors=[]) as paid:
        pass

    assert ("eu-central-1", None) == (paid.record["cost"]["region"], paid.record["cost"]["reason"])
    assert paid.record["cost"]["usd"] > 0.0000002
